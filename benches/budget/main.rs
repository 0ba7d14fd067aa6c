//! README's claim on many jobs and few requests: 200 jobs of 20 to 120 s at the service's quotas, followed by
//! `matchwatch serve`, with lists and without, and by a script with boto3. Each has a simulator of its own, in another
//! process, with the same jobs; all run at the same time.
//!
//! `cargo bench --bench budget` takes two and a half minutes. It prints a table and one line of JSON; with `-- --check` it
//! exits 1 where a bar is missed.

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

mod bars;
mod outcome;
mod rivals;
mod simulator;
mod workload;

use std::ffi::OsStr;
use std::process::{ExitCode, Stdio};

use serde_json::json;
use tokio::process::Command;

use bars::Bar;
use outcome::Outcome;
use workload::Workload;

const MATCHWATCH: &str = env!("CARGO_BIN_EXE_matchwatch");

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let check = std::env::args().any(|argument| argument == "--check");
    let workload = Workload::new();
    let (listed, denied, standard, adaptive) = tokio::try_join!(
        rivals::matchwatch(&workload, true),
        rivals::matchwatch(&workload, false),
        rivals::boto3(&workload, "standard"),
        rivals::boto3(&workload, "adaptive"),
    )?;
    let sweeps = Outcome::perfect("perfect sweeps at 5/s", workload.perfect_sweeps());
    let turns = Outcome::perfect("perfect turns at 10/s", workload.perfect_turns());
    let all = [&listed, &sweeps, &denied, &turns, &standard, &adaptive];

    println!("200 jobs of 20 to 120 s at 10 questions and 5 lists a second: delays in seconds\n");
    println!(
        "{:<26} {:>7} {:>7} {:>7} {:>7} {:>7} {:>10} {:>7}",
        "", "p50", "p95", "p99", "gets", "lists", "throttled", "errors"
    );
    for outcome in all {
        println!("{}", outcome.row());
    }
    let bars = bars::of(&listed, &denied, &turns, &standard, &adaptive);
    println!("\n{:<66} {:>9} {:>9}", "bar", "at most", "is");
    for bar in &bars {
        bar.print();
    }
    let met = bars.iter().all(Bar::is_met);
    println!(
        "\n{}",
        json!({
            "bench": "budget",
            "rows": all.map(Outcome::json),
            "bars": bars.iter().map(Bar::json).collect::<Vec<_>>(),
            "met": met,
        })
    );
    Ok(if check && !met { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A command that sees nothing of this machine's AWS configuration, and does not outlive this one.
fn clean(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("AWS_ACCESS_KEY_ID", "bench").env("AWS_SECRET_ACCESS_KEY", "bench");
    command.env("AWS_REGION", "us-east-1").env("AWS_DEFAULT_REGION", "us-east-1");
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    command
}
