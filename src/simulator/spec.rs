//! Workflows and jobs as a scenario describes them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::chance::{Distribution, Share};
use super::job::{Ending, JobType, Metrics, Output, Status};
use super::operation::Kind;
use super::wire;

/// A workflow, and how its jobs go.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkflowSpec {
    /// Its name, unique among workflows of its kind.
    pub name: String,
    /// Its family.
    #[serde(default)]
    pub kind: Kind,
    /// How a matching workflow matches. Workflows of a provider wait in a lane of their own.
    #[serde(default)]
    pub resolution_type: ResolutionType,
    /// How long its jobs run.
    #[serde(default = "one_minute")]
    pub duration: Distribution,
    /// Simulated time until others start its next job. Left out, nobody does.
    #[serde(default)]
    pub starts_every: Option<Distribution>,
    /// The share of its jobs that fail.
    #[serde(default)]
    pub failure_rate: Share,
    /// The `errorMessage` of jobs that fail.
    #[serde(default = "failure_message")]
    pub failure_message: String,
    /// The record counts of jobs that succeed.
    #[serde(default)]
    pub metrics: Option<Metrics>,
    /// Where its jobs write.
    #[serde(default)]
    pub output: Option<Output>,
}

impl WorkflowSpec {
    /// A workflow with defaults for everything else.
    pub fn named(kind: Kind, name: &str, duration: Distribution) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            resolution_type: ResolutionType::default(),
            duration,
            starts_every: None,
            failure_rate: Share::default(),
            failure_message: failure_message(),
            metrics: None,
            output: None,
        }
    }

    /// The same with jobs that run a minute.
    pub(super) fn of(kind: Kind, name: &str) -> Self {
        Self::named(kind, name, one_minute())
    }

    /// Whether it is the one of this kind and name.
    pub(super) fn is(&self, kind: Kind, name: &str) -> bool {
        self.kind == kind && self.name == name
    }

    /// Checks it for itself; says the key and what is wrong with it.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        if !wire::is_entity_name(&self.name) {
            let advice = format!(
                "{:?} is no workflow name: write 1 to 255 letters, digits, - and _",
                self.name
            );
            return Err(("name", advice));
        }
        check_metrics(self.kind, self.metrics.as_ref()).map_err(|advice| ("metrics", advice))?;
        self.output.as_ref().map_or(Ok(()), Output::check).map_err(|advice| ("output", advice))
    }
}

fn one_minute() -> Distribution {
    Distribution::Fixed(Duration::from_secs(60))
}

fn failure_message() -> String {
    "The simulated job failed.".to_owned()
}

/// A job that chance does not decide alone. What is left out comes from the workflow.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobSpec {
    /// The workflow that it runs.
    pub workflow: String,
    /// The workflow's family, needed where both families have the name.
    pub kind: Option<Kind>,
    /// Its id.
    pub job_id: Option<String>,
    /// How many such jobs. Left out, one.
    pub count: Option<u32>,
    /// Simulated time since it was submitted.
    #[serde(default, deserialize_with = "crate::duration::deserialize")]
    pub submitted_ago: Duration,
    /// How long it runs.
    pub duration: Option<Distribution>,
    /// How it ends.
    pub ending: Option<Ending>,
    /// Holds the job at this status: it takes no turn, and only the control path moves it.
    pub status: Option<Status>,
    /// Its `errorMessage` if it fails.
    pub error_message: Option<String>,
    /// Its record counts when it ends.
    pub metrics: Option<Metrics>,
    /// The type of an ID mapping job.
    pub job_type: Option<JobType>,
}

impl JobSpec {
    /// A job of `workflow`, with everything else left to it.
    pub fn of(kind: Kind, workflow: &str) -> Self {
        Self { workflow: workflow.to_owned(), kind: Some(kind), ..Self::default() }
    }
}

/// How a matching workflow matches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the API's names say it")]
pub enum ResolutionType {
    #[default]
    RuleMatching,
    MlMatching,
    Provider,
}

impl ResolutionType {
    /// The name that the API uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RuleMatching => "RULE_MATCHING",
            Self::MlMatching => "ML_MATCHING",
            Self::Provider => "PROVIDER",
        }
    }
}

impl JobSpec {
    /// The kind of the workflow that is meant, once [`JobSpec::check`] has passed.
    pub(super) fn kind_among<'w>(
        &self,
        workflows: impl IntoIterator<Item = &'w WorkflowSpec>,
    ) -> Result<Kind, String> {
        let kinds: Vec<Kind> = workflows
            .into_iter()
            .filter(|workflow| workflow.name == self.workflow)
            .map(|workflow| workflow.kind)
            .filter(|kind| self.kind.is_none_or(|wanted| wanted == *kind))
            .collect();
        match kinds[..] {
            [kind] => Ok(kind),
            [] => Err(format!("no workflow is named {:?}", self.workflow)),
            _ => Err(format!("workflows of both kinds are named {:?}: add a kind", self.workflow)),
        }
    }

    /// Checks a job against the workflows; says the key and what is wrong with it.
    pub(super) fn check<'w>(
        &self,
        workflows: impl IntoIterator<Item = &'w WorkflowSpec>,
    ) -> Result<(), (&'static str, String)> {
        let kind = self.kind_among(workflows).map_err(|advice| ("workflow", advice))?;
        if let Some(id) = &self.job_id {
            if !wire::is_job_id(id) {
                let advice =
                    format!("{id:?} is no job id: write 32 hexadecimal digits in lower case");
                return Err(("job_id", advice));
            }
            if self.count.is_some_and(|count| count != 1) {
                return Err(("count", "several jobs cannot share one job_id".to_owned()));
            }
        }
        if kind == Kind::Matching && self.job_type.is_some() {
            return Err(("job_type", "only ID mapping jobs have a type".to_owned()));
        }
        check_metrics(kind, self.metrics.as_ref()).map_err(|advice| ("metrics", advice))
    }
}

/// Checks that jobs of this kind report such counts.
pub(super) fn check_metrics(kind: Kind, metrics: Option<&Metrics>) -> Result<(), String> {
    let known = kind.metric_names();
    match metrics.into_iter().flat_map(BTreeMap::keys).find(|name| !known.contains(&name.as_str()))
    {
        None => Ok(()),
        Some(name) => Err(format!(
            "{kind} jobs have no count {name:?}: write {} or {}",
            known[..known.len() - 1].join(", "),
            known[known.len() - 1]
        )),
    }
}
