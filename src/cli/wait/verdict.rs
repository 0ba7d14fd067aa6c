//! How the command ends: by the worst job, or by the first.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::Exit;
use crate::domain::JobStatus;
use crate::source::SourceError;
use crate::watch::LocateError;

/// The outcomes so far.
#[derive(Debug)]
pub(super) struct Verdict {
    jobs: usize,
    any: bool,
    outcomes: HashMap<Arc<str>, Exit>,
}

impl Verdict {
    /// For this many jobs; with `any`, the first that ends decides.
    pub(super) fn new(jobs: usize, any: bool) -> Self {
        Self { jobs, any, outcomes: HashMap::new() }
    }

    /// A job is over. Returns how the command ends, if it does.
    pub(super) fn ended(&mut self, job_id: &Arc<str>, exit: Exit) -> Option<Exit> {
        self.outcomes.insert(Arc::clone(job_id), exit);
        let has_ended = matches!(exit, Exit::Success | Exit::QualityFailed | Exit::Failed);
        if self.any && has_ended {
            return Some(exit);
        }
        (self.outcomes.len() == self.jobs).then(|| self.worst())
    }

    /// The time is up: what has no outcome yet gets this one.
    pub(super) fn time_is_up(&self, exit: Exit) -> Exit {
        self.worst().worse(exit)
    }

    /// The worst outcome so far.
    fn worst(&self) -> Exit {
        self.outcomes.values().copied().fold(Exit::Success, Exit::worse)
    }

    /// The jobs without an outcome.
    pub(super) fn open<'a>(&'a self, ids: &'a [Arc<str>]) -> impl Iterator<Item = &'a Arc<str>> {
        ids.iter().filter(|id| !self.outcomes.contains_key(*id))
    }
}

/// The outcome of a job that ended.
pub(super) const fn of_status(status: JobStatus) -> Exit {
    match status {
        JobStatus::Failed => Exit::Failed,
        JobStatus::Queued | JobStatus::Running | JobStatus::Succeeded => Exit::Success,
    }
}

/// The outcome of a job that was given up.
pub(in crate::cli) const fn of_error(error: &SourceError) -> Exit {
    match error {
        SourceError::AccessDenied { .. } | SourceError::CredentialsExpired { .. } => {
            Exit::AccessDenied
        }
        SourceError::NotFound { .. } => Exit::NotFound,
        SourceError::Invalid { .. } => Exit::Usage,
        SourceError::Throttled { .. } | SourceError::Unavailable { .. } => Exit::Unreachable,
    }
}

/// The outcome of a job whose workflow was not found.
pub(super) const fn of_search(error: &LocateError) -> Exit {
    match error {
        LocateError::NotFound(_) => Exit::NotFound,
        LocateError::Denied(_) => Exit::AccessDenied,
        LocateError::Source(error) => of_error(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_job_decides_once_all_are_over() {
        let mut verdict = Verdict::new(3, false);
        assert_eq!(verdict.ended(&"a".into(), Exit::Failed), None);
        assert_eq!(verdict.ended(&"b".into(), Exit::NotFound), None);
        assert_eq!(verdict.ended(&"c".into(), Exit::Success), Some(Exit::NotFound));
    }

    #[test]
    fn with_any_the_first_job_that_ends_decides() {
        let mut verdict = Verdict::new(3, true);
        assert_eq!(verdict.ended(&"a".into(), Exit::NotFound), None);
        assert_eq!(verdict.ended(&"b".into(), Exit::Success), Some(Exit::Success));
    }

    #[test]
    fn with_any_and_no_job_left_the_worst_decides() {
        let mut verdict = Verdict::new(2, true);
        assert_eq!(verdict.ended(&"a".into(), Exit::NotFound), None);
        assert_eq!(verdict.ended(&"b".into(), Exit::AccessDenied), Some(Exit::AccessDenied));
    }

    #[test]
    fn a_job_that_failed_its_gates_is_better_than_one_that_failed_and_worse_than_a_good_one() {
        let mut verdict = Verdict::new(3, false);
        verdict.ended(&"a".into(), Exit::Success);
        verdict.ended(&"b".into(), Exit::QualityFailed);
        assert_eq!(verdict.time_is_up(Exit::Success), Exit::QualityFailed);
        assert_eq!(verdict.ended(&"c".into(), Exit::Failed), Some(Exit::Failed));
        let mut verdict = Verdict::new(2, true);
        assert_eq!(verdict.ended(&"a".into(), Exit::QualityFailed), Some(Exit::QualityFailed));
    }

    #[test]
    fn a_deadline_is_worse_than_a_failed_job_and_better_than_one_not_found() {
        let mut verdict = Verdict::new(3, false);
        verdict.ended(&"a".into(), Exit::Failed);
        assert_eq!(verdict.time_is_up(Exit::TimedOut), Exit::TimedOut);
        verdict.ended(&"b".into(), Exit::NotFound);
        assert_eq!(verdict.time_is_up(Exit::TimedOut), Exit::NotFound);
    }

    #[test]
    fn jobs_without_an_outcome_are_open() {
        let ids: [Arc<str>; 2] = ["a".into(), "b".into()];
        let mut verdict = Verdict::new(2, false);
        verdict.ended(&ids[0], Exit::Success);
        assert_eq!(verdict.open(&ids).collect::<Vec<_>>(), [&ids[1]]);
    }
}
