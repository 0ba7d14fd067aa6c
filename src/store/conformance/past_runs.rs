//! How long jobs ran that have ended, and how far many jobs have got.

use std::time::Duration;

use super::{at, change, job};
use crate::domain::JobStatus::{Failed, Queued, Running};
use crate::domain::{PastRun, WorkflowKey};
use crate::store::{PAST_RUNS_KEPT, Standing, Store};

fn workflow(name: &str) -> WorkflowKey {
    WorkflowKey { name: name.into(), ..job("a").workflow() }
}

fn run(id: &str, ended_at: i64, seconds: u64) -> PastRun {
    PastRun { job_id: id.into(), ended_at: at(ended_at), run_time: Duration::from_secs(seconds) }
}

pub(in crate::store) async fn past_runs_are_told_in_the_order_in_which_they_ended(
    store: &dyn Store,
) {
    let workflow = workflow("customers");
    assert_eq!(store.past_runs(&workflow).await.unwrap(), []);
    store.learn(&workflow, &[run("late", 20, 7), run("early", 10, 600)]).await.unwrap();
    store.learn(&workflow, &[run("between", 15, 60)]).await.unwrap();
    let told = store.past_runs(&workflow).await.unwrap();
    assert_eq!(told, [run("early", 10, 600), run("between", 15, 60), run("late", 20, 7)]);
}

pub(in crate::store) async fn past_runs_of_one_workflow_are_not_those_of_another(
    store: &dyn Store,
) {
    store.learn(&workflow("customers"), &[run("a", 10, 1)]).await.unwrap();
    assert_eq!(store.past_runs(&workflow("suppliers")).await.unwrap(), []);
    let elsewhere = WorkflowKey { account: "other".into(), ..workflow("customers") };
    assert_eq!(store.past_runs(&elsewhere).await.unwrap(), []);
}

pub(in crate::store) async fn a_run_that_is_known_stays_as_it_is(store: &dyn Store) {
    let workflow = workflow("customers");
    store.learn(&workflow, &[run("a", 10, 60)]).await.unwrap();
    store.learn(&workflow, &[run("a", 99, 6_000)]).await.unwrap();
    assert_eq!(store.past_runs(&workflow).await.unwrap(), [run("a", 10, 60)]);
}

pub(in crate::store) async fn of_many_past_runs_those_that_ended_last_are_kept(store: &dyn Store) {
    let workflow = workflow("customers");
    let count = i64::try_from(PAST_RUNS_KEPT).unwrap() + 7;
    let runs: Vec<_> = (0..count).map(|n| run(&format!("{n:04}"), n, 60)).collect();
    let (some, others) = runs.split_at(50);
    store.learn(&workflow, others).await.unwrap();
    store.learn(&workflow, some).await.unwrap();
    assert_eq!(store.past_runs(&workflow).await.unwrap(), runs[7..]);
}

pub(in crate::store) async fn the_standing_of_many_jobs_is_told_in_the_order_asked_for(
    store: &dyn Store,
) {
    store.record(&change(&job("a"), None, Queued, at(1))).await.unwrap();
    store.record(&change(&job("a"), Some(Queued), Running, at(5))).await.unwrap();
    store.record(&change(&job("c"), None, Failed, at(9))).await.unwrap();
    let told = store.standings(&[job("c"), job("b"), job("a"), job("c")]).await.unwrap();
    let failed = Some(Standing { status: Failed, since: at(9) });
    let running = Some(Standing { status: Running, since: at(5) });
    assert_eq!(told, [failed, None, running, failed]);
    assert_eq!(store.standings(&[]).await.unwrap(), []);
}
