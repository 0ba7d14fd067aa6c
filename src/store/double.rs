//! For tests: a store that does what the one in memory does, but for what a test makes of it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    Backlog, Change, Delivery, DeliveryId, MemoryStore, Position, Pruned, Raising, Recorded,
    Resolving, Retention, Settlement, Standing, Store, StoreError,
};
use crate::domain::{
    Alarm, FollowedWorkflow, JobKey, JobKind, PastRun, Redelivered, Redelivery, WatchKey,
    WorkflowKey,
};

/// Whatever implements this is a [`Store`]: what it does not do otherwise, the store behind it does.
#[async_trait]
pub(crate) trait Double: Send + Sync {
    fn behind(&self) -> &MemoryStore;

    async fn record(&self, change: &Change) -> Result<Recorded, StoreError> {
        self.behind().record(change).await
    }

    async fn due_besides(
        &self,
        held: &[DeliveryId],
        notifier: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.behind().due_besides(held, notifier, now, limit).await
    }

    async fn raise(&self, raising: &Raising) -> Result<bool, StoreError> {
        self.behind().raise(raising).await
    }

    async fn settle(&self, id: DeliveryId, settlement: &Settlement) -> Result<(), StoreError> {
        self.behind().settle(id, settlement).await
    }

    async fn open_alarms(&self, account: Option<&str>) -> Result<Vec<Alarm>, StoreError> {
        self.behind().open_alarms(account).await
    }
}

#[async_trait]
impl<D: Double> Store for D {
    async fn record(&self, change: &Change) -> Result<Recorded, StoreError> {
        Double::record(self, change).await
    }
    async fn due_besides(
        &self,
        held: &[DeliveryId],
        notifier: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        Double::due_besides(self, held, notifier, now, limit).await
    }
    async fn settle(&self, id: DeliveryId, settlement: &Settlement) -> Result<(), StoreError> {
        Double::settle(self, id, settlement).await
    }
    async fn standings(&self, jobs: &[JobKey]) -> Result<Vec<Option<Standing>>, StoreError> {
        self.behind().standings(jobs).await
    }
    async fn raise(&self, raising: &Raising) -> Result<bool, StoreError> {
        Double::raise(self, raising).await
    }
    async fn resolve(&self, resolving: &Resolving) -> Result<bool, StoreError> {
        self.behind().resolve(resolving).await
    }
    async fn open_alarms(&self, account: Option<&str>) -> Result<Vec<Alarm>, StoreError> {
        Double::open_alarms(self, account).await
    }
    async fn due(&self, name: &str, now: Timestamp, n: usize) -> Result<Vec<Delivery>, StoreError> {
        self.behind().due(name, now, n).await
    }
    async fn next_due(&self, name: &str, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.behind().next_due(name, now).await
    }
    async fn hasten(
        &self,
        notifier: &str,
        now: Timestamp,
        by: Duration,
        latest: Timestamp,
    ) -> Result<u64, StoreError> {
        self.behind().hasten(notifier, now, by, latest).await
    }
    async fn redeliver(
        &self,
        redelivery: &Redelivery,
        notifiers: &[Arc<str>],
        now: Timestamp,
    ) -> Result<Redelivered, StoreError> {
        self.behind().redeliver(redelivery, notifiers, now).await
    }
    async fn abandon(
        &self,
        notifier: &str,
        at: Timestamp,
        reason: &str,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.behind().abandon(notifier, at, reason, limit).await
    }
    async fn prune(&self, old: &Retention, from: Position, n: usize) -> Result<Pruned, StoreError> {
        self.behind().prune(old, from, n).await
    }
    async fn pruned_to(&self) -> Result<Option<Timestamp>, StoreError> {
        self.behind().pruned_to().await
    }
    async fn learn(&self, workflow: &WorkflowKey, runs: &[PastRun]) -> Result<(), StoreError> {
        self.behind().learn(workflow, runs).await
    }
    async fn past_runs(&self, workflow: &WorkflowKey) -> Result<Vec<PastRun>, StoreError> {
        self.behind().past_runs(workflow).await
    }
    async fn live_jobs(
        &self,
        account: &str,
        kind: JobKind,
    ) -> Result<Vec<(JobKey, Standing)>, StoreError> {
        self.behind().live_jobs(account, kind).await
    }
    async fn first_sight(&self, watch: &WatchKey, now: Timestamp) -> Result<Timestamp, StoreError> {
        self.behind().first_sight(watch, now).await
    }
    async fn follow(
        &self,
        workflow: &WorkflowKey,
        since: Timestamp,
    ) -> Result<FollowedWorkflow, StoreError> {
        self.behind().follow(workflow, since).await
    }
    async fn pass_over(
        &self,
        workflow: &WorkflowKey,
        judged_by: &str,
        jobs: &[Arc<str>],
    ) -> Result<(), StoreError> {
        self.behind().pass_over(workflow, judged_by, jobs).await
    }
    async fn keep_watches(&self, watches: &[WatchKey]) -> Result<(), StoreError> {
        self.behind().keep_watches(watches).await
    }
    async fn backlog(&self) -> Result<Vec<Backlog>, StoreError> {
        self.behind().backlog().await
    }
    async fn check_writable(&self) -> Result<(), StoreError> {
        self.behind().check_writable().await
    }
    async fn close(&self) {
        self.behind().close().await;
    }
}
