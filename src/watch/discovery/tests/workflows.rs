//! Workflows that come and go, and when each is looked through.

use super::*;
use crate::watch::discovery::workflows::WORKFLOWS_EVERY;

#[tokio::test(start_paused = true)]
async fn workflows_are_followed_that_a_pattern_fits_on_all_pages_of_the_list() {
    let stage = Stage::new();
    for name in ["customers-eu", "customers-us", "orders", "customers-apac", "suppliers"] {
        stage.service.job(name, name, 10.0, 900.0);
    }
    let mut running = stage.start(&[Stage::rule("customers-*", Start::New)]);
    sleep(2 * MINUTE).await;
    let mut found = running.found();
    found.sort_unstable();
    assert_eq!(found, ["customers-apac", "customers-eu", "customers-us"]);
    let asked = stage.service.asked();
    assert!(asked.iter().all(|(_, of)| of == "*" || of.starts_with("customers-")), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_workflow_without_wildcard_is_followed_without_a_list_of_workflows() {
    let stage = Stage::new();
    stage.service.job("customers", "a", 10.0, 900.0);
    let mut running = stage.start(&[Stage::rule("customers", Start::New)]);
    sleep(2 * MINUTE).await;
    assert_eq!(running.found(), ["a"]);
    assert!(stage.service.asked().iter().all(|(_, of)| of == "customers"));
}

#[tokio::test(start_paused = true)]
async fn a_workflow_that_is_made_later_is_picked_up_with_all_of_its_jobs() {
    let stage = Stage::new();
    stage.service.workflow("old");
    let mut running = stage.start(&[Stage::rule("*", Start::New)]);
    sleep(10 * MINUTE).await;
    // Its first job has ended before anybody hears of it.
    stage.service.job("new", "first", stage.service.now(), stage.service.now() + 2.0);
    sleep(INTERVAL * WORKFLOWS_EVERY + Duration::from_secs(5)).await;
    assert_eq!(running.found(), ["first"]);
}

#[tokio::test(start_paused = true)]
async fn a_workflow_that_is_deleted_is_not_asked_for_again_until_it_is_listed_again() {
    let stage = Stage::new();
    stage.service.workflow("stays");
    stage.service.job("goes", "a", 10.0, 900.0);
    let mut running = stage.start(&[Stage::rule("*", Start::New)]);
    sleep(5 * MINUTE).await;
    assert_eq!(running.found(), ["a"]);
    stage.service.delete("goes");
    sleep(2 * MINUTE).await;
    stage.service.asked();
    sleep(10 * MINUTE).await;
    assert!(stage.service.asked().iter().all(|(_, of)| of != "goes"));
    let followed = stage.metrics.discovery_workflows.with_label_values(&["main", "matching"]);
    assert_eq!(followed.get(), 1);
    stage.service.job("goes", "b", stage.service.now(), stage.service.now() + 2.0);
    sleep(2 * MINUTE).await;
    assert_eq!(running.found(), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn the_first_watch_that_fits_a_workflow_decides_about_its_jobs() {
    let stage = Stage::new();
    stage.service.job("customers-eu", "special", 10.0, 900.0);
    stage.service.job("orders", "other", 10.0, 900.0);
    let told = |rule: Arc<Rule>, notifier: &str| {
        let mut rule = Arc::into_inner(rule).unwrap();
        rule.notifiers = [notifier.into()].into();
        Arc::new(rule)
    };
    let rules = [
        told(Stage::rule("customers-*", Start::New), "special"),
        told(Stage::rule("*", Start::New), "other"),
    ];
    let mut running = stage.start(&rules);
    sleep(2 * MINUTE).await;
    while let Ok(handed) = running.found.try_recv() {
        let Handed::Jobs(jobs) = handed else { continue };
        for job in jobs {
            assert_eq!(job.key.job_id, job.notifiers[0], "{}", job.key);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn looks_are_an_interval_apart_and_spread_over_it() {
    let stage = Stage::new();
    for number in 0..10 {
        stage.service.workflow(&format!("w{number}"));
    }
    let _running = stage.start(&[Stage::rule("*", Start::New)]);
    sleep(2 * MINUTE).await;
    stage.service.asked();
    sleep(20 * INTERVAL).await;
    let asked: Vec<_> = stage.service.asked().into_iter().filter(|(_, of)| of != "*").collect();
    for number in 0..10 {
        let of = format!("w{number}");
        let times: Vec<_> =
            asked.iter().filter(|(_, name)| *name == of).map(|(at, _)| *at).collect();
        assert!((19..=21).contains(&times.len()), "{of}: {times:?}");
        for two in times.windows(2) {
            let gap = two[1] - two[0];
            assert!(gap.abs_diff(INTERVAL) < Duration::from_secs(3), "{of}: {gap:?}");
        }
    }
    let most_in_3_s = |from: Duration| {
        asked.iter().filter(|(at, _)| (from..from + INTERVAL / 10).contains(at)).count()
    };
    let most = asked.iter().map(|(at, _)| most_in_3_s(*at)).max().unwrap();
    assert!(most <= 3, "{most}");
}

#[tokio::test(start_paused = true)]
async fn however_many_workflows_there_are_no_more_is_asked_than_the_budget_has() {
    let stage = Stage::new();
    for number in 0..200 {
        stage.service.workflow(&format!("w{number:03}"));
    }
    let _running = stage.start(&[Stage::rule("*", Start::New)]);
    sleep(10 * MINUTE).await;
    let asked: Vec<_> = stage.service.asked().into_iter().map(|(at, _)| at).collect();
    for at in &asked {
        let within =
            asked.iter().filter(|other| (*at..*at + Duration::from_secs(10)).contains(*other));
        // Its share of 2.5 a second, and what may be spent at once.
        assert!(within.count() <= 17, "{at:?}");
    }
    assert!(asked.len() > 600, "{}: none is forgotten", asked.len());
}
