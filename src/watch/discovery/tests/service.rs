//! A service in this process, whose jobs others start.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

use crate::domain::{
    JobDetails, JobKey, JobKind, JobStatus, JobSummary, Observation, ObservedStatus, WorkflowKey,
};
use crate::source::{JobPage, JobSource, PageToken, SourceError, WorkflowPage};

/// The service's clock when it begins.
pub(super) const ORIGIN: Timestamp = Timestamp::constant(1_700_000_000, 0);

/// When a job is in which state, counted from the beginning of the service: before it, if negative.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life {
    pub(super) starts: f64,
    pub(super) runs: f64,
    pub(super) ends: f64,
}

/// In which order jobs are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed {
    NewestFirst,
    OldestFirst,
    ById,
}

/// A service that lists workflows and jobs.
pub(super) struct Service {
    began_at: Instant,
    pub(super) latency: Duration,
    pub(super) listed: Listed,
    pub(super) state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// Jobs by workflow, oldest first.
    pub(super) workflows: BTreeMap<String, Vec<(String, Life)>>,
    /// What is answered about a workflow in the place of its jobs; of `*`, in the place of the workflows.
    pub(super) refusals: HashMap<String, SourceError>,
    /// Of each operation this many requests go unanswered still.
    pub(super) outages: usize,
    /// By how much the service's clock is ahead, in seconds.
    pub(super) clock_ahead: f64,
    /// When each list was asked for: the workflow, or `*`.
    pub(super) asked: Vec<(Duration, String)>,
    pub(super) gets: Vec<Duration>,
}

impl Service {
    pub(super) fn new() -> Self {
        Self {
            began_at: Instant::now(),
            latency: Duration::from_millis(20),
            listed: Listed::NewestFirst,
            state: Mutex::default(),
        }
    }

    pub(super) fn workflow(&self, name: &str) {
        self.state.lock().unwrap().workflows.entry(name.to_owned()).or_default();
    }

    pub(super) fn delete(&self, name: &str) {
        self.state.lock().unwrap().workflows.remove(name);
    }

    pub(super) fn job(&self, workflow: &str, id: &str, starts: f64, ends: f64) {
        let life = Life { starts, runs: starts + 0.1 * (ends - starts), ends };
        let mut state = self.state.lock().unwrap();
        let jobs = state.workflows.entry(workflow.to_owned()).or_default();
        jobs.push((id.to_owned(), life));
        jobs.sort_by(|(_, one), (_, other)| one.starts.total_cmp(&other.starts));
    }

    pub(super) fn refuse(&self, workflow: &str, error: Option<SourceError>) {
        let refusals = &mut self.state.lock().unwrap().refusals;
        match error {
            Some(error) => drop(refusals.insert(workflow.to_owned(), error)),
            None => drop(refusals.remove(workflow)),
        }
    }

    /// How often it was asked for a list since the last time.
    pub(super) fn asked(&self) -> Vec<(Duration, String)> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }

    pub(super) fn now(&self) -> f64 {
        self.began_at.elapsed().as_secs_f64()
    }
}

impl State {
    fn look(&self, life: Life, now: f64) -> (JobStatus, Option<Timestamp>, Option<Timestamp>) {
        let at = |second: f64| {
            ORIGIN + SignedDuration::try_from_secs_f64(second + self.clock_ahead).unwrap()
        };
        let start = Some(at(life.starts));
        match now {
            now if now >= life.ends => (JobStatus::Succeeded, start, Some(at(life.ends))),
            now if now >= life.runs => (JobStatus::Running, start, None),
            _ => (JobStatus::Queued, start, None),
        }
    }

    fn answer(&mut self, of: &str) -> Result<(), SourceError> {
        if self.outages > 0 {
            self.outages -= 1;
            return Err(SourceError::Unavailable { message: "503".to_owned() });
        }
        self.refusals.get(of).map_or(Ok(()), |error| Err(error.clone()))
    }
}

fn not_found() -> SourceError {
    SourceError::NotFound { message: "no such thing".to_owned() }
}

#[async_trait]
impl JobSource for Service {
    async fn observe(&self, job: &JobKey) -> Result<Observation, SourceError> {
        self.state.lock().unwrap().gets.push(self.began_at.elapsed());
        sleep(self.latency).await;
        let (now, state) = (self.now(), self.state.lock().unwrap());
        let jobs = state.workflows.get(&*job.workflow_name).ok_or_else(not_found)?;
        let (_, life) = jobs
            .iter()
            .find(|(id, life)| **id == *job.job_id && life.starts <= now)
            .ok_or_else(not_found)?;
        let (status, start_time, end_time) = state.look(*life, now);
        let details = JobDetails { start_time, end_time, ..JobDetails::default() };
        Ok(Observation { status: ObservedStatus::Known(status), details })
    }

    async fn list_jobs(
        &self,
        workflow: &WorkflowKey,
        page: Option<PageToken>,
    ) -> Result<JobPage, SourceError> {
        self.state.lock().unwrap().asked.push((self.began_at.elapsed(), workflow.name.to_string()));
        sleep(self.latency).await;
        let (now, mut state) = (self.now(), self.state.lock().unwrap());
        state.answer(&workflow.name)?;
        let jobs = state.workflows.get(&*workflow.name).ok_or_else(not_found)?;
        let mut jobs: Vec<_> = jobs.iter().filter(|(_, life)| life.starts <= now).collect();
        match self.listed {
            Listed::NewestFirst => jobs.reverse(),
            Listed::OldestFirst => {}
            Listed::ById => jobs.sort_by_key(|(id, _)| id),
        }
        let from = page.map_or(0, |PageToken(from)| from.parse().unwrap());
        let size = usize::from(JobPage::MAX_JOBS);
        let next = (from + size < jobs.len()).then(|| PageToken((from + size).to_string()));
        let summary = |(id, life): &(String, Life)| {
            let (status, start_time, end_time) = state.look(*life, now);
            let (job_id, status) = (id.clone(), ObservedStatus::Known(status));
            JobSummary { job_id, status, start_time, end_time }
        };
        Ok(JobPage { jobs: jobs.into_iter().skip(from).take(size).map(summary).collect(), next })
    }

    async fn list_workflows(
        &self,
        _: JobKind,
        page: Option<PageToken>,
    ) -> Result<WorkflowPage, SourceError> {
        self.state.lock().unwrap().asked.push((self.began_at.elapsed(), "*".to_owned()));
        sleep(self.latency).await;
        let mut state = self.state.lock().unwrap();
        state.answer("*")?;
        // Two on a page.
        let from = page.map_or(0, |PageToken(from)| from.parse().unwrap());
        let names = state.workflows.keys().skip(from).take(2).cloned().collect();
        let next = (from + 2 < state.workflows.len()).then(|| PageToken((from + 2).to_string()));
        Ok(WorkflowPage { names, next })
    }
}
