//! The account's workflows: which there are, how they come and go.

use super::super::chance::{self, Stream};
use super::super::job::{Millis, Status};
use super::super::operation::Kind;
use super::super::spec::{ResolutionType, WorkflowSpec};
use super::{World, WorldError};

/// A workflow and its jobs, oldest first.
#[derive(Debug)]
pub(in crate::simulator) struct Workflow {
    pub(in crate::simulator) spec: WorkflowSpec,
    pub(in crate::simulator) arn: String,
    pub(in crate::simulator) jobs: Vec<usize>,
    pub(in crate::simulator) created_at: Millis,
    /// The API knows nothing of it any more, nor of its jobs. Another one may have its name.
    pub(in crate::simulator) is_deleted: bool,
    /// When others start jobs.
    pub(super) others: Stream,
    pub(super) lane: usize,
}

/// The service's three: matching, a provider's matching, ID mapping.
const fn lane_of(spec: &WorkflowSpec) -> usize {
    match (spec.kind, spec.resolution_type) {
        (Kind::Matching, ResolutionType::Provider) => 1,
        (Kind::Matching, _) => 0,
        (Kind::IdMapping, _) => 2,
    }
}

impl World {
    /// Every workflow that there ever was, in the order in which they were made.
    pub(in crate::simulator) fn workflows(&self) -> &[Workflow] {
        &self.workflows
    }

    /// What describes those that there are.
    pub(super) fn specs(&self) -> impl Iterator<Item = &WorkflowSpec> {
        self.workflows.iter().filter(|workflow| !workflow.is_deleted).map(|workflow| &workflow.spec)
    }

    /// The index of a workflow, by name or by ARN.
    pub(in crate::simulator) fn find(&self, kind: Kind, name: &str) -> Result<usize, WorldError> {
        self.workflows
            .iter()
            .position(|w| {
                !w.is_deleted && (w.spec.is(kind, name) || (w.spec.kind == kind && w.arn == name))
            })
            .ok_or_else(|| WorldError::NoWorkflow { kind, name: name.to_owned() })
    }

    /// Makes a workflow as described, now.
    pub(in crate::simulator) fn add_workflow(
        &mut self,
        spec: &WorkflowSpec,
    ) -> Result<&Workflow, WorldError> {
        spec.check().map_err(|(key, advice)| WorldError::Impossible(format!("{key}: {advice}")))?;
        if self.find(spec.kind, &spec.name).is_ok() {
            return Err(WorldError::WorkflowExists { kind: spec.kind, name: spec.name.clone() });
        }
        let index = self.make_workflow(spec, self.now);
        self.plan_start(index, self.now);
        Ok(&self.workflows[index])
    }

    /// Makes a workflow that has been checked, and whose name is free.
    pub(super) fn make_workflow(&mut self, spec: &WorkflowSpec, created_at: Millis) -> usize {
        let index = self.workflows.len();
        let stream = self.stream_name_of(spec, index);
        self.workflows.push(Workflow {
            arn: format!("{}:{}/{}", self.arn_prefix(), spec.kind.resource(), spec.name),
            lane: lane_of(spec),
            others: chance::stream(self.seed, &format!("{stream}/starts")),
            spec: spec.clone(),
            jobs: Vec::new(),
            created_at,
            is_deleted: false,
        });
        index
    }

    /// Deletes a workflow, now. One whose jobs have not all ended stays, as with the service.
    pub(in crate::simulator) fn remove_workflow(
        &mut self,
        kind: Kind,
        name: &str,
    ) -> Result<(), WorldError> {
        let index = self.find(kind, name)?;
        let workflow = &mut self.workflows[index];
        let has_ended = |job: &usize| {
            matches!(self.jobs[*job].status, Status::Succeeded | Status::Failed)
                || self.jobs[*job].hidden
        };
        if !workflow.jobs.iter().all(has_ended) {
            return Err(WorldError::WorkflowRuns { kind, name: workflow.spec.name.clone() });
        }
        workflow.is_deleted = true;
        Ok(())
    }

    /// What names the chance of a workflow. One that has the name of a deleted one has a chance of its own, or its jobs
    /// would have the ids of that one's.
    pub(super) fn stream_name(&self, workflow: usize) -> String {
        self.stream_name_of(&self.workflows[workflow].spec, workflow)
    }

    fn stream_name_of(&self, spec: &WorkflowSpec, index: usize) -> String {
        let namesakes = self.workflows[..index].iter();
        let before = namesakes.filter(|workflow| workflow.spec.is(spec.kind, &spec.name)).count();
        match before {
            0 => format!("{}/{}", spec.kind, spec.name),
            before => format!("{}/{}#{before}", spec.kind, spec.name),
        }
    }
}
