//! What is done with calls that are left over where the budget is short: a plan is an estimate, and jobs that are worth a
//! call do not wait while one may be sent.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::{Agenda, Turn};
use crate::watch::roster::JobIndex;

/// Jobs whose interval the budget stretched, in the order in which they answered. An entry is void once its job has
/// answered again.
#[derive(Debug, Default)]
pub(super) struct Stretched(VecDeque<(Instant, JobIndex)>);

impl Agenda {
    /// Notes that a job answered and waits longer than it is worth.
    pub(super) fn is_stretched(&mut self, index: JobIndex, answered_at: Instant) {
        self.drop_void();
        self.stretched.0.push_back((answered_at, index));
    }

    /// No job is due before `deadline`: the one is asked about that has waited longest, if a call is left over.
    pub(super) fn ask_early(&mut self, now: Instant, deadline: Instant) -> Turn<JobIndex> {
        match self.longest_unanswered(now) {
            Some((index, from)) if from <= now => {
                if let Err(ready_at) = self.budgets.gets.pacer().acquire(now) {
                    return Turn::Wait(ready_at);
                }
                self.gets.take(&index);
                Turn::Ask(index, Duration::ZERO)
            }
            Some((_, from)) => Turn::Wait(from.min(deadline)),
            None => Turn::Wait(deadline),
        }
    }

    /// The job that has waited longest of those that wait for the budget's sake, and when it may be asked about: when it
    /// would be worth it with a budget that is not short, and there is something to spare.
    fn longest_unanswered(&mut self, now: Instant) -> Option<(JobIndex, Instant)> {
        self.drop_void();
        let &(answered_at, index) = self.stretched.0.front()?;
        let calls = self.roster.job(index)?.weight?.at(self.config.call_worth.as_secs_f64());
        let interval = Duration::try_from_secs_f64(1.0 / calls).unwrap_or(Duration::MAX);
        let worth_it = answered_at.checked_add(interval.max(self.config.min_interval))?;
        Some((index, worth_it.max(self.budgets.gets.pacer().spare_at(now))))
    }

    fn drop_void(&mut self) {
        while let Some(&(answered_at, index)) = self.stretched.0.front()
            && !self.waits_since(index, answered_at)
        {
            self.stretched.0.pop_front();
        }
    }

    /// Whether the job has waited by its rule since it answered then.
    fn waits_since(&self, index: JobIndex, answered_at: Instant) -> bool {
        let job = self.roster.job(index);
        job.is_some_and(|job| job.answered_at == answered_at && job.weight.is_some() && !job.own)
            && self.gets.is_waiting(&index)
            && !self.is_listed(index)
    }
}
