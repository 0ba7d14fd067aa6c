//! The service's own queue, as far as it can be seen: it works on one job of a kind at a time in an account and Region.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::roster::JobIndex;
use crate::domain::JobStatus;

/// The jobs of one kind that wait for their turn or have it.
#[derive(Debug, Default)]
pub(super) struct Queue {
    at_work: BTreeSet<JobIndex>,
    /// Those submitted first come first.
    waiting: BTreeSet<(Option<Timestamp>, JobIndex)>,
}

impl Queue {
    /// A job was seen in `status`; what was known of it before is `from`. `start_time` is that of the first sight.
    pub(super) fn moved(
        &mut self,
        job: JobIndex,
        start_time: Option<Timestamp>,
        from: Option<JobStatus>,
        to: Option<JobStatus>,
    ) {
        match from {
            Some(JobStatus::Queued) => drop(self.waiting.remove(&(start_time, job))),
            Some(JobStatus::Running) => drop(self.at_work.remove(&job)),
            _ => {}
        }
        match to {
            Some(JobStatus::Queued) => drop(self.waiting.insert((start_time, job))),
            Some(JobStatus::Running) => drop(self.at_work.insert(job)),
            _ => {}
        }
    }

    /// A job that is at work, if one is seen to be.
    pub(super) fn runner(&self) -> Option<JobIndex> {
        self.at_work.first().copied()
    }

    /// All that are at work.
    pub(super) fn at_work(&self) -> impl Iterator<Item = JobIndex> {
        self.at_work.iter().copied()
    }

    /// The job whose turn is next.
    pub(super) fn head(&self) -> Option<JobIndex> {
        self.waiting.first().map(|&(_, job)| job)
    }

    /// All that wait.
    pub(super) fn waiting(&self) -> impl Iterator<Item = JobIndex> {
        self.waiting.iter().map(|&(_, job)| job)
    }

    /// How many jobs stand before this one, counted no further than `most`.
    pub(super) fn ahead_of(&self, job: JobIndex, most: usize) -> usize {
        self.waiting.iter().take(most).take_while(|&&(_, other)| other != job).count()
    }
}

#[cfg(test)]
mod tests {
    use JobStatus::{Queued, Running, Succeeded};

    use super::*;

    fn at(second: i64) -> Option<Timestamp> {
        Timestamp::from_second(second).ok()
    }

    #[test]
    fn jobs_wait_in_the_order_of_their_submission() {
        let (first, second, third) = (JobIndex(7), JobIndex(3), JobIndex(5));
        let mut queue = Queue::default();
        for (job, submitted) in [(third, 30), (first, 10), (second, 20)] {
            queue.moved(job, at(submitted), None, Some(Queued));
        }
        assert_eq!(queue.head(), Some(first));
        assert_eq!([first, second, third].map(|job| queue.ahead_of(job, 9)), [0, 1, 2]);
        assert_eq!(queue.ahead_of(third, 1), 1);
        queue.moved(first, at(10), Some(Queued), Some(Running));
        assert_eq!((queue.runner(), queue.head()), (Some(first), Some(second)));
        queue.moved(first, at(10), Some(Running), Some(Succeeded));
        assert_eq!(queue.runner(), None);
        queue.moved(second, at(20), Some(Queued), None);
        assert_eq!(queue.waiting().collect::<Vec<_>>(), [third]);
    }
}
