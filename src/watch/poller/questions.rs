//! Questions under way: those that are due are sent, and each that comes back is settled.

use std::sync::Arc;

use tokio::task;
use tokio::time::Instant;

use super::Run;
use crate::heartbeat;
use crate::source::{JobPage, SourceError};
use crate::watch::agenda::Turn;
use crate::watch::poll::Polled;
use crate::watch::roster::{JobIndex, WorkflowIndex};

/// What came back of a question; without a value where shutdown came first.
pub(super) type Back = Result<(task::Id, Option<Answer>), task::JoinError>;

/// A question that came back.
pub(super) enum Answer {
    Job(Polled),
    Page(Result<JobPage, SourceError>),
}

/// A question under way.
pub(super) enum Question {
    Job(JobIndex),
    Page(WorkflowIndex),
}

impl Run {
    /// Sends as many questions as are due, allowed and not too many at once. Returns when to look again.
    pub(super) fn send_what_is_due(&mut self) -> Instant {
        let now = Instant::now();
        let mut look_again = now + heartbeat::PERIOD;
        while self.questions.len() < self.concurrency {
            match self.agenda.next_list(now) {
                Turn::Ask(workflow, _) => self.ask_for_page(workflow, now),
                Turn::Wait(until) => {
                    look_again = look_again.min(until);
                    break;
                }
                Turn::Nothing => break,
            }
        }
        while self.questions.len() < self.concurrency {
            match self.agenda.next_job(now) {
                Turn::Ask(job, lateness) => {
                    let metrics = &self.context.metrics;
                    metrics
                        .poll_lateness_seconds
                        .with_label_values(&[&*self.context.account])
                        .observe(lateness.as_secs_f64());
                    self.ask_about_job(job, now);
                }
                Turn::Wait(until) => {
                    look_again = look_again.min(until);
                    break;
                }
                Turn::Nothing => break,
            }
        }
        look_again
    }

    fn ask_about_job(&mut self, index: JobIndex, now: Instant) {
        let Some(job) = self.agenda.job(index) else { return };
        let (key, status) = (job.key.clone(), job.status);
        let (notifiers, terms) = (Arc::clone(&job.notifiers), Arc::clone(&job.terms));
        let (context, shutdown) = (Arc::clone(&self.context), self.shutdown.clone());
        let question = self.questions.spawn(async move {
            context.poll(&key, status, &notifiers, &terms.gates, shutdown).await.map(Answer::Job)
        });
        self.flights.insert(question.id(), (Question::Job(index), now));
    }

    fn ask_for_page(&mut self, index: WorkflowIndex, now: Instant) {
        let (workflow, page) = (self.agenda.workflow(index).clone(), self.agenda.page_token(index));
        let (context, shutdown) = (Arc::clone(&self.context), self.shutdown.clone());
        let question = self.questions.spawn(async move {
            let list = context.list(&workflow, page);
            shutdown.run_until_cancelled(list).await.map(Answer::Page)
        });
        self.flights.insert(question.id(), (Question::Page(index), now));
    }

    /// Takes a question back: works out what happens next.
    pub(super) fn settle(&mut self, back: Back) {
        let (id, answer, broken) = match back {
            Ok((id, answer)) => (id, answer, None),
            // A defect of this program must not lose the job: it is asked about again.
            Err(panicked) => {
                tracing::error!(error = %panicked, "a question broke off; please report this defect");
                let message = panicked.to_string();
                (panicked.id(), None, Some(SourceError::Unavailable { message }))
            }
        };
        let Some((question, sent_at)) = self.flights.remove(&id) else { return };
        match (question, answer, broken) {
            (Question::Job(job), Some(Answer::Job(polled)), _) => {
                self.settle_job(job, polled, sent_at);
            }
            (Question::Job(job), _, Some(error)) => {
                self.settle_job(job, Polled::Failed(error), sent_at);
            }
            (Question::Page(workflow), Some(Answer::Page(page)), _) => {
                self.settle_page(workflow, page, sent_at);
            }
            (Question::Page(workflow), _, Some(error)) => {
                self.settle_page(workflow, Err(error), sent_at);
            }
            // Shutdown came first.
            (Question::Job(_) | Question::Page(_), _, None) => {}
        }
        self.show_load();
    }
}
