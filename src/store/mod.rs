//! What survives: the port to the place where states, events and deliveries are kept, and its adapters.

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod double;
mod listing;
mod memory;
mod retention;
mod sqlite;

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

#[cfg(test)]
pub(crate) use double::Double;
pub use listing::{DeliveryState, EventFilter, JobFilter, ListedDelivery, ListedEvent, ListedJob};
pub use memory::MemoryStore;
pub use retention::{Position, Pruned, Retention};
pub use sqlite::{Config as SqliteConfig, SqliteStore, SqliteView};

use crate::domain::{
    Alarm, AlarmKey, FollowedWorkflow, JobKey, JobKind, JobStatus, Message, PastRun, Redelivered,
    Redelivery, WatchKey, WorkflowKey,
};

/// Keeps what must not be lost.
///
/// All adapters pass one conformance suite. When a method returns `Ok`, its effect is durable as far as the
/// adapter promises durability. When it returns an error, its effect is absent or, if the commit's own answer
/// was lost, whole, never in part; asking again is always safe. The same holds for a call that is dropped
/// midway: its effect may come later. Instants are kept to the microsecond, cut off.
///
/// The pending deliveries of one (subject, notifier) stand in line, in the order of their recording. Only the first
/// in line is ever due; the next moves up when it is delivered or given up. Those that are made again on request
/// stand beside the line: they wait for nothing but their own due time, and nothing waits for them.
#[async_trait]
pub trait Store: Send + Sync {
    /// How far `jobs` have got, in their order; `None` where nothing is recorded.
    async fn standings(&self, jobs: &[JobKey]) -> Result<Vec<Option<Standing>>, StoreError>;

    /// The last recorded status of `job`; `None` where nothing is recorded.
    async fn status(&self, job: &JobKey) -> Result<Option<JobStatus>, StoreError> {
        let mut standings = self.standings(std::slice::from_ref(job)).await?;
        Ok(standings.pop().flatten().map(|standing| standing.status))
    }

    /// Records a change: the job's new status, its events, and for each of them one pending delivery for each notifier
    /// named, all of it or nothing; the events of a change stand in line in their order. Changes nothing if the job's
    /// status is not [`Change::from`] any more.
    ///
    /// An event id that was recorded before is not told again, as when an account got another name in the
    /// configuration: the status moves, the first body stays, and no delivery is made.
    async fn record(&self, change: &Change) -> Result<Recorded, StoreError>;

    /// Opens an alarm: its occurrence, its event and the deliveries of that, all of it or nothing. Changes nothing where
    /// it is open already; says whether it was not. Its event stands in the line of its subject.
    async fn raise(&self, raising: &Raising) -> Result<bool, StoreError>;

    /// Closes an alarm, in the same way. Changes nothing where this occurrence is not open any more; says whether it was.
    async fn resolve(&self, resolving: &Resolving) -> Result<bool, StoreError>;

    /// The alarms that are open: of one account, or of all. In the order of their keys.
    async fn open_alarms(&self, account: Option<&str>) -> Result<Vec<Alarm>, StoreError>;

