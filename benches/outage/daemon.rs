//! `matchwatch serve` as a process of its own.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// Longer than any start takes that succeeds.
const PATIENCE: Duration = Duration::from_secs(60);

/// The daemon. It is killed when it is dropped.
pub(crate) struct Daemon {
    child: Child,
    id: u32,
    metrics_url: String,
}

impl Daemon {
    /// Starts it in `folder`, which holds `matchwatch.toml`, and waits until it watches.
    pub(crate) async fn start(folder: &Path) -> anyhow::Result<Self> {
        let log = folder.join("log");
        let mut child = Command::new(env!("CARGO_BIN_EXE_matchwatch"))
            .arg("serve")
            .current_dir(folder)
            .env_clear()
            .env("MATCHWATCH_CONFIG", "matchwatch.toml")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .kill_on_drop(true)
            .spawn()?;
        let started = Instant::now();
        let address = loop {
            if let Some(address) = address(&fs::read_to_string(&log)?) {
                break address;
            }
            if child.try_wait()?.is_some() || started.elapsed() > PATIENCE {
                bail!("the daemon does not watch: {}", fs::read_to_string(&log)?);
            }
            sleep(Duration::from_millis(10)).await;
        };
        let id = child.id().context("it runs")?;
        Ok(Self { child, id, metrics_url: format!("http://{address}/metrics") })
    }

    /// The value of a metric, 0 where there is none; `name` with its labels.
    pub(crate) async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let text = client.get(&self.metrics_url).send().await?.text().await?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(value.map_or(Ok(0.0), str::parse)?)
    }

    /// The most memory that was ever resident, in MiB.
    pub(crate) fn peak_mib(&self) -> anyhow::Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.id))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix("kB")).context("no VmHWM")?;
        Ok(kib.trim().parse::<f64>()? / 1_024.0)
    }

    /// Processor time that it has used so far, in seconds.
    pub(crate) fn processor_seconds(&self) -> anyhow::Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.id))?;
        let (_, fields) = text.rsplit_once(')').context("/proc has no stat")?;
        let fields: Vec<_> = fields.split_whitespace().collect();
        // utime and stime are the 14th and 15th field, in ticks of which Linux shows 100 a second.
        let ticks = |index: usize| -> anyhow::Result<f64> {
            Ok(fields.get(index).context("/proc has no times")?.parse()?)
        };
        Ok((ticks(11)? + ticks(12)?) / 100.0)
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.id)?).context("a process id")?;
        kill_process(pid, Signal::TERM)?;
        let status = self.child.wait().await?;
        ensure!(status.success(), "the daemon ended with {status}");
        Ok(())
    }
}

/// Where its pages are, out of its log.
fn address(log: &str) -> Option<String> {
    log.lines().find_map(|line| {
        let said: serde_json::Value = serde_json::from_str(line).ok()?;
        (said["message"] == "watching").then(|| said["http"].as_str().map(str::to_owned))?
    })
}
