//! A store that lives as long as the process.

mod discovery;
mod outbox;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use discovery::Discovery;
use outbox::{Kind, Made, Outbox};

use super::{
    Backlog, Change, Delivery, DeliveryId, PAST_RUNS_KEPT, Position, Pruned, Raising, Recorded,
    Resolving, Retention, Settlement, Standing, Store, StoreError, Telling,
};
use crate::domain::{
    Alarm, AlarmKey, FollowedWorkflow, JobKey, JobKind, JobStatus, PastRun, Redelivered,
    Redelivery, Subject, WatchKey, WorkflowKey,
};

/// Keeps everything in memory, until it is pruned: for `wait`, `demo` and tests.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Kept>);

impl MemoryStore {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn standings(&self, jobs: &[JobKey]) -> Result<Vec<Option<Standing>>, StoreError> {
        let kept = self.kept();
        let standing = |job: &Job| Standing { status: job.status, since: job.updated_at };
        Ok(jobs.iter().map(|job| kept.jobs.get(job).map(standing)).collect())
    }

    async fn record(&self, change: &Change) -> Result<Recorded, StoreError> {
        Ok(self.kept().record(change))
    }

    async fn raise(&self, raising: &Raising) -> Result<bool, StoreError> {
        Ok(self.kept().raise(raising))
    }

    async fn resolve(&self, resolving: &Resolving) -> Result<bool, StoreError> {
        Ok(self.kept().resolve(resolving))
    }

    async fn open_alarms(&self, account: Option<&str>) -> Result<Vec<Alarm>, StoreError> {
        let kept = self.kept();
        let of_account = kept.alarms.values().filter(|alarm| {
            account.is_none_or(|account| **alarm.key.subject.account() == *account)
        });
        Ok(of_account.cloned().collect())
    }

    async fn due(
        &self,
        notifier: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        Ok(self
            .kept()
            .outboxes
            .get(notifier)
            .map_or_else(Vec::new, |outbox| outbox.due(now, limit)))
    }

    async fn next_due(
        &self,
        notifier: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.kept().outboxes.get(notifier).and_then(|outbox| outbox.next_due(now)))
    }

    async fn settle(&self, id: DeliveryId, settlement: &Settlement) -> Result<(), StoreError> {
        let mut kept = self.kept();
        if let Some(outbox) = kept.outboxes.values_mut().find(|o| o.pending.contains_key(&id)) {
            outbox.settle(id, settlement);
        }
        Ok(())
    }

    async fn hasten(
        &self,
        notifier: &str,
        now: Timestamp,
        by: Duration,
        latest: Timestamp,
    ) -> Result<u64, StoreError> {
        let (now, latest) = (to_the_microsecond(now), to_the_microsecond(latest));
        let mut kept = self.kept();
        Ok(kept.outboxes.get_mut(notifier).map_or(0, |outbox| outbox.hasten(now, by, latest)))
    }

    async fn redeliver(
        &self,
        redelivery: &Redelivery,
        notifiers: &[Arc<str>],
        now: Timestamp,
    ) -> Result<Redelivered, StoreError> {
        Ok(self.kept().redeliver(redelivery, notifiers, to_the_microsecond(now)))
    }

    async fn abandon(
        &self,
        notifier: &str,
        at: Timestamp,
        _reason: &str,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let mut kept = self.kept();
        Ok(kept.outboxes.get_mut(notifier).map_or(0, |outbox| outbox.abandon(at, limit)))
    }

    /// Takes no more than a moment, so a pass is one batch.
    async fn prune(
        &self,
        retention: &Retention,
        _from: Position,
        _limit: usize,
    ) -> Result<Pruned, StoreError> {
        Ok(Pruned { removed: self.kept().prune(retention), next: None })
    }

    async fn pruned_to(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.kept().pruned_to)
    }

    async fn learn(&self, workflow: &WorkflowKey, runs: &[PastRun]) -> Result<(), StoreError> {
        self.kept().learn(workflow, runs);
        Ok(())
    }

    async fn past_runs(&self, workflow: &WorkflowKey) -> Result<Vec<PastRun>, StoreError> {
        Ok(self.kept().past_runs.get(workflow).cloned().unwrap_or_default())
    }

    async fn live_jobs(
        &self,
        account: &str,
        kind: JobKind,
    ) -> Result<Vec<(JobKey, Standing)>, StoreError> {
        let kept = self.kept();
        let live = kept.jobs.iter().filter(|(key, job)| {
            *key.account == *account && key.kind == kind && !job.status.is_terminal()
        });
        let standing = |job: &Job| Standing { status: job.status, since: job.updated_at };
        Ok(live.map(|(key, job)| (key.clone(), standing(job))).collect())
    }

    async fn first_sight(&self, watch: &WatchKey, now: Timestamp) -> Result<Timestamp, StoreError> {
        Ok(self.kept().discovery.first_sight(watch, to_the_microsecond(now)))
    }

    async fn follow(
        &self,
        workflow: &WorkflowKey,
        since: Timestamp,
    ) -> Result<FollowedWorkflow, StoreError> {
        Ok(self.kept().discovery.follow(workflow, to_the_microsecond(since)))
    }

    async fn pass_over(
        &self,
        workflow: &WorkflowKey,
        judged_by: &str,
        jobs: &[Arc<str>],
    ) -> Result<(), StoreError> {
        self.kept().discovery.pass_over(workflow, judged_by, jobs);
        Ok(())
    }

    async fn keep_watches(&self, watches: &[WatchKey]) -> Result<(), StoreError> {
        self.kept().discovery.keep(watches);
        Ok(())
    }

    async fn backlog(&self) -> Result<Vec<Backlog>, StoreError> {
        let kept = self.kept();
        let backlogs = kept.outboxes.iter().map(|(notifier, outbox)| outbox.backlog(notifier));
        Ok(backlogs.filter(|backlog| backlog.pending + backlog.dead > 0).collect())
    }

    async fn check_writable(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn close(&self) {}
}

