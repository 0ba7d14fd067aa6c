//! Whether an account works.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::lock;
use crate::clock::SharedClock;
use crate::domain::{JobKey, JobKind, Observation, WorkflowKey};
use crate::http::{AccountState, AccountView, BudgetView, DiscoveryView, JobsView};
use crate::metrics::{IntGauge, Metrics};
use crate::source::{Operation, SourceError};
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
    /// Whether a workflow's latest answer denied access. One that denies does not break its account; all do.
    denied: HashMap<WorkflowKey, bool>,
    /// What was said when the account last did not answer as it should.
    error: Option<String>,
    /// Since when it is as it is.
    since: Timestamp,
}

impl Answers {
    fn take(&mut self, workflow: &WorkflowKey, answer: Result<(), &SourceError>) {
        let denies = match answer {
            Err(SourceError::Unavailable { .. } | SourceError::CredentialsExpired { .. }) => {
                self.unanswered_in_a_row = self.unanswered_in_a_row.saturating_add(1);
                return;
            }
            // It does answer, but says nothing of the workflow.
            Err(SourceError::Throttled { .. }) => None,
            Err(SourceError::AccessDenied { .. }) => Some(true),
            Ok(()) | Err(SourceError::NotFound { .. } | SourceError::Invalid { .. }) => Some(false),
        };
        self.unanswered_in_a_row = 0;
        if let Some(denies) = denies {
            self.denied.insert(workflow.clone(), denies);
        }
    }

