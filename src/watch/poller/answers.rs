//! What an answer means for what is asked next, and who is told of it.

use std::sync::Arc;

use tokio::time::Instant;

use super::Run;
use super::telling::{given_up_label, state_label, tell_failed};
use crate::domain::{JobStatus, Observation, PastRun, Step, WorkflowKey};
use crate::source::{JobPage, SourceError};
use crate::watch::agenda::{Answered, Sight};
use crate::watch::poll::{Ignored, Polled};
use crate::watch::roster::{JobIndex, WorkflowIndex};
use crate::watch::seen::Seen;
use crate::watch::{Next, ReadPage};

impl Run {
    pub(super) fn settle_job(&mut self, index: JobIndex, polled: Polled, sent_at: Instant) {
        let now = Instant::now();
        match polled {
            Polled::Answered { observation, seen, status, ignored } => {
                self.budgets.gets.pacer().succeeded();
                if let Some(ignored) = ignored {
                    self.tell_ignored(index, observation.status.as_str(), ignored);
                }
                let told = Answered {
                    start_time: observation.details.start_time,
                    end_time: observation.details.end_time,
                    seen,
                };
                self.settle_answer(index, &observation, status, told);
            }
            Polled::Failed(error) => {
                if let SourceError::Throttled { retry_after, .. } = &error {
                    self.budgets.gets.pacer().throttled(sent_at, now, *retry_after);
                }
                self.settle_failure(index, &error, now);
            }
            Polled::NotRecorded(error) => {
                self.context.metrics.store_errors.with_label_values(&["record"]).inc();
                if let Some(job) = self.agenda.job(index) {
                    tracing::error!(job = %job.key, %error, "a change could not be recorded; asking again");
                }
                self.agenda.not_recorded(index, now);
            }
        }
    }

    fn settle_answer(
        &mut self,
        index: JobIndex,
        observation: &Observation,
        status: Option<JobStatus>,
        told: Answered,
    ) {
        let Some(job) = self.agenda.job(index) else { return };
        let (key, before) = (job.key.clone(), job.status);
        if before != status {
            self.jobs_gauge(state_label(before)).dec();
            self.jobs_gauge(state_label(status)).inc();
        }
        let Some((next, run)) = self.agenda.answered(index, status, told) else { return };
        self.keep(key.workflow(), run.into_iter().collect());
        self.was_told(&key);
        if let Some(status) = status {
            self.was_seen(&key, status);
        }
        self.check_time(index);
        self.observer.polled(&key, Ok(observation), &next);
        self.tell_eta(index);
    }

    /// Tells whoever listens when the job will have ended.
    pub(super) fn tell_eta(&self, index: JobIndex) {
        if self.observer.wants_eta()
            && let Some(job) = self.agenda.job(index)
            && let Some(eta) = self.agenda.eta(index, Instant::now())
        {
            self.observer.expected(&job.key, eta);
        }
    }

    fn settle_failure(&mut self, index: JobIndex, error: &SourceError, now: Instant) {
        let Some(job) = self.agenda.job(index) else { return };
        let (key, status) = (job.key.clone(), job.status);
        let (terms, notifiers) = (Arc::clone(&job.terms), Arc::clone(&job.notifiers));
        let Some((next, first)) = self.agenda.failed(index, error, now) else { return };
        tell_failed(&key, error, &next, first);
        if matches!(next, Next::GiveUp(_)) {
            self.jobs_gauge(state_label(status)).dec();
            self.jobs_gauge(given_up_label(error)).inc();
        }
        self.was_refused(&key, (status, &terms, &notifiers), error, &next);
        self.observer.polled(&key, Err(error), &next);
    }

    pub(super) fn settle_page(
        &mut self,
        index: WorkflowIndex,
        page: Result<JobPage, SourceError>,
        sent_at: Instant,
    ) {
        let seen = Seen::of(&*self.context.clock);
        let workflow = self.agenda.workflow(index).clone();
        self.observer.listed(&workflow, page.as_ref().map(drop));
        match page {
            Ok(page) => {
                self.budgets.lists.pacer().succeeded();
                self.show_to_finder(index, &page, sent_at, seen);
                let shown = self.agenda.page_answered(index, page, seen);
                self.settle_shown(workflow, shown);
            }
            Err(error) => {
                if let SourceError::Throttled { retry_after, .. } = &error {
                    self.budgets.lists.pacer().throttled(sent_at, seen.now, *retry_after);
                }
                if self.agenda.page_failed(index, &error, seen.now) {
                    tracing::info!(%workflow, %error, "its jobs cannot be listed; each is asked about by itself");
                } else {
                    tracing::debug!(%workflow, %error, "no list of its jobs; asking again");
                }
            }
        }
    }

    /// The first page of a list may show new jobs.
    fn show_to_finder(&self, index: WorkflowIndex, page: &JobPage, began_at: Instant, seen: Seen) {
        let Some(finder) = &self.finder else { return };
        if self.agenda.page_token(index).is_none() {
            let (workflow, jobs) = (self.agenda.workflow(index).clone(), page.jobs.clone());
            let page = ReadPage { workflow, jobs, next: page.next.clone(), began_at, seen };
            // Nobody looks any more where the daemon stops.
            let _ = finder.send(page);
        }
    }

    /// Somebody else has read a page of a list. Whoever that is tells the observer.
    pub(super) fn overhear(&mut self, page: ReadPage) {
        let workflow = page.workflow.clone();
        let shown = self.agenda.overheard(page);
        self.settle_shown(workflow, shown);
        self.show_load();
    }

    /// A page showed jobs that are followed, and past runs.
    fn settle_shown(&mut self, workflow: WorkflowKey, (sights, runs): (Vec<Sight>, Vec<PastRun>)) {
        for Sight { job, summary, step } in sights {
            match step {
                Step::Stale => self.tell_ignored(job, summary.status.as_str(), Ignored::Stale),
                Step::Unknown => self.tell_ignored(job, summary.status.as_str(), Ignored::Unknown),
                Step::Unchanged => {
                    self.check_time(job);
                    self.tell_eta(job);
                }
                Step::Transition(_) => {}
            }
        }
        self.keep(workflow, runs);
    }
}
