//! What is known of a job that is being started, at any moment.

use super::super::Exit;
use super::super::wait::of_error;
use super::advice::Advice;
use crate::domain::WorkflowKey;
use crate::source::SourceError;
use crate::watch::{StartFailure, StartNews, Started};

/// What is known so far.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The job.
    pub(super) started: Option<Started>,
    /// A request to start one is under way.
    pub(super) is_asked: bool,
    /// A request was made whose answer never came.
    was_lost: bool,
    /// Jobs that it may have started.
    candidates: Vec<String>,
    /// The service answered something.
    has_answered: bool,
    /// What the last request came to, where that was nothing good.
    last_error: Option<String>,
    /// No job is known to be ours, for good.
    failure: Option<StartFailure>,
}

impl Known {
    /// Takes in what happened.
    pub(super) fn take(&mut self, news: &StartNews) {
        self.is_asked = matches!(news, StartNews::Asked);
        match news {
            StartNews::Started(started) => self.started = Some(started.clone()),
            StartNews::Lost(error) => {
                self.was_lost = true;
                self.last_error = Some(error.to_string());
            }
            StartNews::ListTrouble(error) | StartNews::NotStarted(error) => {
                self.has_answered |= !matches!(error, SourceError::Unavailable { .. });
                self.last_error = Some(error.to_string());
            }
            // Before a request goes out, a list has been answered or refused.
            StartNews::Asked | StartNews::Blind(_) => self.has_answered = true,
            StartNews::Full(error) => {
                self.has_answered = true;
                self.last_error = Some(error.to_string());
            }
            StartNews::Appeared(job_ids) => self.candidates.clone_from(job_ids),
            StartNews::NothingAppeared => self.candidates.clear(),
            StartNews::Others(_) => {}
        }
    }

    /// Takes in that it has come to this.
    pub(super) fn fail(&mut self, failure: StartFailure) {
        // Whatever was asked is answered, or counted as lost.
        self.is_asked = false;
        self.failure = Some(failure);
    }

    /// Whether a job may have been started that nobody knows.
    pub(super) const fn is_unsure(&self) -> bool {
        self.started.is_none() && (self.is_asked || self.was_lost)
    }

    /// What there is to say where it ends here. A command to be run next stands at the end of the line.
    pub(super) fn words(&self, workflow: &WorkflowKey, advice: &Advice) -> String {
        let name = &workflow.name;
        if let Some(Started { job, .. }) = &self.started {
            let (job_id, wait) = (&job.job_id, advice.wait_for(Some(&job.job_id)));
            return format!("job {job_id} goes on. To wait for it: {wait}");
        }
        let why = self.why();
        if self.is_unsure() {
            let perhaps = self.perhaps();
            let only = if let [job_id] = &*self.candidates { Some(job_id.as_str()) } else { None };
            let (look, wait) = (&advice.look, advice.wait_for(only));
            return format!(
                "nobody knows what came of a request to start a job of workflow {name}: a job may have been \
                 started{perhaps}{why}. Before you start another one, run {look} and see. To wait for it: {wait}"
            );
        }
        let next = match self.exit() {
            Exit::Busy => "; --queue waits until the service takes another",
            Exit::NotFound => advice.where_not_found,
            _ => "",
        };
        format!("no job of workflow {name} was started{why}{next}")
    }

    /// The jobs that may be ours, where the failure does not name them.
    fn perhaps(&self) -> String {
        match &*self.candidates {
            _ if self.failure.is_some() => String::new(),
            [] => String::new(),
            [job_id] => format!(", perhaps {job_id}"),
            job_ids => format!(", perhaps one of {}", job_ids.join(", ")),
        }
    }

    /// Why there is no job, where that is known.
    fn why(&self) -> String {
        match (&self.failure, &self.last_error) {
            (Some(failure), _) => format!(": {failure}"),
            (None, Some(error)) => format!("; last error: {error}"),
            (None, None) if self.has_answered => String::new(),
            (None, None) => "; the service has not answered".to_owned(),
        }
    }

    /// How the command ends without having waited for a job to its end.
    pub(super) const fn exit(&self) -> Exit {
        match self {
            Self { started: Some(_), .. } => Exit::TimedOut,
            Self { failure: Some(StartFailure::Unsure(_)), .. } => Exit::Unsure,
            _ if self.is_unsure() => Exit::Unsure,
            Self { failure: Some(StartFailure::Refused(error)), .. } => of_error(error),
            Self { failure: Some(StartFailure::Full(_)), .. } => Exit::Busy,
            Self { has_answered: true, .. } => Exit::TimedOut,
            _ => Exit::Unreachable,
        }
    }
}
