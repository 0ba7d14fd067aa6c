//! The operations on the simulated account.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::creation;
use super::ledger::Ledger;
use super::operation::{Kind, Operation};
use super::refusal::Refusal;
use super::scenario::StartTimeMeans;
use super::wire::{self, Page};
use super::world::{World, WorldError};

/// A request as it came in; nothing of it is checked yet.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) kind: Kind,
    pub(super) call: Call,
}

/// What is asked of a family.
#[derive(Debug)]
pub(super) enum Call {
    GetJob { workflow: String, job_id: String },
    ListJobs { workflow: String, query: Option<String> },
    StartJob { workflow: String, body: Vec<u8> },
    ListWorkflows { query: Option<String> },
    CreateWorkflow { body: Vec<u8> },
    DeleteWorkflow { workflow: String },
}

impl Request {
    pub(super) fn operation(&self) -> Operation {
        use Operation as O;
        let [matching, id_mapping] = match &self.call {
            Call::GetJob { .. } => [O::GetMatchingJob, O::GetIdMappingJob],
            Call::ListJobs { .. } => [O::ListMatchingJobs, O::ListIdMappingJobs],
            Call::StartJob { .. } => [O::StartMatchingJob, O::StartIdMappingJob],
            Call::ListWorkflows { .. } => [O::ListMatchingWorkflows, O::ListIdMappingWorkflows],
            Call::CreateWorkflow { .. } => [O::CreateMatchingWorkflow, O::CreateIdMappingWorkflow],
            Call::DeleteWorkflow { .. } => [O::DeleteMatchingWorkflow, O::DeleteIdMappingWorkflow],
        };
        match self.kind {
            Kind::Matching => matching,
            Kind::IdMapping => id_mapping,
        }
    }

    /// The name of the workflow that is meant, without the ARN around it.
    pub(super) fn workflow(&self) -> Option<&str> {
        match &self.call {
            Call::GetJob { workflow, .. }
            | Call::ListJobs { workflow, .. }
            | Call::StartJob { workflow, .. }
            | Call::DeleteWorkflow { workflow } => workflow.rsplit('/').next(),
            Call::ListWorkflows { .. } | Call::CreateWorkflow { .. } => None,
        }
    }

    /// The ARN of what is asked about, for messages.
    pub(super) fn resource(&self, world: &World) -> String {
        let prefix = world.arn_prefix();
        match self.workflow() {
            Some(workflow) => format!("{prefix}:{}/{workflow}", self.kind.resource()),
            None => format!("{prefix}:{}/*", self.kind.resource()),
        }
    }
}

/// An answer, and the jobs that it tells about.
pub(super) struct Served {
    pub(super) shape: Value,
    jobs: Vec<usize>,
}

impl Served {
    fn about_no_job(shape: Value) -> Self {
        Self { shape, jobs: Vec::new() }
    }

    /// Notes that the answer goes out now, as it is.
    pub(super) fn note(&self, world: &World, ledger: &mut Ledger, now: Instant) {
        for index in &self.jobs {
            ledger.served(*index, world.jobs()[*index].status, now);
        }
    }
}

/// Serves a request as the service does. The world is at the present.
pub(super) fn serve(
    request: &Request,
    world: &mut World,
    means: StartTimeMeans,
) -> Result<Served, Refusal> {
    let kind = request.kind;
    match &request.call {
        Call::GetJob { workflow, job_id } => get_job(world, kind, workflow, job_id, means),
        Call::ListJobs { workflow, query } => {
            list_jobs(world, kind, workflow, query.as_deref(), means)
        }
        Call::StartJob { workflow, body } => start_job(world, kind, workflow, body),
        Call::ListWorkflows { query } => list_workflows(world, kind, query.as_deref()),
        Call::CreateWorkflow { body } => create_workflow(world, kind, body),
        Call::DeleteWorkflow { workflow } => delete_workflow(world, kind, workflow),
    }
}

