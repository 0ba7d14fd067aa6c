//! The poller against a service in the same process, in paused time.

mod adversity;
mod budget;
mod clock;
mod lists;
mod quotas;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, watch as channel};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock::TokioClock;
use crate::domain::{
    Event, JobDetails, JobKind, JobSummary, ObservedStatus, PastRun, Redelivered, Redelivery,
    Route, Routing, WorkflowKey,
};
use crate::heartbeat::Heartbeat;
use crate::metrics::Metrics;
use crate::source::{JobPage, JobSource, PageToken, WorkflowPage};
use crate::store::{
    Backlog, Change, Delivery, DeliveryId, MemoryStore, Position, Pruned, Recorded, Retention,
    Settlement, Standing, Store, StoreError,
};

const MINUTE: Duration = Duration::from_mins(1);

/// Jobs that go through their lives on a timetable, and a service that limits its callers.
struct Service {
    started: Instant,
    lives: HashMap<JobKey, Life>,
    latency: Duration,
    /// Requests a second that it bears.
    limit: f64,
    /// Its jobs in the order in which it lists them; `None` where nobody may list them.
    list: Option<Vec<JobKey>>,
    log: Mutex<Log>,
}

#[derive(Clone, Copy)]
struct Life {
    runs_at: Duration,
    ends_at: Duration,
}

#[derive(Default)]
struct Log {
    requests: Vec<(Duration, JobKey, bool)>,
    /// When each page was asked for.
    pages: Vec<Duration>,
    lists_fail: bool,
    every_nth_page_fails: Option<usize>,
    lists_are_empty: bool,
    /// The next question of each kind is answered with this `Retry-After`.
    get_pause: Option<Duration>,
    list_pause: Option<Duration>,
    under_way: HashSet<JobKey>,
    asked_twice_at_once: bool,
    tokens: f64,
    refilled: Duration,
    panics_left: usize,
    throttles_left: usize,
}

impl Service {
    fn new(lives: impl IntoIterator<Item = (JobKey, Life)>) -> Self {
        Self {
            started: Instant::now(),
            lives: lives.into_iter().collect(),
            latency: Duration::from_millis(20),
            limit: f64::INFINITY,
            list: None,
            log: Mutex::default(),
        }
    }

    /// What is known of a job by now: status, start, end. A job is submitted when the service starts.
    fn look(&self, life: Life) -> (JobStatus, Option<Timestamp>, Option<Timestamp>) {
        let instant = |after| Timestamp::UNIX_EPOCH + SignedDuration::try_from(after).unwrap();
        let started = Some(instant(Duration::ZERO));
        match self.started.elapsed() {
            age if age >= life.ends_at => {
                (JobStatus::Succeeded, started, Some(instant(life.ends_at)))
            }
            age if age >= life.runs_at => (JobStatus::Running, started, None),
            _ => (JobStatus::Queued, started, None),
        }
    }

    fn pages_read(&self) -> usize {
        self.log.lock().unwrap().pages.len()
    }

    fn questions_about_one(&self) -> usize {
        self.log.lock().unwrap().requests.len()
    }

    /// Token bucket with a capacity of one second.
    fn admits(&self, log: &mut Log, now: Duration) -> bool {
        if log.throttles_left > 0 {
            log.throttles_left -= 1;
            return false;
        }
        if self.limit.is_infinite() {
            return true;
        }
        let gained = (now - log.refilled).as_secs_f64() * self.limit;
        log.tokens = (log.tokens + gained).min(self.limit);
        log.refilled = now;
        let admits = log.tokens >= 1.0;
        if admits {
            log.tokens -= 1.0;
        }
        admits
    }

    fn requests_between(&self, from: Duration, to: Duration) -> (usize, usize) {
        let log = self.log.lock().unwrap();
        let within: Vec<_> =
            log.requests.iter().filter(|(at, ..)| (from..to).contains(at)).collect();
        (within.len(), within.iter().filter(|(.., admitted)| !admitted).count())
    }
}

fn throttled(retry_after: Option<Duration>) -> SourceError {
    SourceError::Throttled { retry_after, message: "slow down".into() }
}

