//! README's claim on many jobs and few requests: 200 jobs of 20 to 120 s at the service's quotas, followed by
//! `matchwatch serve`, with lists and without, and by a script with boto3. Each has a simulator of its own, in another
//! process, with the same jobs; all run at the same time. So do five workloads, whose jobs run for other times: what the
//! last few of two hundred jobs wait for, chance decides.
//!
//! `cargo bench --bench budget` takes two and a half minutes. It prints a table and one line of JSON; with `-- --check` it
//! exits 1 where a bar is missed.

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

mod bars;
#[path = "../support/figures.rs"]
mod figures;
mod outcome;
mod rivals;
mod simulator;
mod workload;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::process::{ExitCode, Stdio};
use std::sync::Arc;

use anyhow::Context;
use serde_json::json;
use tokio::process::Command;
use tokio::task::JoinSet;

use bars::Bar;
use outcome::{Outcome, Row};
use workload::Workload;

const MATCHWATCH: &str = env!("CARGO_BIN_EXE_matchwatch");
/// An odd number has a median of its own.
const WORKLOADS: u64 = 5;

/// Who follows jobs.
#[derive(Debug, Clone, Copy)]
enum Way {
    Listed,
    Denied,
    Standard,
    Adaptive,
}

impl Way {
    const ALL: [Self; 4] = [Self::Listed, Self::Denied, Self::Standard, Self::Adaptive];

    const fn name(self) -> &'static str {
        match self {
            Self::Listed => "matchwatch, with lists",
            Self::Denied => "matchwatch, lists denied",
            Self::Standard => "boto3, standard retries",
            Self::Adaptive => "boto3, adaptive retries",
        }
    }

    async fn follow(self, workload: &Workload) -> anyhow::Result<Outcome> {
        let outcome = match self {
            Self::Listed => rivals::matchwatch(workload, true).await,
            Self::Denied => rivals::matchwatch(workload, false).await,
            Self::Standard => rivals::boto3(workload, "standard").await,
            Self::Adaptive => rivals::boto3(workload, "adaptive").await,
        };
        outcome.context(self.name())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let check = std::env::args().any(|argument| argument == "--check");
    let workloads: Vec<_> = (0..WORKLOADS).map(|number| Arc::new(Workload::new(number))).collect();
    let mut runs = JoinSet::new();
    for (row, way) in Way::ALL.into_iter().enumerate() {
        for (column, workload) in workloads.iter().map(Arc::clone).enumerate() {
            runs.spawn(async move { anyhow::Ok((row, column, way.follow(&workload).await?)) });
        }
    }
    let mut outcomes = Way::ALL.map(|_| BTreeMap::new());
    while let Some(run) = runs.join_next().await {
        let (row, column, outcome) = run??;
        outcomes[row].insert(column, outcome);
    }
    let [listed, denied, standard, adaptive] =
        outcomes.map(|of_workloads| of_workloads.into_values().collect());
    let listed = Row::new(Way::Listed.name(), listed);
    let denied = Row::new(Way::Denied.name(), denied);
    let standard = Row::new(Way::Standard.name(), standard);
    let adaptive = Row::new(Way::Adaptive.name(), adaptive);
    let perfect = |name, delays: fn(&Workload) -> Vec<f64>| {
        let outcomes = workloads.iter().map(|workload| Outcome::perfect(delays(workload)));
        Row::new(name, outcomes.collect())
    };
    let sweeps = perfect("perfect sweeps at 5/s", Workload::perfect_sweeps);
    let turns = perfect("perfect turns at 10/s", Workload::perfect_turns);
    let all = [&listed, &sweeps, &denied, &turns, &standard, &adaptive];

    println!(
        "200 jobs of 20 to 120 s at 10 questions and 5 lists a second: delays in seconds, medians of {WORKLOADS} \
         workloads; throttled and errors: the most\n"
    );
    println!(
        "{:<26} {:>7} {:>7} {:>7} {:>7} {:>7} {:>10} {:>7}",
        "", "p50", "p95", "p99", "gets", "lists", "throttled", "errors"
    );
    for row in all {
        println!("{}", row.text());
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
            "workloads": WORKLOADS,
            "rows": all.map(Row::json),
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
