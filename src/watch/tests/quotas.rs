//! Two hundred jobs of one workflow at the service's quotas: how soon their ends are told, and by how many questions.

use std::collections::VecDeque;

use super::*;

const JOBS: usize = 200;

/// What came of it.
struct Outcome {
    /// From the end of a job until it is told, in seconds, shortest first.
    delays: Vec<f64>,
    gets: usize,
    pages: usize,
}

impl Outcome {
    fn percentile(&self, share: usize) -> f64 {
        self.delays[(self.delays.len() * share).div_ceil(100) - 1]
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [p50, p95, p99] = [50, 95, 99].map(|share| self.percentile(share));
        write!(f, "p50 {p50:.2} p95 {p95:.2} p99 {p99:.2} gets {} pages {}", self.gets, self.pages)
    }
}

/// Run times from 20 s to 120 s, in an order that is not that of the list.
fn lives() -> Vec<(JobKey, Life)> {
    (0..JOBS)
        .map(|number| {
            let ends_at = Duration::from_millis(20_250 + 500 * (number as u64 * 83 % JOBS as u64));
            (key(number), Life { runs_at: Duration::ZERO, ends_at })
        })
        .collect()
}

async fn follow_all(may_list: bool, call_worth: Duration) -> Outcome {
    let second = Duration::from_secs(1);
    let config = Config {
        call_worth,
        min_interval: second,
        max_interval: 10 * MINUTE,
        get_rate: 10.0,
        list_rate: 5.0,
        ..config(1)
    };
    let lives = lives();
    let mut service = Service::new(lives.clone());
    service.latency = Duration::from_millis(5);
    service.list = may_list.then(|| lives.iter().rev().map(|(key, _)| key.clone()).collect());
    let service = Arc::new(service);
    let store = memory();
    let (poller, _) = poller(&service, &store, config);
    poller.run(given((0..JOBS).map(watched)), CancellationToken::new()).await;
    let mut delays: Vec<f64> = events(&*store)
        .await
        .iter()
        .filter(|event| event.status().is_some_and(JobStatus::is_terminal))
        .map(|event| {
            let told_at = event.time.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64();
            let (_, life) = lives.iter().find(|(key, _)| *key.job_id == *event.subject).unwrap();
            told_at - life.ends_at.as_secs_f64()
        })
        .collect();
    assert_eq!(delays.len(), JOBS);
    delays.sort_by(f64::total_cmp);
    Outcome { delays, gets: service.questions_about_one(), pages: service.pages_read() }
}

/// Delays where each is asked about in turn, and no call is left unused.
fn perfect_turns() -> Outcome {
    let mut delays = Vec::new();
    let mut waiting: VecDeque<f64> =
        lives().iter().map(|(_, life)| life.ends_at.as_secs_f64()).collect();
    let mut gets = 0;
    while let Some(ends_at) = waiting.pop_front() {
        let now = f64::from(gets) / 10.0;
        gets += 1;
        if now < ends_at {
            waiting.push_back(ends_at);
        } else {
            delays.push(now - ends_at);
        }
    }
    delays.sort_by(f64::total_cmp);
    Outcome { delays, gets: gets as usize, pages: 0 }
}

/// The jitter comes from a seed, but timers go by whole milliseconds of a clock that starts anywhere between two: who is
/// asked before whom differs from run to run, and single runs stray by a tenth.
const RUNS: usize = 7;

/// A call is worth hardly any delay: the budget alone limits.
const HARDLY_ANY: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn with_lists_every_end_is_told_about_as_soon_as_lists_can_tell_it() {
    // Eight pages at 5 a second: a perfect sweep takes 1.6 s.
    let outcome = follow_all(true, HARDLY_ANY).await;
    assert!(outcome.percentile(50) <= 1.2, "{outcome}");
    assert!(outcome.percentile(95) <= 2.2, "{outcome}");
    assert!(outcome.percentile(99) <= 2.5, "{outcome}");
    // A first and a last look at each, pages as fast as they may be asked for, and the last ten or so one by one: the list
    // still has eight pages then.
    assert!(outcome.gets <= 2 * JOBS + 30 && outcome.pages <= 605, "{outcome}");
}

#[tokio::test(start_paused = true)]
async fn without_lists_delays_are_those_of_asking_about_each_in_turn() {
    let perfect = perfect_turns();
    for call_worth in [HARDLY_ANY, Duration::from_secs(1)] {
        let mut outcomes = Vec::new();
        for _ in 0..RUNS {
            let outcome = follow_all(false, call_worth).await;
            assert!(outcome.gets <= perfect.gets, "{outcome} ({perfect})");
            outcomes.push(outcome);
        }
        outcomes.sort_by(|one, other| one.percentile(95).total_cmp(&other.percentile(95)));
        let median = &outcomes[RUNS / 2];
        assert!(median.percentile(95) <= 1.15 * perfect.percentile(95), "{median} ({perfect})");
    }
}
