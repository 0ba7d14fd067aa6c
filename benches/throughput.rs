//! The claim on throughput: transition + outbox + delivery to a webhook, on SQLite that waits for the disk at each
//! commit, beside how often the same disk can be waited for.
//!
//! `cargo bench --bench throughput` prints a table and one line of JSON; with `-- --check` it exits 1 where a bar is
//! missed. Store, worker and webhook are the daemon's own, on one thread as in `serve`; the receiver on loopback
//! answers at once and has a thread of its own.

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

#[path = "throughput/disk.rs"]
mod disk;
#[path = "support/figures.rs"]
mod figures;
#[path = "support/jobs.rs"]
mod jobs;
#[path = "support/receiver.rs"]
mod receiver;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use matchwatch::backoff::Policy;
use matchwatch::clock::{Clock, SharedClock, SystemClock};
use matchwatch::deliver::{Config, Stop, Worker};
use matchwatch::heartbeat::Heartbeat;
use matchwatch::metrics::Metrics;
use matchwatch::notify::{Webhook, WebhookConfig};
use matchwatch::secret::MaybeSecret;
use matchwatch::store::{Recorded, SqliteConfig, SqliteStore, Store};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::figures::{quantile, to_tenths};
use crate::receiver::Receiver;

/// Transitions for each time that the disk is waited for, where 32 jobs change at once: as many as one account's
/// questions that are under way by default.
const LEAST_PER_SYNC: f64 = 1.0;
const BUSY: usize = 32;

/// Jobs that change at once, and how many there are in all.
const LOADS: [(usize, usize); 3] = [(1, 500), (BUSY, 5_000), (256, 5_000)];

/// SQLite waits for the disk three times more whenever its log starts over: the log before it is copied, the database
/// after that, and the new log's header.
const SYNCS_PER_RESTART: u64 = 3;

/// How long the disk is measured, before each load and after the last.
const DISK_TIME: Duration = Duration::from_millis(700);

fn main() -> anyhow::Result<ExitCode> {
    let check = std::env::args().any(|argument| argument == "--check");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (rows, disk) = runtime.block_on(measure())?;
    let met = rows.iter().all(|row| row.at_once < BUSY || row.per_sync() > LEAST_PER_SYNC);

    println!("Transitions, recorded and delivered to a webhook; SQLite, synchronous=FULL\n");
    println!(
        "{:>12} {:>14} {:>9} {:>11} {:>16} {:>14} {:>9} {:>9}",
        "jobs at once",
        "transitions/s",
        "commits",
        "disk syncs",
        "transitions/sync",
        "of disk's rate",
        "p50, ms",
        "p99, ms"
    );
    for row in &rows {
        println!(
            "{:>12} {:>14.0} {:>9} {:>11} {:>16.2} {:>14.2} {:>9.1} {:>9.1}",
            row.at_once,
            row.per_second(),
            row.commits,
            row.syncs,
            row.per_sync(),
            row.per_second() / disk,
            row.p50_ms,
            row.p99_ms,
        );
    }
    println!("\nThe disk alone: {disk:.0} syncs of one page a second.");
    println!(
        "Bar: more than {LEAST_PER_SYNC} transition for each sync with {BUSY} jobs at once or more: {}.\n",
        if met { "met" } else { "MISSED" }
    );
    println!(
        "{}",
        serde_json::json!({
            "bench": "throughput",
            "disk_syncs_per_second": disk.round(),
            "loads": rows.iter().map(|row| row.json(disk)).collect::<Vec<_>>(),
            "met": met,
        })
    );
    Ok(if check && !met { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// One load, measured.
struct Row {
    at_once: usize,
    transitions: usize,
    seconds: f64,
    commits: u64,
    syncs: u64,
    /// From before recording to the receiver's answer.
    p50_ms: f64,
    p99_ms: f64,
}

#[expect(clippy::cast_precision_loss, reason = "counts of a bench")]
impl Row {
    fn per_second(&self) -> f64 {
        self.transitions as f64 / self.seconds
    }

    fn per_sync(&self) -> f64 {
        self.transitions as f64 / self.syncs as f64
    }

    fn json(&self, disk: f64) -> serde_json::Value {
        let hundredths = |value: f64| (value * 100.0).round() / 100.0;
        serde_json::json!({
            "jobs_at_once": self.at_once,
            "transitions": self.transitions,
            "transitions_per_second": self.per_second().round(),
            "commits": self.commits,
            "syncs": self.syncs,
            "transitions_per_sync": hundredths(self.per_sync()),
            "times_disk_rate": hundredths(self.per_second() / disk),
            "delay_ms_p50": to_tenths(self.p50_ms),
            "delay_ms_p99": to_tenths(self.p99_ms),
        })
    }
}

/// All loads, and how often a second the disk was to be waited for meanwhile.
async fn measure() -> anyhow::Result<(Vec<Row>, f64)> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let mut rows = Vec::new();
    let mut rates = vec![disk::syncs_per_second(folder.path(), DISK_TIME)?];
    for (at_once, jobs) in LOADS {
        let path = folder.path().join(format!("{at_once}.db"));
        rows.push(run(path, at_once, jobs).await?);
        rates.push(disk::syncs_per_second(folder.path(), DISK_TIME)?);
    }
    Ok((rows, quantile(rates, 0.5)))
}

/// Lets `jobs` jobs run through their states, `at_once` at a time, and waits until all of it is told and settled.
async fn run(path: PathBuf, at_once: usize, jobs: usize) -> anyhow::Result<Row> {
    let mut receiver = Receiver::closed()?;
    receiver.open(Duration::ZERO)?;
    let config = SqliteConfig { path: path.clone(), lock_timeout: Duration::ZERO };
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&config).await?);
    let recorded = watch::Sender::new(());
    let stop = Stop::default();
    let worker = tokio::spawn(
        worker(Arc::clone(&store), &receiver)?.run(recorded.subscribe(), stop.clone()),
    );

    let transitions = jobs * jobs::STATES.len();
    let (commits, restarts) = (store.commits(), log_restarts(&path)?);
    let started = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let mut changers = JoinSet::new();
    for _ in 0..at_once {
        changers.spawn(change_jobs(Arc::clone(&store), Arc::clone(&next), jobs, recorded.clone()));
    }
    while let Some(done) = changers.join_next().await {
        done??;
    }
    receiver.has(transitions).await;
    // The last settlements are on their way to the disk.
    while !store.backlog().await?.is_empty() {
        sleep(Duration::from_millis(1)).await;
    }
    let seconds = started.elapsed().as_secs_f64();
    let commits = store.commits() - commits;
    let syncs = commits + SYNCS_PER_RESTART * (log_restarts(&path)? - restarts);
    stop.drain.cancel();
    worker.await?;
    store.close().await;

    let delays = check_order(&receiver, transitions)?;
    let (p50_ms, p99_ms) = (quantile(delays.clone(), 0.5), quantile(delays, 0.99));
    Ok(Row { at_once, transitions, seconds, commits, syncs, p50_ms, p99_ms })
}

