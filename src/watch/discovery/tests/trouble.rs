//! When the service or the store does not do what it is asked.

use super::*;
use crate::source::Scope;

fn denied() -> SourceError {
    SourceError::AccessDenied { scope: Scope::Question, message: "not authorized".to_owned() }
}

fn throttled() -> SourceError {
    SourceError::Throttled { retry_after: None, message: "slow down".to_owned() }
}

fn troubles(stage: &Stage) -> i64 {
    stage.metrics.discovery_troubles.with_label_values(&["main", "matching"]).get()
}

#[tokio::test(start_paused = true)]
async fn a_workflow_that_denies_its_list_is_asked_seldom_and_the_others_go_on() {
    let stage = Stage::new();
    stage.service.job("denies", "hidden", 10.0, 20.0);
    for number in 0..10 {
        let starts = f64::from(number).mul_add(60.0, 10.0);
        stage.service.job("customers", &number.to_string(), starts, starts + 5.0);
    }
    stage.service.refuse("denies", Some(denied()));
    let mut running = stage.start(&[Stage::rule("*", Start::New)]);
    sleep(11 * MINUTE).await;
    assert_eq!(running.found().len(), 10);
    let asked = stage.service.asked().iter().filter(|(_, of)| of == "denies").count();
    assert!((2..=4).contains(&asked), "{asked}");
    assert_eq!(troubles(&stage), 1);
    stage.service.refuse("denies", None);
    sleep(DENIED_INTERVAL + MINUTE).await;
    assert_eq!(running.found(), ["hidden"], "it started when the watch had been seen");
    assert_eq!(troubles(&stage), 0);
}

#[tokio::test(start_paused = true)]
async fn a_list_of_workflows_that_is_denied_keeps_no_workflow_that_is_named_from_being_followed() {
    let stage = Stage::new();
    stage.service.job("customers", "a", 10.0, 20.0);
    stage.service.job("other", "b", 10.0, 20.0);
    stage.service.refuse("*", Some(denied()));
    let rules = [Stage::rule("customers", Start::New), Stage::rule("*", Start::New)];
    let mut running = stage.start(&rules);
    sleep(11 * MINUTE).await;
    assert_eq!(running.found(), ["a"]);
    let asked = stage.service.asked().iter().filter(|(_, of)| of == "*").count();
    assert!((2..=4).contains(&asked), "{asked}");
    assert_eq!(troubles(&stage), 1);
    stage.service.refuse("*", None);
    sleep(DENIED_INTERVAL + MINUTE).await;
    assert_eq!(running.found(), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn throttles_slow_it_down_and_lose_nothing() {
    let stage = Stage::new();
    stage.service.job("customers", "a", 10.0, 20.0);
    stage.service.refuse("customers", Some(throttled()));
    let mut running = stage.start(&[Stage::rule("customers", Start::New)]);
    sleep(10 * MINUTE).await;
    let asked = stage.service.asked().len();
    assert!(asked < 60, "{asked}: no more than a tenth a second once the rate has fallen");
    stage.service.refuse("customers", None);
    sleep(2 * MINUTE).await;
    assert_eq!(running.found(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn an_outage_loses_nothing() {
    let stage = Stage::new();
    stage.service.workflow("customers");
    let mut running = stage.start(&[Stage::rule("*", Start::New)]);
    sleep(MINUTE).await;
    stage.service.state.lock().unwrap().outages = 50;
    stage.service.job("customers", "a", 90.0, 100.0);
    sleep(Duration::from_hours(1)).await;
    assert_eq!(running.found(), ["a"]);
    assert_eq!(troubles(&stage), 0);
}

#[tokio::test(start_paused = true)]
async fn a_long_list_is_read_to_its_end_though_every_third_page_fails() {
    let stage = Stage::new();
    for number in 0..1_000 {
        stage.service.job("customers", &number.to_string(), f64::from(number) / 100.0, 20.0);
    }
    let mut running = stage.start(&[Stage::rule("customers", Start::New)]);
    let mut found = HashSet::new();
    for _ in 0..100 {
        sleep(Duration::from_secs(3)).await;
        stage.service.state.lock().unwrap().outages = 1;
        found.extend(running.found());
    }
    assert_eq!(found.len(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn what_is_found_waits_for_nobody_who_is_gone() {
    let stage = Stage::new();
    stage.service.job("customers", "a", 10.0, 20.0);
    let running = stage.start(&[Stage::rule("customers", Start::New)]);
    drop(running.found);
    sleep(MINUTE).await;
    running.stop.cancel();
    running.run.await.unwrap();
}
