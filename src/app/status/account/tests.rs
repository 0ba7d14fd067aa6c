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

#[test]
fn an_account_that_denies_all_questions_about_jobs_is_broken_though_their_lists_are_granted() {
    let account = account(&["customers"]);
    denies(&account, "customers");
    for _ in 0..3 {
        account.looked(&job("customers").workflow(), Ok(()));
        assert!(
            !account.may_work(),
            "that jobs can be looked for does not say that they can be followed"
        );
        assert_eq!(view(&account).denied_workflows, ["customers"]);
    }
    answers(&account, "customers");
    assert!(account.may_work());
}

#[test]
fn once_its_jobs_have_ended_a_workflow_denies_what_its_list_does() {
    let account = account(&["customers"]);
    let denied = SourceError::AccessDenied { scope: Scope::Question, message: "no".into() };
    account.looked(&job("customers").workflow(), Err(&denied));
    assert!(account.may_work(), "its jobs are answered for");
    assert_eq!(view(&account).denied_workflows, ["customers"]);
    ends(&account, "customers");
    assert!(!account.may_work());
    account.looked(&job("customers").workflow(), Ok(()));
    assert!(account.may_work());
}

#[test]
fn credentials_that_are_refused_break_an_account_whatever_was_asked_until_any_answer() {
    let account = account(&["customers", "suppliers"]);
    let refused = SourceError::AccessDenied { scope: Scope::Account, message: "no role".into() };
    answers(&account, "suppliers");
    account.looked(&job("customers").workflow(), Err(&refused));
    assert!(!account.may_work());
    account.listed(&job("suppliers").workflow(), Ok(()));
    assert!(account.may_work());
}

#[test]
fn a_workflow_that_is_gone_says_nothing_of_its_account() {
    let account = account(&["customers", "suppliers"]);
    let denied = SourceError::AccessDenied { scope: Scope::Question, message: "no".into() };
    account.looked(&job(discovery::ALL).workflow(), Err(&denied));
    denies(&account, "suppliers");
    let there = |names: &[&str]| names.iter().copied().map(Arc::from).collect();
    account.workflows(JobKind::Matching, &there(&["customers"]));
    assert_eq!(view(&account).denied_workflows, ["*"]);
    account.looked(&job(discovery::ALL).workflow(), Ok(()));
    assert_eq!(view(&account).denied_workflows, [""; 0]);
    denies(&account, "orders");
    account.workflows(JobKind::Matching, &there(&["orders"]));
    assert!(!account.may_work(), "customers do not hide that all others deny access");
    account.workflows(JobKind::Matching, &there(&[]));
    assert!(account.may_work());
}
