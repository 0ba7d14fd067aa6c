//! What a running daemon says of itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::domain::{Alarm, AlarmName, JobKey, Observation, WorkflowKey};
use crate::heartbeat::{self, Heartbeat};
use crate::http::Status;
use crate::metrics::Metrics;
use crate::source::SourceError;
use crate::store::{Backlog, Store};
use crate::watch::{Next, Observer, discovery};

/// A loop that has not beaten for this long is stuck.
const STUCK_AFTER: Duration = heartbeat::PERIOD.saturating_mul(12);

/// Health, readiness and metrics of a daemon.
pub(super) struct DaemonStatus {
    store: Arc<dyn Store>,
    metrics: Metrics,
    notifiers: Mutex<Vec<Arc<str>>>,
    heartbeats: Mutex<Vec<Heartbeat>>,
    accounts: Mutex<Vec<Arc<AccountStatus>>>,
}

impl DaemonStatus {
    pub(super) fn new(store: Arc<dyn Store>, metrics: Metrics) -> Self {
        Self {
            store,
            metrics,
            notifiers: Mutex::default(),
            heartbeats: Mutex::default(),
            accounts: Mutex::default(),
        }
    }

    /// From now on readiness depends on these accounts, and these notifiers are the configured ones.
    pub(super) fn watch_over(&self, accounts: Vec<Arc<AccountStatus>>, notifiers: Vec<Arc<str>>) {
        *lock(&self.accounts) = accounts;
        *lock(&self.notifiers) = notifiers;
    }

    /// The notifiers that are configured.
    pub(super) fn notifiers(&self) -> Vec<Arc<str>> {
        lock(&self.notifiers).clone()
    }

    /// A heartbeat that health depends on until it is done.
    pub(super) fn heartbeat(&self) -> Heartbeat {
        let heartbeat = Heartbeat::new();
        let mut heartbeats = lock(&self.heartbeats);
        heartbeats.retain(|heartbeat| !heartbeat.is_done());
        heartbeats.push(heartbeat.clone());
        heartbeat
    }

    /// Shows which accounts work. Where several ask one account, it works for all of them or does not.
    fn show_accounts(&self) {
        let accounts = lock(&self.accounts);
        let up = &self.metrics.account_up;
        up.reset();
        for account in accounts.iter() {
            up.with_label_values(&[&*account.name]).set(1);
        }
        for account in accounts.iter().filter(|account| !account.may_work()) {
            up.with_label_values(&[&*account.name]).set(0);
        }
    }

    /// Shows how many deliveries wait and how many are dead. A notifier that has none shows 0: one without a value
    /// would keep its last in the eyes of an alert. That of the oldest is none where nothing waits.
    fn show(&self, backlog: &[Backlog]) {
        let Metrics { deliveries_pending, deliveries_dead, .. } = &self.metrics;
        let oldest = &self.metrics.oldest_pending_delivery_timestamp_seconds;
        oldest.reset();
        for gauge in [deliveries_pending, deliveries_dead] {
            gauge.reset();
            for notifier in lock(&self.notifiers).iter() {
                gauge.with_label_values(&[&**notifier]).set(0);
            }
        }
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        for Backlog { notifier, pending, dead, oldest_pending } in backlog {
            deliveries_pending.with_label_values(&[&**notifier]).set(count(*pending));
            deliveries_dead.with_label_values(&[&**notifier]).set(count(*dead));
            if let Some(recorded_at) = oldest_pending {
                oldest.with_label_values(&[&**notifier]).set(recorded_at.as_second());
            }
        }
    }
}

impl DaemonStatus {
    /// Shows which alarms are open. An account of the configuration shows 0 where none is: one without a value would keep
    /// its last in the eyes of an alert.
    fn show_alarms(&self, open: &[Alarm]) {
        let gauge = &self.metrics.alarms_open;
        gauge.reset();
        for account in lock(&self.accounts).iter() {
            for name in AlarmName::ALL {
                gauge.with_label_values(&[&*account.name, name.as_str()]).set(0);
            }
        }
        for Alarm { key, .. } in open {
            gauge.with_label_values(&[&**key.subject.account(), key.name.as_str()]).inc();
        }
    }
}

