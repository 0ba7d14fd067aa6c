//! Whether an account works.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::lock;
use crate::clock::SharedClock;
use crate::domain::{JobKey, JobKind, Observation, WorkflowKey};
use crate::http::{AccountState, AccountView, BudgetView, DiscoveryView, JobsView};
use crate::metrics::{IntGauge, Metrics};
use crate::source::{Operation, Scope, SourceError};
use crate::watch::{Budget, Budgets, Next, Observer, discovery};

/// An account counts as broken after this many questions in a row without an answer.
const BROKEN_AFTER: u32 = 3;

/// Whether an account works as far as it is asked about jobs of one kind, as its latest answers tell. Its permissions
/// for one kind say nothing of those for the other.
pub(in crate::app) struct AccountStatus {
    about: About,
    answers: Mutex<Answers>,
}

/// Who is asked about what, and how fast.
pub(in crate::app) struct About {
    /// Its name in the configuration.
    pub(in crate::app) name: Arc<str>,
    /// The kind of jobs.
    pub(in crate::app) kind: JobKind,
    /// Its Region.
    pub(in crate::app) region: String,
    /// The role in which it is asked.
    pub(in crate::app) role_arn: Option<String>,
    /// Whether jobs are looked for.
    pub(in crate::app) discovers: bool,
    /// How fast it may be asked.
    pub(in crate::app) budgets: Budgets,
    /// Says since when it works or does not.
    pub(in crate::app) clock: SharedClock,
}

/// What the latest answers have in common.
struct Answers {
    /// Whether anything was ever answered.
    is_tried: bool,
    unanswered_in_a_row: u32,
    /// Whether the latest answer was that the credentials are no good.
    are_credentials_refused: bool,
    /// By workflow. One that denies does not break its account; all do.
    access: HashMap<WorkflowKey, Access>,
    /// What was said when the account last did not answer as it should.
    error: Option<String>,
    /// Since when it is as it is.
    since: Timestamp,
}

/// Whether a workflow's latest answers denied access; nothing where that is not asked.
#[derive(Debug, Default)]
struct Access {
    /// To a job.
    jobs: Option<bool>,
    /// To the list in which jobs are looked for.
    list: Option<bool>,
}

impl Access {
    /// That of a workflow with jobs that nobody has asked about: they are not denied.
    const fn untried() -> Self {
        Self { jobs: Some(false), list: None }
    }

    /// All that is known of a workflow without jobs is whether they can be looked for.
    fn is_denied(&self) -> bool {
        self.jobs.or(self.list) == Some(true)
    }

    fn is_anything_denied(&self) -> bool {
        self.jobs == Some(true) || self.list == Some(true)
    }
}

impl Answers {
    /// Takes in an answer, and says whether it denies access to what was asked about, if it says anything of that.
    fn take(&mut self, answer: Result<(), &SourceError>) -> Option<bool> {
        let denies = match answer {
            Err(SourceError::Unavailable { .. } | SourceError::CredentialsExpired { .. }) => {
                self.unanswered_in_a_row = self.unanswered_in_a_row.saturating_add(1);
                return None;
            }
            // It does answer, but says nothing of the workflow, nor of who asks.
            Err(SourceError::Throttled { .. }) => None,
            Err(SourceError::AccessDenied { scope, .. }) => {
                self.are_credentials_refused = *scope == Scope::Account;
                Some(true)
            }
            Ok(()) | Err(SourceError::NotFound { .. } | SourceError::Invalid { .. }) => {
                self.are_credentials_refused = false;
                Some(false)
            }
        };
        self.unanswered_in_a_row = 0;
        denies
    }

    /// What is known of a workflow.
    fn access_to(&mut self, workflow: &WorkflowKey) -> &mut Access {
        self.access.entry(workflow.clone()).or_default()
    }

    /// A job of this workflow is not asked about any more, and says nothing of the account's present. If another of its jobs
    /// is still live, that one's next answer brings it back.
    fn let_be(&mut self, workflow: &WorkflowKey) {
        let is_only_one = self.access.len() == 1;
        match self.access.get_mut(workflow) {
            Some(access) if access.list.is_some() => access.jobs = None,
            Some(_) if !is_only_one => drop(self.access.remove(workflow)),
            Some(_) | None => {}
        }
    }

    fn account_may_work(&self) -> bool {
        let all_deny = !self.access.is_empty() && self.access.values().all(Access::is_denied);
        self.unanswered_in_a_row < BROKEN_AFTER && !self.are_credentials_refused && !all_deny
    }

    fn state(&self) -> AccountState {
        match (self.account_may_work(), self.is_tried) {
            (false, _) => AccountState::Down,
            (true, false) => AccountState::Untried,
            (true, true) => AccountState::Up,
        }
    }
}

impl AccountStatus {
    /// One that has not been tried, with the workflows of its jobs that have not ended.
    pub(in crate::app) fn new(
        about: About,
        workflows: impl IntoIterator<Item = WorkflowKey>,
    ) -> Self {
        let answers = Answers {
            is_tried: false,
            unanswered_in_a_row: 0,
            are_credentials_refused: false,
            access: workflows.into_iter().map(|workflow| (workflow, Access::untried())).collect(),
            error: None,
            since: about.clock.now(),
        };
        Self { about, answers: Mutex::new(answers) }
    }

