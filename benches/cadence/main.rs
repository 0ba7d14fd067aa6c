//! What asking at the right moment is worth: the shipped cadence beside fixed intervals, the Smithy waiter, exponential
//! growth and the best that anybody could do who knew the true distribution. In virtual time; every policy gets the
//! same jobs.
//!
//! `cargo bench --bench cadence` prints tables and one line of JSON; with `-- --check` it exits 1 where a bar is missed;
//! with `-- --plots docs/cadence` it draws the plots of docs/cadence.md.

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

mod bars;
mod judge;
mod optimum;
mod plots;
mod random;
mod speed;
mod tally;
mod workload;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use judge::{Row, changed};
use workload::{Shape, Truth};

/// What a call is worth: seconds of delay.
const WORTH: f64 = 1.0;
/// The clamps, in seconds: for everybody but the Smithy waiter and exponential growth, which have their own.
const SHORTEST: f64 = 1.0;
const LONGEST: f64 = 600.0;
/// Runs that a workflow has behind it.
const PAST_RUNS: usize = 30;
/// Workflows of each kind, each with runs of its own behind it.
const SEEDS: u64 = 200;
/// Jobs that each workflow then runs, one of each hundredth of the true distribution.
const JOBS: usize = 100;
/// Two minutes, a quarter of an hour, one hour, four.
const MEANS: [f64; 4] = [120.0, 900.0, 3_600.0, 14_400.0];

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().collect();
    let check = arguments.iter().any(|argument| argument == "--check");
    if let Some(at) = arguments.iter().position(|argument| argument == "--plots") {
        let folder = arguments.get(at + 1).context("--plots needs a folder")?;
        plots::draw(&PathBuf::from(folder))?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Row> = Shape::ALL
        .iter()
        .flat_map(|shape| MEANS.map(|mean| judge::row(&Truth { shape: *shape, mean })))
        .collect();
    println!(
        "Cost of a job, delay + {WORTH} s for each call; {} jobs a line\n",
        rows[0].ours.jobs()
    );
    println!(
        "{:<16} {:>6} │ {:>7} {:>7} {:>7} {:>7} │ {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "run times",
        "mean",
        "delay",
        "p95",
        "calls",
        "cost",
        "optimum",
        "best fix",
        "5 s",
        "30 s",
        "Smithy",
        "exponent"
    );
    for row in &rows {
        row.print();
    }
    let changes = changed();
    println!("\nCost over the optimum, after so many jobs since the durations tripled overnight\n");
    for change in &changes {
        change.print();
    }
    let speed = speed::measure();
    println!("\n{speed}");
    let bars = bars::of(&rows, &changes);
    println!("\n{:<66} {:>6} {:>6}", "bar", "at most", "is");
    for bar in &bars {
        bar.print();
    }
    let met = bars.iter().all(bars::Bar::is_met);
    println!(
        "\n{}",
        json!({
            "bench": "cadence",
            "columns": ["delay_s", "delay_p95_s", "calls", "cost_s"],
            "rows": rows.iter().map(Row::json).collect::<Vec<_>>(),
            "tripled": changes.iter().map(judge::Change::json).collect::<Vec<_>>(),
            "speed": speed.json(),
            "bars": bars.iter().map(bars::Bar::json).collect::<Vec<_>>(),
            "met": met,
        })
    );
    Ok(if check && !met { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
