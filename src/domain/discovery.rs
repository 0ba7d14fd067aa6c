//! Which of a workflow's jobs a watch follows that names none of them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::job::{JobKind, WorkflowKey};
use super::pattern::NamePattern;

/// From when on the jobs of a workflow are followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Start {
    /// Those that start once the watch has been seen for the first time.
    #[default]
    New,
    /// These, and those that have not ended when their workflow is first looked through.
    Running,
    /// Those that started so long before the watch was first seen, or later.
    Ago(Duration),
    /// Those that started at this instant or later.
    At(Timestamp),
}

/// The same text for the same rule: a store tells by it that a rule has changed.
impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("new"),
            Self::Running => f.write_str("running"),
            Self::Ago(age) => write!(f, "since {}s", age.as_secs_f64()),
            Self::At(instant) => write!(f, "since {instant}"),
        }
    }
}

/// What identifies a watch that finds its jobs by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchKey {
    /// Name of the account in the configuration.
    pub account: Arc<str>,
    /// The kind of its jobs.
    pub kind: JobKind,
    /// The names of its workflows.
    pub workflows: NamePattern,
}

impl WatchKey {
    /// Whether the watch follows the workflow.
    pub fn follows(&self, workflow: &WorkflowKey) -> bool {
        self.account == workflow.account
            && self.kind == workflow.kind
            && self.workflows.matches(&workflow.name)
    }
}

/// What is remembered of a workflow whose jobs are followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowedWorkflow {
    /// Since when it is followed.
    pub since: Timestamp,
    /// The rule by which the jobs were judged that were there at first; `None` until all of them were.
    pub judged_by: Option<String>,
    /// Jobs that were there at first and are not followed, as far as their times do not say so.
    pub passed_over: Vec<Arc<str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_differ_are_written_differently() {
        let at = Timestamp::UNIX_EPOCH;
        let rules =
            [Start::New, Start::Running, Start::Ago(Duration::from_hours(168)), Start::At(at)];
        let texts = rules.map(|rule| rule.to_string());
        assert_eq!(texts, ["new", "running", "since 604800s", "since 1970-01-01T00:00:00Z"]);
    }

    #[test]
    fn a_watch_follows_the_workflows_of_its_account_and_kind_that_fit_its_pattern() {
        let watch = WatchKey {
            account: "main".into(),
            kind: JobKind::Matching,
            workflows: NamePattern::new("customers-*"),
        };
        let workflow = WorkflowKey {
            account: "main".into(),
            kind: JobKind::Matching,
            name: "customers-eu".into(),
        };
        assert!(watch.follows(&workflow));
        assert!(!watch.follows(&WorkflowKey { name: "suppliers".into(), ..workflow.clone() }));
        assert!(!watch.follows(&WorkflowKey { account: "other".into(), ..workflow.clone() }));
        assert!(!watch.follows(&WorkflowKey { kind: JobKind::IdMapping, ..workflow }));
    }
}
