//! What the poller has to tell, on its way to the command.

use tokio::sync::mpsc;

use crate::domain::{JobKey, Observation};
use crate::source::SourceError;
use crate::watch::cadence::Eta;
use crate::watch::{Next, Observer};

/// What the poller has to tell.
pub(super) enum Report {
    /// One answer.
    Polled { job: JobKey, answer: Result<Observation, SourceError>, next: Next },
    /// When a job at work will have ended.
    Expected { job: JobKey, eta: Eta },
}

/// Passes the poller's answers on.
pub(super) struct Reporter(pub(super) mpsc::UnboundedSender<Report>);

impl Observer for Reporter {
    fn polled(&self, job: &JobKey, answer: Result<&Observation, &SourceError>, next: &Next) {
        let answer = answer.cloned().map_err(Clone::clone);
        // Nobody listens any more once the command has ended.
        let _ = self.0.send(Report::Polled { job: job.clone(), answer, next: next.clone() });
    }

    fn wants_eta(&self) -> bool {
        true
    }

    fn expected(&self, job: &JobKey, eta: Eta) {
        let _ = self.0.send(Report::Expected { job: job.clone(), eta });
    }
}