    fn account_may_work(&self) -> bool {
        let all_deny = !self.denied.is_empty() && self.denied.values().all(|&denies| denies);
        self.unanswered_in_a_row < BROKEN_AFTER && !all_deny
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
            denied: workflows.into_iter().map(|workflow| (workflow, false)).collect(),
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
        let denied = answers.denied.iter().filter(|(_, denies)| **denies);
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
            answers.take(&workflow, answer.map(drop));
            // A workflow that is not asked about any more says nothing of the account's present. If another of its jobs
            // is still live, that one's next answer brings it back.
            if !matches!(next, Next::AskIn(_)) && answers.denied.len() > 1 {
                answers.denied.remove(&workflow);
            }
        });
    }

    fn looked(&self, workflow: &WorkflowKey, answer: Result<(), &SourceError>) {
        // All that is known of a workflow without jobs is whether they can be looked for.
        self.note(answer.err(), |answers| match answer {
            // That workflows can be listed does not say that their jobs can.
            Ok(()) if &*workflow.name == discovery::ALL => {
                answers.unanswered_in_a_row = 0;
                answers.denied.remove(workflow);
            }
            answer => answers.take(workflow, answer),
        });
    }

    fn listed(&self, workflow: &WorkflowKey, answer: Result<(), &SourceError>) {
        // Whether jobs can be asked about one by one is not said by it: that a list is refused breaks nothing, and that it
        // is granted mends nothing but silence.
        match answer {
            Ok(()) => self.note(None, |answers| answers.unanswered_in_a_row = 0),
            Err(SourceError::Unavailable { .. }) => {
                self.note(answer.err(), |answers| answers.take(workflow, answer));
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::SystemClock;
    use crate::domain::{JobDetails, JobStatus, ObservedStatus};
    use crate::source::Scope;

    const NEXT: Next = Next::AskIn(Duration::from_secs(15));

    fn account(workflows: &[&str]) -> AccountStatus {
        let about = About {
            name: "main".into(),
            kind: JobKind::Matching,
            region: "eu-west-1".to_owned(),
            role_arn: Some("arn:aws:iam::123456789012:role/matchwatch".to_owned()),
            discovers: false,
            budgets: Budgets::new(5.0, 2.5),
            clock: Arc::new(SystemClock),
        };
        AccountStatus::new(about, workflows.iter().map(|&name| job(name).workflow()))
    }

    fn job(workflow: &str) -> JobKey {
        JobKey {
            account: "main".into(),
            kind: JobKind::Matching,
            workflow_name: workflow.into(),
            job_id: "0123".into(),
        }
    }

    fn answers(account: &AccountStatus, workflow: &str) {
        let status = ObservedStatus::Known(JobStatus::Running);
        let observation = Observation { status, details: JobDetails::default() };
        account.polled(&job(workflow), Ok(&observation), &NEXT);
    }

    fn denies(account: &AccountStatus, workflow: &str) {
        let error = SourceError::AccessDenied { scope: Scope::Question, message: "no".into() };
        account.polled(&job(workflow), Err(&error), &NEXT);
    }

    fn ends(account: &AccountStatus, workflow: &str) {
        let status = ObservedStatus::Known(JobStatus::Succeeded);
        let observation = Observation { status, details: JobDetails::default() };
        account.polled(&job(workflow), Ok(&observation), &Next::Ended(JobStatus::Succeeded));
    }

    #[test]
    fn a_workflow_whose_jobs_have_ended_does_not_hide_that_all_others_deny_access() {
        let account = account(&["customers", "suppliers"]);
        ends(&account, "customers");
        assert!(account.may_work());
        denies(&account, "suppliers");
        assert!(!account.may_work());
    }

    fn view(account: &AccountStatus) -> AccountView {
        account.view(&Metrics::new().unwrap(), Some(0))
    }

    #[test]
    fn an_account_is_untried_until_it_answers_and_red_with_the_reason_until_it_answers_again() {
        let account = account(&["customers"]);
        assert_eq!((view(&account).state, view(&account).reason), (AccountState::Untried, None));
        is_silent(&account);
        assert_eq!(view(&account).state, AccountState::Untried);
        assert_eq!(view(&account).reason.as_deref(), Some("service unavailable: 503"));
        answers(&account, "customers");
        assert_eq!((view(&account).state, view(&account).reason), (AccountState::Up, None));
        denies(&account, "customers");
        let red = view(&account);
        assert_eq!(red.state, AccountState::Down);
        assert!(red.reason.is_some_and(|reason| reason.starts_with("access denied: no")));
        assert_eq!(red.denied_workflows, ["customers"]);
        answers(&account, "customers");
        assert_eq!((view(&account).state, view(&account).reason), (AccountState::Up, None));
    }

    #[test]
    fn a_view_says_who_is_asked_and_how_fast() {
        let view = view(&account(&[]));
        assert_eq!(view.aws_account_id.as_deref(), Some("123456789012"));
        let budgets = view.budgets.map(|budget| (budget.operation, budget.at_most));
        assert_eq!(budgets, [("GetMatchingJob", 5.0), ("ListMatchingJobs", 2.5)]);
        assert_eq!(view.discovery, None);
    }

    fn is_silent(account: &AccountStatus) {
        let error = SourceError::Unavailable { message: "503".into() };
        account.polled(&job("customers"), Err(&error), &NEXT);
    }

    #[test]
    fn one_workflow_that_denies_access_however_often_does_not_break_its_account() {
        let account = account(&["customers", "suppliers"]);
        for _ in 0..10 {
            denies(&account, "suppliers");
            assert!(account.may_work(), "customers has not been asked yet");
        }
        answers(&account, "customers");
        for _ in 0..10 {
            denies(&account, "suppliers");
            assert!(account.may_work());
        }
    }

    #[test]
    fn an_account_is_broken_while_all_its_workflows_deny_access() {
        let account = account(&["customers", "suppliers"]);
        denies(&account, "suppliers");
        denies(&account, "customers");
        assert!(!account.may_work());
        answers(&account, "customers");
        assert!(account.may_work());
    }

    #[test]
    fn a_list_of_a_workflow_whose_jobs_have_ended_does_not_hide_that_all_others_deny_access() {
        let account = account(&["customers", "suppliers"]);
        ends(&account, "customers");
        denies(&account, "suppliers");
        account.listed(&job("customers").workflow(), Ok(()));
        assert!(!account.may_work());
    }

    #[test]
    fn lists_that_are_refused_break_no_account_and_those_that_are_answered_mend_one() {
        let account = account(&["customers"]);
        let workflow = job("customers").workflow();
        let denied = SourceError::AccessDenied { scope: Scope::Question, message: "no".into() };
        for _ in 0..10 {
            account.listed(&workflow, Err(&denied));
        }
        assert!(account.may_work());
        for _ in 0..3 {
            is_silent(&account);
        }
        assert!(!account.may_work());
        account.listed(&workflow, Ok(()));
        assert!(account.may_work());
    }

    #[test]
    fn an_account_is_broken_after_three_questions_without_an_answer_until_one_is_answered() {
        let account = account(&["customers"]);
        is_silent(&account);
        is_silent(&account);
        answers(&account, "customers");
        is_silent(&account);
        is_silent(&account);
        assert!(account.may_work());
        is_silent(&account);
        assert!(!account.may_work());
        answers(&account, "customers");
        assert!(account.may_work());
    }
}
