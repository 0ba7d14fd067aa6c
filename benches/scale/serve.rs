//! `matchwatch serve` in a process of its own, seen from outside.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use jiff::Timestamp;
use matchwatch::domain::{Event, JobDetails, JobKey, JobStatus, Message, Transition};
use matchwatch::store::{Change, SqliteConfig, SqliteStore, Store, Telling};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::jobs::{jobs, of_one_workflow};
use crate::process::resident;
use crate::service::Service;

/// Changes on their way to the store at once, while it is filled.
const WRITERS: usize = 512;

/// What a start of the daemon took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Started {
    /// From the start of the process to the first question about a job.
    pub(crate) seconds: f64,
    /// Resident memory once all jobs are followed, and the most that it ever was.
    pub(crate) bytes: u64,
    pub(crate) most_bytes: u64,
}

/// The daemon, for as long as this lives.
struct Serve(Child);

impl Drop for Serve {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to do.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the daemon for so many jobs. Its database is in `folder`.
pub(crate) async fn start(
    service: &Service,
    count: usize,
    folder: &Path,
) -> anyhow::Result<Started> {
    let path = folder.join("matchwatch.toml");
    fs::write(&path, configuration(&service.url(), count, folder))?;
    let started = Instant::now();
    let process = Command::new(env!("CARGO_BIN_EXE_matchwatch"))
        .args(["serve", "--config"])
        .arg(&path)
        .env_clear()
        .env("AWS_ACCESS_KEY_ID", "bench")
        .env("AWS_SECRET_ACCESS_KEY", "bench")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut serve = Serve(process);
    service.is_asked().await?;
    let seconds = started.elapsed().as_secs_f64();
    let stderr = serve.0.stderr.take().context("stderr was asked for")?;
    let address = http_address(BufReader::new(stderr))?;
    while followed(&address).await? < count {
        ensure!(serve.0.try_wait()?.is_none(), "serve ended");
        sleep(Duration::from_millis(100)).await;
    }
    let (bytes, most_bytes) = resident(&serve.0.id().to_string())?;
    Ok(Started { seconds, bytes, most_bytes })
}

/// Where the daemon tells its metrics, by its own log. What it logs later is read and thrown away.
fn http_address(mut log: impl BufRead + Send + 'static) -> anyhow::Result<String> {
    let mut line = String::new();
    loop {
        line.clear();
        ensure!(log.read_line(&mut line)? > 0, "the log tells no address");
        let told: serde_json::Value = serde_json::from_str(&line)?;
        if let Some(address) = told["http"].as_str() {
            std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
            return Ok(address.to_owned());
        }
    }
}

/// How many jobs the daemon follows.
async fn followed(address: &str) -> anyhow::Result<usize> {
    let metrics = reqwest::get(format!("http://{address}/metrics")).await?.text().await?;
    let of_states = metrics.lines().filter(|line| line.starts_with("matchwatch_jobs{"));
    of_states.map(|line| Ok(line.rsplit(' ').next().unwrap_or_default().parse::<usize>()?)).sum()
}

fn configuration(url: &str, count: usize, folder: &Path) -> String {
    let database = folder.join("matchwatch.db");
    let mut text = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n\
         [store]\npath = {database:?}\n\
         [[account]]\nname = \"main\"\nregion = \"us-east-1\"\nendpoint_url = \"{url}\"\n\
         [[notifier]]\nname = \"nobody\"\ntype = \"stdout\"\nstatuses = [\"FAILED\"]\n"
    );
    let jobs: Vec<JobKey> = jobs(count).collect();
    for of_workflow in jobs.chunks(of_one_workflow(count)) {
        let ids: Vec<_> = of_workflow.iter().map(|job| &job.job_id).collect();
        let workflow = &of_workflow[0].workflow_name;
        // A list of strings is written in TOML as Rust prints it.
        let _ = write!(text, "[[watch]]\nworkflow_name = \"{workflow}\"\njob_ids = {ids:?}\n");
    }
    text
}

/// Fills the database in `folder` with so many jobs at work.
pub(crate) async fn fill(count: usize, folder: &Path, at: Timestamp) -> anyhow::Result<()> {
    let (path, lock_timeout) = (folder.join("matchwatch.db"), Duration::ZERO);
    let store = Arc::new(SqliteStore::open(&SqliteConfig { path, lock_timeout }).await?);
    let mut writers = JoinSet::new();
    for job in jobs(count) {
        if writers.len() == WRITERS {
            writers.join_next().await.context("there are writers")???;
        }
        let store = Arc::clone(&store);
        writers.spawn(async move { anyhow::Ok(store.record(&running(job, at)?).await?) });
    }
    while let Some(written) = writers.join_next().await {
        written??;
    }
    store.close().await;
    Ok(())
}

fn running(job: JobKey, at: Timestamp) -> anyhow::Result<Change> {
    let to = JobStatus::Running;
    let transition = Transition { from: None, to, inferred: vec![JobStatus::Queued] };
    let event = Event::of_transition(&job, "us-east-1", &transition, &JobDetails::default(), at);
    let message = Message::encode(event)?;
    let tellings = vec![Telling { message, notifiers: Vec::new() }];
    Ok(Change { job, from: None, to, tellings, recorded_at: at })
}
