//! Which of a workflow's jobs are followed, by what a list says of them: pure.
//!
//! A job that appears once the workflow has been looked through as a whole is new, whatever its times say: no clock has to
//! be right for that. Times decide only about the jobs that were there at first, and about those so old that no clock is
//! so wrong.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::domain::{JobSummary, ObservedStatus, Start};

/// A job that started so little before the watch was first seen counts as new: the service's clock may be behind ours.
const SKEW: Duration = Duration::from_secs(30);
/// No clock is so wrong: a job that started, or ended, so long before is known by its times, and its id is not kept.
const CERTAIN: Duration = Duration::from_hours(24);
/// Jobs are forgotten by the time of their last change as we saw it, which the service may have told earlier.
const FORGOTTEN_EARLY: Duration = Duration::from_hours(1);
/// The shortest `retain` that there can be. A store that forgot what is younger went by a clock that was ahead, and is not
/// to hide new jobs until the right one has come so far.
const SHORTEST_RETAIN: Duration = Duration::from_hours(1);

/// A store may have forgotten that jobs were told that ended before this instant. It keeps them for so long at present,
/// and forgot those that ended before `pruned_to` in its life.
pub(super) fn forgotten_before(
    retain: Duration,
    pruned_to: Option<Timestamp>,
    now: Timestamp,
) -> Timestamp {
    let pruned_to = pruned_to.map(|pruned_to| pruned_to.min(before(now, SHORTEST_RETAIN)));
    let forgotten = pruned_to.unwrap_or(Timestamp::MIN).max(before(now, retain));
    let age = now.duration_since(forgotten).unsigned_abs();
    before(now, age - FORGOTTEN_EARLY.min(age / 10))
}

/// The rule for the jobs of one workflow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judgement {
    start: Start,
    /// From this instant on jobs are new.
    from: Timestamp,
}

/// What becomes of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is followed.
    Follow,
    /// It is not. Its id alone tells that later.
    PassOver,
    /// It is not, and its times tell that at any time.
    TooOld,
}

impl Judgement {
    /// The rule of a workflow that is followed since then.
    pub(super) fn new(start: Start, since: Timestamp) -> Self {
        let from = match start {
            Start::New | Start::Running => since,
            Start::Ago(age) => before(since, age),
            Start::At(instant) => instant,
        };
        Self { start, from }
    }

    /// What the rule says of a job that is there when the workflow is first looked through; see [`forgotten_before`].
    pub(super) fn at_first(&self, job: &JobSummary, forgotten_before: Timestamp) -> Verdict {
        if is_forgotten(job, forgotten_before) {
            return Verdict::TooOld;
        }
        let from = match self.start {
            Start::At(instant) => instant,
            _ => before(self.from, SKEW),
        };
        let has_ended = has_ended(job);
        let is_new = match (job.start_time, job.end_time) {
            (Some(start), _) => start >= from,
            (None, Some(end)) => end >= from,
            (None, None) => !has_ended,
        };
        if is_new || (self.start == Start::Running && !has_ended) {
            Verdict::Follow
        } else if self.is_certainly_old(job) {
            Verdict::TooOld
        } else {
            Verdict::PassOver
        }
    }

    /// What it says of a job that is seen once the workflow has been looked through.
    pub(super) fn later(
        &self,
        job: &JobSummary,
        was_passed_over: bool,
        forgotten_before: Timestamp,
    ) -> Verdict {
        if is_forgotten(job, forgotten_before) || self.is_certainly_old(job) {
            return Verdict::TooOld;
        }
        let is_before = match (self.start, job.start_time) {
            (Start::At(instant), Some(start)) => start < instant,
            _ => false,
        };
        if was_passed_over || is_before { Verdict::PassOver } else { Verdict::Follow }
    }

