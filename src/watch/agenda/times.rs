//! How long a job has had its status, and where it stands in the queue: what alarms go by.

use super::Agenda;
use crate::domain::{CountedFrom, JobAhead, JobStatus};
use crate::watch::alarms::Timed;
use crate::watch::roster::{JobIndex, Tracked};
use crate::watch::seen::Seen;

/// Places in the queue that are counted: further back it does not matter which.
const COUNTED: usize = 1_000;

impl Agenda {
    /// How long a job has had its status, and what is usual; `None` where that is not known.
    pub(in crate::watch) fn timed(&self, index: JobIndex, seen: Seen) -> Option<Timed> {
        let job = self.roster.job(index)?;
        let status = job.status?;
        let (since, counted_from) = job.sightings.since(status)?;
        let elapsed = seen.now.saturating_duration_since(since);
        let since = match counted_from {
            CountedFrom::StartTime => job.sightings.start_time()?,
            CountedFrom::FirstSeen => seen.at.checked_sub(elapsed).unwrap_or(seen.at),
        };
        let wants_usual = job.terms.alarms.running_longer_than_usual.is_some();
        let usual = wants_usual.then(|| self.roster.workflow(job.workflow).usual()).flatten();
        Some(Timed { status, elapsed, since, counted_from, usual })
    }

    /// The place of a job in the queue, 1 for the next, and the job right before it: as far as they can be seen. Jobs that
    /// it is known not to wait for do not count.
    pub(in crate::watch) fn standing_in_queue(
        &self,
        index: JobIndex,
    ) -> (Option<usize>, Option<JobAhead>) {
        let queued = |job: &&Tracked| job.status == Some(JobStatus::Queued);
        let Some(job) = self.roster.job(index).filter(queued) else { return (None, None) };
        let queue = self.roster.queue(job.key.kind);
        if queue.ahead_of(index, COUNTED) == COUNTED {
            return (None, None);
        }
        let is_before = |other: &&Tracked| !queue.run_side_by_side(job.workflow, other.workflow);
        let before = queue.waiting().take_while(|other| *other != index);
        let before: Vec<_> =
            before.filter_map(|other| self.roster.job(other)).filter(is_before).collect();
        let at_work = || queue.at_work().filter_map(|other| self.roster.job(other)).find(is_before);
        let ahead = before.last().copied().or_else(at_work).and_then(|ahead| {
            Some(JobAhead {
                job_id: ahead.key.job_id.to_string(),
                workflow_name: ahead.key.workflow_name.to_string(),
                status: ahead.status?,
            })
        });
        (Some(before.len() + 1), ahead)
    }
}
