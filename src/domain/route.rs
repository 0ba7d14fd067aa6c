//! Which notifiers an event goes to.

use std::fmt;
use std::sync::Arc;

use super::event::{Event, EventType};
use super::job::{JobKind, JobStatus};
use super::pattern::NamePattern;

/// Which events a notifier wants. An empty list wants all; one that is not empty does not want events that have none
/// of it, such as an account's alarm where workflows are named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Account names.
    pub accounts: Vec<String>,
    /// AWS Regions.
    pub regions: Vec<String>,
    /// Workflow names.
    pub workflows: Vec<NamePattern>,
    /// Kinds of jobs.
    pub kinds: Vec<JobKind>,
    /// Statuses that a job reached: only the events that tell of them.
    pub statuses: Vec<JobStatus>,
    /// Types of events.
    pub events: Vec<EventPattern>,
}

impl Filter {
    /// Whether the notifier wants `event`.
    pub fn accepts(&self, event: &Event) -> bool {
        fn wants<T>(list: &[T], fits: impl FnMut(&T) -> bool) -> bool {
            list.is_empty() || list.iter().any(fits)
        }
        let workflow =
            |pattern: &NamePattern| event.workflow_name().is_some_and(|name| pattern.matches(name));
        wants(&self.accounts, |account| *account == event.account())
            && wants(&self.regions, |region| *region == event.region())
            && wants(&self.workflows, workflow)
            && wants(&self.kinds, |kind| event.kind() == Some(*kind))
            && wants(&self.statuses, |status| event.status() == Some(*status))
            && wants(&self.events, |pattern| pattern.matches(event.event_type))
    }
}

/// Types of events, as the configuration writes them: `job.failed`, or `*.failed`, or the whole type
/// `dev.matchwatch.job.failed.v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPattern(NamePattern);

impl EventPattern {
    /// The pattern that `text` writes.
    pub fn new(text: impl Into<String>) -> Self {
        Self(NamePattern::new(text))
    }

    /// Whether events of this type fit.
    pub fn matches(&self, event_type: EventType) -> bool {
        self.0.matches(event_type.short_name()) || self.0.matches(event_type.as_str())
    }

    /// The one name that fits, where there is no wildcard.
    pub fn literal(&self) -> Option<&str> {
        self.0.literal()
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One notifier and what it wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The notifier's name.
    pub notifier: Arc<str>,
    /// What it wants.
    pub filter: Filter,
}

/// All notifiers and what they want.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routing(Vec<Route>);

impl Routing {
    /// Routes events to the notifiers given.
    pub const fn new(routes: Vec<Route>) -> Self {
        Self(routes)
    }

    /// Names of the notifiers that `event` goes to. `chosen` are the notifiers that the job's watch
    /// names; an empty list names all.
    pub fn targets(&self, event: &Event, chosen: &[Arc<str>]) -> Vec<Arc<str>> {
        self.among(event, &self.listeners(chosen))
    }

    /// Names of the notifiers that are there to be told where a watch names `chosen`, whatever they want to hear.
    pub fn listeners(&self, chosen: &[Arc<str>]) -> Arc<[Arc<str>]> {
        let names = self.0.iter().map(|route| &route.notifier);
        names.filter(|name| chosen.is_empty() || chosen.contains(name)).cloned().collect()
    }

    /// Names of those of `notifiers` that `event` goes to: of none, none.
    pub fn among(&self, event: &Event, notifiers: &[Arc<str>]) -> Vec<Arc<str>> {
        self.0
            .iter()
            .filter(|route| notifiers.contains(&route.notifier))
            .filter(|route| route.filter.accepts(event))
            .map(|route| Arc::clone(&route.notifier))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        Alarm, AlarmFacts, AlarmKey, AlarmName, JobDetails, JobKey, Subject, Transition,
    };

    fn event(workflow_name: &str, to: JobStatus) -> Event {
        let key = JobKey {
            account: "main".into(),
            kind: JobKind::Matching,
            workflow_name: workflow_name.into(),
            job_id: "0123456789abcdef0123456789abcdef".into(),
        };
        let transition = Transition { from: None, to, inferred: Vec::new() };
        let observed_at = "2025-06-01T08:00:00Z".parse().unwrap();
        Event::of_transition(&key, "eu-west-1", &transition, &JobDetails::default(), observed_at)
    }

    fn patterns(texts: &[&str]) -> Vec<EventPattern> {
        texts.iter().map(|text| EventPattern::new(*text)).collect()
    }

