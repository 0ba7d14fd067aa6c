//! How long jobs run: what is learned of it, and foretold by it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::Agenda;
use crate::domain::{JobStatus, PastRun, WorkflowKey};
use crate::watch::cadence::Eta;
use crate::watch::roster::{JobIndex, WorkflowIndex};

/// Jobs at work that are looked at to learn from how long they have run: learning costs the same however many there are.
const LEARNED_FROM: usize = 128;
/// So many are searched for them, where several workflows are at work.
const SEARCHED: usize = 1_024;

impl Agenda {
    /// How long jobs of a workflow ran. Returns what was new of it.
    pub(in crate::watch) fn learn(
        &mut self,
        workflow: WorkflowIndex,
        runs: Vec<PastRun>,
        now: Instant,
        at: Timestamp,
    ) -> Vec<PastRun> {
        let new = self.roster.workflow_mut(workflow).learn(runs);
        if !new.is_empty() {
            let kind = self.roster.workflow(workflow).key.kind;
            let at_work = self.roster.queue(kind).at_work().take(SEARCHED);
            let running: Vec<_> = at_work
                .filter_map(|index| self.roster.job(index))
                .filter(|job| job.workflow == workflow)
                // They ran when they last answered; and only those count that would be learned from had they ended then.
                // Else it would seem that few end.
                .filter_map(|job| {
                    let seen_at = before(at, now.saturating_duration_since(job.answered_at));
                    job.sightings.run_time(seen_at).filter(|run_time| !run_time.is_zero())
                })
                .take(LEARNED_FROM)
                .collect();
            self.roster.workflow_mut(workflow).relearn(&running);
            self.paid.learned();
        }
        new
    }

    /// The same, for a workflow that is known by its name.
    pub(in crate::watch) fn remember(
        &mut self,
        workflow: &WorkflowKey,
        runs: Vec<PastRun>,
        now: Instant,
        at: Timestamp,
    ) {
        if let Some(index) = self.roster.index_of(workflow) {
            self.learn(index, runs, now, at);
        }
    }

    /// When a job at work will have ended, if its workflow has a past.
    pub(in crate::watch) fn eta(&self, index: JobIndex, at: Timestamp) -> Option<Eta> {
        let job = self.roster.job(index).filter(|job| job.status == Some(JobStatus::Running))?;
        let elapsed = job.sightings.age(JobStatus::Running, at);
        self.roster.workflow(job.workflow).run_times.eta(elapsed)
    }
}

/// So long before an instant.
pub(super) fn before(at: Timestamp, earlier: Duration) -> Timestamp {
    SignedDuration::try_from(earlier)
        .ok()
        .and_then(|earlier| at.checked_sub(earlier).ok())
        .unwrap_or(at)
}
