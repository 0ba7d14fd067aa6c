//! Three accounts in four Regions with ten workflows each, for ten hours, with the settings that a daemon has by itself and
//! the budgets of the service: discovery and pollers together.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch as channel;

use super::service::Life;
use super::*;
use crate::domain::{Event, Route, Routing};
use crate::store::Settlement;
use crate::watch::{Budgets, Config, Patience, Poller};

const HOURS: f64 = 10.0;
const GET_RATE: f64 = 5.0;
const LIST_RATE: f64 = 2.5;

/// Somebody else starts jobs, long and short ones, at random.
fn start_jobs(service: &Service, chance: &mut StdRng) {
    for workflow in 0..10 {
        let name = format!("workflow-{workflow}");
        service.workflow(&name);
        let mut starts = 0.0;
        loop {
            let mut exponential = |mean: f64| -mean * (1.0 - chance.random::<f64>()).ln();
            starts += exponential(2_400.0);
            if starts > HOURS * 3_600.0 {
                break;
            }
            let runs = starts + exponential(60.0);
            let ends = runs + exponential(if workflow % 2 == 0 { 20.0 } else { 600.0 });
            let id = format!("{:032x}", chance.random::<u128>());
            let mut state = service.state.lock().unwrap();
            let jobs = state.workflows.get_mut(&name).unwrap();
            jobs.push((id, Life { starts, runs, ends }));
        }
    }
}

/// One account with its poller, and what looks for jobs in it; the pages that this reads are shared, or not.
pub(super) fn watch_over(
    name: String,
    shares: bool,
    service: &Arc<Service>,
    store: &Arc<dyn Store>,
    clock: &SharedClock,
    stop: &CancellationToken,
) {
    let account = Account {
        name: name.into(),
        region: "eu-west-1".into(),
        source: Arc::clone(service) as Arc<dyn JobSource>,
    };
    let config = Config {
        call_worth: Duration::from_secs(1),
        min_interval: Duration::from_secs(1),
        max_interval: Duration::from_mins(10),
        backoff: Policy { initial: Duration::from_secs(1), max: 2 * MINUTE },
        get_rate: GET_RATE,
        list_rate: LIST_RATE,
        concurrency: 32,
        not_found_grace: Duration::from_mins(10),
    };
    let budgets = Budgets::new(GET_RATE, LIST_RATE);
    let (give, mut passed) = mpsc::unbounded_channel();
    let (hand, given) = mpsc::unbounded_channel();
    let (show, shown) = mpsc::unbounded_channel();
    let discovery = Discovery {
        account: account.clone(),
        kind: JobKind::Matching,
        rules: vec![Stage::rule("*", Start::New)],
        named: Arc::default(),
        store: Arc::clone(store),
        clock: Arc::clone(clock),
        backoff: config.backoff,
        retain: Duration::from_hours(90 * 24),
        lists: budgets.lists.clone(),
        metrics: Metrics::new().unwrap(),
        observer: Arc::new(Nobody),
        heartbeat: Heartbeat::new(),
    };
    let poller = Poller {
        account,
        kind: JobKind::Matching,
        store: Arc::clone(store),
        routing: Routing::new(vec![Route { notifier: "log".into(), filter: Default::default() }]),
        clock: Arc::clone(clock),
        patience: Patience::of_daemon(config.not_found_grace),
        budgets,
        config,
        metrics: Metrics::new().unwrap(),
        observer: Arc::new(Nobody),
        finder: shares.then_some(show),
        recorded: channel::channel(()).0,
        seed: 7,
        heartbeat: Heartbeat::new(),
    };
    tokio::spawn(async move {
        while let Some(handed) = passed.recv().await {
            if shares || matches!(handed, Handed::Jobs(_)) {
                let _ = hand.send(handed);
            }
        }
    });
    tokio::spawn(discovery.run(give, shown, stop.clone()));
    tokio::spawn(poller.run(given, stop.clone()));
}

