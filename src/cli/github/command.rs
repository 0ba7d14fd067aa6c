//! Workflow commands: lines that the runner turns into annotations
//! (<https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands>).

use super::super::Exit;
use super::error_message;
use crate::domain::{JobKey, JobStatus, Observation, ObservedStatus};

/// An annotation for a job that failed.
pub(super) fn of_failed(job: &JobKey, observation: &Observation) -> Option<String> {
    if observation.status != ObservedStatus::Known(JobStatus::Failed) {
        return None;
    }
    let title = format!("{} job {} FAILED", job.workflow_name, job.job_id);
    let message = error_message(observation).unwrap_or_else(|| "It says no more.".to_owned());
    Some(error(&title, &message))
}

/// An annotation for a command that ends without the job's own failure. The log says more.
pub(super) fn of_exit(exit: Exit) -> Option<String> {
    let message = match exit {
        Exit::Success | Exit::Failed => return None,
        Exit::Usage => "The command line, the configuration or the request is wrong.",
        Exit::TimedOut => "The time was up; what runs goes on.",
        Exit::AccessDenied => "Credentials are missing, or do not allow what was asked.",
        Exit::NotFound => "There is no such job or workflow.",
        Exit::Unreachable => "The service never answered.",
        Exit::QualityFailed => "The job succeeded, but fails a quality gate: the log says which.",
        Exit::Busy => "No job was started: the workflow is busy, or a limit is reached.",
        Exit::Unsure => "A job may have been started, and nobody knows which.",
        Exit::Interrupted | Exit::Terminated => "Stopped waiting; what runs goes on.",
    };
    Some(error("matchwatch", message))
}

fn error(title: &str, message: &str) -> String {
    format!("::error title={}::{}", property(title), data(message))
}

/// What follows the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property: it ends at a comma or a colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_command_or_begin_another_is_escaped() {
        assert_eq!(
            error("a: b, c", "100 %\r\n::set-output name=x::y"),
            "::error title=a%3A b%2C c::100 %25%0D%0A::set-output name=x::y"
        );
    }
}
