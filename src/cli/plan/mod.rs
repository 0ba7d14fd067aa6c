//! `matchwatch plan`: when a job would be asked about, and what that costs, before any is.

mod drawing;
mod rule;
mod sketch;

use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};

use super::config_args::ConfigArgs;
use super::listing::{Format, json_lines, plain, print};
use super::{Exit, Failure, kind};
use crate::config::StoreSettings;
use crate::domain::{JobKind, WorkflowKey};
use crate::watch::cadence::RunTimes;
use crate::{app, duration};
use rule::Rule;
use sketch::Sketch;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Takes the run times of this workflow, as the daemon learned them, from the database that the configuration names
    #[arg(long, value_name = "NAME", conflicts_with = "run_times")]
    workflow_name: Option<String>,

    /// The kind of that workflow's jobs, where there is one of each kind of that name
    #[arg(long, value_name = "KIND", requires = "workflow_name", value_parser = kind::parser())]
    kind: Option<JobKind>,

    /// The account of that workflow, where several have one of that name
    #[arg(long, value_name = "NAME", requires = "workflow_name")]
    account: Option<String>,

    #[command(flatten)]
    config: ConfigArgs,

    /// How long a job of the workflow ran, as in 12m or 1h30m; once for each job, the oldest first. `-` reads them from
    /// standard input, one a line. Without any: a workflow never seen
    #[arg(long = "run-time", value_name = "DURATION")]
    run_times: Vec<String>,

    /// How long a job has run that still does; once for each
    #[arg(long = "running-for", value_name = "DURATION", value_parser = duration::parse)]
    running_for: Vec<Duration>,

    /// What one call is worth: the delay that it must save. Without it, as the configuration says of a workflow that is
    /// named, and 1s else
    #[arg(long, value_name = "DURATION", value_parser = positive)]
    call_worth: Option<Duration>,

    /// No job is asked about more often. Without it, as the configuration says of a workflow that is named, and 1s else
    #[arg(long, value_name = "DURATION", value_parser = positive)]
    min_interval: Option<Duration>,

    /// No job is asked about less often. Without it, as the configuration says of a workflow that is named, and 10m else
    #[arg(long, value_name = "DURATION", value_parser = positive)]
    max_interval: Option<Duration>,

    /// The fixed interval to stand beside it
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = positive)]
    beside: Duration,

    /// Also draws the plan, as SVG, into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// How it is printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let (past, rule) = match &args.workflow_name {
        Some(name) => {
            let polling = args.config.load_polling()?;
            let (workflow, past) =
                learned(&polling.store, name, args.kind, args.account.as_deref()).await?;
            (past, Rule::configured(&args, &polling, &workflow)?)
        }
        None => {
            let rule = Rule::given(&args)?;
            (past_runs(&args.run_times, io::stdin()).map_err(Failure::usage)?, rule)
        }
    };
    let run_times = RunTimes::learn(&past, &args.running_for);
    let sketch = Sketch::of(&past, run_times, rule.call_worth, rule.limits, args.beside);
    if let Some(path) = &args.svg {
        fs::write(path, drawing::svg(&sketch))
            .with_context(|| format!("cannot write {}", path.display()))
            .map_err(Failure::usage)?;
    }
    print(&match args.output {
        Format::Json => json_lines([sketch.json()]),
        Format::Text => drawing::text(&sketch),
    })?;
    Ok(Exit::Success)
}

/// How long the jobs of a workflow ran, as the database knows it, oldest first; and which one that is.
async fn learned(
    store: &StoreSettings,
    workflow_name: &str,
    kind: Option<JobKind>,
    account: Option<&str>,
) -> Result<(WorkflowKey, Vec<Duration>), Failure> {
    let mut view = app::look_inside(store).await.map_err(Failure::usage)?;
    let mut runs = view.past_runs(workflow_name).await.map_err(Failure::usage)?;
    runs.retain(|(workflow, _)| {
        kind.is_none_or(|kind| workflow.kind == kind)
            && account.is_none_or(|account| *workflow.account == *account)
    });
    let Some((first, _)) = runs.first() else {
        let error = anyhow!(
            "no job of workflow {} is known to have ended; `serve` learns it as jobs end",
            plain(workflow_name)
        );
        return Err(Failure { exit: Exit::NotFound, error });
    };
    if runs.iter().any(|(other, _)| other.kind != first.kind) {
        return Err(Failure::usage(anyhow!(
            "there is a matching and an ID mapping workflow {}: choose with --kind",
            plain(workflow_name)
        )));
    }
    if let Some((other, _)) = runs.iter().find(|(workflow, _)| workflow != first) {
        return Err(Failure::usage(anyhow!(
            "the accounts {} and {} both have a workflow {}: choose with --account",
            plain(&first.account),
            plain(&other.account),
            plain(workflow_name)
        )));
    }
    let workflow = first.clone();
    Ok((workflow, runs.into_iter().map(|(_, run)| run.run_time).collect()))
}

/// Run times given as flags, `-` standing for those on standard input; oldest first.
fn past_runs(flags: &[String], mut stdin: impl Read) -> anyhow::Result<Vec<Duration>> {
    let parse = |text: &str| positive(text).map_err(|error| anyhow!(error));
    let mut past = Vec::new();
    for flag in flags {
        if flag == "-" {
            let mut text = String::new();
            stdin.read_to_string(&mut text).context("reading run times from standard input")?;
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                past.push(parse(line).context("standard input")?);
            }
        } else {
            past.push(parse(flag).context("--run-time")?);
        }
    }
    Ok(past)
}

/// A duration above zero.
fn positive(text: &str) -> Result<Duration, String> {
    match duration::parse(text)? {
        Duration::ZERO => {
            Err(format!("{text:?} is no time at all: write one above zero, as in 1s"))
        }
        some => Ok(some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_times_come_from_flags_and_from_standard_input_in_their_order() {
        let flags = ["10m".to_owned(), "-".to_owned(), "13m".to_owned()];
        let past = past_runs(&flags, "11m\n\n12m 30s\n".as_bytes()).unwrap();
        let seconds: Vec<u64> = past.iter().map(Duration::as_secs).collect();
        assert_eq!(seconds, [600, 660, 750, 780]);
    }

    #[test]
    fn what_is_no_run_time_is_refused_with_its_place() {
        let refused = |flag: &str, stdin: &str| {
            format!("{:#}", past_runs(&[flag.to_owned()], stdin.as_bytes()).unwrap_err())
        };
        assert!(refused("12", "").starts_with("--run-time: \"12\" is not a duration"));
        assert!(refused("-", "5m\nsoon").starts_with("standard input: \"soon\""));
        assert!(refused("0s", "").contains("above zero"));
    }
}
