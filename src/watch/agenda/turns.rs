//! Whose turn is next, of questions about one job.

use std::time::Duration;

use tokio::time::Instant;

use super::Agenda;
use crate::watch::roster::{JobIndex, Tracked};
use crate::watch::workflow::Mode;

/// What is to be done now, of one kind of question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::watch) enum Turn<K> {
    /// This question is sent, so long after its time.
    Ask(K, Duration),
    /// The next one is not sent before this.
    Wait(Instant),
    /// There is none.
    Nothing,
}

impl Agenda {
    /// The next question about one job.
    pub(in crate::watch) fn next_job(&mut self, now: Instant) -> Turn<JobIndex> {
        loop {
            let (roster, at_once) = (&self.roster, self.at_once);
            self.gets
                .line_up(now, |index, deadline| too_late_at(roster.job(*index), deadline, at_once));
            let Some(&index) = self.gets.first_due() else {
                return match self.gets.next_deadline() {
                    Some(deadline) => self.ask_early(now, deadline),
                    None => Turn::Nothing,
                };
            };
            // One that a list answers for since then needs no question of its own, unless it is to answer by itself.
            if self.is_listed(index) && self.roster.job(index).is_some_and(|job| !job.own) {
                self.gets.take(&index);
                self.gets.give_back(&index, None);
                continue;
            }
            if let Err(ready_at) = self.budgets.gets.pacer().acquire(now) {
                return Turn::Wait(ready_at);
            }
            self.gets.take(&index);
            let Some(job) = self.roster.job_mut(index) else { continue };
            // One that is to answer by itself has no time of its own to be late for.
            let late = match std::mem::take(&mut job.own) {
                true => Duration::ZERO,
                false => now.saturating_duration_since(job.answered_at + job.interval),
            };
            return Turn::Ask(index, late);
        }
    }

    /// Whether a list answers for the job.
    pub(super) fn is_listed(&self, index: JobIndex) -> bool {
        self.roster.job(index).is_some_and(|job| {
            let listed = self.roster.workflow(job.workflow).mode == Mode::Listed;
            listed && !job.unlisted && job.weight.is_some()
        })
    }
}

/// Of jobs that are due, when it is too late for one: no job is to wait twice as long as its rule says, so that those that
/// are asked about often go before those that can wait.
fn too_late_at(job: Option<&Tracked>, deadline: Instant, at_once: Instant) -> Instant {
    match job {
        Some(job) if !job.own && job.weight.is_some() && deadline > at_once => {
            deadline + job.interval
        }
        _ => deadline,
    }
}