fn get_job(
    world: &World,
    kind: Kind,
    workflow: &str,
    job_id: &str,
    means: StartTimeMeans,
) -> Result<Served, Refusal> {
    wire::check_workflow_name(kind, workflow)?;
    wire::check_job_id(job_id)?;
    let found = world.find(kind, workflow).map_err(refused)?;
    let (index, job) = world
        .job(found, job_id)
        .ok_or_else(|| Refusal::not_found(format!("{workflow} has no job {job_id}.")))?;
    Ok(Served { shape: wire::job(job, kind, means), jobs: vec![index] })
}

/// Newest first. A token counts from the oldest job, so that jobs started meanwhile shift no page.
fn list_jobs(
    world: &World,
    kind: Kind,
    workflow: &str,
    query: Option<&str>,
    means: StartTimeMeans,
) -> Result<Served, Refusal> {
    wire::check_workflow_name(kind, workflow)?;
    let found = &world.workflows()[world.find(kind, workflow).map_err(refused)?];
    let list = format!("{kind}/{}/jobs", found.spec.name);
    let page = Page::read(query, &list)?;
    let end = page.from.unwrap_or(usize::MAX).min(found.jobs.len());
    let start = end.saturating_sub(page.max_results);
    let newest_first = found.jobs[start..end].iter().rev().copied();
    let jobs: Vec<usize> = newest_first.filter(|index| !world.jobs()[*index].hidden).collect();
    let summaries =
        jobs.iter().map(|index| wire::job_summary(&world.jobs()[*index], means)).collect();
    let next = (start > 0).then(|| wire::token(&list, start));
    Ok(Served { shape: wire::list("jobs", summaries, next), jobs })
}

fn start_job(
    world: &mut World,
    kind: Kind,
    workflow: &str,
    body: &[u8],
) -> Result<Served, Refusal> {
    wire::check_workflow_name(kind, workflow)?;
    let asked = match kind {
        Kind::Matching => wire::StartRequest::default(),
        Kind::IdMapping => wire::read_start_request(body)?,
    };
    let job = world.start(kind, workflow, asked.output, asked.job_type).map_err(refused)?;
    Ok(Served::about_no_job(wire::started(job, kind)))
}

/// In the order in which they were made. A token counts those that are gone too, so that a deletion shifts no page.
fn list_workflows(world: &World, kind: Kind, query: Option<&str>) -> Result<Served, Refusal> {
    let list = format!("{kind}/workflows");
    let page = Page::read(query, &list)?;
    let of_kind = world.workflows().iter().enumerate();
    let rest = of_kind
        .skip(page.from.unwrap_or(0))
        .filter(|(_, workflow)| workflow.spec.kind == kind && !workflow.is_deleted);
    let mut rest = rest.peekable();
    let mut summaries = Vec::new();
    while summaries.len() < page.max_results
        && let Some((_, workflow)) = rest.next()
    {
        summaries.push(wire::workflow_summary(workflow));
    }
    let next = rest.peek().map(|(index, _)| wire::token(&list, *index));
    Ok(Served::about_no_job(wire::list("workflowSummaries", summaries, next)))
}

fn create_workflow(world: &mut World, kind: Kind, body: &[u8]) -> Result<Served, Refusal> {
    let (spec, mut shape) = creation::read(kind, body)?;
    let workflow = world.add_workflow(&spec).map_err(refused)?;
    shape.insert("workflowArn".to_owned(), Value::from(workflow.arn.as_str()));
    Ok(Served::about_no_job(Value::Object(shape)))
}

fn delete_workflow(world: &mut World, kind: Kind, workflow: &str) -> Result<Served, Refusal> {
    wire::check_workflow_name(kind, workflow)?;
    world.remove_workflow(kind, workflow).map_err(refused)?;
    Ok(Served::about_no_job(json!({ "message": format!("{workflow} is deleted.") })))
}

fn refused(error: WorldError) -> Refusal {
    let message = error.to_string();
    match error {
        WorldError::WorkflowExists { .. } | WorldError::WorkflowRuns { .. } => {
            Refusal::conflict(message)
        }
        WorldError::NoWorkflow { .. } | WorldError::NoJob(_) => Refusal::not_found(message),
        WorldError::Impossible(_) => Refusal::invalid(message),
    }
}
