//! The flags of `run`.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;

use super::super::wait::Following;

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The workflow whose job is started
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(super) workflow_name: String,

    /// Where the service takes no other job now, ask again until it does or the time is up
    #[arg(long)]
    pub(super) queue: bool,

    /// Write the job's id into this file as soon as there is one; until then the file is empty
    #[arg(long, value_name = "PATH")]
    pub(super) job_id_file: Option<PathBuf>,

    #[command(flatten)]
    pub(super) following: Following,
}

const AFTER_HELP: &str = "\
Examples:
  matchwatch run --workflow-name customers --timeout 4h | jq .metrics.matchIDs
  matchwatch run --workflow-name customers --queue --job-id-file job-id

The job's id is on standard error, and in --job-id-file, as soon as there is a job. The time of
--timeout counts from the start of the command.

A request to start a job whose answer is lost is not simply sent again: the workflow's jobs are
listed, and one that has appeared is waited for. Only where none has appeared in 30s is another
one asked for, and that is said.

Exit codes:
  0    the job succeeded
  1    the job failed
  2    usage or configuration
  3    timed out
  4    credentials or access
  5    workflow not found
  6    service unreachable: the time was up and no answer ever came
  7    the job succeeded, and failed a quality gate
  8    no job was started: the workflow is busy, or a limit is reached (--queue waits)
  9    a job may have been started, and nobody knows which: look before you start another
  130  interrupted (SIGINT); a job that was started goes on
  143  terminated (SIGTERM); a job that was started goes on

MATCHWATCH_LOG=debug in the environment shows each request on standard error.";
