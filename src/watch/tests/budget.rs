//! More jobs than may be asked about as often as they would be worth it.

use super::*;

/// The rule as it is shipped, for a service that may not list.
fn shipped(get_rate: f64) -> Config {
    let second = Duration::from_secs(1);
    Config {
        call_worth: second,
        min_interval: second,
        max_interval: 10 * MINUTE,
        get_rate,
        ..config(1)
    }
}

/// Watches a service for a while.
async fn watch_for(time: Duration, service: &Arc<Service>, jobs: usize, config: Config) {
    let (poller, _) = poller(service, &memory(), config);
    let stop = CancellationToken::new();
    let running = tokio::spawn(poller.run(given((0..jobs).map(watched)), stop.clone()));
    sleep(time).await;
    stop.cancel();
    running.await.unwrap();
}

/// The times between two questions about each job, of those that were asked after `from`.
fn gaps(service: &Service, from: Duration) -> HashMap<JobKey, Vec<f64>> {
    let mut last: HashMap<JobKey, Duration> = HashMap::new();
    let mut gaps: HashMap<JobKey, Vec<f64>> = HashMap::new();
    for (at, job, _) in &service.log.lock().unwrap().requests {
        if let Some(before) = last.insert(job.clone(), *at)
            && *at > from
        {
            gaps.entry(job.clone()).or_default().push((*at - before).as_secs_f64());
        }
    }
    gaps
}

#[tokio::test(start_paused = true)]
async fn where_the_budget_is_short_equal_jobs_are_asked_about_equally_often_and_none_starves() {
    let service = Arc::new(Service::new((0..800).map(|n| (key(n), life(0, 1_000_000)))));
    watch_for(40 * MINUTE, &service, 800, shipped(5.0)).await;
    let gaps = gaps(&service, 30 * MINUTE);
    assert_eq!(gaps.len(), 800, "every job is asked about");
    let all: Vec<f64> = gaps.values().flatten().copied().collect();
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    // By their rule each would be asked about every 90 s; at 5 a second it is their turn every 160 s.
    assert!((159.0..=180.0).contains(&mean), "{mean}");
    let longest = all.iter().copied().fold(0.0, f64::max);
    assert!(longest <= 1.2 * mean, "{longest} against {mean}");
    for gaps in gaps.values() {
        let own = gaps.iter().sum::<f64>() / gaps.len() as f64;
        assert!((mean / 1.2..=mean * 1.2).contains(&own), "{own} against {mean}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_budget_is_used_and_never_exceeded() {
    let service = Arc::new(Service::new((0..800).map(|n| (key(n), life(0, 1_000_000)))));
    watch_for(30 * MINUTE, &service, 800, shipped(5.0)).await;
    let (sent, _) = service.requests_between(10 * MINUTE, 30 * MINUTE);
    assert!((5_100..=6_000).contains(&sent), "{sent} of 6000");
}

#[tokio::test(start_paused = true)]
async fn few_jobs_are_asked_about_by_their_rule_and_not_by_the_budget() {
    let service = Arc::new(Service::new((0..3).map(|n| (key(n), life(0, 1_000_000)))));
    watch_for(120 * MINUTE, &service, 3, shipped(5.0)).await;
    // After an hour a job of which nothing is known is worth a question every two minutes.
    let (sent, _) = service.requests_between(60 * MINUTE, 120 * MINUTE);
    assert!((60..=120).contains(&sent), "{sent}");
}

#[tokio::test(start_paused = true)]
async fn those_that_wait_in_the_queue_are_hardly_asked_about_while_another_runs() {
    // Twenty jobs, one after the other, half an hour each.
    let turn = |n: u64| life(1_800 * n, 1_800 * (n + 1));
    let service = Arc::new(Service::new((0..20).map(|n| (key(n), turn(n as u64)))));
    watch_for(600 * MINUTE, &service, 20, shipped(5.0)).await;
    let log = service.log.lock().unwrap();
    let waiting = log.requests.iter().filter(|(at, job, _)| {
        let life = service.lives[job];
        *at > MINUTE && *at < life.runs_at
    });
    // Half an hour for the second, an hour for the third …, and no more than a question every ten minutes or so.
    let hours_of_waiting = (1..20).sum::<usize>() / 2;
    let waiting = waiting.count();
    assert!(waiting <= 7 * hours_of_waiting, "{waiting} in {hours_of_waiting} hours");
}

#[tokio::test(start_paused = true)]
async fn the_next_job_in_the_queue_is_seen_to_start_soon_after_the_one_before_it_ended() {
    let turn = |n: u64| life(600 * n, 600 * (n + 1));
    let service = Arc::new(Service::new((0..6).map(|n| (key(n), turn(n as u64)))));
    let store = memory();
    let (poller, _) = poller(&service, &store, shipped(5.0));
    poller.run(given((0..6).map(watched)), CancellationToken::new()).await;
    let told = events(&*store).await;
    for number in 1..6_u64 {
        let job = key(number as usize);
        let running = told
            .iter()
            .find(|e| e.subject == *job.job_id && e.status() == Some(JobStatus::Running))
            .expect("every start is told");
        let ended = told
            .iter()
            .find(|e| {
                e.subject == *key(number as usize - 1).job_id
                    && e.status().is_some_and(JobStatus::is_terminal)
            })
            .expect("every end is told");
        let between = running.time.duration_since(ended.time).as_secs_f64();
        assert!(
            between < 10.0,
            "job {number} was seen to start {between} s after the end before it"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_asks_to_be_left_alone_is_left_alone_by_questions_of_that_kind() {
    let second = Duration::from_secs(1);
    // Forty jobs that a list shows, and forty that none shows.
    let mut service = Service::new((0..80).map(|n| (key(n), life(0, 1_000_000))));
    service.list = Some((0..40).map(key).collect());
    let service = Arc::new(service);
    let config = Config { call_worth: second / 1_000, ..shipped(5.0) };
    let (poller, _) = poller(&service, &memory(), config);
    let stop = CancellationToken::new();
    let running = tokio::spawn(poller.run(given((0..80).map(watched)), stop.clone()));
    sleep(10 * MINUTE).await;
    service.log.lock().unwrap().get_pause = Some(40 * second);
    sleep(2 * MINUTE).await;
    service.log.lock().unwrap().list_pause = Some(30 * second);
    sleep(2 * MINUTE).await;
    stop.cancel();
    running.await.unwrap();
    let log = service.log.lock().unwrap();
    let gets: Vec<_> = log.requests.iter().map(|(at, ..)| *at).collect();
    let longest_gap = |times: &[Duration], from: Duration| {
        let times = times.iter().filter(|at| (from..from + 2 * MINUTE).contains(*at));
        times.clone().zip(times.skip(1)).map(|(earlier, later)| *later - *earlier).max().unwrap()
    };
    let (while_gets_pause, while_lists_pause) = (10 * MINUTE, 12 * MINUTE);
    assert!(longest_gap(&gets, while_gets_pause) >= 40 * second);
    assert!(longest_gap(&log.pages, while_gets_pause) < 10 * second);
    assert!(longest_gap(&log.pages, while_lists_pause) >= 30 * second);
    assert!(longest_gap(&gets, while_lists_pause) < 10 * second);
}
