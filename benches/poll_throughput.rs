//! README's claim on speed: what a poll costs the daemon, beside a bare loop around the SDK's client and one around
//! boto3's. All ask the same simulator about the same jobs.
//!
//! `cargo bench --bench poll_throughput` prints a table and one line of JSON; with `-- --check` it exits 1 where a bar is
//! missed. Each round is a process of its own that measures itself; rounds take turns, so that a busy machine is busy
//! for all. Linux only: time on the processor is read from /proc.

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

#[path = "poll_throughput/asked.rs"]
mod asked;
#[path = "poll_throughput/bare.rs"]
mod bare;
#[path = "poll_throughput/daemon.rs"]
mod daemon;
#[path = "support/figures.rs"]
mod figures;
#[path = "support/process.rs"]
mod process;
#[path = "poll_throughput/round.rs"]
mod round;
#[path = "support/simulator.rs"]
mod simulator;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{bail, ensure};
use mimalloc::MiMalloc;

use figures::{quantile, to_tenths};
use round::Round;
use simulator::Simulator;

/// As in the program; the bare loop has it too.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Processor time of a poll, over that of the bare loop.
const MOST_TIMES_BARE: f64 = 1.3;
/// Processor time of a poll of boto3, whichever way it is cheaper, over ours.
const LEAST_TIMES_CHEAPER: f64 = 10.0;

/// Questions under way at once, where there are several: as many as the daemon has by default.
const IN_FLIGHT: usize = 32;
/// Polls before a round begins, and in it.
const WARM_UP: u64 = 1_000;
const POLLS: u64 = 5_000;
const BOTO3_POLLS: u64 = 500;
const ROUNDS: usize = 7;

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--round") {
        let [who, url, folder] = &arguments[at + 1..] else { bail!("--round WHO URL FOLDER") };
        let round = match who.as_str() {
            "daemon" => daemon::measure(url, Path::new(folder))?,
            _ => bare::measure(url)?,
        };
        println!("{}", serde_json::to_string(&round)?);
        return Ok(ExitCode::SUCCESS);
    }
    let check = arguments.iter().any(|argument| argument == "--check");
    let rows = measure()?;
    let [ours, bare, boto3, boto3_threads] = &rows;
    let times_bare = ours.cpu_micros / bare.cpu_micros;
    let times_cheaper = boto3.cpu_micros.min(boto3_threads.cpu_micros) / ours.cpu_micros;
    let met = times_bare <= MOST_TIMES_BARE && times_cheaper >= LEAST_TIMES_CHEAPER;

    println!("What a poll costs (medians of {ROUNDS} rounds)\n");
    println!("{:<36} {:>12} {:>10}", "", "CPU, µs/poll", "polls/s");
    for row in &rows {
        println!("{:<36} {:>12.1} {:>10.0}", row.name, row.cpu_micros, row.polls_per_second);
    }
    println!(
        "\nmatchwatch: {times_bare:.2} times the bare loop, {times_cheaper:.1} times cheaper than boto3."
    );
    println!(
        "Bars: at most {MOST_TIMES_BARE} times the bare loop, at least {LEAST_TIMES_CHEAPER} times cheaper than boto3: {}.\n",
        if met { "met" } else { "MISSED" }
    );
    println!(
        "{}",
        serde_json::json!({
            "bench": "poll_throughput",
            "matchwatch": ours.json(),
            "bare_sdk": bare.json(),
            "boto3": boto3.json(),
            "boto3_32_threads": boto3_threads.json(),
            "times_bare": (times_bare * 100.0).round() / 100.0,
            "times_cheaper_than_boto3": to_tenths(times_cheaper),
            "rounds": ROUNDS,
            "met": met,
        })
    );
    Ok(if check && !met { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Somebody's medians.
struct Row {
    name: &'static str,
    cpu_micros: f64,
    polls_per_second: f64,
}

impl Row {
    fn of(name: &'static str, rounds: &[Round]) -> Self {
        let median = |figure: fn(&Round) -> f64| quantile(rounds.iter().map(figure).collect(), 0.5);
        Self {
            name,
            cpu_micros: median(Round::cpu_micros_per_poll),
            polls_per_second: median(Round::polls_per_second),
        }
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "cpu_us_per_poll": to_tenths(self.cpu_micros),
            "polls_per_second": self.polls_per_second.round(),
        })
    }
}

fn measure() -> anyhow::Result<[Row; 4]> {
    let folder = tempfile::tempdir()?;
    let simulator = Simulator::start(folder.path(), &asked::scenario())?;
    let python = python()?;
    let mut rounds: [Vec<Round>; 4] = Default::default();
    for _ in 0..ROUNDS {
        // A database of its own for each round.
        let database = tempfile::tempdir()?;
        let ours = round_of(own("daemon", &simulator.url, database.path())?)?;
        let bare = round_of(own("bare", &simulator.url, database.path())?)?;
        let boto3 = |threads: usize| {
            let mut command = Command::new(&python);
            command
                .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/poll_throughput/boto3_loop.py"));
            command.args([&simulator.url, &threads.to_string(), &BOTO3_POLLS.to_string()]);
            round_of(command)
        };
        for (rounds, round) in rounds.iter_mut().zip([ours, bare, boto3(1)?, boto3(IN_FLIGHT)?]) {
            rounds.push(round);
        }
    }
    let [ours, bare, boto3, boto3_threads] = &rounds;
    Ok([
        Row::of("matchwatch, 32 in flight", ours),
        Row::of("bare SDK loop, 32 in flight", bare),
        Row::of("boto3, 1 thread", boto3),
        Row::of("boto3, 32 threads", boto3_threads),
    ])
}

/// This program, to measure one of the two that it holds.
fn own(who: &str, url: &str, folder: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--round", who, url]).arg(folder);
    Ok(command)
}

/// Runs a round in a process that sees nothing of this machine's AWS configuration.
fn round_of(mut command: Command) -> anyhow::Result<Round> {
    command.env_clear().stdin(Stdio::null()).stderr(Stdio::inherit());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("AWS_ACCESS_KEY_ID", "bench").env("AWS_SECRET_ACCESS_KEY", "bench");
    command.env("AWS_REGION", "us-east-1").env("AWS_DEFAULT_REGION", "us-east-1");
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    let output = command.output()?;
    ensure!(output.status.success(), "{command:?}: {}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The Python that scripts/test installs boto3 for.
fn python() -> anyhow::Result<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/bin/python");
    ensure!(path.exists(), "{} is missing: run scripts/test first", path.display());
    Ok(path)
}
