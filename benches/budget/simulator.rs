//! `matchwatch simulate` in a process of its own.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout};

use super::{MATCHWATCH, clean};

pub(crate) struct Simulator {
    pub(crate) url: String,
    /// It ends with this value.
    _process: Child,
    _stdout: BufReader<ChildStdout>,
}

/// What a simulator answered so far.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) gets: u64,
    pub(crate) lists: u64,
    pub(crate) throttled: u64,
}

impl Counts {
    pub(crate) const fn requests(self) -> u64 {
        self.gets + self.lists
    }
}

impl Simulator {
    pub(crate) async fn start(folder: &Path, scenario: &str) -> anyhow::Result<Self> {
        let file = folder.join("scenario.toml");
        std::fs::write(&file, scenario)?;
        let mut process = clean(MATCHWATCH)
            .args(["simulate", "--listen", "127.0.0.1:0", "--scenario"])
            .arg(&file)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut stdout = BufReader::new(process.stdout.take().context("stdout was asked for")?);
        let mut url = String::new();
        stdout.read_line(&mut url).await?;
        ensure!(url.starts_with("http://"), "simulate printed no URL but {url:?}");
        Ok(Self { url: url.trim().to_owned(), _process: process, _stdout: stdout })
    }

    /// When each job ended, in seconds since the Unix epoch.
    pub(crate) async fn endings(&self) -> anyhow::Result<HashMap<String, f64>> {
        let endings = self.read("endings").await?;
        let ended = |job: &Value| {
            let id = job["job_id"].as_str()?.to_owned();
            Some((id, job["reached_at"].as_f64()?))
        };
        endings
            .as_array()
            .into_iter()
            .flatten()
            .map(|job| ended(job).context("an ending"))
            .collect()
    }

    pub(crate) async fn counts(&self) -> anyhow::Result<Counts> {
        let counts = self.read("requests").await?;
        let of = |operation: &str| counts[operation].as_object().into_iter().flatten();
        let sum = |operation: &str| of(operation).filter_map(|(_, count)| count.as_u64()).sum();
        let throttled = |operation: &str| {
            let throttles = of(operation).filter(|(outcome, _)| *outcome == "ThrottlingException");
            throttles.filter_map(|(_, count)| count.as_u64()).sum::<u64>()
        };
        Ok(Counts {
            gets: sum("GetMatchingJob"),
            lists: sum("ListMatchingJobs"),
            throttled: throttled("GetMatchingJob") + throttled("ListMatchingJobs"),
        })
    }

    async fn read(&self, what: &str) -> anyhow::Result<Value> {
        let url = format!("{}/_simulator/{what}", self.url);
        Ok(reqwest::Client::builder().no_proxy().build()?.get(url).send().await?.json().await?)
    }
}