    /// Deliveries of `notifier` that are first in line and due at `now`, those due longest first, then in the
    /// order of recording; at most `limit`. Does not claim them: until one is settled, it is returned again.
    async fn due(
        &self,
        notifier: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// As [`Store::due`], but passes over those in `held`, which the caller works on already.
    async fn due_besides(
        &self,
        held: &[DeliveryId],
        notifier: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let due = self.due(notifier, now, limit.saturating_add(held.len())).await?;
        let besides = due.into_iter().filter(|delivery| !held.contains(&delivery.id));
        Ok(besides.take(limit).collect())
    }

    /// When the next first-in-line delivery of `notifier` falls due after `now`; `None` where none waits for later.
    /// Says nothing of those that are due already.
    async fn next_due(
        &self,
        notifier: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError>;

    /// Writes down how an attempt at a delivery ended. Changes nothing if the delivery is not pending any more.
    async fn settle(&self, delivery: DeliveryId, settlement: &Settlement)
    -> Result<(), StoreError>;

    /// For when the clock was set back: `notifier`'s pending deliveries that are due after `now` fall due earlier by
    /// `by`. One that was never tried, or that would still be due after `latest`, is due at `now`: no clock that went
    /// on as time does has planned that. Returns how many fall due earlier than they did.
    async fn hasten(
        &self,
        notifier: &str,
        now: Timestamp,
        by: Duration,
        latest: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Makes deliveries pending again, due at `now`, as if they were new: without attempts, and made at `now`. Leaves
    /// alone those to a notifier that is not among `notifiers`, and those that are pending.
    async fn redeliver(
        &self,
        redelivery: &Redelivery,
        notifiers: &[Arc<str>],
        now: Timestamp,
    ) -> Result<Redelivered, StoreError>;

    /// Gives up what waits for `notifier`, any `limit` deliveries, without counting an attempt. Returns how many.
    /// Whoever asks for it sees to it that nobody works on them.
    async fn abandon(
        &self,
        notifier: &str,
        at: Timestamp,
        reason: &str,
        limit: usize,
    ) -> Result<usize, StoreError>;

    /// Forgets what `retention` allows, one batch of a pass: looks at `limit` rows or a few more. A pass starts at
    /// [`Position::default`] and is over when there is no next position.
    async fn prune(
        &self,
        retention: &Retention,
        from: Position,
        limit: usize,
    ) -> Result<Pruned, StoreError>;

    /// How far ended jobs were forgotten: one that is not here and whose end was recorded before this instant may have been.
    /// `None` where none ever was. Never goes back, and is written together with what it tells of.
    async fn pruned_to(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Keeps how long jobs of `workflow` ran: of each workflow the [`PAST_RUNS_KEPT`] that ended last. What is known of
    /// a job stays as it is.
    async fn learn(&self, workflow: &WorkflowKey, runs: &[PastRun]) -> Result<(), StoreError>;

    /// How long jobs of `workflow` ran, in the order in which they ended.
    async fn past_runs(&self, workflow: &WorkflowKey) -> Result<Vec<PastRun>, StoreError>;

    /// The jobs of this kind in `account` that have not ended, in no particular order.
    async fn live_jobs(
        &self,
        account: &str,
        kind: JobKind,
    ) -> Result<Vec<(JobKey, Standing)>, StoreError>;

    /// When `watch` was first seen: `now`, if it is seen for the first time.
    async fn first_sight(&self, watch: &WatchKey, now: Timestamp) -> Result<Timestamp, StoreError>;

    /// What is remembered of `workflow`. It is followed from now on, since `since`, unless it was already.
    async fn follow(
        &self,
        workflow: &WorkflowKey,
        since: Timestamp,
    ) -> Result<FollowedWorkflow, StoreError>;

    /// Keeps that the jobs which were there at first were judged by this rule, and that these are not followed: these
    /// alone, in the place of those kept before. Changes nothing if the workflow is not followed.
    async fn pass_over(
        &self,
        workflow: &WorkflowKey,
        judged_by: &str,
        jobs: &[Arc<str>],
    ) -> Result<(), StoreError>;

    /// Forgets all other watches than these, and the workflows that none of these follows. The next sight of one is a
    /// first sight.
    async fn keep_watches(&self, watches: &[WatchKey]) -> Result<(), StoreError>;

    /// How many deliveries wait or are dead, for each notifier that has any, by name.
    async fn backlog(&self) -> Result<Vec<Backlog>, StoreError>;

    /// How many transactions with changes and settlements were committed so far. Each has waited for the disk; 0 where
    /// there is none.
    fn commits(&self) -> u64 {
        0
    }

    /// Proves that the store can write, by a write that no other method shows.
    async fn check_writable(&self) -> Result<(), StoreError>;

    /// Waits until all that was accepted is safe, and lets go of the store. Every later call fails, or finds
    /// what is in memory.
    async fn close(&self);
}

/// Past runs that are kept of each workflow: more say nothing new, for older ones weigh less.
pub const PAST_RUNS_KEPT: usize = 100;

/// How far a job has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its last recorded status.
    pub status: JobStatus,
    /// When that was recorded.
    pub since: Timestamp,
}

/// An event, and those who are to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Telling {
    /// The event.
    pub message: Message,
    /// Names of the notifiers that it goes to.
    pub notifiers: Vec<Arc<str>>,
}

/// A transition to record, with the events that tell it.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The job.
    pub job: JobKey,
    /// The status that the transition starts from.
    pub from: Option<JobStatus>,
    /// The status that it ends at.
    pub to: JobStatus,
    /// The events, in their order.
    pub tellings: Vec<Telling>,
    /// When it is recorded: the deliveries' first due time.
    pub recorded_at: Timestamp,
}

/// An alarm to open.
#[derive(Debug, Clone, PartialEq)]
pub struct Raising {
    /// The occurrence.
    pub alarm: Alarm,
    /// The event that tells it.
    pub telling: Telling,
}

/// An alarm to close.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolving {
    /// Which alarm.
    pub key: AlarmKey,
    /// Which occurrence of it.
    pub raised_at: Timestamp,
    /// When it is over: the deliveries' first due time.
    pub resolved_at: Timestamp,
    /// The event that tells it.
    pub telling: Telling,
}

