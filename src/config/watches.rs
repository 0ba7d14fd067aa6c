//! `[[watch]]`

use std::collections::HashMap;
use std::sync::Arc;

use toml::Spanned;

use super::alarms::overridden;
use super::document::LOOKS;
use super::names::Names;
use super::section::Section;
use super::settings::{DiscoverySettings, WatchSettings};
use super::value::{amount, count, duration, flag, job_id, name, one_of, start, workflow_pattern};
use crate::domain::{AlarmRules, Gates, JobKind, NamePattern};

const KINDS: [(&str, JobKind); 2] = [
    (JobKind::Matching.as_str(), JobKind::Matching),
    (JobKind::IdMapping.as_str(), JobKind::IdMapping),
];

/// Reads the watches, whose names of accounts and notifiers are looked up.
pub(super) fn watches(
    sections: Vec<Section<'_>>,
    accounts: &Names,
    notifiers: &Names,
    alarms: AlarmRules,
) -> Vec<WatchSettings> {
    // Which watch follows a job; two could not agree on whom to tell.
    let mut followed = HashMap::new();
    let mut watches: Vec<WatchSettings> = Vec::new();
    for (index, mut section) in sections.into_iter().enumerate() {
        let account = watched_account(&mut section, accounts);
        let kind = section.get("kind", one_of(&KINDS)).unwrap_or(JobKind::Matching);
        let workflows = workflows_of(&mut section);
        let workflow_name: Arc<str> =
            workflows.as_ref().map_or("".into(), |workflows| workflows.get_ref().as_str().into());
        let mut job_ids = Vec::new();
        for job_id in job_ids_of(&mut section, workflows.as_ref().map(Spanned::get_ref)) {
            let workflow = (account.clone(), kind, Arc::clone(&workflow_name));
            let job = (workflow, job_id.get_ref().clone());
            match followed.insert(job, index) {
                None => job_ids.push(job_id.into_inner()),
                Some(first) if first == index => {
                    let text = format!("`{}` is named twice", job_id.get_ref());
                    section.warn(&job_id.span(), "job_ids", text);
                }
                Some(_) => {
                    let text = format!(
                        "`{}` is followed by another watch already; keep it in one of them, and name all its notifiers there",
                        job_id.get_ref()
                    );
                    section.does_not_fit(&job_id.span(), "job_ids", text);
                }
            }
        }
        let discovery = discovery_of(&mut section, workflows);
        let notifiers = section
            .list("notifiers", name)
            .unwrap_or_default()
            .into_iter()
            .map(|name| notifiers.check(&section, "notifiers", name))
            .collect();
        let gates = gates(&mut section, kind);
        let alarms = overridden(&mut section, alarms);
        let watch = WatchSettings {
            account,
            kind,
            workflow_name,
            job_ids,
            discovery,
            notifiers,
            gates,
            alarms,
        };
        warn_of_overlaps(&section, &watch, &watches);
        section.finish();
        watches.push(watch);
    }
    watches
}

/// The workflows that are watched, by `workflow_name` or by `all`.
fn workflows_of(section: &mut Section<'_>) -> Option<Spanned<NamePattern>> {
    let all = section.get_spanned("all", flag);
    match all.filter(|all| *all.get_ref()) {
        Some(all) => {
            for key in ["workflow_name", "job_ids"].into_iter().filter(|key| section.has(key)) {
                let text =
                    "`all = true` follows the jobs of all workflows; leave one of the two out";
                section.does_not_fit(&section.span_of(key), key, text);
            }
            section.get_spanned("workflow_name", workflow_pattern);
            Some(Spanned::new(all.span(), NamePattern::new("*")))
        }
        None => {
            section.require("workflow_name", "workflow_name = \"my-workflow\"", workflow_pattern)
        }
    }
}

/// How jobs are found where the watch names none.
fn discovery_of(
    section: &mut Section<'_>,
    workflows: Option<Spanned<NamePattern>>,
) -> Option<DiscoverySettings> {
    let start = section.get("start", start);
    let interval = section.get("interval", duration(LOOKS));
    if section.has("job_ids") {
        for key in ["start", "interval"].into_iter().filter(|key| section.has(key)) {
            let text = "has no effect in a watch that names its jobs";
            section.warn(&section.span_of(key), key, text);
        }
        return None;
    }
    let workflows = workflows?.into_inner();
    Some(DiscoverySettings { workflows, start: start.unwrap_or_default(), interval })
}

/// The first watch that fits a workflow decides about its jobs: warns of those that come too late.
fn warn_of_overlaps(section: &Section<'_>, watch: &WatchSettings, earlier: &[WatchSettings]) {
    let Some(discovery) = &watch.discovery else { return };
    let own = &discovery.workflows;
    let of_same =
        |earlier: &&WatchSettings| earlier.account == watch.account && earlier.kind == watch.kind;
    for earlier in earlier.iter().filter(of_same).filter_map(|watch| watch.discovery.as_ref()) {
        let text = if earlier.workflows.covers(own) {
            format!(
                "has no effect: an earlier watch follows all of it already, by `{}`; put this one before that",
                earlier.workflows
            )
        } else if earlier.workflows.overlaps(own) && !own.covers(&earlier.workflows) {
            format!(
                "jobs of workflows that fit `{}` as well are followed by that earlier watch alone",
                earlier.workflows
            )
        } else {
            continue;
        };
        let key = if section.has("workflow_name") { "workflow_name" } else { "all" };
        section.warn(&section.span_of(key), key, text);
    }
}

fn gates(section: &mut Section<'_>, kind: JobKind) -> Gates {
    if kind == JobKind::IdMapping && section.has("min_match_ids") {
        let text = "ID mapping jobs have no match ids: each one that succeeds will fail this gate; min_processed and \
                    max_unprocessed suit them";
        section.warn(&section.span_of("min_match_ids"), "min_match_ids", text);
    }
    Gates {
        max_unprocessed: section.get("max_unprocessed", amount),
        min_match_ids: section.get("min_match_ids", count),
        min_processed: section.get("min_processed", count),
    }
}

fn watched_account(section: &mut Section<'_>, accounts: &Names) -> Arc<str> {
    if let Some(given) = section.get_spanned("account", name) {
        return accounts.check(section, "account", given);
    }
    match accounts.known.as_slice() {
        [] => "".into(),
        [only] => Arc::clone(only),
        [first, ..] => {
            if !section.has("account") {
                let text =
                    format!("there are several accounts: say which, as in account = \"{first}\"");
                section.does_not_fit(&section.span(), "account", text);
            }
            Arc::clone(first)
        }
    }
}

/// The jobs that are named.
fn job_ids_of(
    section: &mut Section<'_>,
    workflows: Option<&NamePattern>,
) -> Vec<Spanned<Arc<str>>> {
    let given = section.list("job_ids", job_id);
    if section.is_empty_list("job_ids") {
        let text = "is empty; name jobs, as in job_ids = [\"0123456789abcdef0123456789abcdef\"], or leave it out to \
                    follow all that the workflow starts";
        section.does_not_fit(&section.span_of("job_ids"), "job_ids", text);
    }
    if let Some(workflows) = workflows.filter(|_| section.has("workflow_name"))
        && section.has("job_ids")
        && workflows.literal().is_none()
    {
        let text =
            format!("jobs belong to one workflow: write its name in the place of `{workflows}`");
        section.does_not_fit(&section.span_of("workflow_name"), "workflow_name", text);
    }
    given.unwrap_or_default()
}
