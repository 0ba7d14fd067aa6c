//! Who is followed: the live jobs of an account and their workflows.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use slab::Slab;
use tokio::time::Instant;

use super::Terms;
use super::follow_up::Record;
use super::price::Weight;
use super::queue::Queue;
use super::sightings::Sightings;
use super::workflow::Workflow;
use crate::backoff;
use crate::domain::{JobKey, JobKind, JobStatus, WorkflowKey};

/// A job's place in the roster. It is another job's once the job has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct JobIndex(pub(super) usize);

/// A workflow's place in the roster, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct WorkflowIndex(pub(super) usize);

/// A job that is followed.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) key: JobKey,
    pub(super) workflow: WorkflowIndex,
    /// Names of the notifiers to tell; empty for all.
    pub(super) notifiers: Arc<[Arc<str>]>,
    /// What is asked of the job.
    pub(super) terms: Arc<Terms>,
    /// Its last recorded status.
    pub(super) status: Option<JobStatus>,
    pub(super) sightings: Sightings,
    /// Its start as the service told it first: its place in the queue.
    pub(super) submitted_at: Option<Timestamp>,
    pub(super) record: Record,
    /// When it last answered, by itself or in a list.
    pub(super) answered_at: Instant,
    /// What its rule says of the time until the next question.
    pub(super) interval: Duration,
    /// What the questions about it weigh; `None` as long as it has not answered.
    pub(super) weight: Option<Weight>,
    /// The number of the last sweep that met it.
    pub(super) met_by: u32,
    /// The list does not show it: it is asked about by itself.
    pub(super) unlisted: bool,
    /// It is to answer by itself next, whatever lists show: one showed that it has moved on, its turn has come, or it did
    /// not answer when it was asked.
    pub(super) own: bool,
    pub(super) told: Told,
}

/// What has been logged of a job and is not logged again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told {
    pub(super) stale: bool,
    pub(super) unknown: bool,
}

impl From<JobIndex> for usize {
    fn from(index: JobIndex) -> Self {
        index.0
    }
}

impl From<WorkflowIndex> for usize {
    fn from(index: WorkflowIndex) -> Self {
        index.0
    }
}

/// All live jobs and their workflows.
#[derive(Debug, Default)]
pub(super) struct Roster {
    jobs: Slab<Tracked>,
    workflows: Vec<Workflow>,
    by_key: HashMap<WorkflowKey, WorkflowIndex>,
    matching: Queue,
    id_mapping: Queue,
    /// Jobs that have not answered yet.
    pub(super) unseen: usize,
}

impl Roster {
    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// How many jobs are live.
    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    pub(super) fn expect(&mut self, jobs: usize) {
        self.jobs.reserve_exact(jobs);
    }

    /// The place of a workflow, and whether it is new here.
    pub(super) fn enlist(
        &mut self,
        key: &WorkflowKey,
        backoff: backoff::Policy,
    ) -> (WorkflowIndex, bool) {
        if let Some(&index) = self.by_key.get(key) {
            return (index, false);
        }
        let index = WorkflowIndex(self.workflows.len());
        self.workflows.push(Workflow::new(key.clone(), backoff));
        self.by_key.insert(key.clone(), index);
        (index, true)
    }

    pub(super) fn index_of(&self, key: &WorkflowKey) -> Option<WorkflowIndex> {
        self.by_key.get(key).copied()
    }

    /// Adds a job, unless it is there.
    pub(super) fn add(&mut self, job: Tracked) -> Option<JobIndex> {
        let workflow = &mut self.workflows[job.workflow.0];
        if workflow.jobs.contains_key(&job.key.job_id) {
            return None;
        }
        let entry = self.jobs.vacant_entry();
        let index = JobIndex(entry.key());
        workflow.jobs.insert(Arc::clone(&job.key.job_id), index);
        self.unseen += usize::from(job.weight.is_none());
        let queue = match job.key.kind {
            JobKind::Matching => &mut self.matching,
            JobKind::IdMapping => &mut self.id_mapping,
        };
        queue.moved((job.workflow, index), job.submitted_at, None, job.status);
        entry.insert(job);
        Some(index)
    }

    /// Takes a job out that has ended or was given up.
    pub(super) fn remove(&mut self, index: JobIndex) -> Option<Tracked> {
        let job = self.jobs.try_remove(index.0)?;
        self.workflows[job.workflow.0].jobs.remove(&job.key.job_id);
        self.unseen -= usize::from(job.weight.is_none());
        let place = (job.workflow, index);
        self.queue_mut(job.key.kind).moved(place, job.submitted_at, job.status, None);
        Some(job)
    }

    /// Moves a job to another status.
    pub(super) fn move_to(&mut self, index: JobIndex, status: Option<JobStatus>) {
        let Some(job) = self.jobs.get_mut(index.0) else { return };
        let from = std::mem::replace(&mut job.status, status);
        let submitted_at = job.submitted_at;
        // Its place in the queue is the one that it was first seen at.
        job.submitted_at = submitted_at.or(job.sightings.start_time());
        let (kind, now_submitted_at) = (job.key.kind, job.submitted_at);
        let place = (job.workflow, index);
        let queue = self.queue_mut(kind);
        queue.moved(place, submitted_at, from, None);
        queue.moved(place, now_submitted_at, None, status);
    }

    pub(super) fn job(&self, index: JobIndex) -> Option<&Tracked> {
        self.jobs.get(index.0)
    }

    pub(super) fn job_mut(&mut self, index: JobIndex) -> Option<&mut Tracked> {
        self.jobs.get_mut(index.0)
    }

    /// Every job, for whoever takes over.
    pub(super) fn into_jobs(self) -> impl Iterator<Item = (JobIndex, Tracked)> {
        self.jobs.into_iter().map(|(index, job)| (JobIndex(index), job))
    }

    pub(super) fn workflow(&self, index: WorkflowIndex) -> &Workflow {
        &self.workflows[index.0]
    }

    pub(super) fn workflow_mut(&mut self, index: WorkflowIndex) -> &mut Workflow {
        &mut self.workflows[index.0]
    }

    pub(super) const fn queue(&self, kind: JobKind) -> &Queue {
        match kind {
            JobKind::Matching => &self.matching,
            JobKind::IdMapping => &self.id_mapping,
        }
    }

    pub(super) const fn queue_mut(&mut self, kind: JobKind) -> &mut Queue {
        match kind {
            JobKind::Matching => &mut self.matching,
            JobKind::IdMapping => &mut self.id_mapping,
        }
    }
}
