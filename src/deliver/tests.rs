//! The worker against a receiver in the same process, in paused time.

mod clock;
mod recovery;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::{Config, Stop, Worker};
use crate::backoff;
use crate::clock::{SharedClock, TokioClock};
use crate::domain::{Event, JobDetails, JobKey, JobKind, JobStatus, Message, Transition};
use crate::heartbeat::Heartbeat;
use crate::metrics::Metrics;
use crate::notify::{Notifier, Outcome};
use crate::store::{
    Change, Delivery, DeliveryId, Double, MemoryStore, Settlement, Store, StoreError, Telling,
};

const HOUR: Duration = Duration::from_hours(1);

/// What a receiver got: job, sequence, when.
type Got = (String, String, Duration);

/// A receiver that fails each job's first attempts, and takes its time.
struct Receiver {
    started: Instant,
    takes: Duration,
    failures_left: Mutex<HashMap<String, usize>>,
    got: Mutex<Vec<Got>>,
    /// Attempts so far for each job, whatever came of them.
    attempts: Mutex<HashMap<String, usize>>,
    busy: Mutex<HashMap<String, usize>>,
    got_one: Notify,
}

impl Receiver {
    fn new(takes: Duration, failures: &[(&str, usize)]) -> Arc<Self> {
        let failures = failures.iter().map(|&(job, count)| (job.to_owned(), count));
        Arc::new(Self {
            started: Instant::now(),
            takes,
            failures_left: Mutex::new(failures.collect()),
            got: Mutex::default(),
            attempts: Mutex::default(),
            busy: Mutex::default(),
            got_one: Notify::new(),
        })
    }

    fn attempts(&self) -> usize {
        self.attempts.lock().unwrap().values().sum()
    }

    async fn has(&self, count: usize) {
        while self.got.lock().unwrap().len() < count {
            self.got_one.notified().await;
        }
    }

    fn sequences(&self, job: &str) -> Vec<String> {
        let got = self.got.lock().unwrap();
        got.iter().filter(|(id, ..)| id == job).map(|(_, sequence, _)| sequence.clone()).collect()
    }
}

#[async_trait]
impl Notifier for Receiver {
    async fn try_out(&self, _: &Message<crate::domain::TestEvent>) -> Outcome {
        Outcome::Delivered
    }

    async fn notify(&self, message: &Message) -> Outcome {
        let job = message.event.subject.clone();
        *self.attempts.lock().unwrap().entry(job.clone()).or_default() += 1;
        let busy = {
            let mut busy = self.busy.lock().unwrap();
            let busy = busy.entry(job.clone()).or_default();
            *busy += 1;
            *busy
        };
        assert_eq!(busy, 1, "two attempts at once for job {job}");
        sleep(self.takes).await;
        self.busy.lock().unwrap().insert(job.clone(), 0);
        if let Some(left @ 1..) = self.failures_left.lock().unwrap().get_mut(&job) {
            *left -= 1;
            return Outcome::Retry { reason: "503".into(), after: None };
        }
        let at = self.started.elapsed();
        self.got.lock().unwrap().push((job, message.event.sequence.clone().unwrap(), at));
        self.got_one.notify_one();
        Outcome::Delivered
    }
}

/// An outbox, and those who work on it.
struct Office {
    store: Arc<MemoryStore>,
    clock: SharedClock,
    recorded: watch::Sender<()>,
    stop: Stop,
}

impl Office {
    fn open() -> Self {
        Self::with_clock(Arc::new(TokioClock::starting_at(Timestamp::UNIX_EPOCH)))
    }

    fn with_clock(clock: SharedClock) -> Self {
        Self { store: Arc::default(), clock, recorded: watch::channel(()).0, stop: Stop::default() }
    }

