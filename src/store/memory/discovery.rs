//! What watches that find their jobs remember.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::{FollowedWorkflow, WatchKey, WorkflowKey};

#[derive(Debug, Default)]
pub(super) struct Discovery {
    watches: Vec<(WatchKey, Timestamp)>,
    workflows: HashMap<WorkflowKey, FollowedWorkflow>,
}

impl Discovery {
    pub(super) fn first_sight(&mut self, watch: &WatchKey, now: Timestamp) -> Timestamp {
        if let Some((_, seen_at)) = self.watches.iter().find(|(known, _)| known == watch) {
            return *seen_at;
        }
        self.watches.push((watch.clone(), now));
        now
    }

    pub(super) fn follow(&mut self, workflow: &WorkflowKey, since: Timestamp) -> FollowedWorkflow {
        let new = || FollowedWorkflow { since, judged_by: None, passed_over: Vec::new() };
        self.workflows.entry(workflow.clone()).or_insert_with(new).clone()
    }

    pub(super) fn pass_over(&mut self, workflow: &WorkflowKey, judged_by: &str, jobs: &[Arc<str>]) {
        let Some(followed) = self.workflows.get_mut(workflow) else { return };
        followed.judged_by = Some(judged_by.to_owned());
        followed.passed_over = jobs.to_vec();
        followed.passed_over.sort_unstable();
        followed.passed_over.dedup();
    }

    pub(super) fn keep(&mut self, watches: &[WatchKey]) {
        self.watches.retain(|(watch, _)| watches.contains(watch));
        self.workflows.retain(|workflow, _| watches.iter().any(|watch| watch.follows(workflow)));
    }
}
