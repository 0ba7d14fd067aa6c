//! Workflows and jobs over simulated time. Pure: time comes in as a number, and chance from the seed.
//!
//! The same scenario has the same history, however often and at whatever instants somebody looks.

mod workflows;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use rand::RngExt;

use super::chance;
use super::job::{Ending, Fate, Job, JobType, Millis, Output, Status, StatusChange};
use super::operation::Kind;
use super::scenario::Scenario;
use super::spec::{JobSpec, check_metrics};
pub(super) use workflows::Workflow;

/// A job that cannot be started or changed as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// There is no such workflow.
    #[error("no {kind} workflow is named {name:?}")]
    NoWorkflow {
        /// The family that was searched.
        kind: Kind,
        /// The name that was asked for.
        name: String,
    },
    /// There is such a workflow already.
    #[error("a {kind} workflow is named {name:?} already")]
    WorkflowExists {
        /// The family.
        kind: Kind,
        /// The name.
        name: String,
    },
    /// A job of the workflow has not ended.
    #[error("the {kind} workflow {name:?} is currently running")]
    WorkflowRuns {
        /// The family.
        kind: Kind,
        /// The name.
        name: String,
    },
    /// There is no such job.
    #[error("no job has the id {0:?}")]
    NoJob(String),
    /// The job cannot be as described.
    #[error("{0}")]
    Impossible(String),
}

/// All that the simulated account holds.
#[derive(Debug)]
pub(super) struct World {
    seed: u64,
    region: String,
    account_id: String,
    workflows: Vec<Workflow>,
    jobs: Vec<Job>,
    by_id: HashMap<String, usize>,
    lanes: [Lane; 3],
    /// When others start the next job of each workflow, soonest first.
    starts: BinaryHeap<Reverse<(Millis, usize)>>,
    /// After this they start none.
    starts_end: Millis,
    now: Millis,
}

/// Jobs that wait for each other.
#[derive(Debug)]
struct Lane {
    running_at_once: usize,
    waiting: VecDeque<usize>,
    /// When each running job ends, soonest first.
    running: BinaryHeap<Reverse<(Millis, usize)>>,
}

impl Lane {
    fn new(running_at_once: usize) -> Self {
        Self { running_at_once, waiting: VecDeque::new(), running: BinaryHeap::new() }
    }
}

const NEVER: Millis = Millis::MAX;
const DAY: Millis = 86_400_000;

impl World {
    /// The world of a checked scenario at `now`, with the past of its initial jobs behind it.
    pub(super) fn new(scenario: &Scenario, seed: u64, now: Millis) -> Result<Self, WorldError> {
        let lane = || Lane::new(scenario.running_at_once.get());
        let Scenario { region, account_id, .. } = scenario;
        let mut oldest_first: Vec<&JobSpec> = scenario.jobs.iter().collect();
        oldest_first.sort_by_key(|job| Reverse(job.submitted_ago));
        let begins = now.saturating_sub(oldest_first.first().map_or(0, |job| ago(job)));
        let mut world = Self {
            seed,
            region: region.clone(),
            account_id: account_id.clone(),
            workflows: Vec::new(),
            jobs: Vec::new(),
            by_id: HashMap::new(),
            lanes: [lane(), lane(), lane()],
            starts: BinaryHeap::new(),
            starts_end: scenario.starts_for.map_or(NEVER, |time| now.saturating_add(millis(time))),
            now: begins,
        };
        for spec in &scenario.workflows {
            world.make_workflow(spec, begins.saturating_sub(30 * DAY));
        }
        for job in oldest_first {
            world.advance(now.saturating_sub(ago(job)));
            world.add_at(job, now.saturating_sub(ago(job)), now)?;
        }
        world.advance(now);
        for workflow in 0..world.workflows.len() {
            world.plan_start(workflow, now);
        }
        Ok(world)
    }

    /// Lets everything happen that happens until `to`. Time never runs backwards.
    pub(super) fn advance(&mut self, to: Millis) {
        while let Some(&Reverse((at, workflow))) = self.starts.peek()
            && at <= to
        {
            self.starts.pop();
            self.finish(at);
            if self.workflows[workflow].is_deleted {
                continue;
            }
            let of = &self.workflows[workflow].spec;
            let spec = JobSpec::of(of.kind, &of.name);
            self.submit(workflow, &spec, at);
            self.plan_start(workflow, at);
        }
        self.finish(to);
    }

