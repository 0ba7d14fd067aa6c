//! Who follows the jobs: `matchwatch serve`, and a script with boto3.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::time::{sleep, timeout};

use super::outcome::Outcome;
use super::simulator::{Counts, Simulator};
use super::workload::{GET_RATE, LIST_RATE, WORKFLOW, Workload};
use super::{MATCHWATCH, clean};

/// Throttles before this, counted from the start of the jobs, are counted apart.
const EARLY: Duration = Duration::from_secs(30);
/// Nobody takes longer.
const LONGEST: Duration = Duration::from_secs(240);

/// What is told of each job's end: when, in seconds since the Unix epoch. And errors that somebody has to look at.
type Told = (HashMap<String, f64>, u64);

/// `matchwatch serve`, with all of the quotas for its budget. `call_worth` is so low that nothing else limits it.
pub(crate) async fn matchwatch(workload: &Workload, may_list: bool) -> anyhow::Result<Outcome> {
    let folder = TempDir::new()?;
    let simulator = Simulator::start(folder.path(), &workload.scenario(may_list)).await?;
    let configuration = format!(
        "[http]\nlisten = \"\"\n\
         [store]\npath = \"jobs.db\"\n\
         [poll]\ncall_worth = \"1ms\"\nget_rate = {GET_RATE}\nlist_rate = {LIST_RATE}\n\
         [[account]]\nname = \"main\"\nregion = \"us-east-1\"\nendpoint_url = {:?}\n\
         [[watch]]\nworkflow_name = {WORKFLOW:?}\njob_ids = {:?}\n",
        simulator.url,
        workload.ids(),
    );
    measure(workload, &simulator, serve(folder.path(), &configuration, workload)).await
}

async fn serve(folder: &Path, configuration: &str, workload: &Workload) -> anyhow::Result<Told> {
    std::fs::write(folder.join("matchwatch.toml"), configuration)?;
    let log = folder.join("log");
    let mut daemon = clean(MATCHWATCH)
        .arg("serve")
        .current_dir(folder)
        .env("MATCHWATCH_CONFIG", "matchwatch.toml")
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(&log)?)
        .spawn()?;
    let stdout = daemon.stdout.take().context("stdout was asked for")?;
    let mut lines = BufReader::new(stdout).lines();
    let mut told = HashMap::new();
    while told.len() < workload.ids().len() {
        let line = lines.next_line().await?.context("matchwatch ended")?;
        let event: Value = serde_json::from_str(&line)?;
        if matches!(event["data"]["status"].as_str(), Some("SUCCEEDED" | "FAILED")) {
            let job = event["subject"].as_str().context("an event has a subject")?;
            let time: jiff::Timestamp =
                event["time"].as_str().context("an event has a time")?.parse()?;
            told.insert(job.to_owned(), time.as_nanosecond() as f64 / 1e9);
        }
    }
    daemon.kill().await?;
    let levels = ["\"WARN\"", "\"ERROR\""];
    let errors = std::fs::read_to_string(&log)?
        .lines()
        .filter(|line| levels.iter().any(|level| line.contains(level)))
        .count();
    Ok((told, errors as u64))
}

/// 32 threads of Python, 5 s between two questions about a job, and one of the SDK's ways of retrying.
pub(crate) async fn boto3(workload: &Workload, mode: &str) -> anyhow::Result<Outcome> {
    let folder = TempDir::new()?;
    let mut script = clean(python()?)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/budget/poll.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(script.stdout.take().context("stdout was asked for")?).lines();
    let ready = lines.next_line().await?;
    ensure!(ready.as_deref() == Some("ready"), "poll.py said {ready:?}");
    // The jobs start when it is ready for them.
    let simulator = Simulator::start(folder.path(), &workload.scenario(true)).await?;
    let task = json!({
        "endpoint": simulator.url,
        "workflow": WORKFLOW,
        "jobs": workload.ids(),
        "mode": mode,
    });
    let mut stdin = script.stdin.take().context("stdin was asked for")?;
    stdin.write_all(format!("{task}\n").as_bytes()).await?;
    let follow = async {
        let mut told = HashMap::new();
        loop {
            let line = lines.next_line().await?.context("poll.py ended")?;
            let said: Value = serde_json::from_str(&line)?;
            match (said["job"].as_str(), said["at"].as_f64(), said["errors"].as_u64()) {
                (Some(job), Some(at), _) => drop(told.insert(job.to_owned(), at)),
                (_, _, Some(errors)) => return Ok((told, errors)),
                _ => anyhow::bail!("poll.py said {line}"),
            }
        }
    };
    measure(workload, &simulator, follow).await
}

/// Waits until all ends are told, and counts.
async fn measure(
    workload: &Workload,
    simulator: &Simulator,
    follow: impl Future<Output = anyhow::Result<Told>>,
) -> anyhow::Result<Outcome> {
    let early = async {
        sleep(EARLY).await;
        simulator.counts().await
    };
    let (told, early) = tokio::join!(timeout(LONGEST, follow), early);
    let (told, errors) = told.context("not all ends were told")??;
    let (early, all): (Counts, Counts) = (early?, simulator.counts().await?);
    let ended = simulator.endings().await?;
    let delay = |job: &&str| Some(told.get(*job)? - ended.get(*job)?);
    let delays: Option<Vec<f64>> = workload.ids().iter().map(delay).collect();
    let delays = delays.context("a job's end is missing")?;
    Ok(Outcome::new(delays, early, all, errors))
}

/// The Python with boto3 that scripts/test installs.
fn python() -> anyhow::Result<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/bin/python");
    ensure!(path.exists(), "{} is missing: run scripts/test first", path.display());
    Ok(path)
}
