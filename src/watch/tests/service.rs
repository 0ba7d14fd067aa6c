//! A service in this process.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

use crate::domain::{
    JobDetails, JobKey, JobKind, JobStatus, JobSummary, Observation, ObservedStatus, WorkflowKey,
};
use crate::source::{JobPage, JobSource, PageToken, Scope, SourceError, WorkflowPage};

/// Jobs that go through their lives on a timetable, and a service that limits its callers.
pub(super) struct Service {
    pub(super) started: Instant,
    pub(super) lives: HashMap<JobKey, Life>,
    pub(super) latency: Duration,
    /// Requests a second that it bears.
    pub(super) limit: f64,
    /// Its jobs in the order in which it lists them; `None` where nobody may list them.
    pub(super) list: Option<Vec<JobKey>>,
    pub(super) log: Mutex<Log>,
}

#[derive(Clone, Copy)]
pub(super) struct Life {
    pub(super) runs_at: Duration,
    pub(super) ends_at: Duration,
}

#[derive(Default)]
pub(super) struct Log {
    pub(super) requests: Vec<(Duration, JobKey, bool)>,
    /// When each page was asked for.
    pub(super) pages: Vec<Duration>,
    pub(super) lists_fail: bool,
    pub(super) every_nth_page_fails: Option<usize>,
    pub(super) lists_are_empty: bool,
    /// The next question of each kind is answered with this `Retry-After`.
    pub(super) get_pause: Option<Duration>,
    pub(super) list_pause: Option<Duration>,
    /// Questions about these fail.
    pub(super) unreachable: HashSet<JobKey>,
    pub(super) under_way: HashSet<JobKey>,
    pub(super) asked_twice_at_once: bool,
    pub(super) tokens: f64,
    pub(super) refilled: Duration,
    pub(super) panics_left: usize,
    pub(super) throttles_left: usize,
}

impl Service {
    pub(super) fn new(lives: impl IntoIterator<Item = (JobKey, Life)>) -> Self {
        Self {
            started: Instant::now(),
            lives: lives.into_iter().collect(),
            latency: Duration::from_millis(20),
            limit: f64::INFINITY,
            list: None,
            log: Mutex::default(),
        }
    }

    /// What is known of a job by now: status, start, end. A job is submitted when the service starts.
    fn look(&self, life: Life) -> (JobStatus, Option<Timestamp>, Option<Timestamp>) {
        let instant = |after| Timestamp::UNIX_EPOCH + SignedDuration::try_from(after).unwrap();
        let started = Some(instant(Duration::ZERO));
        match self.started.elapsed() {
            age if age >= life.ends_at => {
                (JobStatus::Succeeded, started, Some(instant(life.ends_at)))
            }
            age if age >= life.runs_at => (JobStatus::Running, started, None),
            _ => (JobStatus::Queued, started, None),
        }
    }

    pub(super) fn pages_read(&self) -> usize {
        self.log.lock().unwrap().pages.len()
    }

    pub(super) fn questions_about_one(&self) -> usize {
        self.log.lock().unwrap().requests.len()
    }

    /// Token bucket with a capacity of one second.
    fn admits(&self, log: &mut Log, now: Duration) -> bool {
        if log.throttles_left > 0 {
            log.throttles_left -= 1;
            return false;
        }
        if self.limit.is_infinite() {
            return true;
        }
        let gained = (now - log.refilled).as_secs_f64() * self.limit;
        log.tokens = (log.tokens + gained).min(self.limit);
        log.refilled = now;
        let admits = log.tokens >= 1.0;
        if admits {
            log.tokens -= 1.0;
        }
        admits
    }

    pub(super) fn requests_between(&self, from: Duration, to: Duration) -> (usize, usize) {
        let log = self.log.lock().unwrap();
        let within: Vec<_> =
            log.requests.iter().filter(|(at, ..)| (from..to).contains(at)).collect();
        (within.len(), within.iter().filter(|(.., admitted)| !admitted).count())
    }
}

fn throttled(retry_after: Option<Duration>) -> SourceError {
    SourceError::Throttled { retry_after, message: "slow down".into() }
}

#[async_trait]
impl JobSource for Service {
    async fn observe(&self, job: &JobKey) -> Result<Observation, SourceError> {
        let (admitted, pause) = {
            let mut log = self.log.lock().unwrap();
            let now = self.started.elapsed();
            log.asked_twice_at_once |= !log.under_way.insert(job.clone());
            let admitted = self.admits(&mut log, now);
            log.requests.push((now, job.clone(), admitted));
            (admitted, log.get_pause.take())
        };
        sleep(self.latency).await;
        let panics = {
            let mut log = self.log.lock().unwrap();
            log.under_way.remove(job);
            let panics = log.panics_left > 0;
            log.panics_left = log.panics_left.saturating_sub(1);
            panics
        };
        assert!(!panics, "a planted defect");
        if let Some(pause) = pause {
            return Err(throttled(Some(pause)));
        }
        if self.log.lock().unwrap().unreachable.contains(job) {
            return Err(SourceError::Unavailable { message: "503".into() });
        }
        if !admitted {
            return Err(throttled(None));
        }
        let life = self.lives.get(job).ok_or(SourceError::NotFound { message: "no job".into() })?;
        let (status, start_time, end_time) = self.look(*life);
        let details = JobDetails { start_time, end_time, ..JobDetails::default() };
        Ok(Observation { status: ObservedStatus::Known(status), details })
    }

    async fn list_jobs(
        &self,
        _workflow: &WorkflowKey,
        page: Option<PageToken>,
    ) -> Result<JobPage, SourceError> {
        let (now, from) =
            (self.started.elapsed(), page.map_or(0, |PageToken(at)| at.parse().unwrap()));
        let pause = {
            let mut log = self.log.lock().unwrap();
            log.pages.push(now);
            log.list_pause.take()
        };
        sleep(self.latency).await;
        if let Some(pause) = pause {
            return Err(throttled(Some(pause)));
        }
        let Some(list) = &self.list else {
            return Err(SourceError::AccessDenied { scope: Scope::Question, message: "no".into() });
        };
        let fails = {
            let log = self.log.lock().unwrap();
            let is_nth = |nth| log.pages.len().is_multiple_of(nth);
            log.lists_fail || log.every_nth_page_fails.is_some_and(is_nth)
        };
        if fails {
            return Err(SourceError::Unavailable { message: "503".into() });
        }
        if self.log.lock().unwrap().lists_are_empty {
            return Ok(JobPage::default());
        }
        let summary = |job: &JobKey| {
            let (status, start_time, end_time) = self.look(self.lives[job]);
            let (job_id, status) = (job.job_id.to_string(), ObservedStatus::Known(status));
            JobSummary { job_id, status, start_time, end_time }
        };
        let size = usize::from(JobPage::MAX_JOBS);
        let next = (from + size < list.len()).then(|| PageToken((from + size).to_string()));
        Ok(JobPage { jobs: list.iter().skip(from).take(size).map(summary).collect(), next })
    }

    async fn list_workflows(
        &self,
        _kind: JobKind,
        _page: Option<PageToken>,
    ) -> Result<WorkflowPage, SourceError> {
        Ok(WorkflowPage::default())
    }
}
