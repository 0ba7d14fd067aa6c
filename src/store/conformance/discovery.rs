//! What watches that find their jobs remember.

use std::sync::Arc;

use super::{at, change, job};
use crate::domain::JobStatus::{Failed, Queued, Running, Succeeded};
use crate::domain::{FollowedWorkflow, JobKey, JobKind, NamePattern, WatchKey, WorkflowKey};
use crate::store::{Standing, Store};

fn watch(workflows: &str) -> WatchKey {
    let workflows = NamePattern::new(workflows);
    WatchKey { account: "main".into(), kind: JobKind::Matching, workflows }
}

fn workflow(name: &str) -> WorkflowKey {
    WorkflowKey { name: name.into(), ..job("a").workflow() }
}

fn ids(ids: &[&str]) -> Vec<Arc<str>> {
    ids.iter().map(|&id| id.into()).collect()
}

pub(in crate::store) async fn the_first_sight_of_a_watch_is_kept(store: &dyn Store) {
    assert_eq!(store.first_sight(&watch("customers-*"), at(10)).await.unwrap(), at(10));
    assert_eq!(store.first_sight(&watch("customers-*"), at(99)).await.unwrap(), at(10));
    assert_eq!(store.first_sight(&watch("*"), at(20)).await.unwrap(), at(20));
    let elsewhere = WatchKey { account: "other".into(), ..watch("*") };
    assert_eq!(store.first_sight(&elsewhere, at(30)).await.unwrap(), at(30));
    let of_kind = WatchKey { kind: JobKind::IdMapping, ..watch("*") };
    assert_eq!(store.first_sight(&of_kind, at(40)).await.unwrap(), at(40));
}

pub(in crate::store) async fn a_workflow_is_followed_since_it_was_followed_first(
    store: &dyn Store,
) {
    let new = FollowedWorkflow { since: at(10), judged_by: None, passed_over: Vec::new() };
    assert_eq!(store.follow(&workflow("customers"), at(10)).await.unwrap(), new);
    assert_eq!(store.follow(&workflow("customers"), at(99)).await.unwrap(), new);
    let other = FollowedWorkflow { since: at(99), ..new };
    assert_eq!(store.follow(&workflow("suppliers"), at(99)).await.unwrap(), other);
}

pub(in crate::store) async fn jobs_that_were_passed_over_are_kept_until_they_are_judged_anew(
    store: &dyn Store,
) {
    let customers = workflow("customers");
    store.follow(&customers, at(10)).await.unwrap();
    store.pass_over(&customers, "new", &ids(&["b", "a", "b"])).await.unwrap();
    let followed = store.follow(&customers, at(99)).await.unwrap();
    let passed_over = |rule: &str, jobs: &[&str]| FollowedWorkflow {
        since: at(10),
        judged_by: Some(rule.to_owned()),
        passed_over: ids(jobs),
    };
    assert_eq!(followed, passed_over("new", &["a", "b"]));
    store.pass_over(&customers, "running", &ids(&["c"])).await.unwrap();
    assert_eq!(store.follow(&customers, at(99)).await.unwrap(), passed_over("running", &["c"]));
    store.pass_over(&workflow("unknown"), "new", &ids(&["a"])).await.unwrap();
    let new = FollowedWorkflow { since: at(50), judged_by: None, passed_over: Vec::new() };
    assert_eq!(store.follow(&workflow("unknown"), at(50)).await.unwrap(), new);
}

pub(in crate::store) async fn of_watches_that_are_gone_nothing_is_remembered(store: &dyn Store) {
    for pattern in ["customers-*", "suppliers", "*-eu"] {
        store.first_sight(&watch(pattern), at(10)).await.unwrap();
    }
    for name in ["customers-eu", "customers-us", "suppliers"] {
        store.follow(&workflow(name), at(10)).await.unwrap();
        store.pass_over(&workflow(name), "new", &ids(&["a"])).await.unwrap();
    }
    store.keep_watches(&[watch("*-eu"), watch("suppliers")]).await.unwrap();
    for (pattern, since) in [("customers-*", 99), ("suppliers", 10), ("*-eu", 10)] {
        assert_eq!(store.first_sight(&watch(pattern), at(99)).await.unwrap(), at(since));
    }
    let gone = store.follow(&workflow("customers-us"), at(99)).await.unwrap();
    assert_eq!(gone, FollowedWorkflow { since: at(99), judged_by: None, passed_over: Vec::new() });
    for name in ["customers-eu", "suppliers"] {
        let stays = store.follow(&workflow(name), at(99)).await.unwrap();
        assert_eq!((stays.since, stays.passed_over), (at(10), ids(&["a"])), "{name}");
    }
    store.keep_watches(&[]).await.unwrap();
    assert_eq!(store.first_sight(&watch("suppliers"), at(99)).await.unwrap(), at(99));
}

pub(in crate::store) async fn live_are_the_jobs_of_an_account_and_kind_that_have_not_ended(
    store: &dyn Store,
) {
    store.record(&change(&job("a"), None, Queued, at(1))).await.unwrap();
    store.record(&change(&job("b"), None, Running, at(2))).await.unwrap();
    store.record(&change(&job("c"), None, Failed, at(3))).await.unwrap();
    store.record(&change(&job("d"), None, Running, at(4))).await.unwrap();
    store.record(&change(&job("d"), Some(Running), Succeeded, at(5))).await.unwrap();
    let elsewhere = JobKey { account: "other".into(), ..job("e") };
    let of_kind = JobKey { kind: JobKind::IdMapping, ..job("f") };
    store.record(&change(&elsewhere, None, Queued, at(6))).await.unwrap();
    store.record(&change(&of_kind, None, Queued, at(7))).await.unwrap();
    let mut live = store.live_jobs("main", JobKind::Matching).await.unwrap();
    live.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert_eq!(
        live,
        [
            (job("a"), Standing { status: Queued, since: at(1) }),
            (job("b"), Standing { status: Running, since: at(2) }),
        ]
    );
}
