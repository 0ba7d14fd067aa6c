//! `--github`: tells a workflow of GitHub Actions what a step came to.
//!
//! Outputs go to the file that `GITHUB_OUTPUT` names, a table to that of `GITHUB_STEP_SUMMARY`, and errors to standard
//! error as workflow commands: standard output stays JSON alone, and the runner reads both.

mod command;
mod outputs;
mod summary;

use std::env;
use std::fs::{File, OpenOptions};
use std::io::Write;

use anyhow::{Context, bail};

use super::{Exit, tell};
use crate::domain::{JobKey, Observation};

/// No more of an error message than this goes into outputs, summary and commands, in characters: GitHub takes a
/// megabyte of each at the most, and fails the step over more.
const LONGEST_MESSAGE: usize = 16_000;

/// What is told to GitHub.
#[derive(Debug)]
pub(super) struct GitHub {
    output: File,
    /// Older runners have none.
    summary: Option<File>,
    /// How many jobs are waited for.
    expected: usize,
    /// Those that have ended.
    jobs: Vec<Ended>,
}

/// A job that has ended.
#[derive(Debug)]
struct Ended {
    job: JobKey,
    observation: Observation,
    /// As it stands on standard output.
    json: String,
}

impl GitHub {
    /// Finds the files that the runner made for this step.
    ///
    /// # Errors
    ///
    /// This is no step of GitHub Actions, or its files cannot be written.
    pub(super) fn open() -> anyhow::Result<Self> {
        let Some(output) = open("GITHUB_OUTPUT")? else {
            bail!(
                "--github: GITHUB_OUTPUT is not set. Leave the flag out where this is no step of GitHub Actions; in a \
                 container, pass the variable and mount the file that it names"
            );
        };
        let summary = open("GITHUB_STEP_SUMMARY")?;
        Ok(Self { output, summary, expected: 1, jobs: Vec::new() })
    }

    /// So many jobs are waited for. Of several none is the one that the outputs tell of, though it may be the only one
    /// that ends.
    pub(super) const fn expect(&mut self, jobs: usize) {
        self.expected = jobs;
    }

    /// There is a job: later steps learn its id, whatever becomes of this one.
    pub(super) fn started(&mut self, job: &JobKey) {
        let written = self.put(&outputs::of_started(job));
        if let Err(error) = written {
            // To wait for the job is worth more than the output.
            tell(format_args!("matchwatch: {error:#}"));
        }
    }

    /// A job has ended; `json` is what standard output has of it.
    pub(super) fn ended(&mut self, job: &JobKey, observation: &Observation, json: String) {
        if let Some(line) = command::of_failed(job, observation) {
            tell(format_args!("{line}"));
        }
        self.jobs.push(Ended { job: job.clone(), observation: observation.clone(), json });
    }

    /// The command ends so. Writes outputs and summary.
    ///
    /// # Errors
    ///
    /// They cannot be written.
    pub(super) fn finish(&mut self, exit: Exit) -> anyhow::Result<()> {
        if let Some(line) = command::of_exit(exit) {
            tell(format_args!("{line}"));
        }
        let put = self.put(&outputs::of_jobs(&self.jobs, self.expected, exit));
        let written = match &mut self.summary {
            Some(file) => file.write_all(summary::of(&self.jobs, exit).as_bytes()),
            None => Ok(()),
        };
        put.and(written.context("--github: cannot write to the file of GITHUB_STEP_SUMMARY"))
    }

    fn put(&mut self, text: &str) -> anyhow::Result<()> {
        let written = self.output.write_all(text.as_bytes());
        written.context("--github: cannot write to the file of GITHUB_OUTPUT")
    }
}

/// The file that the variable names, ready to be appended to. Earlier commands of the step may have written to it.
fn open(variable: &str) -> anyhow::Result<Option<File>> {
    let Some(path) = env::var_os(variable).filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    let file = OpenOptions::new().append(true).create(true).open(&path);
    file.map(Some).with_context(|| format!("--github: cannot write {}", path.display()))
}

/// The service's message about a job that failed, cut to a length that GitHub takes.
fn error_message(observation: &Observation) -> Option<String> {
    let message = observation.details.error_details.as_ref()?.error_message.as_deref()?;
    let mut cut: String = message.chars().take(LONGEST_MESSAGE).collect();
    if cut.len() < message.len() {
        cut.push('…');
    }
    Some(cut)
}

/// A job's record counts, in the API's order.
fn counts(observation: &Observation) -> serde_json::Map<String, serde_json::Value> {
    match serde_json::to_value(&observation.details.metrics) {
        Ok(serde_json::Value::Object(counts)) => counts,
        _ => serde_json::Map::new(),
    }
}