    fn is_certainly_old(&self, job: &JobSummary) -> bool {
        let is_long_before = |at: Timestamp| at < before(self.from, CERTAIN);
        match self.start {
            // What had not ended at first sight was taken, and may have ended since without a word of it being recorded.
            Start::Running => has_ended(job) && job.end_time.is_some_and(is_long_before),
            Start::New | Start::Ago(_) | Start::At(_) => job.start_time.is_some_and(is_long_before),
        }
    }
}

/// Whether a store may have forgotten that the job was told.
fn is_forgotten(job: &JobSummary, forgotten_before: Timestamp) -> bool {
    has_ended(job) && job.end_time.or(job.start_time).is_some_and(|at| at < forgotten_before)
}

fn has_ended(job: &JobSummary) -> bool {
    matches!(&job.status, ObservedStatus::Known(status) if status.is_terminal())
}

/// So long before an instant; the beginning of time where there is none.
fn before(instant: Timestamp, earlier: Duration) -> Timestamp {
    let earlier = SignedDuration::try_from(earlier).unwrap_or(SignedDuration::MAX);
    instant.checked_sub(earlier).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Follow, PassOver, TooOld};
    use super::*;

    const HOUR: i64 = 3_600;
    const DAY: i64 = 24 * HOUR;

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_700_000_000 + second)
    }

    /// The workflow is followed since second 0.
    fn judgement(start: Start) -> Judgement {
        Judgement::new(start, at(0))
    }

    const RETAIN: Duration = Duration::from_hours(90 * 24);

    /// What may be forgotten at this second, by a store that retained as long ever since.
    fn forgotten(now: i64) -> Timestamp {
        forgotten_before(RETAIN, None, at(now))
    }

    fn job(status: &str, start: impl Into<Option<i64>>, end: impl Into<Option<i64>>) -> JobSummary {
        JobSummary {
            job_id: "0".to_owned(),
            status: ObservedStatus::from(status),
            start_time: start.into().map(at),
            end_time: end.into().map(at),
        }
    }

    #[test]
    fn of_the_jobs_that_are_there_at_first_those_are_new_that_started_since() {
        let new = judgement(Start::New);
        for (job, verdict) in [
            (job("QUEUED", 5, None), Follow),
            (job("SUCCEEDED", 5, 6), Follow),
            (job("RUNNING", -HOUR, None), PassOver),
            (job("SUCCEEDED", -HOUR, -10), PassOver),
            (job("SUCCEEDED", -10, -5), Follow),
            (job("SUCCEEDED", -2 * DAY, 5), TooOld),
            (job("RUNNING", None, None), Follow),
            (job("FAILED", None, None), PassOver),
            (job("FAILED", None, 5), Follow),
            (job("FAILED", None, -DAY), PassOver),
            (job("PAUSED", 5, None), Follow),
        ] {
            assert_eq!(new.at_first(&job, forgotten(10)), verdict, "{job:?}");
        }
    }

    #[test]
    fn those_at_work_are_taken_at_first_where_that_is_asked_for() {
        let running = judgement(Start::Running);
        assert_eq!(running.at_first(&job("RUNNING", -9 * DAY, None), forgotten(10)), Follow);
        assert_eq!(running.at_first(&job("QUEUED", -HOUR, None), forgotten(10)), Follow);
        assert_eq!(running.at_first(&job("SUCCEEDED", -HOUR, 5), forgotten(10)), PassOver);
    }

    #[test]
    fn one_that_was_taken_at_first_for_being_at_work_is_taken_once_it_has_ended() {
        let running = judgement(Start::Running);
        let later =
            |job, was_passed_over| running.later(&job, was_passed_over, forgotten(10 * DAY));
        assert_eq!(later(job("SUCCEEDED", -9 * DAY, HOUR), false), Follow);
        // It had ended, by a clock that is behind.
        assert_eq!(later(job("SUCCEEDED", -9 * DAY, -HOUR), true), PassOver);
        assert_eq!(later(job("SUCCEEDED", -9 * DAY, -2 * DAY), false), TooOld);
        assert_eq!(running.at_first(&job("FAILED", -9 * DAY, -HOUR), forgotten(10)), PassOver);
        assert_eq!(running.at_first(&job("FAILED", -9 * DAY, -2 * DAY), forgotten(10)), TooOld);
    }

    #[test]
    fn a_moment_in_the_past_takes_what_started_since() {
        let week = judgement(Start::Ago(Duration::from_hours(7 * 24)));
        assert_eq!(week.at_first(&job("SUCCEEDED", -6 * DAY, -5 * DAY), forgotten(10)), Follow);
        assert_eq!(
            week.at_first(&job("SUCCEEDED", -7 * DAY - HOUR, -5 * DAY), forgotten(10)),
            PassOver
        );
        let instant = judgement(Start::At(at(-DAY)));
        assert_eq!(instant.at_first(&job("SUCCEEDED", -DAY, -5), forgotten(10)), Follow);
        assert_eq!(instant.at_first(&job("SUCCEEDED", -DAY - 1, -5), forgotten(10)), PassOver);
        assert_eq!(instant.later(&job("SUCCEEDED", -DAY - 1, -5), false, forgotten(10)), PassOver);
    }

    #[test]
    fn what_appears_later_is_new_though_the_clocks_differ_by_hours() {
        let new = judgement(Start::New);
        let of_a_slow_clock = job("SUCCEEDED", -5 * HOUR, -4 * HOUR);
        assert_eq!(new.later(&of_a_slow_clock, false, forgotten(10)), Follow);
        assert_eq!(new.later(&of_a_slow_clock, true, forgotten(10)), PassOver);
        assert_eq!(
            new.later(&job("SUCCEEDED", -2 * DAY, -2 * DAY + 5), false, forgotten(10)),
            TooOld
        );
    }

    #[test]
    fn what_was_told_and_forgotten_is_not_found_again() {
        let new = judgement(Start::New);
        let ended = job("SUCCEEDED", HOUR, 2 * HOUR);
        assert_eq!(new.later(&ended, false, forgotten(89 * DAY)), Follow);
        assert_eq!(new.later(&ended, false, forgotten(90 * DAY + 2 * HOUR)), TooOld);
        assert_eq!(new.at_first(&ended, forgotten(90 * DAY + 2 * HOUR)), TooOld);
        assert_eq!(new.later(&job("RUNNING", HOUR, None), false, forgotten(200 * DAY)), Follow);
    }

    #[test]
    fn what_was_forgotten_stays_so_where_jobs_are_kept_longer_from_now_on() {
        let pruned_to = |now| forgotten_before(RETAIN, Some(at(10 * DAY)), at(now));
        assert_eq!(pruned_to(20 * DAY), at(10 * DAY + HOUR));
        assert_eq!(pruned_to(99 * DAY), at(10 * DAY + HOUR));
        assert_eq!(pruned_to(200 * DAY), at(110 * DAY + HOUR));
    }

    #[test]
    fn what_was_forgotten_by_a_clock_that_was_ahead_hides_no_new_job() {
        let next_year = Some(at(365 * DAY));
        assert_eq!(forgotten_before(RETAIN, next_year, at(0)), at(-54 * 60));
    }

    #[test]
    fn a_short_retention_leaves_time_to_find_short_jobs() {
        let forgotten = |now| forgotten_before(Duration::from_hours(1), None, at(now));
        let ended = job("SUCCEEDED", 5, 10);
        let new = judgement(Start::New);
        assert_eq!(new.later(&ended, false, forgotten(10 + 50 * 60)), Follow);
        assert_eq!(new.later(&ended, false, forgotten(10 + 55 * 60)), TooOld);
        let just_pruned = forgotten_before(RETAIN, Some(at(10 - 60 * 60)), at(10));
        assert_eq!(new.later(&ended, false, just_pruned), Follow, "it ended before a restart");
    }
}
