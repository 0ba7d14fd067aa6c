//! What a `[[notifier]]` wants to be told, and whether it can ever come about.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::DeValue;

use super::names::Names;
use super::section::Section;
use super::settings::{AccountSettings, WatchSettings};
use super::suggest::{closest, instead, listed};
use super::value::{Read, name, one_of, region, text, workflow_pattern};
use crate::domain::{EventPattern, EventType, Filter, JobKind, JobStatus, NamePattern};

/// The filter of one notifier, with the places where it is written.
#[derive(Debug)]
pub(super) struct WrittenFilter {
    notifier: Arc<str>,
    span: Range<usize>,
    accounts: Vec<Spanned<Arc<str>>>,
    regions: Vec<Spanned<String>>,
    workflows: Vec<Spanned<NamePattern>>,
    kinds: Vec<Spanned<JobKind>>,
    statuses: Vec<Spanned<JobStatus>>,
    events: Vec<Spanned<EventPattern>>,
}

impl WrittenFilter {
    /// Reads the keys of the filter; `accounts` are those that there are.
    pub(super) fn read(section: &mut Section<'_>, notifier: Arc<str>, accounts: &Names) -> Self {
        let statuses = JobStatus::ALL.map(|status| (status.as_str(), status));
        let kinds = [JobKind::Matching, JobKind::IdMapping].map(|kind| (kind.as_str(), kind));
        let named = section.list("accounts", name).unwrap_or_default();
        for account in &named {
            accounts.check(section, "accounts", account.clone());
        }
        Self {
            notifier,
            span: section.span(),
            accounts: named,
            regions: section.list("regions", region).unwrap_or_default(),
            workflows: section.list("workflows", workflow_pattern).unwrap_or_default(),
            kinds: section.list("kinds", one_of(&kinds)).unwrap_or_default(),
            statuses: section.list("statuses", one_of(&statuses)).unwrap_or_default(),
            events: section.list("events", event_pattern).unwrap_or_default(),
        }
    }

    pub(super) fn filter(&self) -> Filter {
        fn values<T: Clone>(list: &[Spanned<T>]) -> Vec<T> {
            list.iter().map(|value| value.get_ref().clone()).collect()
        }
        Filter {
            accounts: self.accounts.iter().map(|name| name.get_ref().to_string()).collect(),
            regions: values(&self.regions),
            workflows: values(&self.workflows),
            kinds: values(&self.kinds),
            statuses: values(&self.statuses),
            events: values(&self.events),
        }
    }

    /// Warns of what no job of these watches can fit: of each entry by itself, and else of the filter as a whole.
    pub(super) fn warn_of_vain(
        &self,
        root: &Section<'_>,
        accounts: &[AccountSettings],
        watches: &[WatchSettings],
    ) {
        let mut vain = false;
        let mut warn = |span: Range<usize>, key: &str, text: String| {
            vain = true;
            root.warn(&span, &format!("[[notifier]] {key}"), text);
        };
        for pattern in &self.events {
            if fitting(pattern.get_ref()).next().is_none() {
                let text = format!("no event is of a type `{}`", pattern.get_ref());
                warn(pattern.span(), "events", text);
            }
        }
        let told: Vec<_> = watches
            .iter()
            .filter(|watch| watch.notifiers.is_empty() || watch.notifiers.contains(&self.notifier))
            .collect();
        if told.is_empty() {
            if !watches.is_empty() {
                let text = "no watch tells it: each names other notifiers".to_owned();
                root.warn(&self.span, &format!("[[notifier]] {}", self.notifier), text);
            }
            return;
        }
        for pattern in &self.events {
            let mut fitting = fitting(pattern.get_ref()).peekable();
            if fitting.peek().is_some()
                && !fitting.any(|event_type| told.iter().any(|watch| may_make(watch, event_type)))
            {
                let text = format!(
                    "no watch that tells it makes an event `{0}`: {1}",
                    pattern.get_ref(),
                    what_is_off(pattern.get_ref())
                );
                warn(pattern.span(), "events", text);
            }
        }
        let regions = regions(&told, accounts);
        for account in &self.accounts {
            if !told.iter().any(|watch| watch.account == *account.get_ref()) {
                let text = format!("no watch that tells it is in account `{}`", account.get_ref());
                warn(account.span(), "accounts", text);
            }
        }
        for region in &self.regions {
            let given = region.get_ref().as_str();
            if regions.as_ref().is_some_and(|regions| !regions.contains(&given)) {
                let instead = instead(given, regions.as_deref().unwrap_or_default(), "watched are");
                warn(region.span(), "regions", format!("nothing is watched in `{given}`{instead}"));
            }
        }
        for workflow in &self.workflows {
            let pattern = workflow.get_ref();
            if !told.iter().any(|watch| followed(watch).overlaps(pattern)) {
                let mut names: Vec<&str> = told.iter().map(|watch| &*watch.workflow_name).collect();
                names.dedup();
                let instead = match closest(pattern.as_str(), names.iter().copied()) {
                    Some(candidate) => format!("; did you mean `{candidate}`?"),
                    None if names.len() <= 5 => format!("; followed are {}", listed(&names)),
                    None => String::new(),
                };
                let text =
                    format!("no watch that tells it follows a workflow `{pattern}`{instead}");
                warn(workflow.span(), "workflows", text);
            }
        }
        for kind in &self.kinds {
            if !told.iter().any(|watch| watch.kind == *kind.get_ref()) {
                let text = format!("no watch that tells it follows {} jobs", kind.get_ref());
                warn(kind.span(), "kinds", text);
            }
        }
        if !vain && !told.iter().any(|watch| self.lets_pass_any_of(watch, accounts)) {
            let text = "no event can pass all of its filters together".to_owned();
            root.warn(&self.span, &format!("[[notifier]] {}", self.notifier), text);
        }
    }

