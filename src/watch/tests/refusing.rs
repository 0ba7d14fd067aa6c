//! A store that is out of order for a while.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::{
    Alarm, FollowedWorkflow, JobKey, JobKind, PastRun, Redelivered, Redelivery, WatchKey,
    WorkflowKey,
};
use crate::store::{
    Backlog, Change, Delivery, DeliveryId, MemoryStore, Position, Pruned, Raising, Recorded,
    Resolving, Retention, Settlement, Standing, Store, StoreError,
};

/// A store that refuses the first changes.
pub(super) struct Refusing {
    pub(super) store: MemoryStore,
    pub(super) refusals_left: Mutex<usize>,
}

#[async_trait]
impl Store for Refusing {
    async fn record(&self, change: &Change) -> Result<Recorded, StoreError> {
        {
            let mut left = self.refusals_left.lock().unwrap();
            if *left > 0 {
                *left -= 1;
                return Err(StoreError::Unusable("disk full".into()));
            }
        }
        self.store.record(change).await
    }
    async fn raise(&self, raising: &Raising) -> Result<bool, StoreError> {
        self.store.raise(raising).await
    }
    async fn resolve(&self, resolving: &Resolving) -> Result<bool, StoreError> {
        self.store.resolve(resolving).await
    }
    async fn open_alarms(&self, account: Option<&str>) -> Result<Vec<Alarm>, StoreError> {
        self.store.open_alarms(account).await
    }
    async fn standings(&self, jobs: &[JobKey]) -> Result<Vec<Option<Standing>>, StoreError> {
        self.store.standings(jobs).await
    }
    async fn live_jobs(
        &self,
        account: &str,
        kind: JobKind,
    ) -> Result<Vec<(JobKey, Standing)>, StoreError> {
        self.store.live_jobs(account, kind).await
    }
    async fn first_sight(&self, watch: &WatchKey, now: Timestamp) -> Result<Timestamp, StoreError> {
        self.store.first_sight(watch, now).await
    }
    async fn follow(
        &self,
        workflow: &WorkflowKey,
        since: Timestamp,
    ) -> Result<FollowedWorkflow, StoreError> {
        self.store.follow(workflow, since).await
    }
    async fn pass_over(
        &self,
        workflow: &WorkflowKey,
        judged_by: &str,
        jobs: &[Arc<str>],
    ) -> Result<(), StoreError> {
        self.store.pass_over(workflow, judged_by, jobs).await
    }
    async fn keep_watches(&self, watches: &[WatchKey]) -> Result<(), StoreError> {
        self.store.keep_watches(watches).await
    }
    async fn learn(&self, workflow: &WorkflowKey, runs: &[PastRun]) -> Result<(), StoreError> {
        self.store.learn(workflow, runs).await
    }
    async fn past_runs(&self, workflow: &WorkflowKey) -> Result<Vec<PastRun>, StoreError> {
        self.store.past_runs(workflow).await
    }
    async fn due(
        &self,
        name: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.store.due(name, now, limit).await
    }
    async fn next_due(&self, name: &str, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.store.next_due(name, now).await
    }
    async fn settle(&self, id: DeliveryId, settlement: &Settlement) -> Result<(), StoreError> {
        self.store.settle(id, settlement).await
    }
    async fn hasten(
        &self,
        notifier: &str,
        now: Timestamp,
        by: Duration,
        latest: Timestamp,
    ) -> Result<u64, StoreError> {
        self.store.hasten(notifier, now, by, latest).await
    }
    async fn redeliver(
        &self,
        redelivery: &Redelivery,
        notifiers: &[Arc<str>],
        now: Timestamp,
    ) -> Result<Redelivered, StoreError> {
        self.store.redeliver(redelivery, notifiers, now).await
    }
    async fn abandon(
        &self,
        notifier: &str,
        at: Timestamp,
        reason: &str,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.store.abandon(notifier, at, reason, limit).await
    }
    async fn prune(
        &self,
        retention: &Retention,
        from: Position,
        limit: usize,
    ) -> Result<Pruned, StoreError> {
        self.store.prune(retention, from, limit).await
    }
    async fn backlog(&self) -> Result<Vec<Backlog>, StoreError> {
        self.store.backlog().await
    }
    async fn check_writable(&self) -> Result<(), StoreError> {
        self.store.check_writable().await
    }
    async fn close(&self) {}
}