    /// Records a job's next change.
    async fn record(&self, job: &str, to: JobStatus, notifiers: &[&str]) {
        let job = JobKey {
            account: "default".into(),
            kind: JobKind::Matching,
            workflow_name: "customers".into(),
            job_id: job.into(),
        };
        let from = self.store.status(&job).await.unwrap();
        let transition = Transition { from, to, inferred: Vec::new() };
        let now = self.clock.now();
        let event =
            Event::of_transition(&job, "eu-west-1", &transition, &JobDetails::default(), now);
        let change = Change {
            job,
            from,
            to,
            tellings: vec![Telling {
                message: Message::encode(event).unwrap(),
                notifiers: notifiers.iter().map(|&name| name.into()).collect(),
            }],
            recorded_at: now,
        };
        self.store.record(&change).await.unwrap();
        self.recorded.send_replace(());
    }

    /// Records a job's first change, whose delivery has failed once and is due again after `delay`.
    async fn record_failed(&self, job: &str, delay: Duration) {
        let earlier = self.store.due("hook", Timestamp::MAX, usize::MAX).await.unwrap();
        self.record(job, Queued, &["hook"]).await;
        let held: Vec<_> = earlier.iter().map(|delivery| delivery.id).collect();
        let new = self.store.due_besides(&held, "hook", Timestamp::MAX, 1).await.unwrap();
        let due_at = self.clock.now() + delay;
        let retry = Settlement::Retry { due_at, reason: "503".into() };
        self.store.settle(new[0].id, &retry).await.unwrap();
    }

    fn hire(&self, name: &str, receiver: &Arc<Receiver>) -> tokio::task::JoinHandle<()> {
        self.hire_for(Arc::clone(&self.store) as Arc<dyn Store>, name, receiver)
    }

    fn hire_for(
        &self,
        store: Arc<dyn Store>,
        name: &str,
        receiver: &Arc<Receiver>,
    ) -> tokio::task::JoinHandle<()> {
        let worker = Worker {
            name: name.into(),
            notifier: Arc::clone(receiver) as Arc<dyn Notifier>,
            store,
            clock: Arc::clone(&self.clock),
            config: Config {
                backoff: backoff::Policy {
                    initial: Duration::from_secs(1),
                    max: Duration::from_mins(10),
                },
                max_retry_after: HOUR,
                give_up_after: 72 * HOUR,
                concurrency: 4,
            },
            metrics: Metrics::new().unwrap(),
            heartbeat: Heartbeat::new(),
        };
        tokio::spawn(worker.run(self.recorded.subscribe(), self.stop.clone()))
    }

    async fn pending(&self) -> u64 {
        self.store.backlog().await.unwrap().iter().map(|backlog| backlog.pending).sum()
    }
}

use JobStatus::{Queued, Running, Succeeded};

#[tokio::test(start_paused = true)]
async fn a_new_event_is_told_at_once() {
    let office = Office::open();
    let receiver = Receiver::new(Duration::ZERO, &[]);
    office.hire("hook", &receiver);
    sleep(HOUR).await;
    let recorded_at = receiver.started.elapsed();
    office.record("a", Queued, &["hook"]).await;
    receiver.has(1).await;
    assert_eq!(receiver.got.lock().unwrap()[0].2, recorded_at);
}

