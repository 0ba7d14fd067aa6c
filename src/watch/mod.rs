//! When to ask: which jobs are due, how fast the service may be asked, and what an answer means.
//!
//! ```text
//! agenda ─▶ pacer ─▶ poll: observe → step → record ─▶ agenda
//! who is due  may we   what it means, made durable      when again
//! ```
//!
//! The agenda knows the live jobs (`roster`) and their workflows, what stands in the service's own queue (`queue`), how
//! long jobs run (`sightings`, `cadence`), what a call is worth (`price`), and what listing costs (`listing`, `sweep`).

mod agenda;
mod alarms;
pub mod cadence;
pub mod discovery;
mod follow_up;
mod handed;
mod listing;
mod locate;
mod pacer;
mod patience;
mod poll;
mod poller;
mod price;
mod queue;
mod roster;
mod scheduler;
mod seen;
mod sightings;
mod start;
mod sweep;
#[cfg(test)]
mod tests;
mod then;
mod workflow;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

pub use alarms::{Clerk, Entry};
use cadence::{Eta, Limits};
pub use discovery::{Discovery, Rule};
use follow_up::Record;
pub use follow_up::{Next, Patience};
pub use handed::{Handed, ReadPage};
pub use locate::{LocateError, Located, Search, Searched};
use pacer::Pacer;
pub use pacer::{Budget, Budgets};
pub use poller::{Account, Poller};
pub use scheduler::Scheduler;
pub use start::{How, Start, StartConfig, StartFailure, StartNews, Started, Unsure};

use jiff::Timestamp;
use sightings::Sightings;
use tokio::time::Instant;

use crate::backoff;
use crate::domain::{AlarmRules, Gates, JobKey, JobKind, JobStatus, Observation, WorkflowKey};
use crate::source::SourceError;

/// How jobs are polled.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The delay that one call must save to be worth it: the price of a call.
    pub call_worth: Duration,
    /// No job is asked about more often.
    pub min_interval: Duration,
    /// No job is asked about less often, as far as the budget allows.
    pub max_interval: Duration,
    /// Delays after a failed question.
    pub backoff: backoff::Policy,
    /// Requests a second that an account may make of `GetMatchingJob`, and as many of `GetIdMappingJob`, where the account
    /// says nothing else.
    pub get_rate: f64,
    /// The same for the list operations.
    pub list_rate: f64,
    /// Questions under way at once, for each account and kind of jobs.
    pub concurrency: usize,
    /// How long a job that the service does not know is asked about before it counts as lost.
    pub not_found_grace: Duration,
}

impl Config {
    /// Between which delays a job is asked about that has its account's budget, of `get_rate` requests a second, to itself.
    pub fn limits_alone(&self, get_rate: f64) -> Limits {
        let rate = get_rate.max(Pacer::MIN_RATE);
        Limits {
            shortest: self.min_interval.max(Duration::from_secs_f64(price::shortest_turn(rate))),
            longest: self.max_interval.max(Duration::from_secs_f64(price::longest_turn(1, rate))),
        }
    }
}

/// What a watch asks of its jobs, beside their end.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Terms {
    /// What a job that succeeded must have done besides.
    pub gates: Gates,
    /// Which alarms there are of it.
    pub alarms: AlarmRules,
}

/// A job to follow.
#[derive(Debug, Clone)]
pub struct WatchedJob {
    /// The job.
    pub key: JobKey,
    /// Its last recorded status.
    pub status: Option<JobStatus>,
    /// When that was recorded.
    pub since: Option<Timestamp>,
    /// Names of the notifiers to tell; empty for all.
    pub notifiers: Arc<[Arc<str>]>,
    /// What is asked of the job.
    pub terms: Arc<Terms>,
    /// Where another poller left off; asked about at once where absent.
    pub place: Option<Place>,
}

/// A job's place in the schedule, what was seen of it, and what has been borne with so far.
#[derive(Debug, Clone)]
pub struct Place {
    ask_at: Instant,
    /// In a box: most jobs that are to be followed have no place yet, and wait by the million.
    sightings: Box<Sightings>,
    record: Record,
}

/// Is told of every answer, after it has been recorded.
pub trait Observer: Send + Sync {
    /// `job` was asked about, and this is what came back and what happens next.
    fn polled(&self, job: &JobKey, answer: Result<&Observation, &SourceError>, next: &Next);

    /// The jobs of `workflow` were listed, or were not. Jobs that the list shows to have changed are asked about next.
    fn listed(&self, _workflow: &WorkflowKey, _answer: Result<(), &SourceError>) {}

    /// The jobs of `workflow` were looked through for new ones, or were not; of `*`, the workflows were listed.
    fn looked(&self, _workflow: &WorkflowKey, _answer: Result<(), &SourceError>) {}

    /// All workflows of this kind were listed: these are there, and no others.
    fn workflows(&self, _kind: JobKind, _names: &HashSet<Arc<str>>) {}

    /// Whether [`expected`](Self::expected) is listened to: it takes some work.
    fn wants_eta(&self) -> bool {
        false
    }

    /// `job` is at work, and will have ended by then, as far as its workflow's past tells.
    fn expected(&self, _job: &JobKey, _eta: Eta) {}
}