#[async_trait]
impl JobSource for Service {
    async fn observe(&self, job: &JobKey) -> Result<Observation, SourceError> {
        let (admitted, pause) = {
            let mut log = self.log.lock().unwrap();
            let now = self.started.elapsed();
            log.asked_twice_at_once |= !log.under_way.insert(job.clone());
            let admitted = self.admits(&mut log, now);
            log.requests.push((now, job.clone(), admitted));
            (admitted, log.get_pause.take())
        };
        sleep(self.latency).await;
        let panics = {
            let mut log = self.log.lock().unwrap();
            log.under_way.remove(job);
            let panics = log.panics_left > 0;
            log.panics_left = log.panics_left.saturating_sub(1);
            panics
        };
        assert!(!panics, "a planted defect");
        if let Some(pause) = pause {
            return Err(throttled(Some(pause)));
        }
        if !admitted {
            return Err(throttled(None));
        }
        let life = self.lives.get(job).ok_or(SourceError::NotFound { message: "no job".into() })?;
        let (status, start_time, end_time) = self.look(*life);
        let details = JobDetails { start_time, end_time, ..JobDetails::default() };
        Ok(Observation { status: ObservedStatus::Known(status), details })
    }

    async fn list_jobs(
        &self,
        _workflow: &WorkflowKey,
        page: Option<PageToken>,
    ) -> Result<JobPage, SourceError> {
        let (now, from) =
            (self.started.elapsed(), page.map_or(0, |PageToken(at)| at.parse().unwrap()));
        let pause = {
            let mut log = self.log.lock().unwrap();
            log.pages.push(now);
            log.list_pause.take()
        };
        sleep(self.latency).await;
        if let Some(pause) = pause {
            return Err(throttled(Some(pause)));
        }
        let Some(list) = &self.list else {
            return Err(SourceError::AccessDenied { message: "no".into() });
        };
        let fails = {
            let log = self.log.lock().unwrap();
            let is_nth = |nth| log.pages.len().is_multiple_of(nth);
            log.lists_fail || log.every_nth_page_fails.is_some_and(is_nth)
        };
        if fails {
            return Err(SourceError::Unavailable { message: "503".into() });
        }
        if self.log.lock().unwrap().lists_are_empty {
            return Ok(JobPage::default());
        }
        let summary = |job: &JobKey| {
            let (status, start_time, end_time) = self.look(self.lives[job]);
            let (job_id, status) = (job.job_id.to_string(), ObservedStatus::Known(status));
            JobSummary { job_id, status, start_time, end_time }
        };
        let size = usize::from(JobPage::MAX_JOBS);
        let next = (from + size < list.len()).then(|| PageToken((from + size).to_string()));
        Ok(JobPage { jobs: list.iter().skip(from).take(size).map(summary).collect(), next })
    }

    async fn list_workflows(
        &self,
        _kind: JobKind,
        _page: Option<PageToken>,
    ) -> Result<WorkflowPage, SourceError> {
        Ok(WorkflowPage::default())
    }
}

/// A store that refuses the first changes.
struct Refusing {
    store: MemoryStore,
    refusals_left: Mutex<usize>,
}

#[async_trait]
impl Store for Refusing {
    async fn record(&self, change: &Change) -> Result<Recorded, StoreError> {
        {
            let mut left = self.refusals_left.lock().unwrap();
            if *left > 0 {
                *left -= 1;
                return Err(StoreError::Unusable("disk full".into()));
            }
        }
        self.store.record(change).await
    }
    async fn standings(&self, jobs: &[JobKey]) -> Result<Vec<Option<Standing>>, StoreError> {
        self.store.standings(jobs).await
    }
    async fn learn(&self, workflow: &WorkflowKey, runs: &[PastRun]) -> Result<(), StoreError> {
        self.store.learn(workflow, runs).await
    }
    async fn past_runs(&self, workflow: &WorkflowKey) -> Result<Vec<PastRun>, StoreError> {
        self.store.past_runs(workflow).await
    }
    async fn due(
        &self,
        name: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.store.due(name, now, limit).await
    }
    async fn next_due(&self, name: &str, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.store.next_due(name, now).await
    }
    async fn settle(&self, id: DeliveryId, settlement: &Settlement) -> Result<(), StoreError> {
        self.store.settle(id, settlement).await
    }
    async fn hasten(
        &self,
        notifier: &str,
        now: Timestamp,
        by: Duration,
        latest: Timestamp,
    ) -> Result<u64, StoreError> {
        self.store.hasten(notifier, now, by, latest).await
    }
    async fn redeliver(
        &self,
        redelivery: &Redelivery,
        notifiers: &[Arc<str>],
        now: Timestamp,
    ) -> Result<Redelivered, StoreError> {
        self.store.redeliver(redelivery, notifiers, now).await
    }
    async fn abandon(
        &self,
        notifier: &str,
        at: Timestamp,
        reason: &str,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.store.abandon(notifier, at, reason, limit).await
    }
    async fn prune(
        &self,
        retention: &Retention,
        from: Position,
        limit: usize,
    ) -> Result<Pruned, StoreError> {
        self.store.prune(retention, from, limit).await
    }
    async fn backlog(&self) -> Result<Vec<Backlog>, StoreError> {
        self.store.backlog().await
    }
    async fn check_writable(&self) -> Result<(), StoreError> {
        self.store.check_writable().await
    }
    async fn close(&self) {}
}

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
        account: Account { name: "default".into(), region: "eu-west-1".into(), source },
        store: Arc::clone(store),
        routing: Routing::new(vec![Route { notifier: "log".into(), filter: Default::default() }]),
        clock: Arc::new(TokioClock::starting_at(Timestamp::UNIX_EPOCH)),
        patience: Patience::of_daemon(config.not_found_grace),
        budgets: Budgets::new(config.get_rate, config.list_rate),
        config,
        metrics: Metrics::new().unwrap(),
        observer: Arc::clone(&notes) as Arc<dyn Observer>,
        recorded: channel::channel(()).0,
        heartbeat: Heartbeat::new(),
    };
    (poller, notes)
}

