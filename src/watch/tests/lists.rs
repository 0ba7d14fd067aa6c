//! One list for many jobs.

use super::*;

/// A service that lists its jobs in this order, after as many others that ended long ago.
fn listing(lives: &[(JobKey, Life)], order: &[usize], ended_before: usize) -> Arc<Service> {
    let old = (0..ended_before).map(|number| (key(900_000 + number), life(0, 0)));
    let lives: Vec<_> = lives.iter().cloned().chain(old.clone()).collect();
    let mut service = Service::new(lives.clone());
    let live = order.iter().map(|&number| lives[number].0.clone());
    service.list = Some(old.map(|(key, _)| key).chain(live).collect());
    Arc::new(service)
}

fn by_number(count: usize) -> Vec<usize> {
    (0..count).collect()
}

/// The rule as it is shipped.
fn shipped() -> Config {
    let second = Duration::from_secs(1);
    Config { call_worth: second, min_interval: second, max_interval: 10 * MINUTE, ..config(1) }
}

/// Follows all jobs to their ends. Returns how long after each end it was told.
async fn delays(service: &Arc<Service>, jobs: &[(JobKey, Life)], config: Config) -> Vec<Duration> {
    let store = memory();
    let (poller, _) = poller(service, &store, config);
    let watched = jobs.iter().map(|(key, _)| WatchedJob { key: key.clone(), ..watched(0) });
    poller.run(given(watched.collect::<Vec<_>>()), CancellationToken::new()).await;
    let told = events(&*store).await;
    jobs.iter()
        .map(|(key, life)| {
            let event = told
                .iter()
                .find(|event| {
                    event.subject == *key.job_id
                        && event.status().is_some_and(JobStatus::is_terminal)
                })
                .expect("every end is told");
            let told_at = event.time.duration_since(Timestamp::UNIX_EPOCH);
            Duration::try_from(told_at).unwrap() - life.ends_at
        })
        .collect()
}

fn mean(delays: &[Duration]) -> f64 {
    delays.iter().map(Duration::as_secs_f64).sum::<f64>() / delays.len() as f64
}

/// Twenty-five jobs that run side by side, for an hour and a little longer.
fn side_by_side() -> Vec<(JobKey, Life)> {
    (0..25).map(|number| (key(number), life(0, 3_600 + 13 * number as u64))).collect()
}

#[tokio::test(start_paused = true)]
async fn twenty_five_jobs_cost_an_eighth_of_the_calls_that_one_by_one_costs_at_equal_delay() {
    let jobs = side_by_side();
    let listed = listing(&jobs, &by_number(25), 0);
    let listed_delay = mean(&delays(&listed, &jobs, shipped()).await);
    let calls = listed.pages_read() + listed.questions_about_one();

    // One by one, by the same rule, at a price of a call that leaves about the same delay.
    let one_by_one = Arc::new(Service::new(jobs.clone()));
    let cheap = Config { call_worth: Duration::from_secs(1) / 12, get_rate: 1_000.0, ..shipped() };
    let single_delay = mean(&delays(&one_by_one, &jobs, cheap).await);
    let single_calls = one_by_one.questions_about_one();
    // Half the delay takes twice the calls: what is left of the difference is accounted for.
    let at_equal_delay = single_calls as f64 * single_delay / listed_delay;
    assert!((0.5..=2.0).contains(&(single_delay / listed_delay)), "{single_delay} s");
    assert!(calls as f64 * 8.0 <= at_equal_delay, "{calls} calls against {at_equal_delay}");
}

#[tokio::test(start_paused = true)]
async fn the_order_of_the_list_does_not_matter() {
    let jobs = side_by_side();
    let backwards: Vec<_> = by_number(25).into_iter().rev().collect();
    let mixed: Vec<_> = (0..25).map(|number| number * 7 % 25).collect();
    for order in [by_number(25), backwards, mixed] {
        let service = listing(&jobs, &order, 0);
        let delay = mean(&delays(&service, &jobs, shipped()).await);
        assert!(delay < 20.0, "{delay} s");
        assert!(service.pages_read() > 10);
    }
}

