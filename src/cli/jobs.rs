//! `matchwatch jobs`: how far the jobs have got, as the database knows it.

use anyhow::anyhow;
use clap::Subcommand;
use serde::Serialize;

use super::config_args::ConfigArgs;
use super::listing::{
    DELIVERY_COLUMNS, EventRow, Format, JobRow, ListArgs, delivery_cells, json_lines, plain, print,
    second, short_type, table,
};
use super::{Exit, Failure, kind};
use crate::domain::{JobKind, JobStatus};
use crate::store::{EventFilter, JobFilter, ListedEvent, ListedJob};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List jobs, the one that changed last first
    List(List),
    /// Show a job and its events
    Show(Show),
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    config: ConfigArgs,

    /// Only jobs in this status, as the API writes it
    #[arg(long, value_name = "STATUS", ignore_case = true, value_parser = status)]
    status: Option<JobStatus>,

    /// Only jobs of this kind
    #[arg(long, value_name = "KIND", value_parser = kind::parser())]
    kind: Option<JobKind>,

    /// Only jobs of this workflow
    #[arg(long, value_name = "NAME")]
    workflow_name: Option<String>,

    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// The job's id
    #[arg(value_name = "JOB_ID")]
    job_id: String,

    #[command(flatten)]
    config: ConfigArgs,

    /// How it is printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

/// A job and what was told of it.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    job: JobRow<'a>,
    events: Vec<EventRow<'a>>,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    match args.command {
        Command::List(args) => list(args).await,
        Command::Show(args) => show(args).await,
    }
}

async fn list(args: List) -> Result<Exit, Failure> {
    let List { status, kind, workflow_name, .. } = args;
    let filter = JobFilter { job_id: None, status, kind, workflow_name };
    let mut view = args.config.look_inside().await?;
    let mut found = view.jobs(&filter, args.list.asked()).await.map_err(Failure::usage)?;
    args.list.cut(&mut found);
    print(&match args.list.output {
        Format::Json => json_lines(found.iter().map(JobRow::from)),
        Format::Text if found.is_empty() => "no such jobs\n".to_owned(),
        Format::Text => jobs_text(&found),
    })?;
    Ok(Exit::Success)
}

async fn show(args: Show) -> Result<Exit, Failure> {
    let mut view = args.config.look_inside().await?;
    let filter = JobFilter { job_id: Some(args.job_id.clone()), ..JobFilter::default() };
    let jobs = view.jobs(&filter, u32::MAX).await.map_err(Failure::usage)?;
    if jobs.is_empty() {
        let error = anyhow!("there is no job {}", plain(&args.job_id));
        return Err(Failure { exit: Exit::NotFound, error });
    }
    let filter = EventFilter { job_id: Some(args.job_id), ..EventFilter::default() };
    let mut events = view.events(&filter, u32::MAX).await.map_err(Failure::usage)?;
    events.reverse();
    let shown = jobs
        .iter()
        .map(|job| (job, events.iter().filter(|event| event.subject.job() == Some(&job.job))));
    print(&match args.output {
        Format::Json => json_lines(shown.map(|(job, events)| Shown {
            job: job.into(),
            events: events.map(EventRow::from).collect(),
        })),
        Format::Text => shown.map(|(job, events)| job_text(job, events)).collect(),
    })?;
    Ok(Exit::Success)
}

fn status(name: &str) -> Result<JobStatus, String> {
    name.to_ascii_uppercase()
        .parse()
        .map_err(|_| "write QUEUED, RUNNING, SUCCEEDED or FAILED".to_owned())
}

const JOB_COLUMNS: [&str; 7] =
    ["CHANGED", "ACCOUNT", "KIND", "WORKFLOW", "JOB", "STATUS", "FIRST SEEN"];

fn jobs_text(jobs: &[ListedJob]) -> String {
    let row = |listed: &ListedJob| {
        [
            second(listed.updated_at),
            plain(&listed.job.account),
            listed.job.kind.as_str().to_owned(),
            plain(&listed.job.workflow_name),
            plain(&listed.job.job_id),
            listed.status.as_str().to_owned(),
            second(listed.first_seen_at),
        ]
    };
    table(JOB_COLUMNS, &jobs.iter().map(row).collect::<Vec<_>>())
}

fn job_text<'a>(job: &ListedJob, events: impl Iterator<Item = &'a ListedEvent>) -> String {
    let [notifier, state, attempts, when, reason] = DELIVERY_COLUMNS;
    let head = ["RECORDED", "EVENT", "ID", notifier, state, attempts, when, reason];
    let row = |event: &ListedEvent| {
        let [notifier, state, attempts, when, reason] = delivery_cells(event.delivery.as_ref());
        let recorded = second(event.recorded_at);
        let event_type = plain(short_type(&event.event_type));
        [recorded, event_type, plain(&event.event_id), notifier, state, attempts, when, reason]
    };
    let rows: Vec<_> = events.map(row).collect();
    let events = match rows.is_empty() {
        true => "its events are forgotten ([store] retain)\n".to_owned(),
        false => table(head, &rows),
    };
    format!("{}\n{events}", jobs_text(std::slice::from_ref(job)))
}