/// Jobs that are all known from the start.
fn given(jobs: impl IntoIterator<Item = WatchedJob>) -> mpsc::UnboundedReceiver<Vec<WatchedJob>> {
    let (give, given) = mpsc::unbounded_channel();
    give.send(jobs.into_iter().collect()).unwrap();
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

#[tokio::test(start_paused = true)]
async fn a_job_is_followed_to_its_end_and_every_change_is_told() {
    let service = Arc::new(Service::new([(key(1), life(60, 300))]));
    let store = memory();
    let (poller, notes) = poller(&service, &store, config(15));
    poller.run(given(vec![watched(1)]), CancellationToken::new()).await;
    let told: Vec<_> = events(&*store).await.iter().map(|event| event.data.status).collect();
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
async fn a_change_that_the_store_refuses_is_told_once_the_store_works_again() {
    let service = Arc::new(Service::new([(key(1), life(0, 60))]));
    let refusing = Refusing { store: MemoryStore::default(), refusals_left: Mutex::new(5) };
    let store: Arc<dyn Store> = Arc::new(refusing);
    let (poller, _) = poller(&service, &store, config(15));
    poller.run(given(vec![watched(1)]), CancellationToken::new()).await;
    let events = events(&*store).await;
    let last = events.last().unwrap();
    assert_eq!(last.data.status, JobStatus::Succeeded);
    let path: usize = events.iter().map(|event| 1 + event.data.inferred.len()).sum();
    assert_eq!(path, 3, "told and inferred statuses are the whole path");
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_breaks_off_does_not_lose_its_job() {
    let service = Service::new([(key(1), life(0, 60))]);
    service.log.lock().unwrap().panics_left = 1;
    let service = Arc::new(service);
    let store = memory();
    let (poller, _) = poller(&service, &store, config(15));
    poller.run(given(vec![watched(1)]), CancellationToken::new()).await;
    assert_eq!(events(&*store).await.last().unwrap().data.status, JobStatus::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_the_service_does_not_know_is_given_up_after_the_grace() {
    let service = Arc::new(Service::new([]));
    let (poller, notes) = poller(&service, &memory(), config(15));
    poller.run(given(vec![watched(1)]), CancellationToken::new()).await;
    let elapsed = service.started.elapsed();
    assert!((10 * MINUTE..11 * MINUTE).contains(&elapsed), "{elapsed:?}");
    let last = notes.0.lock().unwrap().last().cloned();
    assert!(matches!(last, Some((_, Next::GiveUp(SourceError::NotFound { .. })))));
}

#[tokio::test(start_paused = true)]
async fn fifty_throttled_answers_in_a_row_do_not_end_a_pipeline_step() {
    let service = Service::new([(key(1), life(0, 60))]);
    service.log.lock().unwrap().throttles_left = 50;
    let service = Arc::new(service);
    let (mut poller, notes) = poller(&service, &memory(), config(5));
    poller.patience = Patience::OF_STEP;
    poller.run(given(vec![watched(1)]), CancellationToken::new()).await;
    assert_eq!(service.log.lock().unwrap().requests.len(), 51);
    let last = notes.0.lock().unwrap().last().cloned();
    assert_eq!(last, Some((key(1), Next::Ended(JobStatus::Succeeded))));
}
