//! Which alarm begins or is over: pure.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::{Matter, News};
use crate::config::WatchSettings;
use crate::domain::{Alarm, AlarmFacts, AlarmKey, AlarmName, JobKind, Routing, Subject};
use crate::source::Operation;
use crate::watch::Entry;

/// What is denied, and which alarms of it are open.
pub(super) struct Book {
    pub(super) region: String,
    /// Those of the account.
    pub(super) watches: Vec<WatchSettings>,
    /// Whether it was denied the last time.
    pub(super) denied: HashMap<Matter, bool>,
    pub(super) open: HashMap<Subject, Alarm>,
}

impl Book {
    /// The entries that the clerk is to make.
    pub(super) fn take(&mut self, news: News, routing: &Routing, now: Timestamp) -> Vec<Entry> {
        match news {
            News::Access((subject, operation), Some(error)) => {
                self.denied.insert((subject.clone(), operation), true);
                self.raise(subject, operation, error, routing, now).into_iter().collect()
            }
            News::Access(matter, None) => {
                self.denied.insert(matter.clone(), false);
                self.resolve(&matter.0, now).into_iter().collect()
            }
            News::Workflows(kind, names) => self.leave(kind, &names, now),
        }
    }

    /// Closes the alarms of questions that no watch has asked any more.
    pub(super) fn tidy(&mut self, now: Timestamp) -> Vec<Entry> {
        let is_idle = |(subject, alarm): &(&Subject, &Alarm)| {
            self.concerned(subject, alarm.facts.operation.as_deref()).is_empty()
        };
        let idle: BTreeSet<Subject> =
            self.open.iter().filter(is_idle).map(|(subject, _)| subject.clone()).collect();
        let why = "it is not watched any more";
        idle.iter().filter_map(|subject| self.close(subject, why, now)).collect()
    }

    fn raise(
        &mut self,
        subject: Subject,
        operation: Option<Operation>,
        error: String,
        routing: &Routing,
        now: Timestamp,
    ) -> Option<Entry> {
        if self.open.contains_key(&subject) {
            return None;
        }
        let chosen = self.chosen(&subject, operation)?;
        let message = match (&subject, operation) {
            (Subject::Account(account), None) => {
                format!("the credentials of account {account} are refused")
            }
            (Subject::Account(account), Some(operation)) => {
                format!(
                    "access to the list of workflows of account {account} is denied: {operation}"
                )
            }
            (subject, Some(operation)) => {
                format!("access to workflow {subject} is denied: {operation}")
            }
            (subject, None) => format!("access to workflow {subject} is denied"),
        };
        let operation = operation.map(|operation| operation.as_str().to_owned());
        let facts = AlarmFacts { operation, error: Some(error), ..AlarmFacts::default() };
        let key = AlarmKey { name: AlarmName::AccessDenied, subject: subject.clone() };
        let alarm = Alarm::new(key, self.region.clone(), now, message, facts);
        let alarm = Alarm { notifiers: routing.listeners(&chosen), ..alarm };
        self.open.insert(subject, alarm.clone());
        Some(Entry { alarm, resolved: None })
    }

    /// Something about `subject` was granted: its alarm is over if that is what it tells of, and nothing else is denied.
    fn resolve(&mut self, subject: &Subject, now: Timestamp) -> Option<Entry> {
        let alarm = self.open.get(subject)?;
        let of_subject = || self.denied.iter().filter(|((of, _), _)| of == subject);
        let told = alarm.facts.operation.as_deref();
        let is_granted = of_subject()
            .any(|((_, operation), denied)| !denied && operation.map(Operation::as_str) == told);
        if !is_granted || of_subject().any(|(_, denied)| *denied) {
            return None;
        }
        self.close(subject, "access is granted again", now)
    }

    /// Workflows that are not there any more deny nothing. One that a watch names is asked about all the same.
    fn leave(&mut self, kind: JobKind, names: &HashSet<Arc<str>>, now: Timestamp) -> Vec<Entry> {
        let is_named = |name: &str| {
            let mut watches = self.watches.iter().filter(|watch| watch.kind == kind);
            watches.any(|watch| *watch.workflow_name == *name)
        };
        let is_gone = |subject: &Subject| match subject {
            Subject::Workflow(workflow) => {
                workflow.kind == kind
                    && !names.contains(&workflow.name)
                    && !is_named(&workflow.name)
            }
            Subject::Job(_) | Subject::Account(_) => false,
        };
        let gone: BTreeSet<Subject> =
            self.open.keys().filter(|subject| is_gone(subject)).cloned().collect();
        self.denied.retain(|(subject, _), _| !is_gone(subject));
        gone.iter().filter_map(|subject| self.close(subject, "the workflow is gone", now)).collect()
    }

    fn close(&mut self, subject: &Subject, why: &str, now: Timestamp) -> Option<Entry> {
        let alarm = self.open.remove(subject)?;
        let resolved = Some((now.max(alarm.raised_at), why.to_owned()));
        Some(Entry { alarm, resolved })
    }

    /// Names of the notifiers that the watches concerned want to be told; empty for all. `None` where none wants it.
    fn chosen(&self, subject: &Subject, operation: Option<Operation>) -> Option<Vec<Arc<str>>> {
        let mut concerned = self.concerned(subject, operation.map(Operation::as_str));
        concerned.retain(|watch| watch.alarms.access_denied);
        if concerned.is_empty() {
            return None;
        }
        if concerned.iter().any(|watch| watch.notifiers.is_empty()) {
            return Some(Vec::new());
        }
        let names: BTreeSet<_> = concerned.iter().flat_map(|watch| &watch.notifiers).collect();
        Some(names.into_iter().cloned().collect())
    }

    /// The watches that get no answer where this is denied.
    fn concerned(&self, subject: &Subject, operation: Option<&str>) -> Vec<&WatchSettings> {
        let fit = || self.watches.iter().filter(|watch| watch.concerns(subject));
        let is =
            |of_kind: fn(JobKind) -> Operation, kind| operation == Some(of_kind(kind).as_str());
        match (subject, operation) {
            (Subject::Account(_), None) => fit().collect(),
            (Subject::Account(_), Some(_)) => fit()
                .filter(|watch| is(Operation::list_workflows, watch.kind) && watch.has_pattern())
                .collect(),
            (subject, _) => {
                let names_jobs = |watch: &&WatchSettings| watch.discovery.is_none();
                let is_list = subject.kind().is_some_and(|kind| is(Operation::list_jobs, kind));
                let naming = fit().filter(names_jobs).filter(|_| !is_list);
                // The first that fits a workflow finds all of its jobs.
                naming.chain(fit().find(|watch| !names_jobs(watch))).collect()
            }
        }
    }
}