    /// Others start a workflow's next job, some time after this.
    fn plan_start(&mut self, workflow: usize, after: Millis) {
        let Workflow { spec, others, .. } = &mut self.workflows[workflow];
        let wait = spec.starts_every.as_ref().and_then(|every| every.sample(others));
        // At least a millisecond: time goes on.
        let at = wait.map(|wait| after.saturating_add(millis(wait).max(1)));
        if let Some(at) = at.filter(|at| *at <= self.starts_end) {
            self.starts.push(Reverse((at, workflow)));
        }
    }

    /// Lets jobs end, and those that wait begin, until `to`.
    fn finish(&mut self, to: Millis) {
        for lane in &mut self.lanes {
            while let Some(&Reverse((end, index))) = lane.running.peek()
                && end <= to
            {
                lane.running.pop();
                self.jobs[index].end(end);
                fill(lane, &mut self.jobs, end);
            }
        }
        self.now = self.now.max(to);
    }

    /// Starts a job as the API does; the output, where given, replaces the workflow's.
    pub(super) fn start(
        &mut self,
        kind: Kind,
        name: &str,
        output: Option<Output>,
        job_type: Option<JobType>,
    ) -> Result<&Job, WorldError> {
        let workflow = self.find(kind, name)?;
        let spec = JobSpec { job_type, ..JobSpec::of(kind, name) };
        let index = self.submit(workflow, &spec, self.now);
        if let Some(output) = output {
            self.jobs[index].output = output;
        }
        Ok(&self.jobs[index])
    }

    /// Adds jobs as described, now. Returns their ids.
    pub(super) fn add(&mut self, spec: &JobSpec) -> Result<Vec<String>, WorldError> {
        spec.check(self.specs())
            .map_err(|(key, advice)| WorldError::Impossible(format!("{key}: {advice}")))?;
        if spec.status.is_none() && !spec.submitted_ago.is_zero() {
            return Err(WorldError::Impossible(
                "submitted_ago: a job that takes its turn cannot be submitted in the past: give it a status".to_owned(),
            ));
        }
        self.add_at(spec, self.now.saturating_sub(ago(spec)), self.now)
    }

    /// Sets a job's status. From then on only this moves it, and it takes no turn from others.
    pub(super) fn hold(&mut self, id: &str, change: StatusChange) -> Result<(), WorldError> {
        let index = self.index(id).ok_or_else(|| WorldError::NoJob(id.to_owned()))?;
        let workflow = &self.workflows[self.jobs[index].workflow];
        check_metrics(workflow.spec.kind, change.metrics.as_ref())
            .map_err(|advice| WorldError::Impossible(format!("metrics: {advice}")))?;
        let lane = &mut self.lanes[workflow.lane];
        lane.waiting.retain(|waiting| *waiting != index);
        lane.running.retain(|Reverse((_, running))| *running != index);
        self.jobs[index].hold(change, self.now);
        fill(lane, &mut self.jobs, self.now);
        self.advance(self.now);
        Ok(())
    }

    /// Lets the API know nothing of a job, or know it again. It goes on unseen.
    pub(super) fn hide(&mut self, id: &str, hidden: bool) -> Result<(), WorldError> {
        let index = self.index(id).ok_or_else(|| WorldError::NoJob(id.to_owned()))?;
        self.jobs[index].hidden = hidden;
        Ok(())
    }

    /// The job with this id, if the workflow has it and it is not hidden.
    pub(super) fn job(&self, workflow: usize, id: &str) -> Option<(usize, &Job)> {
        let index = self.index(id)?;
        let job = &self.jobs[index];
        (job.workflow == workflow && !job.hidden).then_some((index, job))
    }

    /// The job with this id, whatever its workflow.
    pub(super) fn any_job(&self, id: &str) -> Option<&Job> {
        self.index(id).map(|index| &self.jobs[index])
    }

