//! When a job was seen in which status, and how long it ran by that: pure.
//!
//! The service does not say when a job's work began: `startTime` is set while it is still queued, and may mean its
//! submission. So the beginning lies between two instants, and where these are far apart nothing is learned.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::seen::Seen;
use super::then::Then;
use crate::domain::{CountedFrom, JobStatus, JobSummary, PastRun};

/// A run time is learned if its beginning is known to within this share of it.
const VAGUENESS: f64 = 0.25;

/// What is known of the instant at which a job's work began, in the time of this process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sightings {
    /// As the service tells it: the job's place in the queue.
    start_time: Option<Timestamp>,
    /// Where that lies, by the wall clock of the moment at which it was told first.
    started: Option<Then>,
    first_queued: Option<Then>,
    last_queued: Option<Then>,
    first_running: Option<Then>,
    /// Another process saw it first: whether it met the job at work is not known any more.
    resumed: bool,
}

impl Sightings {
    /// What is left of an earlier process: the job was first seen in `status` then.
    pub(super) fn resumed(status: JobStatus, since: Instant) -> Self {
        let mut sightings = Self { resumed: true, ..Self::default() };
        sightings.saw_in(status, since);
        sightings
    }

    /// The job was seen in `status`.
    pub(super) fn saw(&mut self, status: JobStatus, start_time: Option<Timestamp>, seen: Seen) {
        if let Some(told) = start_time
            && self.start_time != start_time
        {
            (self.started, self.start_time) = (Some(self.place(told, seen).into()), start_time);
        }
        self.saw_in(status, seen.now);
    }

    fn saw_in(&mut self, status: JobStatus, now: Instant) {
        match status {
            JobStatus::Queued => {
                self.first_queued.get_or_insert(now.into());
                self.last_queued = Some(now.into());
            }
            JobStatus::Running => drop(self.first_running.get_or_insert(now.into())),
            JobStatus::Succeeded | JobStatus::Failed => {}
        }
    }

    /// Where an instant lies that the service told of the job: as far from its start as the service says, where that has
    /// its place already, so that it does not matter how the wall clock was set since.
    pub(super) fn place(&self, told: Timestamp, seen: Seen) -> Instant {
        let Some((start_time, started)) = self.start_time.zip(self.started.map(Instant::from))
        else {
            return seen.place(told);
        };
        match told >= start_time {
            true => started
                .checked_add(between(start_time, told))
                .map_or(seen.now, |placed| placed.min(seen.now)),
            false => started.checked_sub(between(told, start_time)).unwrap_or(started),
        }
    }

    /// Another job that stood before this one in the queue ended: work on this one cannot have begun before. That
    /// says something only of a job that was seen in the queue.
    pub(super) fn predecessor_ended(&mut self, ended: Instant) {
        if let Some(queued) = self.last_queued
            && self.first_running.is_none()
        {
            self.last_queued = Some(queued.max(ended.into()));
        }
    }

    /// The service's word, where there is one.
    pub(super) const fn start_time(&self) -> Option<Timestamp> {
        self.start_time
    }

    /// Since when the job is known to be at work, if it is.
    pub(super) fn first_running(&self) -> Option<Instant> {
        self.first_running.map(Instant::from)
    }

    /// Since when the job has had this status, for those who are told of it: by the service's word where that can mean it,
    /// and else by the first sight. `None` of a job that has ended.
    pub(super) fn since(&self, status: JobStatus) -> Option<(Instant, CountedFrom)> {
        let told = |then: Then| (then.into(), CountedFrom::StartTime);
        let seen = |then: Then| (then.into(), CountedFrom::FirstSeen);
        match status {
            JobStatus::Queued => match self.started {
                Some(started) => Some(told(started)),
                None => self.first_queued.map(seen),
            },
            JobStatus::Running => {
                let first = self.first_running?;
                // Of one that was met at work, the service's word is the better one, whatever it means by it. Of one that was
                // seen in the queue, or by another process, it may be the submission, hours before.
                let is_met = self.last_queued.is_none() && !self.resumed;
                let started = self.started.filter(|started| is_met && *started < first);
                Some(started.map_or(seen(first), told))
            }
            JobStatus::Succeeded | JobStatus::Failed => None,
        }
    }

