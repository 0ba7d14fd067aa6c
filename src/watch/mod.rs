//! When to ask: which jobs are due, how fast the service may be asked, and what an answer means.
//!
//! ```text
//! scheduler ─▶ pacer ─▶ poll: observe → step → record ─▶ follow_up ─▶ scheduler
//!  who is due   may we    what it means, made durable      when again
//! ```

pub mod cadence;
mod follow_up;
mod locate;
mod pacer;
mod poll;
mod poller;
mod scheduler;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

pub use cadence::{MAX_INTERVAL, MIN_INTERVAL};
use follow_up::Record;
pub use follow_up::{Next, Patience};
pub use locate::{LocateError, Located, Search};
pub use pacer::Budget;
use pacer::Pacer;
pub use poller::{Account, Poller};
pub use scheduler::Scheduler;

use tokio::time::Instant;

use crate::backoff;
use crate::domain::{JobKey, JobStatus, Observation};
use crate::source::SourceError;

/// How jobs are polled.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Time between two questions about a job whose status has not changed.
    pub interval: Duration,
    /// Delays after a failed question.
    pub backoff: backoff::Policy,
    /// Requests a second that an account may make of `GetMatchingJob`, where the account says nothing else.
    pub get_rate: f64,
    /// The same for the list operations.
    pub list_rate: f64,
    /// Questions under way at once, for each account.
    pub concurrency: usize,
    /// How long a job that the service does not know is asked about before it counts as lost.
    pub not_found_grace: Duration,
}

/// A job to follow.
#[derive(Debug, Clone)]
pub struct WatchedJob {
    /// The job.
    pub key: JobKey,
    /// Its last recorded status.
    pub status: Option<JobStatus>,
    /// Names of the notifiers to tell; empty for all.
    pub notifiers: Arc<[Arc<str>]>,
    /// Where another poller left off; asked about at once where absent.
    pub place: Option<Place>,
}

/// A job's place in the schedule, and what has been borne with so far.
#[derive(Debug, Clone)]
pub struct Place {
    ask_at: Instant,
    record: Record,
}

/// Is told of every answer, after it has been recorded.
pub trait Observer: Send + Sync {
    /// `job` was asked about, and this is what came back and what happens next.
    fn polled(&self, job: &JobKey, answer: Result<&Observation, &SourceError>, next: &Next);
}
