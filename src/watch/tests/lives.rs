//! Jobs are followed to their ends, without haste.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_job_is_followed_to_its_end_and_every_change_is_told() {
    let service = Arc::new(Service::new([(key(1), life(60, 300))]));
    let store = memory();
    let (poller, notes) = poller(&service, &store, config(15));
    poller.run(given(vec![watched(1)]), CancellationToken::new()).await;
    let told: Vec<_> = events(&*store).await.iter().map(|event| event.status().unwrap()).collect();
    assert_eq!(told, [JobStatus::Queued, JobStatus::Running, JobStatus::Succeeded]);
    let last = notes.0.lock().unwrap().last().cloned();
    assert_eq!(last, Some((key(1), Next::Ended(JobStatus::Succeeded))));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_ended_in_an_earlier_run_is_not_asked_about() {
    let service = Arc::new(Service::new([(key(1), life(0, 0))]));
    let (poller, _) = poller(&service, &memory(), config(15));
    let ended = WatchedJob { status: Some(JobStatus::Failed), ..watched(1) };
    poller.run(given(vec![ended]), CancellationToken::new()).await;
    assert!(service.log.lock().unwrap().requests.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_job_is_never_asked_about_twice_at_once_however_slow_the_service() {
    let mut service = Service::new((0..20).map(|number| (key(number), life(30, 90))));
    service.latency = Duration::from_secs(8);
    let service = Arc::new(service);
    let (poller, _) = poller(&service, &memory(), config(1));
    poller.run(given((0..20).map(watched)), CancellationToken::new()).await;
    assert!(!service.log.lock().unwrap().asked_twice_at_once);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_jobs_make_no_storm_at_start() {
    let service = Arc::new(Service::new((0..10_000).map(|n| (key(n), life(0, 1_000_000)))));
    let (poller, _) = poller(&service, &memory(), config(15));
    let stop = CancellationToken::new();
    let running = tokio::spawn(poller.run(given((0..10_000).map(watched)), stop.clone()));
    sleep(2 * MINUTE).await;
    stop.cancel();
    running.await.unwrap();
    for second in 0..120 {
        let (sent, _) =
            service.requests_between(Duration::from_secs(second), Duration::from_secs(second + 1));
        assert!(sent <= 11, "{sent} requests in second {second}");
    }
    let (sent, _) = service.requests_between(Duration::ZERO, 2 * MINUTE);
    assert!((590..=606).contains(&sent), "{sent}");
}

#[tokio::test(start_paused = true)]
async fn a_service_at_a_quarter_of_the_demand_is_found_out_and_no_transition_is_lost() {
    let mut service = Service::new((0..40).map(|number| (key(number), life(300, 900))));
    service.limit = 2.0;
    let service = Arc::new(service);
    let store = memory();
    let (poller, notes) = poller(&service, &store, config(5));
    poller.run(given((0..40).map(watched)), CancellationToken::new()).await;
    let (sent, throttled) = service.requests_between(MINUTE, 100 * MINUTE);
    assert!(throttled * 20 < sent, "{throttled} of {sent} throttled");
    assert_eq!(events(&*store).await.len(), 40 * 3);
    let notes = notes.0.lock().unwrap();
    assert!(!notes.iter().any(|(_, next)| matches!(next, Next::GiveUp(_))));
}