/// What became of a [`Change`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is in the store.
    Committed,
    /// Somebody else moved the job before us: nothing was written, and this is the status now.
    Superseded(Option<JobStatus>),
}

/// Identifies one delivery within its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryId(pub i64);

/// One (event, notifier) pair in the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its identity.
    pub id: DeliveryId,
    /// Failed attempts so far.
    pub attempts: u32,
    /// When the transition was recorded, or the delivery last asked for again.
    pub created_at: Timestamp,
    /// What is to be delivered.
    pub message: Message,
}

/// How an attempt at a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The notifier has it.
    Delivered {
        /// When it answered.
        at: Timestamp,
    },
    /// It failed, and is tried again. Counts as one attempt more.
    Retry {
        /// Not before this.
        due_at: Timestamp,
        /// Why it failed.
        reason: String,
    },
    /// It is given up, kept, and no longer in the way of the job's next delivery. Counts as one attempt more.
    Dead {
        /// When it was given up.
        at: Timestamp,
        /// Why.
        reason: String,
    },
}

/// How many deliveries a notifier has in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// The notifier.
    pub notifier: Arc<str>,
    /// Deliveries not yet made.
    pub pending: u64,
    /// Deliveries given up.
    pub dead: u64,
    /// When the oldest pending one was recorded, or last asked for again.
    pub oldest_pending: Option<Timestamp>,
}

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened, or refuses to work: says what, where and what to do.
    #[error("{0}")]
    Unusable(String),
    /// Another process holds the database.
    #[error(
        "database {path} is in use by another process. Stop that one, or name another file in [store] path"
    )]
    Locked {
        /// The database file.
        path: String,
    },
    /// The database refused a statement.
    #[error("database: {}", one_line(.0))]
    Database(#[from] sqlx::Error),
    /// A stored delivery or its event cannot be read back. It stays first in line until it is settled.
    #[error("stored event {} cannot be read", one_line(.event_id))]
    Damaged {
        /// The delivery that it was read for.
        delivery: DeliveryId,
        /// Its id.
        event_id: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// `what` in words for one line: a database repeats what it holds, whatever that is.
fn one_line(what: &impl Display) -> String {
    let escaped = |c: char| c.is_control().then(|| c.escape_default().to_string());
    what.to_string().chars().map(|c| escaped(c).unwrap_or_else(|| c.to_string())).collect()
}