#[tokio::test(start_paused = true)]
async fn the_events_of_a_job_come_in_order_through_failures() {
    let office = Office::open();
    let receiver = Receiver::new(Duration::from_millis(50), &[("a", 7), ("b", 2)]);
    for job in ["a", "b", "c"] {
        for status in [Queued, Running, Succeeded] {
            office.record(job, status, &["hook"]).await;
        }
    }
    office.hire("hook", &receiver);
    receiver.has(9).await;
    for job in ["a", "b", "c"] {
        assert_eq!(receiver.sequences(job), ["1", "2", "3"], "job {job}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_deliveries_fail_delays_no_other_job() {
    let office = Office::open();
    let receiver = Receiver::new(Duration::from_millis(50), &[("bad", 10)]);
    office.record("bad", Queued, &["hook"]).await;
    for job in 0..20 {
        office.record(&format!("good{job}"), Queued, &["hook"]).await;
    }
    office.hire("hook", &receiver);
    receiver.has(20).await;
    assert!(receiver.started.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_notifier_that_is_down_delays_no_other_notifier() {
    let office = Office::open();
    let down = Receiver::new(Duration::from_secs(20), &[("a", usize::MAX)]);
    let up = Receiver::new(Duration::ZERO, &[]);
    office.hire("down", &down);
    office.hire("up", &up);
    for status in [Queued, Running, Succeeded] {
        office.record("a", status, &["down", "up"]).await;
    }
    up.has(3).await;
    assert_eq!(up.started.elapsed(), Duration::ZERO);
    assert_eq!(office.pending().await, 3, "what the other did not get is kept");
}

#[tokio::test(start_paused = true)]
async fn a_delivery_given_up_makes_way_for_the_job_s_next() {
    let office = Office::open();
    let receiver = Receiver::new(Duration::ZERO, &[("a", usize::MAX)]);
    office.record("a", Queued, &["hook"]).await;
    office.hire("hook", &receiver);
    sleep(80 * HOUR).await;
    let backlog = office.store.backlog().await.unwrap();
    assert_eq!((backlog[0].pending, backlog[0].dead), (0, 1));
    receiver.failures_left.lock().unwrap().clear();
    office.record("a", Running, &["hook"]).await;
    receiver.has(1).await;
    assert_eq!(receiver.sequences("a"), ["2"]);
}

#[tokio::test(start_paused = true)]
async fn draining_delivers_what_is_due_and_does_not_wait_for_what_is_not() {
    let office = Office::open();
    let receiver = Receiver::new(Duration::from_millis(50), &[("bad", usize::MAX)]);
    office.record("bad", Queued, &["hook"]).await;
    for job in 0..20 {
        office.record(&format!("good{job}"), Queued, &["hook"]).await;
    }
    office.stop.drain.cancel();
    let worker = office.hire("hook", &receiver);
    timeout(Duration::from_secs(2), worker).await.expect("drains in time").unwrap();
    assert_eq!(receiver.got.lock().unwrap().len(), 20);
    assert_eq!(office.pending().await, 1);
}

#[tokio::test(start_paused = true)]
async fn stopping_at_once_leaves_the_attempt_under_way_in_the_outbox() {
    let office = Office::open();
    let receiver = Receiver::new(HOUR, &[]);
    office.record("a", Queued, &["hook"]).await;
    let worker = office.hire("hook", &receiver);
    sleep(Duration::from_secs(1)).await;
    let told_to_stop = Instant::now();
    office.stop.drain.cancel();
    office.stop.now.cancel();
    worker.await.unwrap();
    assert_eq!(told_to_stop.elapsed(), Duration::ZERO);
    assert_eq!(office.pending().await, 1);
}

/// A store whose first event cannot be read, and that takes no word of it.
#[derive(Default)]
struct Ruined(MemoryStore);

#[async_trait]
impl Double for Ruined {
    fn behind(&self) -> &MemoryStore {
        &self.0
    }

    async fn due_besides(
        &self,
        _: &[DeliveryId],
        _: &str,
        _: Timestamp,
        _: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        Err(StoreError::Damaged {
            delivery: DeliveryId(1),
            event_id: "0".to_owned(),
            source: "nothing is there".into(),
        })
    }

    async fn settle(&self, _: DeliveryId, _: &Settlement) -> Result<(), StoreError> {
        Err(StoreError::Unusable("full".to_owned()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_damaged_and_full_holds_up_no_stop() {
    let office = Office::open();
    let receiver = Receiver::new(Duration::ZERO, &[]);
    let worker = office.hire_for(Arc::new(Ruined::default()), "hook", &receiver);
    sleep(HOUR).await;
    office.stop.drain.cancel();
    timeout(Duration::from_secs(1), worker).await.expect("stops").unwrap();
}