/// The events of each job, in the order in which they were recorded.
pub(super) async fn events(store: &dyn Store) -> BTreeMap<String, Vec<Event>> {
    let mut events: BTreeMap<_, Vec<_>> = BTreeMap::new();
    loop {
        let due = store.due("log", Timestamp::MAX, 1_000).await.unwrap();
        if due.is_empty() {
            return events;
        }
        for delivery in due {
            let delivered = Settlement::Delivered { at: service::ORIGIN };
            store.settle(delivery.id, &delivered).await.unwrap();
            let event = delivery.message.event;
            events.entry(event.subject.clone()).or_default().push(event);
        }
    }
}

pub(super) fn second(at: Timestamp) -> f64 {
    at.duration_since(service::ORIGIN).as_secs_f64()
}

/// Judges what was told of a job by what happened to it. Returns the seconds from its start to the first word of it.
fn judge(events: &[Event], life: Life) -> f64 {
    let mut told = Vec::new();
    for event in events {
        let job = event.job().unwrap();
        told.extend(job.inferred.iter().chain([&job.status]).copied());
        let happened = match job.status {
            JobStatus::Queued => life.starts,
            JobStatus::Running => life.runs,
            JobStatus::Succeeded | JobStatus::Failed => life.ends,
        };
        assert!(second(event.time) >= happened, "told before it happened: {event:?}");
    }
    assert_eq!(told, [JobStatus::Queued, JobStatus::Running, JobStatus::Succeeded], "{events:#?}");
    let details = &events.last().unwrap().job().unwrap().details;
    let near = |told: Option<Timestamp>, truth: f64| (second(told.unwrap()) - truth).abs() < 1e-3;
    assert!(near(details.start_time, life.starts) && near(details.end_time, life.ends));
    second(events[0].time) - life.starts
}

/// No ten seconds have more requests than the rate and what may be spent at once.
fn assert_within(requests: &[Duration], rate: f64, what: &str) {
    let within = Duration::from_secs(10);
    let mut first = 0;
    for (index, at) in requests.iter().enumerate() {
        while requests[first] + within < *at {
            first += 1;
        }
        let count = index - first + 1;
        assert!(count as f64 <= rate * 10.8 + 1.0, "{what}: {count} in 10 s before {at:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_job_that_others_start_in_ten_hours_is_told_whole_and_soon_within_the_budget() {
    let (store, stop) =
        (Arc::new(MemoryStore::default()) as Arc<dyn Store>, CancellationToken::new());
    let clock: SharedClock = Arc::new(TokioClock::starting_at(service::ORIGIN));
    let mut services = Vec::new();
    let mut chance = StdRng::seed_from_u64(5);
    for account in 0..12 {
        let service = Arc::new(Service::new());
        start_jobs(&service, &mut chance);
        watch_over(format!("account-{account}"), true, &service, &store, &clock, &stop);
        services.push(service);
    }
    sleep(Duration::from_secs_f64(HOURS * 3_600.0) + Duration::from_hours(2)).await;
    stop.cancel();

    let mut told = events(&*store).await;
    let mut delays = Vec::new();
    for service in services {
        let state = service.state.lock().unwrap();
        for (id, life) in state.workflows.values().flatten() {
            let events =
                told.remove(id).unwrap_or_else(|| panic!("nothing was told of {id}: {life:?}"));
            delays.push(judge(&events, *life));
        }
        let lists: Vec<_> = state.asked.iter().map(|(at, _)| *at).collect();
        assert_within(&lists, LIST_RATE, "lists");
        assert_within(&state.gets, GET_RATE, "questions about one job");
    }
    assert!(told.is_empty(), "made up: {told:#?}");
    delays.sort_by(f64::total_cmp);
    let p95 = delays[delays.len() * 95 / 100];
    assert!(delays.len() > 1_500, "{}", delays.len());
    assert!(p95 <= 1.5 * INTERVAL.as_secs_f64(), "{p95} s of {}", delays.len());
}