    /// Whether an event of some job of `watch` would pass.
    fn lets_pass_any_of(&self, watch: &WatchSettings, accounts: &[AccountSettings]) -> bool {
        fn wants<T>(list: &[Spanned<T>], fits: impl Fn(&T) -> bool) -> bool {
            list.is_empty() || list.iter().any(|value| fits(value.get_ref()))
        }
        let region = region_of(watch, accounts);
        wants(&self.accounts, |account| *account == watch.account)
            && wants(&self.regions, |given| region.is_none_or(|region| region == given))
            && wants(&self.workflows, |pattern| followed(watch).overlaps(pattern))
            && wants(&self.kinds, |kind| *kind == watch.kind)
            && EventType::ALL.iter().any(|event_type| {
                may_make(watch, *event_type)
                    && wants(&self.statuses, |wanted| event_type.status() == Some(*wanted))
                    && wants(&self.events, |pattern| pattern.matches(*event_type))
            })
    }
}

/// The types of events that fit.
fn fitting(pattern: &EventPattern) -> impl Iterator<Item = EventType> {
    EventType::ALL.into_iter().filter(|event_type| pattern.matches(*event_type))
}

/// Whether a watch makes such events at all.
fn may_make(watch: &WatchSettings, event_type: EventType) -> bool {
    match event_type {
        EventType::JobQualityFailed => !watch.gates.is_empty(),
        EventType::AlarmRaised(alarm) | EventType::AlarmResolved(alarm) => watch.alarms.want(alarm),
        _ => true,
    }
}

/// Why no watch makes events that fit.
fn what_is_off(pattern: &EventPattern) -> &'static str {
    if fitting(pattern).any(|event_type| event_type == EventType::JobQualityFailed) {
        "it has no quality gate"
    } else {
        "its alarm is off, in [alarms] and in the [[watch]]"
    }
}

/// The workflows that a watch follows.
fn followed(watch: &WatchSettings) -> NamePattern {
    NamePattern::new(&*watch.workflow_name)
}

/// The Regions of the accounts of `watches`; `None` where the environment decides one of them.
fn regions<'a>(
    watches: &[&WatchSettings],
    accounts: &'a [AccountSettings],
) -> Option<Vec<&'a str>> {
    let mut regions =
        watches.iter().map(|watch| region_of(watch, accounts)).collect::<Option<Vec<_>>>()?;
    regions.sort_unstable();
    regions.dedup();
    Some(regions)
}

fn region_of<'a>(watch: &WatchSettings, accounts: &'a [AccountSettings]) -> Option<&'a str> {
    let account = accounts.iter().find(|account| account.name == watch.account)?;
    account.access.region.as_deref()
}

/// A type of events. A name without wildcards is one that there is.
fn event_pattern(value: &DeValue<'_>) -> Read<EventPattern> {
    let given = text(value)?;
    let pattern = EventPattern::new(given);
    let names = EventType::ALL.map(EventType::short_name);
    let is_known = EventType::ALL.iter().any(|event_type| pattern.matches(*event_type));
    match pattern.literal() {
        Some(_) if !is_known => {
            Err(format!("unknown event `{given}`{}", instead(given, &names, "known are")))
        }
        _ => Ok(pattern),
    }
}
