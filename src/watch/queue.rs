//! The service's own queue, as far as it can be seen: it works on one job of a kind at a time in an account and Region.
//! Matching jobs that a provider service works on have a place of their own, beside the others'; the service does not say
//! which these are, but it shows when two are at work at once.

use std::collections::BTreeSet;

use jiff::Timestamp;
use tokio::time::Instant;

use super::roster::{JobIndex, WorkflowIndex};
use crate::domain::JobStatus;

/// Pairs of workflows that are remembered: those of every account that keeps to the service's limits.
const MOST_PAIRS: usize = 1_024;

/// The jobs of one kind that wait for their turn or have it.
#[derive(Debug, Default)]
pub(super) struct Queue {
    at_work: BTreeSet<(WorkflowIndex, JobIndex)>,
    /// Those submitted first come first.
    waiting: BTreeSet<(Option<Timestamp>, JobIndex)>,
    /// Workflows of which jobs were at work at the same time: one's do not wait for the other's.
    side_by_side: BTreeSet<(WorkflowIndex, WorkflowIndex)>,
    /// When the last job was done with.
    moved_at: Option<Instant>,
}

impl Queue {
    /// A job of `workflow` was seen in the status `to`; what was known of it before is `from`. `start_time` is that of the
    /// first sight.
    pub(super) fn moved(
        &mut self,
        (workflow, job): (WorkflowIndex, JobIndex),
        start_time: Option<Timestamp>,
        from: Option<JobStatus>,
        to: Option<JobStatus>,
    ) {
        match from {
            Some(JobStatus::Queued) => drop(self.waiting.remove(&(start_time, job))),
            Some(JobStatus::Running) => drop(self.at_work.remove(&(workflow, job))),
            _ => {}
        }
        match to {
            Some(JobStatus::Queued) => drop(self.waiting.insert((start_time, job))),
            Some(JobStatus::Running) => drop(self.at_work.insert((workflow, job))),
            _ => {}
        }
    }

    /// A job was done with: it is the turn of the next.
    pub(super) fn turned(&mut self, then: Instant) {
        self.moved_at = self.moved_at.max(Some(then));
    }

    /// Since when the next job has had its turn, as far as that was seen.
    pub(super) const fn moved_at(&self) -> Option<Instant> {
        self.moved_at
    }

    /// All that are at work, workflow by workflow.
    pub(super) fn at_work(&self) -> impl Iterator<Item = JobIndex> {
        self.at_work.iter().map(|&(_, job)| job)
    }

    /// Those of one workflow that are at work.
    pub(super) fn at_work_of(&self, workflow: WorkflowIndex) -> impl Iterator<Item = JobIndex> {
        let all = (workflow, JobIndex(0))..=(workflow, JobIndex(usize::MAX));
        self.at_work.range(all).map(|&(_, job)| job)
    }

    /// Some that are at work of other workflows: their nearest neighbours.
    pub(super) fn at_work_beside(&self, workflow: WorkflowIndex) -> [Option<JobIndex>; 2] {
        let before = self.at_work.range(..(workflow, JobIndex(0))).next_back();
        let after = self.at_work.range((workflow, JobIndex(usize::MAX))..).next();
        [before, after].map(|found| found.map(|&(_, job)| job))
    }

    /// Jobs of these two workflows were at work at the same time.
    pub(super) fn are_side_by_side(&mut self, one: WorkflowIndex, other: WorkflowIndex) {
        if self.side_by_side.len() < MOST_PAIRS {
            self.side_by_side.insert((one.min(other), one.max(other)));
        }
    }

    /// Whether jobs of these two workflows are known not to wait for each other.
    pub(super) fn run_side_by_side(&self, one: WorkflowIndex, other: WorkflowIndex) -> bool {
        self.side_by_side.contains(&(one.min(other), one.max(other)))
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
        let of_one = |job| (WorkflowIndex(0), job);
        let mut queue = Queue::default();
        for (job, submitted) in [(third, 30), (first, 10), (second, 20)] {
            queue.moved(of_one(job), at(submitted), None, Some(Queued));
        }
        assert_eq!(queue.head(), Some(first));
        assert_eq!([first, second, third].map(|job| queue.ahead_of(job, 9)), [0, 1, 2]);
        assert_eq!(queue.ahead_of(third, 1), 1);
        queue.moved(of_one(first), at(10), Some(Queued), Some(Running));
        assert_eq!((queue.at_work().next(), queue.head()), (Some(first), Some(second)));
        queue.moved(of_one(first), at(10), Some(Running), Some(Succeeded));
        assert_eq!(queue.at_work().next(), None);
        queue.moved(of_one(second), at(20), Some(Queued), None);
        assert_eq!(queue.waiting().collect::<Vec<_>>(), [third]);
    }

    #[test]
    fn those_at_work_are_found_by_their_workflow_however_many_others_there_are() {
        let mut queue = Queue::default();
        for number in 0..5_000 {
            queue.moved((WorkflowIndex(number % 7), JobIndex(number)), None, None, Some(Running));
        }
        let of_five = queue.at_work_of(WorkflowIndex(5)).take(3);
        assert_eq!(of_five.collect::<Vec<_>>(), [JobIndex(5), JobIndex(12), JobIndex(19)]);
        assert_eq!(queue.at_work_of(WorkflowIndex(7)).next(), None);
        assert_eq!(queue.at_work().count(), 5_000);
    }

    #[test]
    fn neighbours_at_work_are_those_of_other_workflows_and_pairs_have_no_order() {
        let [one, two, three] = [1, 2, 3].map(WorkflowIndex);
        let mut queue = Queue::default();
        for (workflow, job) in [(one, 9), (two, 4), (two, 5), (three, 1)] {
            queue.moved((workflow, JobIndex(job)), None, None, Some(Running));
        }
        assert_eq!(queue.at_work_beside(two), [Some(JobIndex(9)), Some(JobIndex(1))]);
        assert_eq!(queue.at_work_beside(one), [None, Some(JobIndex(4))]);
        queue.are_side_by_side(three, one);
        assert!(queue.run_side_by_side(one, three) && queue.run_side_by_side(three, one));
        assert!(!queue.run_side_by_side(one, two));
    }
}
