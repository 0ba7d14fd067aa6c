//! Which alarm begins or is over: pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::{Listed, Matter, Names, News};
use crate::config::WatchSettings;
use crate::domain::{Alarm, AlarmFacts, AlarmKey, AlarmName, JobKind, Routing, Subject};
use crate::source::Operation;
use crate::watch::Entry;

/// What is denied, and which alarms of it are open.
pub(super) struct Book {
    region: String,
    /// Those of the account.
    watches: Vec<WatchSettings>,
    /// Why it was denied the last time; `None` where it was granted.
    known: HashMap<Matter, Option<String>>,
    workflows: Listed,
    pub(super) open: HashMap<Subject, Alarm>,
}

/// What is to be told of a subject.
enum Verdict {
    /// What is told already, if anything is.
    AsItIs,
    /// That this is denied.
    Denied(Option<Operation>, String),
    /// That nothing is any more.
    Over,
}

impl Book {
    /// With the alarms that were open before.
    pub(super) fn new(
        region: String,
        watches: Vec<WatchSettings>,
        open: HashMap<Subject, Alarm>,
    ) -> Self {
        Self { region, watches, known: HashMap::new(), workflows: Listed::default(), open }
    }

    /// The entries that the clerk is to make.
    pub(super) fn take(&mut self, news: News, routing: &Routing, now: Timestamp) -> Vec<Entry> {
        match news {
            // Its jobs are asked about until they are lost, which one that is denied never is.
            News::Access((subject, _), _) if self.is_gone(&subject) => Vec::new(),
            News::Access(matter, denied) => {
                let subject = matter.0.clone();
                self.known.insert(matter, denied);
                self.review(subject, routing, now)
            }
            News::Workflows(kind, names) => self.leave(kind, names, now),
        }
    }

    /// Closes the alarms of questions that no watch has asked any more.
    pub(super) fn tidy(&mut self, now: Timestamp) -> Vec<Entry> {
        let is_idle = |(subject, alarm): &(&Subject, &Alarm)| {
            self.concerned(subject, told_operation(alarm)).is_empty()
        };
        let idle: BTreeSet<Subject> =
            self.open.iter().filter(is_idle).map(|(subject, _)| subject.clone()).collect();
        let why = "it is not watched any more";
        idle.iter().filter_map(|subject| self.close(subject, why, now)).collect()
    }

    /// Has the alarm of `subject` tell what there is to tell. There is one of each at the most.
    fn review(&mut self, subject: Subject, routing: &Routing, now: Timestamp) -> Vec<Entry> {
        match self.verdict(&subject) {
            Verdict::AsItIs => Vec::new(),
            Verdict::Over => {
                self.close(&subject, "access is granted again", now).into_iter().collect()
            }
            Verdict::Denied(operation, error) => {
                let why = "something else is denied now";
                let before = self.close(&subject, why, now);
                let raised = self.raise(subject, operation, error, routing, now);
                before.into_iter().chain(raised).collect()
            }
        }
    }

    fn verdict(&self, subject: &Subject) -> Verdict {
        let told = self.open.get(subject).map(told_operation);
        let is_told = |operation: Option<Operation>| told == Some(operation.map(Operation::as_str));
        let answers = || self.known.iter().filter(|((of, _), _)| of == subject);
        let denied =
            answers().filter_map(|((_, operation), denied)| Some((*operation, denied.as_ref()?)));
        let denied: BTreeMap<Option<Operation>, &String> = denied.collect();
        let first = denied.first_key_value().map(|(operation, error)| (*operation, *error));
        // Credentials that are refused come first: whatever else is denied is denied by that.
        let stays = denied.keys().any(|operation| is_told(*operation));
        let is_answered = answers().any(|((_, operation), _)| is_told(*operation));
        match (told, first) {
            (_, Some((None, _))) if is_told(None) => Verdict::AsItIs,
            (_, Some((None, error))) => Verdict::Denied(None, error.clone()),
            (Some(_), _) if stays || !is_answered => Verdict::AsItIs,
            (_, Some((operation, error))) => Verdict::Denied(operation, error.clone()),
            (Some(_), None) => Verdict::Over,
            (None, None) => Verdict::AsItIs,
        }
    }

    fn raise(
        &mut self,
        subject: Subject,
        operation: Option<Operation>,
        error: String,
        routing: &Routing,
        now: Timestamp,
    ) -> Option<Entry> {
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

    /// Workflows that are not there any more deny nothing.
    fn leave(&mut self, kind: JobKind, names: Names, now: Timestamp) -> Vec<Entry> {
        self.workflows.0.insert(kind, names);
        let gone: BTreeSet<Subject> =
            self.open.keys().filter(|subject| self.is_gone(subject)).cloned().collect();
        let mut known = std::mem::take(&mut self.known);
        known.retain(|(subject, _), _| !self.is_gone(subject));
        self.known = known;
        gone.iter().filter_map(|subject| self.close(subject, "the workflow is gone", now)).collect()
    }

    /// Whether it is a workflow that is not there any more. One that a watch names is asked about all the same.
    fn is_gone(&self, subject: &Subject) -> bool {
        let is_named = |name: &str| {
            let of_kind = |watch: &&WatchSettings| Some(watch.kind) == subject.kind();
            self.watches.iter().filter(of_kind).any(|watch| *watch.workflow_name == *name)
        };
        self.workflows.is_gone(subject)
            && subject.workflow_name().is_some_and(|name| !is_named(name))
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

/// The operation that an open alarm tells to be denied. Before there were alarms of lists it was not written down: what was
/// denied to a workflow was the question about a job.
fn told_operation(alarm: &Alarm) -> Option<&str> {
    let of_jobs = || alarm.key.subject.kind().map(|kind| Operation::get_job(kind).as_str());
    alarm.facts.operation.as_deref().or_else(of_jobs)
}