#[derive(Debug, Default)]
struct Kept {
    jobs: HashMap<JobKey, Job>,
    /// Those that are open.
    alarms: BTreeMap<AlarmKey, Alarm>,
    events: HashMap<Uuid, Told>,
    last_delivery: i64,
    outboxes: BTreeMap<Arc<str>, Outbox>,
    /// In the order in which they ended.
    past_runs: HashMap<WorkflowKey, Vec<PastRun>>,
    discovery: Discovery,
    /// How far ended jobs were forgotten.
    pruned_to: Option<Timestamp>,
}

/// A job.
#[derive(Debug)]
struct Job {
    status: JobStatus,
    updated_at: Timestamp,
}

/// An event that was recorded.
#[derive(Debug)]
struct Told {
    subject: Subject,
    recorded_at: Timestamp,
}

impl Kept {
    fn learn(&mut self, workflow: &WorkflowKey, runs: &[PastRun]) {
        let known = self.past_runs.entry(workflow.clone()).or_default();
        for run in runs {
            if !known.iter().any(|known| known.job_id == run.job_id) {
                let ended_at = to_the_microsecond(run.ended_at);
                let micros = u64::try_from(run.run_time.as_micros()).unwrap_or(u64::MAX);
                let run_time = Duration::from_micros(micros);
                known.push(PastRun { ended_at, run_time, ..run.clone() });
            }
        }
        known.sort_by(|a, b| (a.ended_at, &a.job_id).cmp(&(b.ended_at, &b.job_id)));
        known.drain(..known.len().saturating_sub(PAST_RUNS_KEPT));
    }

    fn record(&mut self, change: &Change) -> Recorded {
        let status = self.jobs.get(&change.job).map(|job| job.status);
        if status != change.from {
            return Recorded::Superseded(status);
        }
        let recorded_at = to_the_microsecond(change.recorded_at);
        self.jobs.insert(change.job.clone(), Job { status: change.to, updated_at: recorded_at });
        let subject = Subject::from(change.job.clone());
        for telling in &change.tellings {
            self.tell(&subject, telling, recorded_at);
        }
        Recorded::Committed
    }

    fn raise(&mut self, Raising { alarm, telling }: &Raising) -> bool {
        let raised_at = to_the_microsecond(alarm.raised_at);
        let Entry::Vacant(vacant) = self.alarms.entry(alarm.key.clone()) else { return false };
        vacant.insert(Alarm { raised_at, ..alarm.clone() });
        self.tell(&alarm.key.subject, telling, raised_at);
        true
    }

