//! The flags of `run`.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};

use super::super::wait::Following;
use super::super::{Failure, kind};
use super::output_source;
use crate::domain::{JobKind, JobType, OutputSource};

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The workflow whose job is started
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(super) workflow_name: String,

    /// Whether that is a matching or an ID mapping workflow
    #[arg(long, value_name = "KIND", value_parser = kind::parser(), default_value = "matching")]
    pub(super) kind: JobKind,

    /// What an ID mapping job processes [default: the workflow decides]
    #[arg(long, value_name = "TYPE", value_parser = job_type())]
    pub(super) job_type: Option<JobType>,

    /// Where an ID mapping job writes: roleArn=…,outputS3Path=…[,KMSArn=…], or that as JSON [default: where the workflow
    /// says]
    #[arg(long, value_name = "OUTPUT", value_parser = output_source::parse)]
    pub(super) output_source_config: Option<OutputSource>,

    /// Where the service takes no other job now, ask again until it does or the time is up
    #[arg(long)]
    pub(super) queue: bool,

    /// Write the job's id into this file as soon as there is one; until then the file is empty
    #[arg(long, value_name = "PATH")]
    pub(super) job_id_file: Option<PathBuf>,

    #[command(flatten)]
    pub(super) following: Following,
}

fn job_type() -> impl TypedValueParser<Value = JobType> {
    PossibleValuesParser::new(["BATCH", "INCREMENTAL", "DELETE_ONLY"]).map(JobType::from)
}

impl Args {
    /// Says what does not go together.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let is_for_id_mapping = self.job_type.is_some() || self.output_source_config.is_some();
        if is_for_id_mapping && self.kind != JobKind::IdMapping {
            return Err(Failure::usage(anyhow!(
                "--job-type and --output-source-config are for ID mapping jobs: add --kind id-mapping"
            )));
        }
        self.following.check(Some(self.kind))
    }
}

const AFTER_HELP: &str = "\
Examples:
  matchwatch run --workflow-name customers --timeout 4h | jq .metrics.matchIDs
  matchwatch run --workflow-name customers --queue --job-id-file job-id
  matchwatch run --workflow-name households --kind id-mapping --job-type INCREMENTAL

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