#[async_trait]
impl Status for DaemonStatus {
    fn is_alive(&self) -> bool {
        lock(&self.heartbeats)
            .iter()
            .all(|heartbeat| heartbeat.is_done() || heartbeat.age() < STUCK_AFTER)
    }

    async fn is_ready(&self) -> bool {
        let usable = {
            let accounts = lock(&self.accounts);
            accounts.is_empty() || accounts.iter().any(|account| account.may_work())
        };
        match self.store.check_writable().await {
            Ok(()) => usable,
            Err(error) => {
                tracing::warn!(%error, "not ready: the store cannot write");
                false
            }
        }
    }

    async fn metrics(&self) -> Option<Vec<u8>> {
        match self.store.open_alarms(None).await {
            Ok(open) => self.show_alarms(&open),
            Err(error) => tracing::warn!(%error, "open alarms cannot be read"),
        }
        self.show_accounts();
        match self.store.backlog().await {
            Ok(backlog) => self.show(&backlog),
            // The other metrics are all the more needed.
            Err(error) => tracing::warn!(%error, "the backlog cannot be read"),
        }
        self.metrics.committed(self.store.commits());
        self.metrics.encode().ok()
    }
}

/// An account counts as broken after this many questions in a row without an answer.
const BROKEN_AFTER: u32 = 3;

/// Whether an account works, as its latest answers tell.
pub(super) struct AccountStatus {
    name: Arc<str>,
    answers: Mutex<Answers>,
}

/// What the latest answers have in common.
struct Answers {
    unanswered_in_a_row: u32,
    /// Whether a workflow's latest answer denied access. One that denies does not break its account; all do.
    denied: HashMap<WorkflowKey, bool>,
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
}

impl AccountStatus {
    /// One that has not been tried, with the workflows of its jobs that have not ended.
    pub(super) fn new(name: &Arc<str>, workflows: impl IntoIterator<Item = WorkflowKey>) -> Self {
        let denied = workflows.into_iter().map(|workflow| (workflow, false)).collect();
        let answers = Mutex::new(Answers { unanswered_in_a_row: 0, denied });
        Self { name: Arc::clone(name), answers }
    }

    fn may_work(&self) -> bool {
        lock(&self.answers).account_may_work()
    }

    /// Takes in an answer, and says aloud if the account works again or does not any more.
    fn note(&self, error: Option<&SourceError>, take_in: impl FnOnce(&mut Answers)) {
        let mut answers = lock(&self.answers);
        let worked = answers.account_may_work();
        take_in(&mut answers);
        match (worked, answers.account_may_work(), error) {
            (true, false, Some(error)) => {
                tracing::warn!(account = %self.name, %error, "account does not work");
            }
            (false, true, _) => tracing::info!(account = %self.name, "account works again"),
            _ => {}
        }
    }
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

/// What is behind these locks is whole after every statement: a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::{JobDetails, JobKind, JobStatus, ObservedStatus};
    use crate::source::Scope;

    const NEXT: Next = Next::AskIn(Duration::from_secs(15));

    fn account(workflows: &[&str]) -> AccountStatus {
        AccountStatus::new(&"main".into(), workflows.iter().map(|&name| job(name).workflow()))
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

    #[test]
    fn a_matching_and_an_id_mapping_workflow_of_one_name_are_two() {
        let mapping = JobKey { kind: JobKind::IdMapping, ..job("customers") };
        let workflows = [job("customers").workflow(), mapping.workflow()];
        let account = AccountStatus::new(&"main".into(), workflows);
        denies(&account, "customers");
        assert!(account.may_work());
        let error = SourceError::AccessDenied { scope: Scope::Question, message: "no".into() };
        account.polled(&mapping, Err(&error), &NEXT);
        assert!(!account.may_work());
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
