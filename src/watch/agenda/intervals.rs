//! The time between two questions about one job, by its rule: at work, or in the service's queue.

use std::time::Duration;

use rand::RngExt as _;
use tokio::time::Instant;

use super::Agenda;
use crate::domain::{JobKey, JobStatus};
use crate::watch::cadence::{Ahead, queued_delay};
use crate::watch::roster::{JobIndex, Tracked};

/// Jobs in the queue that are told apart by how many stand before them; all further ones count as the last of these.
const TOLD_APART: usize = 4;
/// Jobs that were at work at the same time for so long do not wait for each other: one that begins when another ends may
/// seem to be beside it for a moment.
const TOGETHER: Duration = Duration::from_mins(1);

impl Agenda {
    /// The time until the next question about a live job, by its rule, at this price.
    pub(super) fn interval(
        &mut self,
        index: JobIndex,
        price: f64,
        now: Instant,
    ) -> Option<Duration> {
        let (limits, random) = (self.limits(), self.spread.random());
        let job = self.roster.job(index)?;
        let price = Duration::try_from_secs_f64(price).unwrap_or(Duration::MAX);
        let age = |job: &Tracked, status| job.sightings.age(status, now);
        if job.status == Some(JobStatus::Queued) {
            let moved_at = self.roster.queue(job.key.kind).moved_at();
            let waited = age(job, JobStatus::Queued);
            // What came before the queue moved says nothing of how long its next move takes.
            let waited = moved_at
                .map_or(waited, |moved_at| waited.min(now.saturating_duration_since(moved_at)));
            return Some(queued_delay(
                waited,
                self.ahead_of(index, job, now),
                price,
                limits,
                random,
            ));
        }
        let run_times = &self.roster.workflow(job.workflow).run_times;
        Some(run_times.next_delay(age(job, JobStatus::Running), price, limits, random))
    }

    /// What a queued job waits for.
    fn ahead_of(&self, index: JobIndex, job: &Tracked, now: Instant) -> Ahead<'_> {
        let queue = self.roster.queue(job.key.kind);
        let of_workflow = queue.at_work_of(job.workflow).take(TOLD_APART);
        let of_others = queue.at_work().take(TOLD_APART);
        let mut at_work = of_workflow.chain(of_others).filter_map(|runner| self.roster.job(runner));
        // One that does not answer does not tell when it ends.
        let runner = at_work.find(|runner| {
            !runner.record.is_in_trouble() && !queue.run_side_by_side(runner.workflow, job.workflow)
        });
        let Some(runner) = runner else { return Ahead::Unseen };
        let between = queue.ahead_of(index, TOLD_APART);
        Ahead::Runner {
            run_times: &self.roster.workflow(runner.workflow).run_times,
            elapsed: runner.sightings.age(JobStatus::Running, now),
            between,
            surely: between > 0 || runner.workflow == job.workflow,
        }
    }

    /// A job was seen at work: notes whether others were at the same time that had better not be waited for.
    pub(super) fn note_company(&mut self, index: JobIndex) {
        let Some(job) = self.roster.job(index) else { return };
        let (kind, workflow) = (job.key.kind, job.workflow);
        for other in self.roster.queue(kind).at_work_beside(workflow).into_iter().flatten() {
            let Some(other) = self.roster.job(other) else { continue };
            let first = job.sightings.first_running().zip(other.sightings.first_running());
            let Some(both_from) = first.map(|(one, other)| one.max(other)) else { continue };
            // Of one that has not answered yet it is not known how long it was at work.
            let both_until = job.answered_at.min(other.answered_at);
            if other.weight.is_some() && both_from + TOGETHER < both_until {
                let beside = other.workflow;
                self.roster.queue_mut(kind).are_side_by_side(workflow, beside);
                return;
            }
        }
    }

    /// A job's work is over: it is the next one's turn.
    pub(super) fn call_up_next(&mut self, ended: &JobKey, ended_then: Instant, now: Instant) {
        self.roster.queue_mut(ended.kind).turned(ended_then);
        let queue = self.roster.queue(ended.kind);
        let Some(head) = queue.head() else { return };
        let waiting: Vec<_> = queue.waiting().take(TOLD_APART).collect();
        for index in waiting {
            let Some(job) = self.roster.job_mut(index) else { continue };
            job.sightings.predecessor_ended(ended_then);
            if index == head {
                // One call tells: a list would take as many, or more.
                job.own = true;
                self.gets.schedule(index, self.at_once);
            } else if self.is_listed(index) {
                // Its list is due anyhow.
            } else if let Some(interval) = self.interval(index, self.get_price(), now) {
                // Its own turn has come nearer.
                self.gets.schedule(index, now + interval);
            }
        }
    }
}
