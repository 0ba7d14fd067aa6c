//! README's claim on starting: `matchwatch wait` on a job that has already ended, beside
//! `aws entityresolution get-matching-job` and a program that does no more than ask by the SDK's client, all from a cold
//! start against the same local simulator.
//!
//! `cargo bench --bench wait_start` prints a table and one line of JSON; with `-- --check` it exits 1 where a bar is
//! missed. Linux only: memory is read from /proc.

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

#[path = "wait_start/bare.rs"]
mod bare;
#[path = "support/simulator.rs"]
mod simulator;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use simulator::Simulator;
use tokio::time::Instant;

const MOST_MILLIS: f64 = 15.0;
const MOST_MIB: f64 = 18.0;
const LEAST_TIMES_FASTER: f64 = 20.0;

const MATCHWATCH: &str = env!("CARGO_BIN_EXE_matchwatch");
const WORKFLOW: &str = "bench";
const JOB: &str = "0123456789abcdef0123456789abcdef";
/// One job, ended long ago, and nobody is throttled.
const SCENARIO: &str = r#"
limits = { GetMatchingJob = "unlimited" }

[[workflows]]
name = "bench"

[[jobs]]
workflow = "bench"
job_id = "0123456789abcdef0123456789abcdef"
status = "SUCCEEDED"
"#;

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, url] = &*arguments
        && flag == "--bare"
    {
        bare::answer(url)?;
        return Ok(ExitCode::SUCCESS);
    }
    let check = arguments.iter().any(|argument| argument == "--check");
    let folder = tempfile::tempdir()?;
    let simulator = Simulator::start(folder.path(), SCENARIO)?;
    let ours = Program { name: "matchwatch wait", command: || wait(&simulator.url), runs: 40 };
    let aws_cli = aws_cli()?;
    let theirs = Program {
        name: "aws entityresolution get-matching-job",
        command: || get_matching_job(&aws_cli, &simulator.url),
        runs: 10,
    };
    let own = std::env::current_exe()?;
    let bare = Program {
        name: "the SDK's client alone",
        command: || bare_sdk(&own, &simulator.url),
        runs: 40,
    };
    let (ours, theirs, bare) = (ours.measure()?, theirs.measure()?, bare.measure()?);
    let times_faster = theirs.millis / ours.millis;
    let met =
        ours.millis <= MOST_MILLIS && ours.mib <= MOST_MIB && times_faster >= LEAST_TIMES_FASTER;

    println!("One answer on a job that has ended, from a cold start (medians)\n");
    println!("{:<40} {:>9} {:>13}", "", "wall, ms", "resident, MiB");
    for row in [&ours, &theirs, &bare] {
        println!("{:<40} {:>9.1} {:>13.1}", row.name, row.millis, row.mib);
    }
    println!("\nmatchwatch is {times_faster:.0} times faster.");
    println!(
        "Bars: at most {MOST_MILLIS} ms and {MOST_MIB} MiB, at least {LEAST_TIMES_FASTER} times faster: {}.\n",
        if met { "met" } else { "MISSED" }
    );
    println!(
        "{}",
        serde_json::json!({
            "bench": "wait_start",
            "matchwatch": ours.json(),
            "aws_cli": theirs.json(),
            "bare_sdk": bare.json(),
            "times_faster": to_tenths(times_faster),
            "met": met,
        })
    );
    Ok(if check && !met { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn wait(endpoint: &str) -> Command {
    let mut command = clean(MATCHWATCH);
    command.args(["wait", "--workflow-name", WORKFLOW, "--job-id", JOB]);
    command.args(["--output", "json", "--endpoint-url", endpoint]);
    command
}

fn get_matching_job(aws_cli: &Path, endpoint: &str) -> Command {
    let mut command = clean(aws_cli);
    command.args(["entityresolution", "get-matching-job"]);
    command.args(["--workflow-name", WORKFLOW, "--job-id", JOB]);
    command.args(["--output", "json", "--endpoint-url", endpoint]);
    command
}

/// This program, to do what the least of programs would.
fn bare_sdk(own: &Path, endpoint: &str) -> Command {
    let mut command = clean(own);
    command.args(["--bare", endpoint]);
    command
}

/// A command that sees nothing of this machine's AWS configuration.
fn clean(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("AWS_ACCESS_KEY_ID", "bench").env("AWS_SECRET_ACCESS_KEY", "bench");
    command.env("AWS_REGION", "us-east-1").env("AWS_DEFAULT_REGION", "us-east-1");
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// The AWS CLI that scripts/test installs.
fn aws_cli() -> anyhow::Result<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/bin/aws");
    ensure!(path.exists(), "{} is missing: run scripts/test first", path.display());
    Ok(path)
}

/// Something to measure.
struct Program<F> {
    name: &'static str,
    command: F,
    runs: usize,
}

struct Measured {
    name: &'static str,
    runs: usize,
    millis: f64,
    mib: f64,
}

impl Measured {
    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "wall_ms": to_tenths(self.millis),
            "resident_mib": to_tenths(self.mib),
            "runs": self.runs,
        })
    }
}

fn to_tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

impl<F: Fn() -> Command> Program<F> {
    /// Time and memory are measured in runs of their own: looking at memory costs time.
    fn measure(&self) -> anyhow::Result<Measured> {
        for _ in 0..3 {
            self.time()?;
        }
        let times = (0..self.runs).map(|_| self.time()).collect::<Result<Vec<_>, _>>()?;
        let sizes = (0..10).map(|_| self.resident_mib()).collect::<Result<Vec<_>, _>>()?;
        let millis = times.iter().map(|time| time.as_secs_f64() * 1_000.0).collect();
        Ok(Measured {
            name: self.name,
            runs: self.runs,
            millis: median(millis),
            mib: median(sizes),
        })
    }

    /// From before the start to after the end, with the answer read and proved.
    fn time(&self) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let output = (self.command)().output()?;
        let took = started.elapsed();
        if !output.status.success() {
            bail!("{} failed: {}", self.name, String::from_utf8_lossy(&output.stderr));
        }
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        ensure!(
            answer["jobId"] == JOB && answer["status"] == "SUCCEEDED",
            "{}: {answer}",
            self.name
        );
        Ok(took)
    }

    /// The most memory that was resident: what the kernel's high-water mark showed last before the end.
    fn resident_mib(&self) -> anyhow::Result<f64> {
        let mut child = (self.command)().stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let status = format!("/proc/{}/status", child.id());
        let mut kib = None;
        while let Some(seen) = high_water_kib(&status) {
            kib = Some(seen);
        }
        ensure!(child.wait()?.success(), "{} failed", self.name);
        kib.map(|kib| kib / 1_024.0).context("/proc shows no VmHWM")
    }
}

/// `None` once the process has ended.
fn high_water_kib(status: &str) -> Option<f64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}
