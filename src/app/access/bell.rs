//! Hears every answer of an account, and tells what is new.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use super::{Listed, Matter, News};
use crate::domain::{JobKey, JobKind, Observation, Subject, WorkflowKey};
use crate::source::{Operation, Scope, SourceError};
use crate::watch::cadence::Eta;
use crate::watch::{Next, Observer, discovery};

/// Sessions end in mid-run, and at times the next one is of no more use. So many that are over, without an answer in
/// between, are no accident.
const EXPIRED_FOR_GOOD: u32 = 3;

/// Rings when an answer says something new of who is let in.
pub(in crate::app) struct Bell {
    account: Arc<str>,
    known: Mutex<Known>,
    expired_in_a_row: AtomicU32,
    news: mpsc::UnboundedSender<News>,
}

/// What was heard before.
#[derive(Default)]
struct Known {
    /// Whether it was denied the last time.
    denied: HashMap<Matter, bool>,
    workflows: Listed,
}

impl Known {
    /// Takes in an answer, and says whether it is news. Of a workflow that is gone nothing is kept in mind, for it may come
    /// back: whoever listens knows whether a watch asks about it all the same.
    fn is_news(&mut self, matter: &Matter, is_denied: bool) -> bool {
        self.workflows.is_gone(&matter.0)
            || self.denied.insert(matter.clone(), is_denied) != Some(is_denied)
    }
}

impl Bell {
    /// And who hears it.
    pub(in crate::app) fn new(account: &Arc<str>) -> (Arc<Self>, mpsc::UnboundedReceiver<News>) {
        let (news, heard) = mpsc::unbounded_channel();
        let (account, known) = (Arc::clone(account), Mutex::default());
        (Arc::new(Self { account, known, expired_in_a_row: AtomicU32::new(0), news }), heard)
    }

    /// What came back of a question about `workflow`; of a list of workflows where that is `None`. `is_certain` says
    /// whether expired credentials count: where others are found at once they do not.
    pub(super) fn answered(
        &self,
        workflow: Option<&WorkflowKey>,
        operation: Operation,
        answer: Result<(), &SourceError>,
        is_certain: bool,
    ) {
        let subject = workflow.map_or_else(|| self.subject(), |key| Subject::Workflow(key.clone()));
        let question = (subject, Some(operation));
        match answer {
            Ok(()) | Err(SourceError::NotFound { .. }) => {
                self.let_in();
                self.note(question, None);
            }
            Err(error @ SourceError::AccessDenied { scope: Scope::Question, .. }) => {
                self.let_in();
                self.note(question, Some(error));
            }
            Err(error @ SourceError::AccessDenied { scope: Scope::Account, .. }) => {
                self.note((self.subject(), None), Some(error));
            }
            Err(error @ SourceError::CredentialsExpired { .. }) if is_certain => {
                if self.expired_in_a_row.fetch_add(1, Ordering::Relaxed) + 1 >= EXPIRED_FOR_GOOD {
                    self.note((self.subject(), None), Some(error));
                }
            }
            // They say nothing of who is let in.
            Err(
                SourceError::CredentialsExpired { .. }
                | SourceError::Throttled { .. }
                | SourceError::Unavailable { .. }
                | SourceError::Invalid { .. },
            ) => {}
        }
    }

    /// The service knows who asks.
    fn let_in(&self) {
        self.expired_in_a_row.store(0, Ordering::Relaxed);
        self.note((self.subject(), None), None);
    }

    /// All workflows of this kind were listed.
    pub(super) fn workflows(&self, kind: JobKind, names: &HashSet<Arc<str>>) {
        let names = Arc::new(names.clone());
        {
            let Known { denied, workflows } = &mut *self.known();
            workflows.0.insert(kind, Arc::clone(&names));
            denied.retain(|(subject, _), _| !workflows.is_gone(subject));
        }
        // The porter may be gone already, as the daemon will be.
        let _ = self.news.send(News::Workflows(kind, names));
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn subject(&self) -> Subject {
        Subject::Account(Arc::clone(&self.account))
    }

    fn note(&self, matter: Matter, denied: Option<&SourceError>) {
        if self.known().is_news(&matter, denied.is_some()) {
            let _ = self.news.send(News::Access(matter, denied.map(ToString::to_string)));
        }
    }
}

/// Somebody who is told of every answer, with the bell in between.
pub(in crate::app) struct Overheard {
    pub(in crate::app) bell: Arc<Bell>,
    pub(in crate::app) by: Arc<dyn Observer>,
}

impl Observer for Overheard {
    fn polled(&self, job: &JobKey, answer: Result<&Observation, &SourceError>, next: &Next) {
        // With expired credentials it is asked again at once, by others; only then there is a pause.
        let is_certain = *next != Next::AskIn(Duration::ZERO);
        let operation = Operation::get_job(job.kind);
        self.bell.answered(Some(&job.workflow()), operation, answer.map(drop), is_certain);
        self.by.polled(job, answer, next);
    }

    /// Each job is asked about by itself where these lists are denied.
    fn listed(&self, workflow: &WorkflowKey, answer: Result<(), &SourceError>) {
        if answer.is_ok() {
            self.bell.let_in();
        }
        self.by.listed(workflow, answer);
    }

    fn looked(&self, workflow: &WorkflowKey, answer: Result<(), &SourceError>) {
        let (of, operation) = match &*workflow.name {
            discovery::ALL => (None, Operation::list_workflows(workflow.kind)),
            _ => (Some(workflow), Operation::list_jobs(workflow.kind)),
        };
        self.bell.answered(of, operation, answer, true);
        self.by.looked(workflow, answer);
    }

    fn workflows(&self, kind: JobKind, names: &HashSet<Arc<str>>) {
        self.bell.workflows(kind, names);
        self.by.workflows(kind, names);
    }

    fn wants_eta(&self) -> bool {
        self.by.wants_eta()
    }

    fn expected(&self, job: &JobKey, eta: Eta) {
        self.by.expected(job, eta);
    }
}