    fn resolve(&mut self, resolving: &Resolving) -> bool {
        let raised_at = to_the_microsecond(resolving.raised_at);
        let Entry::Occupied(open) = self.alarms.entry(resolving.key.clone()) else { return false };
        if open.get().raised_at != raised_at {
            return false;
        }
        open.remove();
        let resolved_at = to_the_microsecond(resolving.resolved_at);
        self.tell(&resolving.key.subject, &resolving.telling, resolved_at);
        true
    }

    /// Takes in an event and its deliveries, unless it is known.
    fn tell(&mut self, subject: &Subject, telling: &Telling, recorded_at: Timestamp) {
        let event = telling.message.event.id;
        if self.events.contains_key(&event) {
            return;
        }
        self.events.insert(event, Told { subject: subject.clone(), recorded_at });
        let message = Arc::new(telling.message.clone());
        for notifier in telling.notifiers.iter().collect::<BTreeSet<_>>() {
            self.last_delivery += 1;
            self.outboxes.entry(Arc::clone(notifier)).or_default().push(
                DeliveryId(self.last_delivery),
                Kind::InLine,
                Made {
                    subject: subject.clone(),
                    attempts: 0,
                    created_at: recorded_at,
                    due_at: recorded_at,
                    message: Arc::clone(&message),
                },
            );
        }
    }

    fn redeliver(
        &mut self,
        redelivery: &Redelivery,
        notifiers: &[Arc<str>],
        now: Timestamp,
    ) -> Redelivered {
        let mut done = Redelivered::default();
        if let Redelivery::Events(events) = redelivery {
            let unknown = events.iter().filter(|event| !self.events.contains_key(event));
            done.unknown = unknown.copied().collect::<BTreeSet<_>>().into_iter().collect();
        }
        for (notifier, outbox) in &mut self.outboxes {
            let wanted = outbox.settled.iter().filter(|(_, settled)| match redelivery {
                Redelivery::Events(events) => events.contains(&settled.made.message.event.id),
                Redelivery::Dead { notifier: only } => {
                    settled.is_dead && only.as_ref().is_none_or(|only| only == notifier)
                }
            });
            let wanted: Vec<DeliveryId> = wanted.map(|(id, _)| *id).collect();
            if notifiers.contains(notifier) {
                done.redelivered += wanted.len() as u64;
                wanted.into_iter().for_each(|id| outbox.push_again(id, now));
            } else {
                done.without_notifier += wanted.len() as u64;
            }
        }
        done
    }

    fn prune(&mut self, retention: &Retention) -> usize {
        let size = |kept: &Self| {
            let settled: usize = kept.outboxes.values().map(|outbox| outbox.settled.len()).sum();
            kept.jobs.len() + kept.events.len() + settled
        };
        let (size_before, before) = (size(self), to_the_microsecond(retention.before));
        let mut needed = HashSet::new();
        for outbox in self.outboxes.values_mut() {
            outbox.settled.retain(|_, settled| settled.is_dead || settled.at >= before);
            let settled = outbox.settled.values().map(|settled| &settled.made);
            needed.extend(settled.chain(outbox.pending.values()).map(|made| made.message.event.id));
        }
        self.events.retain(|id, told| needed.contains(id) || told.recorded_at >= before);
        let told = self.events.values().map(|told| &told.subject);
        let told = told.chain(self.alarms.keys().map(|alarm| &alarm.subject));
        let told: HashSet<&JobKey> = told.filter_map(Subject::job).collect();
        let jobs_before = self.jobs.len();
        self.jobs.retain(|key, job| {
            let is_over = job.status.is_terminal() && job.updated_at < before;
            !is_over || told.contains(key) || retention.watched.contains(key)
        });
        if self.jobs.len() < jobs_before {
            self.pruned_to = self.pruned_to.max(Some(before));
        }
        size_before - size(self)
    }
}

/// As other stores keep it.
fn to_the_microsecond(instant: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(instant.as_microsecond()).unwrap_or(instant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::{self, Fresh};

    conformance::tests!(async || Fresh::new(MemoryStore::default()));
}
