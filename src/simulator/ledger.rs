//! What was asked, how it was answered, and who learned what when.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::job::Status;
use super::operation::{Kind, Operation};

/// How many requests each operation had, by outcome.
///
/// An outcome is `ok`, the code of a modelled error, or the name of an unmodelled
/// [`Answer`](super::Answer).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Counts(BTreeMap<Operation, BTreeMap<&'static str, u64>>);

impl Counts {
    /// Requests of this operation with this outcome.
    pub fn of(&self, operation: Operation, outcome: &str) -> u64 {
        self.0.get(&operation).and_then(|outcomes| outcomes.get(outcome)).copied().unwrap_or(0)
    }

    /// Requests of this operation.
    pub fn total(&self, operation: Operation) -> u64 {
        self.0.get(&operation).map_or(0, |outcomes| outcomes.values().sum())
    }

    pub(super) fn add(&mut self, operation: Operation, outcome: &'static str) {
        *self.0.entry(operation).or_default().entry(outcome).or_default() += 1;
    }
}

/// A job that has ended, and when the first answer told so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The family of its workflow.
    pub kind: Kind,
    /// The name of its workflow.
    pub workflow: String,
    /// Its id.
    pub job_id: String,
    /// How it ended.
    pub status: Status,
    /// When it ended, in real time; the simulator's start, if it ended before that.
    pub reached: Instant,
    /// When the first genuine answer with this status was made.
    pub first_served: Option<Instant>,
}

impl Ended {
    /// Real time from the end to the first answer that told it.
    pub fn delay(&self) -> Option<Duration> {
        Some(self.first_served?.saturating_duration_since(self.reached))
    }
}

/// A job, and when the first answer told that there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstSight {
    /// The family of its workflow.
    pub kind: Kind,
    /// The name of its workflow.
    pub workflow: String,
    /// Its id.
    pub job_id: String,
    /// When it was submitted, in real time; the simulator's start, if that was before.
    pub submitted: Instant,
    /// When the first genuine answer was made that told of it, whatever its status.
    pub first_served: Option<Instant>,
}

impl FirstSight {
    /// Real time from the submission to the first answer that told of it.
    pub fn delay(&self) -> Option<Duration> {
        Some(self.first_served?.saturating_duration_since(self.submitted))
    }
}

/// The simulator's notes.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) counts: Counts,
    first_served: HashMap<(usize, Status), Instant>,
}

impl Ledger {
    /// Notes that an answer with this status of a job is made now.
    pub(super) fn served(&mut self, job: usize, status: Status, now: Instant) {
        self.first_served.entry((job, status)).or_insert(now);
    }

    /// When the first answer told of a job, whatever its status.
    pub(super) fn first_sight(&self, job: usize) -> Option<Instant> {
        let statuses = [Status::Queued, Status::Running, Status::Succeeded, Status::Failed];
        statuses.into_iter().filter_map(|status| self.first_served(job, status)).min()
    }

    pub(super) fn first_served(&self, job: usize, status: Status) -> Option<Instant> {
        self.first_served.get(&(job, status)).copied()
    }
}
