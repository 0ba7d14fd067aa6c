//! Which jobs a workflow has, so that a new one can be told from the others.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use super::super::patience::patiently;
use super::{Start, StartFailure, StartNews};
use crate::domain::JobSummary;
use crate::source::{JobPage, PageToken, SourceError};

/// The jobs that a workflow had at an instant, as far as they were listed.
pub(super) struct Census {
    job_ids: HashSet<String>,
    /// Whether there were no others.
    is_whole: bool,
    /// Whether the jobs may not be listed.
    pub(super) is_denied: bool,
    taken_at: Timestamp,
}

impl Census {
    /// Pages that are read before a start at the most: it is not to be held up.
    const MAX_PAGES: usize = 8;

    /// How far this machine's clock and the service's may be apart. With more, the service takes no signature.
    const SKEW: Duration = Duration::from_mins(15);

    /// Whether a job that is not in it was started after it. Where it is not whole that is never known: not the order of
    /// lists, nor what a `startTime` means while a job is queued, is documented.
    pub(super) const fn tells_new_from_old(&self) -> bool {
        self.is_whole
    }

    /// Whether a job may have been started after the census: it is not in it, nor is it too old by its own time.
    pub(super) fn may_be_new(&self, job: &JobSummary) -> bool {
        if self.job_ids.contains(&job.job_id) {
            return false;
        }
        let earliest = self.taken_at.checked_sub(Self::SKEW).unwrap_or(Timestamp::MIN);
        self.is_whole || job.start_time.is_none_or(|start| start >= earliest)
    }
}

impl Start {
    /// Notes which jobs there are.
    pub(super) async fn take_census(&self) -> Result<Census, StartFailure> {
        let taken_at = self.clock.now();
        let mut job_ids = HashSet::new();
        let mut pages = 0;
        let listed = self.each_page(|jobs| {
            job_ids.extend(jobs.into_iter().map(|job| job.job_id));
            pages += 1;
            pages < Census::MAX_PAGES
        });
        match listed.await {
            Ok(is_whole) => Ok(Census { job_ids, is_whole, is_denied: false, taken_at }),
            Err(error @ SourceError::AccessDenied { .. }) => {
                self.tell(StartNews::Blind(error));
                Ok(Census { job_ids, is_whole: false, is_denied: true, taken_at })
            }
            Err(error) => Err(StartFailure::Refused(error)),
        }
    }

    /// Lists the workflow's jobs for as long as `take` wants more. Returns whether that was all.
    pub(super) async fn each_page(
        &self,
        mut take: impl FnMut(Vec<JobSummary>) -> bool,
    ) -> Result<bool, SourceError> {
        let workflow = &self.order.workflow;
        let mut next: Option<PageToken> = None;
        loop {
            let trouble = |error| self.tell(StartNews::ListTrouble(error));
            let list = || self.account.source.list_jobs(workflow, next.clone());
            let page = patiently(&self.budgets.lists, self.config.backoff, trouble, list).await?;
            let JobPage { jobs, next: after } = page;
            let wants_more = take(jobs);
            next = after;
            if next.is_none() || !wants_more {
                return Ok(next.is_none());
            }
        }
    }
}