    pub(super) const fn name(&self) -> &Arc<str> {
        &self.about.name
    }

    pub(super) const fn kind(&self) -> JobKind {
        self.about.kind
    }

    pub(super) fn may_work(&self) -> bool {
        lock(&self.answers).account_may_work()
    }

    /// How it does, with its jobs as the metrics count them.
    pub(super) fn view(&self, metrics: &Metrics, open_alarms: Option<u64>) -> AccountView {
        let About { name, kind, region, role_arn, budgets, .. } = &self.about;
        let labels = [&**name, kind.as_str()];
        let count = |gauge: IntGauge| u64::try_from(gauge.get()).unwrap_or(0);
        let jobs = |state| count(metrics.jobs.with_label_values(&[labels[0], labels[1], state]));
        let budget = |operation: Operation, budget: &Budget| {
            let (requests_per_second, at_most) = budget.rates();
            BudgetView { operation: operation.as_str(), requests_per_second, at_most }
        };
        let answers = lock(&self.answers);
        let denied = answers.access.iter().filter(|(_, access)| access.is_anything_denied());
        let mut denied: Vec<String> =
            denied.map(|(workflow, _)| workflow.name.to_string()).collect();
        denied.sort();
        let state = answers.state();
        let is_well = state != AccountState::Down && answers.unanswered_in_a_row == 0;
        AccountView {
            account: name.to_string(),
            kind: *kind,
            region: region.clone(),
            aws_account_id: role_arn.as_deref().and_then(account_of).map(ToOwned::to_owned),
            role_arn: role_arn.clone(),
            state,
            since: answers.since,
            reason: answers.error.clone().filter(|_| !is_well),
            denied_workflows: denied,
            discovery: self.about.discovers.then(|| DiscoveryView {
                workflows: count(metrics.discovery_workflows.with_label_values(&labels)),
                troubles: count(metrics.discovery_troubles.with_label_values(&labels)),
            }),
            jobs: JobsView {
                unseen: jobs("unseen"),
                queued: jobs("queued"),
                running: jobs("running"),
                lost: jobs("lost"),
                broken: jobs("broken"),
            },
            open_alarms,
            budgets: [
                budget(Operation::get_job(*kind), &budgets.gets),
                budget(Operation::list_jobs(*kind), &budgets.lists),
            ],
        }
    }

    /// Takes in an answer, and says aloud if the account works again or does not any more.
    fn note(&self, error: Option<&SourceError>, take_in: impl FnOnce(&mut Answers)) {
        let About { name, kind, clock, .. } = &self.about;
        let mut answers = lock(&self.answers);
        let before = answers.state();
        take_in(&mut answers);
        answers.is_tried |= answers.unanswered_in_a_row == 0;
        if let Some(error) = error {
            answers.error = Some(error.to_string());
        }
        let after = answers.state();
        if before != after {
            answers.since = clock.now();
        }
        match (before, after, error) {
            (AccountState::Untried | AccountState::Up, AccountState::Down, Some(error)) => {
                tracing::warn!(account = %name, %kind, %error, "account does not work");
            }
            (AccountState::Down, AccountState::Untried | AccountState::Up, _) => {
                tracing::info!(account = %name, %kind, "account works again");
            }
            _ => {}
        }
    }
}

/// The account in an ARN.
fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| !account.is_empty())
}

impl Observer for AccountStatus {
    fn polled(&self, job: &JobKey, answer: Result<&Observation, &SourceError>, next: &Next) {
        let workflow = job.workflow();
        self.note(answer.err(), |answers| {
            if let Some(denies) = answers.take(answer.map(drop)) {
                answers.access_to(&workflow).jobs = Some(denies);
            }
            if !matches!(next, Next::AskIn(_)) {
                answers.let_be(&workflow);
            }
        });
    }

    fn looked(&self, workflow: &WorkflowKey, answer: Result<(), &SourceError>) {
        self.note(answer.err(), |answers| match answers.take(answer) {
            // That workflows can be listed does not say that their jobs can.
            Some(false) if &*workflow.name == discovery::ALL => {
                answers.access.remove(workflow);
            }
            Some(denies) => answers.access_to(workflow).list = Some(denies),
            None => {}
        });
    }

    fn listed(&self, _: &WorkflowKey, answer: Result<(), &SourceError>) {
        // Whether jobs can be asked about one by one is not said by it: that a list is refused breaks nothing, and that it
        // is granted mends nothing but silence.
        if matches!(answer, Ok(()) | Err(SourceError::Unavailable { .. })) {
            self.note(answer.err(), |answers| {
                answers.take(answer);
            });
        }
    }

    fn workflows(&self, kind: JobKind, names: &HashSet<Arc<str>>) {
        let is_there = |workflow: &WorkflowKey| {
            let is_all = &*workflow.name == discovery::ALL;
            is_all || workflow.kind != kind || names.contains(&workflow.name)
        };
        self.note(None, |answers| answers.access.retain(|workflow, _| is_there(workflow)));
    }
}
