//! How long jobs run: what is learned of it, and foretold by it.

use tokio::time::Instant;

use super::Agenda;
use crate::domain::{JobStatus, PastRun, WorkflowKey};
use crate::watch::cadence::Eta;
use crate::watch::roster::{JobIndex, WorkflowIndex};

/// Jobs at work that are learned from by how long they have run: learning costs the same however many there are. All
/// together weigh no more than a few that have ended, so that more of them would tell nothing new.
const LEARNED_FROM: usize = 128;
/// So many of the workflow are looked at to find them: there may be some of which that is not known well enough.
const LOOKED_AT: usize = 1_024;

impl Agenda {
    /// How long jobs of a workflow ran. Returns what was new of it.
    pub(in crate::watch) fn learn(
        &mut self,
        workflow: WorkflowIndex,
        runs: Vec<PastRun>,
    ) -> Vec<PastRun> {
        let new = self.roster.workflow_mut(workflow).learn(runs);
        if !new.is_empty() {
            let kind = self.roster.workflow(workflow).key.kind;
            let at_work = self.roster.queue(kind).at_work_of(workflow).take(LOOKED_AT);
            let running: Vec<_> = at_work
                .filter_map(|index| self.roster.job(index))
                // They ran when they last answered; and only those count that would be learned from had they ended then.
                // Else it would seem that few end.
                .filter_map(|job| {
                    let run_time = job.sightings.run_time(job.answered_at);
                    run_time.filter(|run_time| !run_time.is_zero())
                })
                .take(LEARNED_FROM)
                .collect();
            self.roster.workflow_mut(workflow).relearn(&running);
            self.paid.learned();
        }
        new
    }

    /// The same, for a workflow that is known by its name.
    pub(in crate::watch) fn remember(&mut self, workflow: &WorkflowKey, runs: Vec<PastRun>) {
        if let Some(index) = self.roster.index_of(workflow) {
            self.learn(index, runs);
        }
    }

    /// When a job at work will have ended, if its workflow has a past.
    pub(in crate::watch) fn eta(&self, index: JobIndex, now: Instant) -> Option<Eta> {
        let job = self.roster.job(index).filter(|job| job.status == Some(JobStatus::Running))?;
        let elapsed = job.sightings.age(JobStatus::Running, now);
        self.roster.workflow(job.workflow).run_times.eta(elapsed)
    }
}
