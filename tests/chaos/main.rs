//! The daemon under everything at once: kill -9 at random instants, an API that throttles, fails, stalls and raves, and
//! receivers that refuse, stall, reset and lie. The real binary as a process of its own; judged from what the
//! simulator and the receivers wrote down, and from nothing else.
//!
//! ```text
//! plan ─▶ wave: simulator, receivers ⇄ daemon (killed, started, killed …) ─▶ logs ─▶ judge ─▶ tally
//! ```
//!
//! `cargo test --test chaos` plays 5 waves of 100 jobs; `scripts/chaos --minutes N --seed S` plays for longer. The
//! last line is one JSON object. The exit code is 1 if anything was lost, reordered, made up, or told under two ids.

#![expect(
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a harness ends where a step fails, and says so on the terminal"
)]

mod daemon;
mod doctored;
mod judge;
mod plan;
mod receiver;
mod tally;
mod wave;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use matchwatch::simulator::{Scenario, Simulator};
use tokio::net::TcpListener;
use tokio::time::Instant;

use daemon::Home;
use plan::{NOTIFIERS, Plan, Season, chance};
use receiver::{Book, Receiver};
use tally::Tally;
use wave::Stage;

/// Waves of the short form.
const SHORT: u64 = 5;
/// In the long form, every so many waves the API throttles for minutes.
const DROUGHT_EVERY: usize = 12;

const SCENARIO: &str = r#"
limits = { GetMatchingJob = "unlimited" }
workflows = [{ name = "customers" }, { name = "suppliers" }]
"#;

const HELP: &str = "\
Usage: chaos [--minutes N] [--seed S]

Without --minutes, 5 waves of 100 jobs. Without --seed, a new one. MATCHWATCH_BIN names another program to test.";

/// What is asked of a run.
struct Args {
    minutes: Option<u64>,
    seed: u64,
}

fn main() -> ExitCode {
    let args = match read_args(std::env::args().skip(1)) {
        Ok(Some(args)) => args,
        Ok(None) => return ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("chaos: {reason}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    doctored::try_the_judge();
    eprintln!("chaos: --seed {}", args.seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tally = runtime.block_on(run(&args));
    println!("{}", serde_json::to_string(&tally).unwrap());
    if tally.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Reads the arguments, among which those that `cargo test` passes to every test program. Nothing is to be done if
/// they ask for a list, or for tests of other names.
fn read_args(mut given: impl Iterator<Item = String>) -> Result<Option<Args>, String> {
    let mut args = Args { minutes: None, seed: rand::random::<u32>().into() };
    let mut names = Vec::new();
    while let Some(arg) = given.next() {
        let mut number = || {
            let value = given.next().ok_or_else(|| format!("{arg} needs a number"))?;
            value.parse::<u64>().map_err(|error| format!("{arg} {value}: {error}"))
        };
        match &*arg {
            "--minutes" => args.minutes = Some(number()?),
            "--seed" => args.seed = number()?,
            "--list" => return Ok(None),
            "--help" => {
                println!("{HELP}");
                return Ok(None);
            }
            flag if flag.starts_with('-') => {}
            name => names.push(name.to_owned()),
        }
    }
    let is_meant = names.is_empty() || names.iter().any(|name| "chaos".contains(&**name));
    Ok(is_meant.then_some(args))
}

async fn run(args: &Args) -> Tally {
    let started = Instant::now();
    let stage = set_stage(args.seed).await;
    let mut tally = Tally { seed: args.seed, ..Tally::default() };
    let goes_on = |waves: u64| match args.minutes {
        Some(minutes) => started.elapsed() < Duration::from_mins(minutes),
        None => waves < SHORT,
    };
    for wave in 0.. {
        if !goes_on(tally.waves) {
            break;
        }
        let is_drought = args.minutes.is_some() && wave % DROUGHT_EVERY == DROUGHT_EVERY / 2;
        let season = if is_drought { Season::Drought } else { Season::Storm };
        let plan = Plan::new(args.seed, wave, season);
        stage.play(args.seed, wave, &plan, &mut tally).await;
        tally.seconds = started.elapsed().as_secs();
        eprintln!(
            "chaos: wave {wave} {season:?}: {} jobs, {} kills, {} events delivered, {} lost, {}s",
            tally.jobs, tally.kills, tally.events_delivered, tally.lost, tally.seconds
        );
    }
    if !tally.is_clean() {
        eprintln!(
            "chaos: the database and the configuration stay in {}",
            stage.home.keep().display()
        );
    }
    tally
}

/// A simulator, the receivers, and an empty home.
async fn set_stage(seed: u64) -> Stage {
    let scenario = Scenario::parse(SCENARIO, "chaos").unwrap();
    let simulator = Simulator::new(Scenario { seed: Some(seed), ..scenario }).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(simulator.clone().serve(listener, std::future::pending()));
    let book = Book::new();
    let receiver = |(number, name): (usize, &&str)| {
        Receiver::start(number, book.clone(), chance(seed, 0, name))
    };
    let receivers = NOTIFIERS.iter().enumerate().map(receiver).collect();
    let program = std::env::var_os("MATCHWATCH_BIN")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_matchwatch")), PathBuf::from);
    let home = Home::new(program, endpoint, &mut chance(seed, 0, "home"));
    Stage { simulator, receivers, book, home }
}
