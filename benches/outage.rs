//! The claim on outages: a receiver that was away for a day with 100,000 deliveries waiting costs little memory, delays
//! no other notifier, and gets everything in order, as fast as it can take it, once it is back.
//!
//! `cargo bench --bench outage` takes some minutes, prints a table and one line of JSON; with `-- --check` it exits 1
//! where a bar is missed. The daemon is `matchwatch serve` on SQLite. The day is in the database when it starts: recorded
//! through the store, with the times and retries of a day. From then on everything is real. Linux only: memory is read
//! from /proc.

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

#[path = "outage/daemon.rs"]
mod daemon;
#[path = "outage/day.rs"]
mod day;
#[path = "support/figures.rs"]
mod figures;
#[path = "support/jobs.rs"]
mod jobs;
#[path = "outage/live.rs"]
mod live;
#[path = "support/receiver.rs"]
mod receiver;

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::ensure;
use jiff::Timestamp;
use matchwatch::clock::{Clock, SystemClock};
use tokio::time::{Instant, sleep};

use crate::daemon::Daemon;
use crate::figures::{quantile, to_tenths};
use crate::live::Service;
use crate::receiver::{Arrival, Receiver};

const MOST_MIB: f64 = 100.0;
const MOST_TIMES_SLOWER: f64 = 2.0;
/// The share of its capacity at which the receiver that is back is used.
const LEAST_BUSY: f64 = 0.8;

/// What the receivers take for a request.
const TAKES: Duration = Duration::from_millis(10);
/// How long the daemon has for the retries that fell due while the database was made. With a daemon that runs all day
/// there are none such.
const CATCHES_UP: Duration = Duration::from_secs(30);
/// `[deliver] concurrency`, by default.
const CONCURRENCY: f64 = 8.0;

const RETRIES: &str = "matchwatch_delivery_attempts_total{notifier=\"away\",outcome=\"retry\"}";

fn main() -> anyhow::Result<ExitCode> {
    let check = std::env::args().any(|argument| argument == "--check");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (usual, outage) = runtime.block_on(async {
        let usual = usual().await?;
        anyhow::Ok((usual, outage().await?))
    })?;
    let slower = [outage.away.p99_ms / usual.p99_ms, outage.drain.p99_ms / usual.p99_ms];
    let met = outage.peak_mib < MOST_MIB
        && slower.iter().all(|times| *times <= MOST_TIMES_SLOWER)
        && outage.busy >= LEAST_BUSY;

    println!("A receiver away for a day, {} deliveries waiting for it\n", day::DELIVERIES);
    println!(
        "{:<34} {:>9} {:>9} {:>12}",
        "another notifier's delivery time", "p50, ms", "p99, ms", "processor, %"
    );
    for (name, phase) in [
        ("no outage", &usual),
        ("the receiver is away", &outage.away),
        ("it is back", &outage.drain),
    ] {
        println!(
            "{name:<34} {:>9.1} {:>9.1} {:>12.0}",
            phase.p50_ms, phase.p99_ms, phase.processor_percent
        );
    }
    println!(
        "\nWhile away, {:.0} retries a second. Back, it got the first after {:.1} s, and all of it in order {:.0} s later:\n\
         {:.0} a second, {:.0} % of what it can take. Peak of resident memory: {:.1} MiB.",
        outage.retries_per_second,
        outage.first_after_seconds,
        outage.drain_seconds,
        outage.per_second,
        outage.busy * 100.0,
        outage.peak_mib,
    );
    println!(
        "Bars: less than {MOST_MIB} MiB, p99 of the other at most {MOST_TIMES_SLOWER} times as long, the receiver at least {:.0} % busy: {}.\n",
        LEAST_BUSY * 100.0,
        if met { "met" } else { "MISSED" }
    );
    println!(
        "{}",
        serde_json::json!({
            "bench": "outage",
            "deliveries": day::DELIVERIES,
            "peak_mib": to_tenths(outage.peak_mib),
            "retries_per_second_while_away": outage.retries_per_second.round(),
            "other_notifier": {
                "no_outage": usual.json(), "away": outage.away.json(), "back": outage.drain.json(),
                "times_slower_away": to_tenths(slower[0]), "times_slower_back": to_tenths(slower[1]),
            },
            "first_after_seconds": to_tenths(outage.first_after_seconds),
            "drain_seconds": to_tenths(outage.drain_seconds),
            "drained_per_second": outage.per_second.round(),
            "receiver_busy_percent": (outage.busy * 100.0).round(),
            "met": met,
        })
    );
    Ok(if check && !met { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// How the other notifier fared.
struct Phase {
    /// From the observation of a change to the arrival of its event.
    p50_ms: f64,
    p99_ms: f64,
    /// Of one core.
    processor_percent: f64,
}

impl Phase {
    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "p50_ms": to_tenths(self.p50_ms),
            "p99_ms": to_tenths(self.p99_ms),
            "processor_percent": self.processor_percent.round(),
        })
    }
}

struct Outage {
    away: Phase,
    drain: Phase,
    retries_per_second: f64,
    first_after_seconds: f64,
    drain_seconds: f64,
    per_second: f64,
    busy: f64,
    peak_mib: f64,
}