    /// How long the job has been in the queue, or at work, by what is known.
    pub(super) fn age(&self, status: JobStatus, now: Instant) -> Duration {
        let since = match status {
            JobStatus::Queued => self.started.map(Instant::from),
            _ => match (self.earliest(), self.first_running()) {
                // In the queue until then.
                (Some(earliest), Some(latest)) if self.last_queued.is_some() => {
                    Some(middle(earliest.min(latest), latest))
                }
                // The service's word may be the submission, hours before.
                (_, Some(latest)) if self.resumed => Some(latest),
                // Met at work: the service's word is the better one, whatever it means by it.
                (earliest, latest) => earliest.or(latest),
            },
        };
        since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// How long the job ran that ended then; `None` where that is not known well enough.
    pub(super) fn run_time(&self, ended: Instant) -> Option<Duration> {
        let Some(latest) = self.first_running().map(|latest| latest.min(ended)) else {
            // It ran between two looks at it: only a start that the service has told since is one of work.
            let (start, queued) = (self.started?, self.last_queued?);
            return (start > queued).then(|| ended.saturating_duration_since(start.into()));
        };
        let earliest = self.earliest()?.min(latest);
        let vague = latest.saturating_duration_since(earliest);
        let known = ended.saturating_duration_since(latest);
        (vague <= known.mul_f64(VAGUENESS))
            .then(|| ended.saturating_duration_since(middle(earliest, latest)))
    }

    /// Work cannot have begun before this.
    fn earliest(&self) -> Option<Instant> {
        self.last_queued.max(self.started).map(Instant::from)
    }
}

/// How long the jobs of one list ran: each from its start, but not before the end of the one before it, for the
/// service works on one job at a time.
pub(super) fn past_runs(summaries: &[JobSummary]) -> Vec<PastRun> {
    let mut ended: Vec<_> = summaries
        .iter()
        .filter(|job| is_over(job))
        .filter_map(|job| Some((job.end_time?, job.start_time?, &job.job_id)))
        .collect();
    ended.sort();
    let mut before: Option<Timestamp> = None;
    ended
        .into_iter()
        .map(|(ended_at, started_at, job_id)| {
            let began = before.map_or(started_at, |before| started_at.max(before));
            before = Some(ended_at);
            let run_time = between(began, ended_at);
            PastRun { job_id: job_id.as_str().into(), ended_at, run_time }
        })
        .filter(|run| !run.run_time.is_zero())
        .collect()
}

fn is_over(job: &JobSummary) -> bool {
    job.status.as_str().parse().is_ok_and(JobStatus::is_terminal)
}

/// Zero where `later` is not later.
fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    later.duration_since(earlier).try_into().unwrap_or_default()
}

fn middle(earlier: Instant, later: Instant) -> Instant {
    earlier + later.saturating_duration_since(earlier) / 2
}

#[cfg(test)]
mod tests {
    use JobStatus::{Queued, Running, Succeeded};

    use super::*;
    use crate::domain::ObservedStatus;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    /// The tests' own time: the second 0 lies a day after its beginning.
    fn moment(second: i64) -> Seen {
        thread_local! { static BEGINNING: Instant = Instant::now(); }
        let since = Duration::from_secs(u64::try_from(86_400 + second).unwrap());
        Seen { now: BEGINNING.with(|beginning| *beginning) + since, at: at(second) }
    }

    fn now(second: i64) -> Instant {
        moment(second).now
    }

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// What is known after these sightings: status, what the service calls the start, when.
    fn after(sightings: &[(JobStatus, Option<i64>, i64)]) -> Sightings {
        let mut known = Sightings::default();
        for &(status, start_time, seen_at) in sightings {
            known.saw(status, start_time.map(at), moment(seen_at));
        }
        known
    }

    #[test]
    fn a_job_ran_from_between_its_last_sight_in_the_queue_and_its_first_at_work() {
        let known =
            after(&[(Queued, Some(0), 10), (Queued, Some(0), 100), (Running, Some(0), 110)]);
        assert_eq!(known.run_time(now(205)), Some(seconds(100)));
    }

    #[test]
    fn time_in_the_queue_is_never_run_time() {
        // The start that the service tells is the submission; the job is met when it is at work already.
        let known = after(&[(Running, Some(0), 5_000)]);
        assert_eq!(known.run_time(now(5_600)), None);
        // Looked at too seldom to say when it left the queue.
        let known = after(&[(Queued, Some(0), 10), (Running, Some(0), 610)]);
        assert_eq!(known.run_time(now(700)), None);
    }

    #[test]
    fn a_start_that_the_service_tells_counts_where_the_sight_of_it_agrees() {
        let known = after(&[(Running, Some(0), 4)]);
        assert_eq!(known.run_time(now(102)), Some(seconds(100)));
    }

    #[test]
    fn of_a_job_that_ran_between_two_looks_nothing_is_learned_but_by_a_start_that_the_service_tells()
     {
        // For hours nobody looked, and the start is the submission.
        let known = after(&[(Queued, Some(0), 100), (Succeeded, Some(0), 14_400)]);
        assert_eq!(known.run_time(now(14_000)), None);
        assert_eq!(after(&[(Succeeded, Some(0), 500)]).run_time(now(60)), None);
        // This start came after the job had been seen in the queue.
        let known = after(&[(Queued, None, 100), (Succeeded, Some(110), 200)]);
        assert_eq!(known.run_time(now(150)), Some(seconds(40)));
    }

