//! The embedded default: one SQLite file.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Backlog, Change, Delivery, DeliveryId, Recorded, Settlement, Store, StoreError};
use crate::domain::{JobKey, JobStatus};

/// Keeps everything in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {}

#[async_trait]
impl Store for SqliteStore {
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

/// Where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The database file. Its folder must exist; the file is created.
    pub path: std::path::PathBuf,
    /// How long to wait for another process to let go of it.
    pub lock_timeout: std::time::Duration,
}

impl SqliteStore {
    /// Takes the lock, opens the file, and brings its schema up to date.
    ///
    /// # Errors
    ///
    /// The file is in use, damaged, newer than this program, or cannot be written: nothing is overwritten.
    pub async fn open(_config: &Config) -> Result<Self, StoreError> {
        Err(StoreError::Unusable(String::new()))
    }
}