    /// The index of the job with this id.
    pub(super) fn index(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// Every job, in the order in which they were added.
    pub(super) fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    /// The account in ARNs.
    pub(super) fn account_id(&self) -> &str {
        &self.account_id
    }

    /// The start of the ARNs of the account's resources.
    pub(super) fn arn_prefix(&self) -> String {
        format!("arn:aws:entityresolution:{}:{}", self.region, self.account_id)
    }

    fn add_at(
        &mut self,
        spec: &JobSpec,
        submitted_at: Millis,
        now: Millis,
    ) -> Result<Vec<String>, WorldError> {
        let kind = spec.kind_among(self.specs()).map_err(WorldError::Impossible)?;
        let workflow = self.find(kind, &spec.workflow)?;
        if let Some(id) = &spec.job_id
            && self.by_id.contains_key(id)
        {
            return Err(WorldError::Impossible(format!("job_id: another job has {id:?} already")));
        }
        let add_one = |_| {
            let index = self.submit(workflow, spec, submitted_at);
            let job = &mut self.jobs[index];
            if let Some(status) = spec.status {
                job.began_at = Some(submitted_at);
                job.hold(
                    StatusChange {
                        status,
                        error_message: spec.error_message.clone(),
                        metrics: spec.metrics.clone(),
                    },
                    now,
                );
            }
            job.id.clone()
        };
        Ok((0..spec.count.unwrap_or(1)).map(add_one).collect())
    }

    /// Queues a job, and starts it if its lane has room. A job with a status of its own takes no turn.
    fn submit(&mut self, workflow: usize, spec: &JobSpec, at: Millis) -> usize {
        let index = self.jobs.len();
        let job = self.draw(workflow, spec, at);
        self.by_id.insert(job.id.clone(), index);
        self.jobs.push(job);
        let Workflow { jobs, lane, .. } = &mut self.workflows[workflow];
        jobs.push(index);
        if spec.status.is_none() {
            let lane = &mut self.lanes[*lane];
            lane.waiting.push_back(index);
            fill(lane, &mut self.jobs, at);
            // A job of no length has ended already.
            self.finish(at);
        }
        index
    }

    /// Makes a job. What chance decides depends on the seed, the workflow and the job's number in it alone.
    fn draw(&self, workflow: usize, spec: &JobSpec, submitted_at: Millis) -> Job {
        let index = workflow;
        let Workflow { spec: of, jobs, .. } = &self.workflows[workflow];
        let name = format!("{}/{}", self.stream_name(workflow), jobs.len());
        let mut chance = chance::stream(self.seed, &name);
        let (high, low): (u64, u64) = (chance.random(), chance.random());
        let drawn = spec.duration.as_ref().unwrap_or(&of.duration).sample(&mut chance);
        let fails = of.failure_rate.hits(&mut chance);
        let runs_for = drawn.map(millis);
        Job {
            id: spec.job_id.clone().unwrap_or_else(|| format!("{high:016x}{low:016x}")),
            workflow: index,
            submitted_at,
            began_at: None,
            ended_at: None,
            status: Status::Queued,
            error_message: None,
            metrics: None,
            output: of.output.clone().unwrap_or_else(|| {
                Output::of(&self.account_id, format!("s3://simulated-output/{}/", of.name))
            }),
            job_type: (of.kind == Kind::IdMapping).then(|| spec.job_type.unwrap_or_default()),
            held: spec.status.is_some(),
            hidden: false,
            fate: Fate {
                runs_for,
                ending: spec.ending.unwrap_or(if fails {
                    Ending::Failed
                } else {
                    Ending::Succeeded
                }),
                error_message: spec
                    .error_message
                    .clone()
                    .unwrap_or_else(|| of.failure_message.clone()),
                metrics: spec.metrics.clone().or_else(|| of.metrics.clone()),
            },
        }
    }
}

fn ago(job: &JobSpec) -> Millis {
    Millis::try_from(job.submitted_ago.as_millis()).unwrap_or(100 * 365 * DAY)
}

fn millis(time: Duration) -> Millis {
    Millis::try_from(time.as_millis()).unwrap_or(NEVER)
}

/// Starts waiting jobs, first come first served, while the lane has room.
fn fill(lane: &mut Lane, jobs: &mut [Job], at: Millis) {
    while lane.running.len() < lane.running_at_once
        && let Some(index) = lane.waiting.pop_front()
    {
        let job = &mut jobs[index];
        job.begin(at);
        let end = job.fate.runs_for.map_or(NEVER, |runs_for| at.saturating_add(runs_for));
        lane.running.push(Reverse((end, index)));
    }
}

#[cfg(test)]
mod tests;