    #[test]
    fn a_filter_lets_pass_what_fits_each_of_its_lists() {
        let event = event("customers-eu", JobStatus::Failed);
        let all = Filter {
            accounts: vec!["other".into(), "main".into()],
            regions: vec!["us-east-1".into(), "eu-west-1".into()],
            workflows: vec![NamePattern::new("suppliers"), NamePattern::new("customers-*")],
            kinds: vec![JobKind::Matching],
            statuses: vec![JobStatus::Succeeded, JobStatus::Failed],
            events: patterns(&["job.failed"]),
        };
        assert!(Filter::default().accepts(&event) && all.accepts(&event));
        for narrower in [
            Filter { accounts: vec!["other".into()], ..all.clone() },
            Filter { regions: vec!["us-east-1".into()], ..all.clone() },
            Filter { workflows: vec![NamePattern::new("customers")], ..all.clone() },
            Filter { kinds: vec![JobKind::IdMapping], ..all.clone() },
            Filter { statuses: vec![JobStatus::Succeeded], ..all.clone() },
            Filter { events: patterns(&["job.succeeded"]), ..all.clone() },
        ] {
            assert!(!narrower.accepts(&event), "{narrower:?}");
        }
    }

    #[test]
    fn statuses_let_only_events_pass_that_tell_of_one() {
        let succeeded = event("customers", JobStatus::Succeeded);
        let quality = Event::of_failed_gates(&succeeded, Vec::new()).unwrap();
        let statuses = Filter { statuses: JobStatus::ALL.to_vec(), ..Filter::default() };
        assert!(statuses.accepts(&succeeded) && !statuses.accepts(&quality));
        let types = Filter { events: patterns(&["*.quality_failed"]), ..Filter::default() };
        assert!(!types.accepts(&succeeded) && types.accepts(&quality));
    }

    #[test]
    fn an_alarm_passes_by_what_it_is_about() {
        let job = event("customers", JobStatus::Queued).about();
        let workflow = Subject::Workflow(job.job().unwrap().workflow());
        let account = Subject::Account("main".into());
        let of_workflow =
            Filter { workflows: vec![NamePattern::new("customers")], ..Filter::default() };
        let of_kind = Filter { kinds: vec![JobKind::Matching], ..Filter::default() };
        let of_account = Filter {
            accounts: vec!["main".into()],
            regions: vec!["eu-west-1".into()],
            events: patterns(&["alarm.*.raised"]),
            ..Filter::default()
        };
        for (subject, has_workflow) in [(job, true), (workflow, true), (account, false)] {
            let key = AlarmKey { name: AlarmName::AccessDenied, subject };
            let now = "2025-06-01T08:00:00Z".parse().unwrap();
            let alarm = Alarm::new(
                key,
                "eu-west-1".to_owned(),
                now,
                "no".to_owned(),
                AlarmFacts::default(),
            );
            let raised = Event::of_raised(&alarm);
            assert!(Filter::default().accepts(&raised) && of_account.accepts(&raised));
            assert_eq!(of_workflow.accepts(&raised), has_workflow);
            assert_eq!(of_kind.accepts(&raised), has_workflow);
            let statuses = Filter { statuses: JobStatus::ALL.to_vec(), ..Filter::default() };
            assert!(!statuses.accepts(&raised));
        }
    }

    #[test]
    fn who_hears_of_something_is_who_a_watch_names_or_all_and_of_nobody_it_is_nobody() {
        let route = |name: &str, filter| Route { notifier: name.into(), filter };
        let wants = |event: &str| Filter { events: patterns(&[event]), ..Filter::default() };
        let routes = vec![route("ops", wants("job.failed")), route("data", wants("job.queued"))];
        let routing = Routing::new(routes);
        let (ops, data): ([Arc<str>; 1], [Arc<str>; 1]) = (["ops".into()], ["data".into()]);
        assert_eq!(*routing.listeners(&[]), ["ops".into(), "data".into()]);
        assert_eq!(*routing.listeners(&data), data);
        let failed = event("customers", JobStatus::Failed);
        assert_eq!(routing.targets(&failed, &[]), ops);
        assert_eq!(routing.among(&failed, &routing.listeners(&[])), ops);
        for nobody in [&data[..], &[]] {
            assert!(routing.among(&failed, nobody).is_empty());
        }
    }

    #[test]
    fn a_type_is_named_short_or_whole_and_with_wildcards() {
        let failed = EventType::JobFailed;
        for text in [
            "job.failed",
            "dev.matchwatch.job.failed.v1",
            "dev.matchwatch.job.*",
            "job.*",
            "*.failed",
            "*",
        ] {
            assert!(EventPattern::new(text).matches(failed), "{text}");
        }
        for text in ["failed", "job", "job.succeeded", "alarm.*", "dev.matchwatch.job.failed.v2"] {
            assert!(!EventPattern::new(text).matches(failed), "{text}");
        }
    }
}