#[tokio::test(start_paused = true)]
async fn jobs_behind_many_that_ended_long_ago_are_asked_about_one_by_one() {
    let jobs = side_by_side();
    let service = listing(&jobs, &by_number(25), 2_000);
    let delay = mean(&delays(&service, &jobs, shipped()).await);
    assert!(delay < 90.0, "{delay} s");
    // What listing costs is found out, and then it is let be.
    assert!(service.pages_read() < 100, "{}", service.pages_read());
}

#[tokio::test(start_paused = true)]
async fn a_job_that_the_list_does_not_show_is_asked_about_by_itself() {
    let jobs = side_by_side();
    let shown: Vec<_> = (1..25).collect();
    let service = listing(&jobs, &shown, 0);
    let delays = delays(&service, &jobs, shipped()).await;
    assert!(delays[0] < 3 * MINUTE, "{:?}", delays[0]);
    assert!(service.pages_read() > 10);
}

#[tokio::test(start_paused = true)]
async fn jobs_that_a_list_shows_late_are_listed_then() {
    let jobs = side_by_side();
    let service = listing(&jobs, &by_number(25), 0);
    service.log.lock().unwrap().lists_are_empty = true;
    let lag = async {
        sleep(5 * MINUTE).await;
        service.log.lock().unwrap().lists_are_empty = false;
    };
    let (delays, ()) = tokio::join!(delays(&service, &jobs, shipped()), lag);
    assert!(mean(&delays) < 20.0, "{} s", mean(&delays));
    let (asked_late, _) = service.requests_between(20 * MINUTE, 59 * MINUTE);
    assert!(asked_late < 25, "{asked_late} questions about one job, though a list shows all");
}

#[tokio::test(start_paused = true)]
async fn where_nothing_may_be_listed_every_job_is_asked_about_by_itself() {
    let jobs = side_by_side();
    let service = Arc::new(Service::new(jobs.clone()));
    let delay = mean(&delays(&service, &jobs, shipped()).await);
    assert!(delay < 90.0, "{delay} s");
    assert!(service.pages_read() <= 2, "asked once an hour, and refused");
}

#[tokio::test(start_paused = true)]
async fn lists_that_fail_hold_up_no_job() {
    let jobs = side_by_side();
    let service = listing(&jobs, &by_number(25), 0);
    service.log.lock().unwrap().lists_fail = true;
    let delay = mean(&delays(&service, &jobs, shipped()).await);
    assert!(delay < 90.0, "{delay} s");
}

#[tokio::test(start_paused = true)]
async fn what_a_list_shows_of_the_past_is_learned_and_kept() {
    let jobs = [(key(1), life(0, 400))];
    let service = listing(&jobs, &[0], 0);
    let old: Vec<_> = (0..60_u64).map(|n| (key(700 + n as usize), life(0, 10 * n + 10))).collect();
    let mut service = Arc::into_inner(service).unwrap();
    service.lives.extend(old.iter().cloned());
    service.list.as_mut().unwrap().extend(old.into_iter().map(|(key, _)| key));
    let service = Arc::new(service);
    sleep(12 * MINUTE).await;
    let store = memory();
    let late = Arc::new(Service {
        started: Instant::now() - 12 * MINUTE,
        lives: service.lives.clone().into_iter().chain([(key(1), life(0, 1_200))]).collect(),
        latency: service.latency,
        limit: service.limit,
        list: service.list.clone(),
        log: Mutex::default(),
    });
    let (poller, _) = poller(&late, &store, shipped());
    let stop = CancellationToken::new();
    let running = tokio::spawn(poller.run(given([watched(1)]), stop.clone()));
    sleep(MINUTE).await;
    stop.cancel();
    running.await.unwrap();
    let runs = store.past_runs(&key(1).workflow()).await.unwrap();
    // Two pages of twenty-five, of which one is the live job.
    assert_eq!(runs.len(), 49);
    assert!(runs.iter().skip(1).all(|run| run.run_time == Duration::from_secs(10)), "{runs:?}");
}
