//! Scenarios in which a job was once forgotten, or something wrong was learned.

use super::*;

/// The rule as it is shipped.
fn shipped() -> Config {
    let second = Duration::from_secs(1);
    Config { call_worth: second, min_interval: second, max_interval: 10 * MINUTE, ..config(1) }
}

/// So many jobs of one workflow, on hundreds of pages, that end one after the other while they are listed.
fn crowd(jobs: usize) -> Service {
    let lives = (0..jobs).map(|n| (key(n), life(0, 3_600 + (n as u64 * 7_919) % 3_600)));
    let mut service = Service::new(lives);
    service.list = Some((0..jobs).map(key).collect());
    service
}

/// Follows all to their ends; returns the longest time that an end was not told, in seconds.
async fn worst_delay(service: Service, jobs: usize) -> f64 {
    let service = Arc::new(service);
    let store = memory();
    let (poller, _) = poller(&service, &store, shipped());
    poller.run(given((0..jobs).map(watched)), CancellationToken::new()).await;
    let told = events(&*store).await;
    let ends = told.iter().filter(|event| event.status().is_some_and(JobStatus::is_terminal));
    let delays = ends.map(|event| {
        let told_at = event.time.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64();
        told_at - service.lives[&event.job().unwrap().key()].ends_at.as_secs_f64()
    });
    delays.fold(0.0, f64::max)
}

#[tokio::test(start_paused = true)]
async fn jobs_on_the_last_pages_are_met_though_others_end_while_the_list_is_read() {
    let worst = worst_delay(crowd(2_000), 2_000).await;
    assert!(worst < 600.0, "{worst} s");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_fails_now_and_then_does_not_begin_a_long_list_again() {
    let service = crowd(1_000);
    service.log.lock().unwrap().every_nth_page_fails = Some(20);
    let worst = worst_delay(service, 1_000).await;
    assert!(worst < 600.0, "{worst} s");
}

#[tokio::test(start_paused = true)]
async fn of_jobs_that_ran_while_nobody_looked_no_time_in_the_queue_is_learned() {
    // Submitted together, half an hour each, one after the other.
    let turn = |n: u64| life(1_800 * n, 1_800 * (n + 1));
    let service = Arc::new(Service::new((0..6).map(|n| (key(n), turn(n as u64)))));
    let store = memory();
    let (first, _) = poller(&service, &store, shipped());
    run_for(MINUTE, first, std::array::from_fn::<_, 6, _>(watched)).await;
    sleep(240 * MINUTE).await;
    let jobs = known(&*store, 0..6).await;
    let (second, _) = poller(&service, &store, shipped());
    second.run(given(jobs), CancellationToken::new()).await;
    let learned = store.past_runs(&key(0).workflow()).await.unwrap();
    assert!(learned.iter().all(|run| run.run_time <= 31 * MINUTE), "{learned:?}");
}

#[tokio::test(start_paused = true)]
async fn the_next_start_is_seen_soon_though_the_service_takes_its_time_to_begin() {
    let turn = |n: u64| life(600 * n + if n > 0 { 10 } else { 0 }, 600 * (n + 1));
    let service = Arc::new(Service::new((0..6).map(|n| (key(n), turn(n as u64)))));
    let store = memory();
    let (poller, _) = poller(&service, &store, shipped());
    poller.run(given((0..6).map(watched)), CancellationToken::new()).await;
    let told = events(&*store).await;
    for number in 1..6 {
        let started = told.iter().find(|event| {
            event.subject == *key(number).job_id && event.status() == Some(JobStatus::Running)
        });
        let started = started.expect("every start is told").time;
        let late = started.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64()
            - turn(number as u64).runs_at.as_secs_f64();
        // The end before it is told some time late, and then it is asked about by the time since that end.
        assert!(late < 60.0, "job {number} was seen to start {late} s late");
    }
}

/// The jobs as the store knows them.
async fn known(store: &dyn Store, jobs: std::ops::Range<usize>) -> Vec<WatchedJob> {
    let keys: Vec<_> = jobs.clone().map(key).collect();
    let standings = store.standings(&keys).await.unwrap();
    jobs.zip(standings)
        .map(|(number, standing)| {
            let (status, since) = standing.map(|known| (known.status, known.since)).unzip();
            WatchedJob { status, since, ..watched(number) }
        })
        .collect()
}
