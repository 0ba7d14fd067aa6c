//! A poller stops, and another goes on.

use super::*;

#[tokio::test(start_paused = true)]
async fn another_poller_goes_on_where_one_left_off() {
    let service = Arc::new(Service::new([(key(1), life(60, 300))]));
    let store = memory();
    // Job 2 does not exist: what was borne with counts, and the last question is asked where patience ends.
    let patience = Patience::of_daemon(Duration::from_secs(45));
    let (mut first, _) = poller(&service, &store, config(60));
    first.patience = patience;
    let left_off = run_for(Duration::from_secs(30), first, [watched(1), watched(2)]).await;
    let (mut second, notes) = poller(&service, &store, config(60));
    second.patience = patience;
    let started = Instant::now();
    let running = tokio::spawn(second.run(given(left_off), CancellationToken::new()));
    sleep(Duration::from_secs(20)).await;
    assert!(gave_up(&notes, &key(2)), "lost after 45 s in all, of which the first poller bore 30");
    let of_one = |log: &Log| log.requests.iter().filter(|(_, job, _)| *job == key(1)).count();
    assert_eq!(of_one(&service.log.lock().unwrap()), 1, "not before its time");
    running.await.unwrap();
    assert!(started.elapsed() > Duration::from_secs(200));
}

#[tokio::test(start_paused = true)]
async fn what_was_borne_with_counts_though_a_question_is_under_way_when_the_poller_stops() {
    let mut service = Service::new([]);
    service.latency = Duration::from_secs(8);
    let service = Arc::new(service);
    let store = memory();
    let (first, _) = poller(&service, &store, config(15));
    // The first answer comes after 8 s, the second question soon after it: it has no answer yet at 15 s.
    let left_off = run_for(Duration::from_secs(15), first, [watched(2)]).await;
    let (mut second, notes) = poller(&service, &store, config(15));
    second.patience = Patience::of_daemon(Duration::from_secs(14));
    let running = tokio::spawn(second.run(given(left_off), CancellationToken::new()));
    sleep(Duration::from_secs(9)).await;
    assert!(gave_up(&notes, &key(2)), "given up at 23 s, for the first answer came at 8 s");
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn at_shutdown_questions_under_way_are_dropped_at_once() {
    let mut service = Service::new([(key(1), life(0, 1_000_000))]);
    service.latency = 10 * MINUTE;
    let (poller, _) = poller(&Arc::new(service), &memory(), config(15));
    let stop = CancellationToken::new();
    let running = tokio::spawn(poller.run(given(vec![watched(1)]), stop.clone()));
    sleep_until(Instant::now() + MINUTE).await;
    let asked_to_stop = Instant::now();
    stop.cancel();
    running.await.unwrap();
    assert_eq!(asked_to_stop.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn where_intervals_are_shorter_after_a_reload_that_counts_from_then_on() {
    let service = Arc::new(Service::new([(key(1), life(0, 1_000_000))]));
    let store = memory();
    let (first, _) = poller(&service, &store, config(600));
    let left_off = run_for(MINUTE, first, [watched(1)]).await;
    assert_eq!(service.questions_about_one(), 1, "the next is due in ten minutes");
    let second = Duration::from_secs(1);
    let backoff = backoff::Policy { initial: second, max: 2 * second };
    let (poller, _) = poller(&service, &store, Config { backoff, ..config(5) });
    let stop = CancellationToken::new();
    let running = tokio::spawn(poller.run(given(left_off), stop.clone()));
    sleep(5 * second + second / 10).await;
    assert_eq!(service.questions_about_one(), 2);
    stop.cancel();
    running.await.unwrap();
}
