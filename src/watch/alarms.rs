//! When something is not as it should be, and since when: pure. Who calls says what time it is.

mod clerk;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

pub use clerk::{Clerk, Entry};

use super::Scheduler;
use super::roster::JobIndex;
use crate::domain::{
    Alarm, AlarmFacts, AlarmKey, AlarmName, AlarmRules, CountedFrom, JobStatus, Subject,
};
use crate::duration;

/// How long a workflow's jobs usually take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Usual {
    /// 95 of 100 take no longer.
    pub(super) p95: Duration,
    /// The past runs that say so.
    pub(super) runs: usize,
}

/// A time that a job may take.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Limit {
    name: AlarmName,
    limit: Duration,
    /// By which factor of what it was worked out.
    usual: Option<(f64, Usual)>,
}

/// The times that a job in `status` may take.
fn limits(
    rules: &AlarmRules,
    status: JobStatus,
    usual: Option<Usual>,
) -> impl Iterator<Item = Limit> {
    let plain = |name| move |limit| Limit { name, limit, usual: None };
    let usual = rules.running_longer_than_usual.zip(usual);
    let enough = |(_, usual): &(f64, Usual)| usual.runs >= rules.usual_needs_runs;
    let of_usual = usual.filter(enough).map(|(factor, usual)| Limit {
        name: AlarmName::RunningLongerThanUsual,
        limit: Duration::try_from_secs_f64(usual.p95.as_secs_f64() * factor)
            .unwrap_or(Duration::MAX),
        usual: Some((factor, usual)),
    });
    let limits = match status {
        JobStatus::Queued => [rules.queued_longer_than.map(plain(AlarmName::QueuedTooLong)), None],
        JobStatus::Running => {
            [rules.running_longer_than.map(plain(AlarmName::RunningTooLong)), of_usual]
        }
        JobStatus::Succeeded | JobStatus::Failed => [None, None],
    };
    limits.into_iter().flatten()
}

/// A job as far as its time matters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Timed {
    pub(super) status: JobStatus,
    /// It has had this status for so long.
    pub(super) elapsed: Duration,
    /// Since then.
    pub(super) since: Timestamp,
    pub(super) counted_from: CountedFrom,
    pub(super) usual: Option<Usual>,
}

/// A job takes longer than it may.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Overdue {
    pub(super) name: AlarmName,
    pub(super) message: String,
    pub(super) facts: AlarmFacts,
}

/// What a job's time calls for.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Judged {
    pub(super) overdue: Vec<Overdue>,
    /// Look again after this; `None` where nothing can come of it.
    pub(super) again_in: Option<Duration>,
}

/// Judges how long a job has had its status.
pub(super) fn judge(rules: &AlarmRules, job: Timed) -> Judged {
    let mut judged = Judged::default();
    for limit in limits(rules, job.status, job.usual) {
        match limit.limit.checked_sub(job.elapsed).filter(|left| !left.is_zero()) {
            Some(left) => {
                judged.again_in = Some(judged.again_in.map_or(left, |known| known.min(left)));
            }
            None => judged.overdue.push(overdue(job, limit)),
        }
    }
    judged
}

fn overdue(job: Timed, Limit { name, limit, usual }: Limit) -> Overdue {
    let [so_long, allowed] =
        [job.elapsed, limit].map(|time| duration::display(whole_seconds(time)));
    let word = if job.status == JobStatus::Queued { "queued" } else { "running" };
    let message = match usual {
        None => format!("{word} for {so_long}, and {allowed} is allowed"),
        Some((factor, Usual { p95, runs })) => format!(
            "{word} for {so_long}, and {allowed} is allowed: {factor} times the {} within which 95 of 100 jobs of the \
             workflow end, by {runs} past runs",
            duration::display(whole_seconds(p95))
        ),
    };
    let facts = AlarmFacts {
        status: Some(job.status),
        since: Some(job.since),
        counted_from: Some(job.counted_from),
        elapsed_seconds: Some(seconds(job.elapsed)),
        limit_seconds: Some(seconds(limit)),
        usual_seconds: usual.map(|(_, usual)| seconds(usual.p95)),
        factor: usual.map(|(factor, _)| factor),
        past_runs: usual.map(|(_, usual)| usual.runs),
        ..AlarmFacts::default()
    };
    Overdue { name, message, facts }
}

/// To the millisecond: more is noise.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e3).round() / 1e3
}

/// For people; a time below a second stays as it is.
fn whole_seconds(time: Duration) -> Duration {
    let whole = Duration::from_secs(time.as_secs());
    if whole.is_zero() { Duration::from_millis(u64::from(time.subsec_millis())) } else { whole }
}

/// The alarms that are open in an account, and when to look again whether others are.
pub(super) struct Alarms {
    /// As far as the clerk was told.
    open: HashMap<AlarmKey, Alarm>,
    checks: Scheduler<JobIndex>,
}

impl Alarms {
    /// With those that were open before.
    pub(super) fn new(open: Vec<Alarm>) -> Self {
        let open = open.into_iter().map(|alarm| (alarm.key.clone(), alarm)).collect();
        Self { open, checks: Scheduler::new() }
    }

    pub(super) fn is_any_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Opens an alarm, unless it is open: the entry that the clerk is to make.
    pub(super) fn raise(&mut self, alarm: Alarm) -> Option<Entry> {
        if self.open.contains_key(&alarm.key) {
            return None;
        }
        self.open.insert(alarm.key.clone(), alarm.clone());
        Some(Entry { alarm, resolved: None })
    }

    /// Closes an alarm, if it is open: the entry that the clerk is to make.
    pub(super) fn resolve(
        &mut self,
        name: AlarmName,
        subject: impl FnOnce() -> Subject,
        (at, message): (Timestamp, &str),
    ) -> Option<Entry> {
        if !self.is_any_open() {
            return None;
        }
        let alarm = self.open.remove(&AlarmKey { name, subject: subject() })?;
        let resolved = Some((at.max(alarm.raised_at), message.to_owned()));
        Some(Entry { alarm, resolved })
    }

    /// Looks at the job's time again then, or sooner.
    pub(super) fn check_at(&mut self, job: JobIndex, at: Instant) {
        self.checks.schedule(job, at);
    }

    /// A job whose time is to be looked at now. It is not handed out again before it is planned again.
    pub(super) fn next_due(&mut self, now: Instant) -> Option<JobIndex> {
        let (job, _) = self.checks.take_due(now)?;
        self.checks.give_back(&job, None);
        Some(job)
    }

    /// When the next one is due.
    pub(super) fn next_check(&self) -> Option<Instant> {
        self.checks.next_deadline()
    }
}
