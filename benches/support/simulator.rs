//! `matchwatch simulate` in a process of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};

/// It runs for as long as this lives.
pub(crate) struct Simulator {
    process: Child,
    /// Where it listens.
    pub(crate) url: String,
}

impl Simulator {
    /// Starts it with this scenario, which is kept in `folder`.
    pub(crate) fn start(folder: &Path, scenario: &str) -> anyhow::Result<Self> {
        let path = folder.join("scenario.toml");
        fs::write(&path, scenario)?;
        let mut process = Command::new(env!("CARGO_BIN_EXE_matchwatch"))
            .args(["simulate", "--listen", "127.0.0.1:0", "--scenario"])
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = process.stdout.take().context("stdout was asked for")?;
        let mut simulator = Self { process, url: String::new() };
        let mut first_line = String::new();
        BufReader::new(stdout).read_line(&mut first_line)?;
        ensure!(first_line.starts_with("http://"), "simulate printed no URL but {first_line:?}");
        simulator.url = first_line.trim().to_owned();
        Ok(simulator)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