    #[test]
    fn after_a_restart_a_job_at_work_is_as_old_as_its_first_sight_at_work() {
        let mut known = Sightings::resumed(Running, now(18_000));
        known.saw(Running, Some(at(0)), moment(18_300));
        assert_eq!(known.age(Running, now(18_300)), seconds(300));
        assert_eq!(known.run_time(now(18_900)), None, "it may have been met at work");
    }

    #[test]
    fn the_end_of_the_one_before_tells_when_work_can_have_begun() {
        let mut known = after(&[(Queued, Some(0), 10)]);
        known.predecessor_ended(now(590));
        known.saw(Running, Some(at(0)), moment(610));
        assert_eq!(known.run_time(now(700)), Some(seconds(100)));
        let mut unseen = Sightings::default();
        unseen.predecessor_ended(now(590));
        assert_eq!(unseen, Sightings::default());
    }

    #[test]
    fn an_alarm_counts_from_the_services_word_where_that_can_mean_the_status_and_else_from_the_first_sight()
     {
        let (start_time, first_seen) = (CountedFrom::StartTime, CountedFrom::FirstSeen);
        let known = after(&[(Queued, Some(0), 10), (Queued, Some(0), 90)]);
        assert_eq!(known.since(Queued), Some((now(0), start_time)));
        let known = after(&[(Queued, None, 10), (Queued, None, 90)]);
        assert_eq!(known.since(Queued), Some((now(10), first_seen)));
        // The start may be the submission.
        let known =
            after(&[(Queued, Some(0), 90), (Running, Some(0), 110), (Running, Some(0), 300)]);
        assert_eq!(known.since(Running), Some((now(110), first_seen)));
        assert_eq!(after(&[(Running, Some(0), 110)]).since(Running), Some((now(0), start_time)));
        assert_eq!(after(&[(Running, None, 110)]).since(Running), Some((now(110), first_seen)));
        let mut known = Sightings::resumed(Running, now(50));
        known.saw(Running, Some(at(0)), moment(300));
        assert_eq!(known.since(Running), Some((now(50), first_seen)));
        assert_eq!(known.since(Succeeded), None);
        let resumed = Sightings::resumed(Queued, now(50));
        assert_eq!(resumed.since(Queued), Some((now(50), first_seen)));
    }

    #[test]
    fn age_counts_from_the_submission_in_the_queue_and_from_the_beginning_at_work() {
        let known = after(&[(Queued, Some(0), 10)]);
        assert_eq!(known.age(Queued, now(60)), seconds(60));
        let known = after(&[(Queued, Some(0), 90), (Running, Some(0), 110)]);
        assert_eq!(known.age(Running, now(160)), seconds(60));
        assert_eq!(after(&[(Running, Some(0), 110)]).age(Running, now(160)), seconds(160));
        assert_eq!(after(&[(Running, None, 110)]).age(Running, now(160)), seconds(50));
    }

    #[test]
    fn once_a_start_has_its_place_it_stays_there_though_the_clock_is_set() {
        let set_by_an_hour = |second| Seen { at: at(second + 3_600), ..moment(second) };
        let mut known = after(&[(Queued, Some(0), 60)]);
        known.saw(Queued, Some(at(0)), set_by_an_hour(100));
        assert_eq!(known.age(Queued, now(100)), seconds(100));
        known.saw(Running, Some(at(0)), set_by_an_hour(110));
        assert_eq!(known.run_time(now(205)), Some(seconds(100)));
        // The end is as far from the start as the service says.
        let ended = known.place(at(205), set_by_an_hour(240));
        assert_eq!(ended, now(205));
        // By a clock that is behind, the start lies ahead: it is no later than the word of it.
        let mut early = Sightings::default();
        early.saw(Running, Some(at(3_600)), moment(0));
        assert_eq!(early.age(Running, now(40)), seconds(40));
    }

    #[test]
    fn in_a_list_no_job_ran_before_the_end_of_the_one_before_it() {
        let summary = |id: &str, status: &str, start: i64, end: Option<i64>| JobSummary {
            job_id: id.into(),
            status: ObservedStatus::from(status),
            start_time: Some(at(start)),
            end_time: end.map(at),
        };
        let runs = past_runs(&[
            summary("third", "FAILED", 30, Some(400)),
            summary("first", "SUCCEEDED", 10, Some(100)),
            summary("live", "RUNNING", 40, None),
            summary("second", "SUCCEEDED", 20, Some(300)),
            summary("odd", "PAUSED", 20, Some(350)),
        ]);
        let told: Vec<_> = runs.iter().map(|run| (&*run.job_id, run.run_time)).collect();
        assert_eq!(
            told,
            [("first", seconds(90)), ("second", seconds(200)), ("third", seconds(100))]
        );
    }
}
