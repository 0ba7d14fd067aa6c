//! README's claim on scale: memory, processor time, lateness and start-up of the daemon with a thousand to a million
//! watched jobs.
//!
//! `cargo bench --bench scale` prints a table and one line of JSON; with `-- --check` it exits 1 where a bar is missed.
//! Memory and start-up are those of `matchwatch serve`, seen from outside; processor time and lateness are those of one
//! account's poller, in a process of its own. Linux only: all of it is read from /proc.

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

#[path = "support/figures.rs"]
mod figures;
#[path = "scale/jobs.rs"]
mod jobs;
#[path = "scale/polls.rs"]
mod polls;
#[path = "support/process.rs"]
mod process;
#[path = "scale/serve.rs"]
mod serve;
#[path = "scale/service.rs"]
mod service;

use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use matchwatch::clock::{Clock, SystemClock};
use mimalloc::MiMalloc;
use tokio::process::Command;
use tokio::time::timeout;

use figures::{quantile, to_tenths};
use polls::{Load, Polls};
use service::Service;

/// As in the program.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Watched jobs.
const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Resident for each job, where there are the most.
const MOST_BYTES: f64 = 700.0;
/// Processor time of a poll at any size, over that at the smallest.
const MOST_TIMES_SMALLEST: f64 = 1.15;
/// Jobs in the store at the start, and the time from the start of the process to its first poll.
const RESUMED: usize = 100_000;
const MOST_SECONDS: f64 = 2.0;

const ROUNDS: usize = 5;
const STARTS: usize = 3;
/// A poller that takes longer is broken.
const PATIENCE: Duration = Duration::from_mins(3);

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--polls") {
        let [load, count, url, folder] = &arguments[at + 1..] else {
            bail!("--polls LOAD COUNT URL FOLDER")
        };
        let load = if load == "full" { Load::Full } else { Load::Steady };
        let polls = polls::measure(load, count.parse()?, url, Path::new(folder))?;
        println!("{}", serde_json::to_string(&polls)?);
        return Ok(ExitCode::SUCCESS);
    }
    let check = arguments.iter().any(|argument| argument == "--check");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (rows, start_seconds) = runtime.block_on(measure())?;
    let of_largest = rows.last().map_or(f64::NAN, |row| row.bytes_per_job);
    let smallest = rows.first().map_or(f64::NAN, |row| row.cpu_micros);
    let times_smallest = rows.iter().map(|row| row.cpu_micros / smallest).fold(1.0, f64::max);
    let met = of_largest <= MOST_BYTES
        && times_smallest <= MOST_TIMES_SMALLEST
        && start_seconds <= MOST_SECONDS;

    println!("The daemon by the number of watched jobs (medians of {ROUNDS} rounds)\n");
    println!(
        "{:>10} {:>15} {:>15} {:>13} {:>14}",
        "jobs", "resident, MiB", "bytes per job", "CPU, µs/poll", "mean late, ms"
    );
    for row in &rows {
        println!(
            "{:>10} {:>15.1} {:>15.0} {:>13.1} {:>14.2}",
            row.jobs, row.resident_mib, row.bytes_per_job, row.cpu_micros, row.late_millis
        );
    }
    println!(
        "\n{RESUMED} jobs resumed from the store, first poll sent after {start_seconds:.2} s."
    );
    println!(
        "Bars: at most {MOST_BYTES} bytes per job of the most, {MOST_TIMES_SMALLEST} times the CPU of the fewest \
         ({times_smallest:.2}), {MOST_SECONDS} s: {}.\n",
        if met { "met" } else { "MISSED" }
    );
    println!(
        "{}",
        serde_json::json!({
            "bench": "scale",
            "sizes": rows.iter().map(Row::json).collect::<Vec<_>>(),
            "bytes_per_job": of_largest.round(),
            "cpu_times_smallest": (times_smallest * 100.0).round() / 100.0,
            "start_seconds": (start_seconds * 100.0).round() / 100.0,
            "met": met,
        })
    );
    Ok(if check && !met { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What was measured with so many jobs.
struct Row {
    jobs: usize,
    resident_mib: f64,
    most_resident_mib: f64,
    bytes_per_job: f64,
    cpu_micros: f64,
    late_millis: f64,
}

impl Row {
    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "jobs": self.jobs,
            "resident_mib": to_tenths(self.resident_mib),
            "most_resident_mib": to_tenths(self.most_resident_mib),
            "bytes_per_job": self.bytes_per_job.round(),
            "cpu_us_per_poll": to_tenths(self.cpu_micros),
            "late_ms": (self.late_millis * 100.0).round() / 100.0,
        })
    }
}

/// A row for each size, and the seconds that a start from a full store takes.
async fn measure() -> anyhow::Result<(Vec<Row>, f64)> {
    let service = Service::start().await?;
    let start_seconds = start_seconds(&service).await?;
    // Sizes take turns, so that a busy machine is busy for all.
    let mut full = vec![Vec::new(); SIZES.len()];
    for _ in 0..ROUNDS {
        for (rounds, count) in full.iter_mut().zip(SIZES) {
            rounds.push(polls("full", count, &service.url()).await?.cpu_micros);
        }
    }
    let alone = resident(&service, 1).await?;
    let mut rows = Vec::new();
    for (rounds, count) in full.into_iter().zip(SIZES) {
        let (bytes, most_bytes) = resident(&service, count).await?;
        let mib = |bytes: u64| as_float(bytes) / (1 << 20) as f64;
        rows.push(Row {
            jobs: count,
            resident_mib: mib(bytes),
            most_resident_mib: mib(most_bytes),
            bytes_per_job: (as_float(bytes) - as_float(alone.0)) / as_float(count as u64),
            cpu_micros: quantile(rounds, 0.5),
            late_millis: polls("steady", count, &service.url()).await?.late_millis,
        });
    }
    Ok((rows, start_seconds))
}

/// The median of some starts from a full store.
async fn start_seconds(service: &Service) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    serve::fill(RESUMED, folder.path(), SystemClock.now()).await?;
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        starts.push(serve::start(service, RESUMED, folder.path()).await?.seconds);
    }
    Ok(quantile(starts, 0.5))
}

/// Resident bytes of the daemon with so many jobs, and the most there were.
async fn resident(service: &Service, count: usize) -> anyhow::Result<(u64, u64)> {
    let folder = tempfile::tempdir()?;
    let started = serve::start(service, count, folder.path()).await?;
    Ok((started.bytes, started.most_bytes))
}

/// Measures polls in a process that sees nothing of this machine's AWS configuration.
async fn polls(load: &str, count: usize, url: &str) -> anyhow::Result<Polls> {
    let folder = tempfile::tempdir()?;
    let process = Command::new(std::env::current_exe()?)
        .args(["--polls", load, &count.to_string(), url])
        .arg(folder.path())
        .env_clear()
        .env("AWS_ACCESS_KEY_ID", "bench")
        .env("AWS_SECRET_ACCESS_KEY", "bench")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()?;
    let output = timeout(PATIENCE, process.wait_with_output())
        .await
        .with_context(|| format!("{count} jobs: no end of {load} polls"))??;
    ensure!(output.status.success(), "{count} jobs: {}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[expect(clippy::cast_precision_loss, reason = "bytes and jobs are exact")]
const fn as_float(number: u64) -> f64 {
    number as f64
}
