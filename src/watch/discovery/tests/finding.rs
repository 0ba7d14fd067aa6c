//! Which jobs are found, and how often.

use jiff::SignedDuration;

use super::service::Listed;
use super::*;
use crate::domain::{Event, JobDetails, Message, Transition};
use crate::store::{Change, Position, Retention, Telling};

/// The poller's word that a job has this status.
async fn record(store: &dyn Store, key: JobKey, to: JobStatus, at: Timestamp) {
    let transition = Transition { from: None, to, inferred: Vec::new() };
    let event = Event::of_transition(&key, "eu-west-1", &transition, &JobDetails::default(), at);
    let message = Message::encode(event).unwrap();
    let tellings = vec![Telling { message, notifiers: Vec::new() }];
    let change = Change { job: key, from: None, to, tellings, recorded_at: at };
    store.record(&change).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn jobs_that_start_once_the_watch_was_seen_are_found_once_and_those_before_are_not() {
    let stage = Stage::new();
    stage.service.job("customers", "ended", -500.0, -400.0);
    stage.service.job("customers", "at-work", -500.0, 900.0);
    stage.service.job("customers", "first", 40.0, 900.0);
    stage.service.job("customers", "short", 95.0, 96.0);
    let mut running = stage.start(&[Stage::rule("customers", Start::New)]);
    sleep(10 * MINUTE).await;
    assert_eq!(running.found(), ["first", "short"]);
}

#[tokio::test(start_paused = true)]
async fn those_at_work_are_found_too_where_that_is_asked_for() {
    let stage = Stage::new();
    stage.service.job("customers", "ended", -500.0, -400.0);
    stage.service.job("customers", "at-work", -500.0, 900.0);
    stage.service.job("customers", "later", 40.0, 900.0);
    let mut running = stage.start(&[Stage::rule("customers", Start::Running)]);
    sleep(10 * MINUTE).await;
    assert_eq!(running.found(), ["at-work", "later"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_was_at_work_and_ends_before_it_ever_answers_is_found_by_the_next_start() {
    let stage = Stage::new();
    let three_days = 3.0 * DAY.as_secs_f64();
    stage.service.job("customers", "ended", -three_days, -100.0);
    stage.service.job("customers", "at-work", -three_days, 900.0);
    let rules = [Stage::rule("customers", Start::Running)];
    let mut running = stage.start(&rules);
    sleep(10 * MINUTE).await;
    assert_eq!(running.found(), ["at-work"]);
    assert_eq!(running.stop().await, [] as [&str; 0]);
    sleep(10 * MINUTE).await;
    let mut running = stage.start(&rules);
    sleep(10 * MINUTE).await;
    assert_eq!(running.found(), ["at-work"], "nothing is recorded of it");
}

#[tokio::test(start_paused = true)]
async fn jobs_since_a_moment_in_the_past_are_found_whatever_became_of_them() {
    let stage = Stage::new();
    stage.service.job("customers", "before", -7_300.0, 900.0);
    stage.service.job("customers", "since", -7_000.0, -6_000.0);
    let two_hours = Start::Ago(Duration::from_hours(2));
    let mut running = stage.start(&[Stage::rule("customers", two_hours)]);
    sleep(10 * MINUTE).await;
    assert_eq!(running.found(), ["since"]);
}

#[tokio::test(start_paused = true)]
async fn whatever_starts_and_ends_while_nobody_looks_is_found_afterwards() {
    let stage = Stage::new();
    let rules = [Stage::rule("customers", Start::New)];
    stage.service.job("customers", "before", -500.0, -400.0);
    let running = stage.start(&rules);
    sleep(MINUTE).await;
    assert_eq!(running.stop().await, [] as [&str; 0]);
    for number in 0..100 {
        let starts = f64::from(number).mul_add(60.0, 100.0);
        stage.service.job("customers", &format!("{number:03}"), starts, starts + 5.0);
    }
    sleep(Duration::from_hours(3)).await;
    let mut running = stage.start(&rules);
    sleep(MINUTE).await;
    let mut found = running.found();
    found.sort_unstable();
    assert_eq!(found, (0..100).map(|number| format!("{number:03}")).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn what_the_store_knows_is_not_found_again_but_for_what_goes_on() {
    let stage = Stage::new();
    let rules = [Stage::rule("customers", Start::New)];
    stage.service.job("customers", "ended", 10.0, 20.0);
    stage.service.job("customers", "goes-on", 30.0, 9_000.0);
    record(&*stage.store, key("customers", "ended"), JobStatus::Succeeded, service::ORIGIN).await;
    record(&*stage.store, key("customers", "goes-on"), JobStatus::Running, service::ORIGIN).await;
    let mut running = stage.start(&rules);
    sleep(10 * MINUTE).await;
    assert_eq!(running.found(), ["goes-on"]);
}

/// What a daemon forgets with this retention.
async fn prune(stage: &Stage) {
    let before = stage.clock.now() - SignedDuration::try_from(stage.retain).unwrap();
    let retention = Retention { before, watched: Arc::default() };
    let mut position = Some(Position::default());
    while let Some(from) = position {
        position = stage.store.prune(&retention, from, 500).await.unwrap().next;
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_told_and_forgotten_is_not_found_again_by_a_daemon_that_retains_longer() {
    let mut stage = Stage::new();
    let rules = [Stage::rule("customers", Start::New)];
    stage.retain = Duration::from_hours(1);
    let hour = 3_600.0;
    for (id, starts) in [("first", 10.0), ("second", 1.5 * hour), ("third", 4.0 * hour)] {
        stage.service.job("customers", id, starts, starts + 60.0);
    }
    let mut running = stage.start(&rules);
    sleep(Duration::from_hours(2)).await;
    let found = running.found();
    assert_eq!(found, ["first", "second"]);
    for id in found {
        record(&*stage.store, key("customers", &id), JobStatus::Succeeded, stage.clock.now()).await;
    }
    sleep(Duration::from_mins(90)).await;
    prune(&stage).await;
    assert_eq!(stage.store.status(&key("customers", "second")).await.unwrap(), None);
    assert_eq!(running.stop().await, [] as [&str; 0]);
    // While nothing runs, a third job comes and goes.
    sleep(Duration::from_hours(1)).await;
    stage.retain = 90 * DAY;
    let mut running = stage.start(&rules);
    sleep(10 * MINUTE).await;
    assert_eq!(running.found(), ["third"]);
}

#[tokio::test(start_paused = true)]
async fn jobs_that_a_watch_names_are_not_found_besides() {
    let mut stage = Stage::new();
    stage.service.job("customers", "named", 10.0, 900.0);
    stage.service.job("customers", "other", 10.0, 900.0);
    stage.named.push(key("customers", "named"));
    let mut running = stage.start(&[Stage::rule("*", Start::New)]);
    sleep(10 * MINUTE).await;
    assert_eq!(running.found(), ["other"]);
}

#[tokio::test(start_paused = true)]
async fn no_job_is_lost_or_told_twice_though_the_clocks_differ_by_hours() {
    for clock_ahead in [-7_200.0, 7_200.0] {
        let stage = Stage::new();
        stage.service.state.lock().unwrap().clock_ahead = clock_ahead;
        stage.service.job("customers", "first", 40.0, 50.0);
        stage.service.job("customers", "second", 400.0, 4_000.0);
        let mut running = stage.start(&[Stage::rule("customers", Start::New)]);
        sleep(10 * MINUTE).await;
        assert_eq!(running.found(), ["first", "second"], "{clock_ahead}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_rule_judges_the_jobs_anew_and_loses_none_that_started_since() {
    let stage = Stage::new();
    stage.service.job("customers", "old", -4_000.0, -3_000.0);
    stage.service.job("customers", "at-work", -500.0, 90_000.0);
    let running = stage.start(&[Stage::rule("customers", Start::New)]);
    sleep(MINUTE).await;
    assert_eq!(running.stop().await, [] as [&str; 0]);
    stage.service.job("customers", "meanwhile", 70.0, 80.0);
    sleep(MINUTE).await;
    let running = stage.start(&[Stage::rule("customers", Start::Running)]);
    sleep(MINUTE).await;
    let found = running.stop().await;
    assert_eq!(found, ["meanwhile", "at-work"]);
    let running = stage.start(&[Stage::rule("customers", Start::Ago(Duration::from_hours(2)))]);
    sleep(MINUTE).await;
    // Nobody recorded the others here.
    assert_eq!(running.stop().await, ["meanwhile", "at-work", "old"]);
}

#[tokio::test(start_paused = true)]
async fn in_whatever_order_jobs_are_listed_none_is_lost_and_the_newest_first_costs_one_page() {
    for listed in [Listed::NewestFirst, Listed::OldestFirst, Listed::ById] {
        let mut stage = Stage::new();
        let mut service = service::Service::new();
        service.listed = listed;
        stage.service = Arc::new(service);
        // Ids that say nothing of the order.
        let id = |number: u32| format!("{:08x}", number.wrapping_mul(2_654_435_761));
        for number in 0..200 {
            let starts = f64::from(number) * 50.0 - 5_000.0;
            stage.service.job("customers", &id(number), starts, starts + 20.0);
        }
        let mut running = stage.start(&[Stage::rule("customers", Start::New)]);
        sleep(Duration::from_hours(2)).await;
        let mut found = running.found();
        found.sort_unstable();
        let mut started: Vec<_> = (100..200).map(id).collect();
        started.sort_unstable();
        assert_eq!(found, started, "{listed:?}");
        let pages = stage.service.asked().len();
        let looks = 2 * 3_600 / 30;
        match listed {
            Listed::NewestFirst => assert!(pages < looks * 3 / 2, "{pages}"),
            _ => assert!(pages > looks * 4, "{pages}"),
        }
    }
}
