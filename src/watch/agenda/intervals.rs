//! The time between two questions about one job, by its rule: at work, or in the service's queue.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::Agenda;
use crate::domain::{JobKey, JobStatus};
use crate::watch::cadence::{Ahead, queued_delay};
use crate::watch::roster::{JobIndex, Tracked};

/// Jobs in the queue that are told apart by how many stand before them; all further ones count as the last of these.
const TOLD_APART: usize = 4;

impl Agenda {
    /// The time until the next question about a live job, by its rule, at this price.
    pub(super) fn interval(&self, index: JobIndex, price: f64, at: Timestamp) -> Option<Duration> {
        let job = self.roster.job(index)?;
        let (limits, random) = (self.limits(), rand::random());
        let price = Duration::try_from_secs_f64(price).unwrap_or(Duration::MAX);
        let age = |job: &Tracked, status| job.sightings.age(status, at);
        if job.status == Some(JobStatus::Queued) {
            let moved_at = self.roster.queue(job.key.kind).moved_at();
            let waited = age(job, JobStatus::Queued);
            // What came before the queue moved says nothing of how long its next move takes.
            let waited = moved_at.map_or(waited, |moved_at| waited.min(since(moved_at, at)));
            return Some(queued_delay(
                waited,
                self.ahead_of(index, job, at),
                price,
                limits,
                random,
            ));
        }
        let run_times = &self.roster.workflow(job.workflow).run_times;
        Some(run_times.next_delay(age(job, JobStatus::Running), price, limits, random))
    }

    /// What a queued job waits for.
    fn ahead_of(&self, index: JobIndex, job: &Tracked, at: Timestamp) -> Ahead<'_> {
        let queue = self.roster.queue(job.key.kind);
        // One that does not answer does not tell when it ends.
        let mut at_work = queue.at_work().filter_map(|runner| self.roster.job(runner));
        match at_work.find(|runner| !runner.record.is_in_trouble()) {
            Some(runner) => Ahead::Runner {
                run_times: &self.roster.workflow(runner.workflow).run_times,
                elapsed: runner.sightings.age(JobStatus::Running, at),
                between: queue.ahead_of(index, TOLD_APART),
            },
            None => Ahead::Unseen,
        }
    }

    /// A job's work is over: it is the next one's turn.
    pub(super) fn call_up_next(
        &mut self,
        ended: &JobKey,
        ended_at: Timestamp,
        now: Instant,
        at: Timestamp,
    ) {
        self.roster.queue_mut(ended.kind).turned(ended_at);
        let queue = self.roster.queue(ended.kind);
        let Some(head) = queue.head() else { return };
        let waiting: Vec<_> = queue.waiting().take(TOLD_APART).collect();
        for index in waiting {
            let Some(job) = self.roster.job_mut(index) else { continue };
            job.sightings.predecessor_ended(ended_at);
            if index == head {
                // One call tells: a list would take as many, or more.
                job.own = true;
                self.gets.schedule(index, self.at_once);
            } else if self.is_listed(index) {
                // Its list is due anyhow.
            } else if let Some(interval) = self.interval(index, self.get_price(), at) {
                // Its own turn has come nearer.
                self.gets.schedule(index, now + interval);
            }
        }
    }
}

/// The time between two instants; zero where the later one is not later.
fn since(earlier: Timestamp, later: Timestamp) -> Duration {
    later.duration_since(earlier).try_into().unwrap_or_default()
}
