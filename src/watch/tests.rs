//! The poller against a service in the same process, in paused time.

mod adversity;
mod alarms;
mod budget;
mod clock;
mod handover;
mod lists;
mod lives;
mod queue;
mod quotas;
mod service;
mod trouble;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch as channel};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock::TokioClock;
use crate::domain::{Event, JobKind, Route, Routing};
use crate::heartbeat::Heartbeat;
use crate::metrics::Metrics;
use crate::source::JobSource;
use crate::store::{MemoryStore, Settlement, Store};
use service::{Life, Log, Service};

const MINUTE: Duration = Duration::from_mins(1);

/// Keeps what the poller says happens next.
#[derive(Default)]
struct Notes(Mutex<Vec<(JobKey, Next)>>);

impl Observer for Notes {
    fn polled(&self, job: &JobKey, _: Result<&Observation, &SourceError>, next: &Next) {
        self.0.lock().unwrap().push((job.clone(), next.clone()));
    }
}

fn key(number: usize) -> JobKey {
    JobKey {
        account: "default".into(),
        kind: JobKind::Matching,
        workflow_name: "customers".into(),
        job_id: format!("{number:032x}").into(),
    }
}

fn watched(number: usize) -> WatchedJob {
    WatchedJob {
        key: key(number),
        status: None,
        since: None,
        notifiers: Arc::default(),
        terms: Arc::default(),
        place: None,
    }
}

fn life(runs_at: u64, ends_at: u64) -> Life {
    Life { runs_at: Duration::from_secs(runs_at), ends_at: Duration::from_secs(ends_at) }
}

/// Every job is asked about at this interval, in seconds.
fn config(interval: u64) -> Config {
    Config {
        call_worth: Duration::from_secs(1),
        min_interval: Duration::from_secs(interval),
        max_interval: Duration::from_secs(interval),
        backoff: backoff::Policy { initial: Duration::from_secs(1), max: MINUTE },
        get_rate: 5.0,
        list_rate: 2.5,
        concurrency: 32,
        not_found_grace: 10 * MINUTE,
    }
}

/// A poller whose events all go to a notifier `log`.
fn poller(service: &Arc<Service>, store: &Arc<dyn Store>, config: Config) -> (Poller, Arc<Notes>) {
    let notes = Arc::new(Notes::default());
    let source = Arc::clone(service) as Arc<dyn JobSource>;
    let poller = Poller {
        kind: JobKind::Matching,
        account: Account { name: "default".into(), region: "eu-west-1".into(), source },
        store: Arc::clone(store),
        routing: Routing::new(vec![Route { notifier: "log".into(), filter: Default::default() }]),
        clock: Arc::new(TokioClock::starting_at(Timestamp::UNIX_EPOCH)),
        patience: Patience::of_daemon(config.not_found_grace),
        budgets: Budgets::new(config.get_rate, config.list_rate),
        config,
        seed: 1,
        metrics: Metrics::new().unwrap(),
        observer: Arc::clone(&notes) as Arc<dyn Observer>,
        finder: None,
        recorded: channel::channel(()).0,
        heartbeat: Heartbeat::new(),
    };
    (poller, notes)
}

/// Jobs that are all known from the start.
fn given(jobs: impl IntoIterator<Item = WatchedJob>) -> mpsc::UnboundedReceiver<Handed> {
    let (give, given) = mpsc::unbounded_channel();
    give.send(Handed::Jobs(jobs.into_iter().collect())).unwrap();
    given
}

/// Runs a poller for a while; returns its jobs with the places where it left off.
async fn run_for<const N: usize>(
    time: Duration,
    poller: Poller,
    jobs: [WatchedJob; N],
) -> Vec<WatchedJob> {
    let stop = CancellationToken::new();
    let running = tokio::spawn(poller.run(given(jobs.clone()), stop.clone()));
    sleep(time).await;
    stop.cancel();
    let mut places = running.await.unwrap();
    let left_off = |job: WatchedJob| {
        let place = places.remove(&job.key);
        assert!(place.is_some(), "{}", job.key);
        WatchedJob { place, ..job }
    };
    jobs.map(left_off).into()
}

/// Whether a job counts as lost.
fn gave_up(notes: &Notes, job: &JobKey) -> bool {
    notes
        .0
        .lock()
        .unwrap()
        .iter()
        .any(|(of, next)| of == job && matches!(next, Next::GiveUp(SourceError::NotFound { .. })))
}

/// Takes all events out of the outbox.
async fn events(store: &dyn Store) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let due = store.due("log", Timestamp::MAX, 100).await.unwrap();
        if due.is_empty() {
            return events;
        }
        for delivery in due {
            let delivered = Settlement::Delivered { at: Timestamp::UNIX_EPOCH };
            store.settle(delivery.id, &delivered).await.unwrap();
            events.push(delivery.message.event);
        }
    }
}

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::default())
}