/// A daemon both of whose receivers are there, from an empty database.
async fn usual() -> anyhow::Result<Phase> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let service = Service::start()?;
    let (mut away, mut here) = (Receiver::closed()?, Receiver::closed()?);
    away.open(TAKES)?;
    here.open(TAKES)?;
    let daemon = start(folder.path(), &service, &away, &here).await?;
    let phase = play(&daemon, &service, 0, &here).await?;
    daemon.stop().await?;
    Ok(phase)
}

/// A daemon one of whose receivers is away, and comes back.
async fn outage() -> anyhow::Result<Outage> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    day::make(&folder.path().join("jobs.db"), "away").await?;
    let service = Service::start()?;
    let (mut away, mut here) = (Receiver::closed()?, Receiver::closed()?);
    here.open(TAKES)?;
    let daemon = start(folder.path(), &service, &away, &here).await?;
    sleep(CATCHES_UP).await;
    let (started, retries) = (Instant::now(), daemon.metric(RETRIES).await?);
    let while_away = play(&daemon, &service, 0, &here).await?;
    let retries = daemon.metric(RETRIES).await? - retries;
    let retries_per_second = retries / started.elapsed().as_secs_f64();

    let back_at = SystemClock.now();
    away.open(TAKES)?;
    let drain = play(&daemon, &service, 1, &here).await?;
    let all = day::DELIVERIES + live::ids().count() * jobs::STATES.len();
    away.has(all).await;
    let peak_mib = daemon.peak_mib()?;
    daemon.stop().await?;

    let arrivals = away.arrivals();
    check_order(&arrivals, all)?;
    let first = arrivals.iter().map(|arrival| arrival.at).min().unwrap_or(back_at);
    // Jobs of the second phase may have changed after the backlog was gone.
    let backlog = arrivals.iter().filter(|arrival| arrival.event.time < back_at);
    let last = backlog.map(|arrival| arrival.at).max().unwrap_or(back_at);
    let drained: Vec<_> = arrivals.iter().filter(|arrival| arrival.at <= last).collect();
    let drain_seconds = seconds(first, last);
    let busy_seconds: f64 = drained.iter().map(|arrival| arrival.took.as_secs_f64()).sum();
    #[expect(clippy::cast_precision_loss, reason = "a count of a bench")]
    let per_second = drained.len() as f64 / drain_seconds;
    Ok(Outage {
        away: while_away,
        drain,
        retries_per_second,
        first_after_seconds: seconds(back_at, first),
        drain_seconds,
        per_second,
        busy: busy_seconds / (CONCURRENCY * drain_seconds),
        peak_mib,
    })
}

/// Starts a daemon that tells both receivers of the service's jobs.
async fn start(
    folder: &Path,
    service: &Service,
    away: &Receiver,
    here: &Receiver,
) -> anyhow::Result<Daemon> {
    let ids: Vec<_> = live::ids().collect();
    let configuration = format!(
        r#"
        [log]
        format = "json"
        [http]
        listen = "127.0.0.1:0"
        [store]
        path = "jobs.db"
        [poll]
        min_interval = "6s"
        max_interval = "6s"
        get_rate = 100.0
        [[account]]
        name = "main"
        region = "eu-west-1"
        no_sign_request = true
        endpoint_url = "{}"
        [[watch]]
        workflow_name = "bench"
        job_ids = {ids:?}
        [[notifier]]
        name = "away"
        type = "webhook"
        url = "{}"
        [[notifier]]
        name = "here"
        type = "webhook"
        url = "{}"
        "#,
        service.url(),
        away.url(),
        here.url(),
    );
    std::fs::write(folder.join("matchwatch.toml"), configuration)?;
    let daemon = Daemon::start(folder).await?;
    // Each job's first event: not what is measured.
    here.has(ids.len()).await;
    Ok(daemon)
}

/// Lets the jobs of a phase change, and measures how soon `here` is told.
async fn play(
    daemon: &Daemon,
    service: &Service,
    phase: usize,
    here: &Receiver,
) -> anyhow::Result<Phase> {
    let before = here.arrivals().len();
    let (started, processor) = (Instant::now(), daemon.processor_seconds()?);
    service.play(phase).await?;
    let processor = daemon.processor_seconds()? - processor;
    let processor_percent = processor / started.elapsed().as_secs_f64() * 100.0;
    // A question to each job at most 6 s apart, and some.
    sleep(Duration::from_secs(10)).await;
    let arrivals = here.arrivals().split_off(before);
    ensure!(arrivals.len() == live::JOBS * 2, "{} events of this phase came", arrivals.len());
    let delays = arrivals.iter().map(|arrival| seconds(arrival.event.time, arrival.at) * 1_000.0);
    let delays: Vec<_> = delays.collect();
    let (p50_ms, p99_ms) = (quantile(delays.clone(), 0.5), quantile(delays, 0.99));
    Ok(Phase { p50_ms, p99_ms, processor_percent })
}

/// Sees to it that everything came once, and the events of each job in their order.
fn check_order(arrivals: &[Arrival], all: usize) -> anyhow::Result<()> {
    ensure!(arrivals.len() == all, "{} events of {all} came", arrivals.len());
    let mut told: HashMap<_, usize> = HashMap::new();
    for Arrival { event, .. } in arrivals {
        let before = told.entry(&event.subject).or_default();
        *before += 1;
        ensure!(*event.sequence == *before.to_string(), "out of order: {event:?}");
    }
    ensure!(told.len() * jobs::STATES.len() == all, "{} jobs were told of", told.len());
    Ok(())
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}
