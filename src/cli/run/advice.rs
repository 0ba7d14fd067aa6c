//! What a person can do next: commands to be run as they stand.

use super::super::shell::quoted;
use super::super::wait::{Following, Named};
use crate::domain::{JobKind, WorkflowKey};

/// The commands that ask the same account about the same workflow.
pub(super) struct Advice {
    /// Lists its jobs.
    pub(super) look: String,
    /// The flags that wait for one of them.
    flags: String,
    /// Where no such workflow is found.
    pub(super) where_not_found: &'static str,
}

impl Advice {
    pub(super) fn new(workflow: &WorkflowKey, following: &Following, named: &Named) -> Self {
        let look = format!(
            "aws entityresolution list-{}-jobs --workflow-name {}{}",
            workflow.kind,
            quoted(&workflow.name),
            following.aws_flags()
        );
        let where_not_found = match workflow.kind {
            JobKind::Matching => "; an ID mapping workflow takes --kind id-mapping",
            JobKind::IdMapping => "; a matching workflow takes --kind matching",
        };
        Self { look, flags: following.account_flags(named), where_not_found }
    }

    /// Waits for this job; for one whose id has to be filled in, where it is not known.
    pub(super) fn wait_for(&self, job_id: Option<&str>) -> String {
        let job_id = job_id.map_or("…".into(), quoted);
        format!("matchwatch wait --job-id {job_id}{}", self.flags)
    }
}