/// Takes one job after the other, and records its states one after the other.
async fn change_jobs(
    store: Arc<dyn Store>,
    next: Arc<AtomicUsize>,
    jobs: usize,
    recorded: watch::Sender<()>,
) -> anyhow::Result<()> {
    let hook = [Arc::from("hook")];
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= jobs {
            return Ok(());
        }
        let job = jobs::job(&format!("{number:032x}"));
        for state in 0..jobs::STATES.len() {
            let change = jobs::change(&job, state, &hook, SystemClock.now())?;
            ensure!(
                store.record(&change).await? == Recorded::Committed,
                "{job} was recorded before"
            );
            recorded.send_replace(());
        }
    }
}

/// As configured by default.
fn worker(store: Arc<dyn Store>, receiver: &Receiver) -> anyhow::Result<Worker> {
    let clock: SharedClock = Arc::new(SystemClock);
    let config = WebhookConfig::posting_to(MaybeSecret::Plain(receiver.url()));
    let notifier = Webhook::new(&config, Webhook::http_client(None)?, Arc::clone(&clock))?;
    Ok(Worker {
        name: "hook".into(),
        notifier: Arc::new(notifier),
        store,
        clock,
        config: Config {
            backoff: Policy { initial: Duration::from_secs(1), max: Duration::from_mins(10) },
            max_retry_after: Duration::from_hours(1),
            give_up_after: Duration::from_hours(72),
            concurrency: 8,
        },
        metrics: Metrics::new()?,
        heartbeat: Heartbeat::new(),
    })
}

/// How often SQLite's log has started over: its header counts that
/// (<https://www.sqlite.org/fileformat.html#the_write_ahead_log>).
fn log_restarts(database: &Path) -> anyhow::Result<u64> {
    let mut path = database.as_os_str().to_owned();
    path.push("-wal");
    let log = std::fs::read(&path)?;
    let count = log.get(12..16).context("the log has no header")?;
    Ok(u32::from_be_bytes(count.try_into()?).into())
}

/// Sees to it that each job's events came in their order and once each; returns how long each took, in ms.
fn check_order(receiver: &Receiver, transitions: usize) -> anyhow::Result<Vec<f64>> {
    let arrivals = receiver.arrivals();
    ensure!(arrivals.len() == transitions, "{} events of {transitions} came", arrivals.len());
    let mut told: HashMap<_, usize> = HashMap::new();
    let mut delays = Vec::with_capacity(arrivals.len());
    for arrival in arrivals {
        let before = told.entry(arrival.event.subject.clone()).or_default();
        *before += 1;
        ensure!(*arrival.event.sequence == *before.to_string(), "out of order: {arrival:?}");
        let until_arrival = arrival.at.duration_since(arrival.event.time).as_secs_f64();
        delays.push((until_arrival + arrival.took.as_secs_f64()) * 1_000.0);
    }
    Ok(delays)
}
