//! `[[watch]]`

use std::collections::HashMap;
use std::sync::Arc;

use toml::Spanned;
use toml::de::DeValue;

use super::alarms::overridden;
use super::names::Names;
use super::section::Section;
use super::settings::WatchSettings;
use super::value::{Read, amount, count, job_id, name, one_of, workflow_name};
use crate::domain::{AlarmRules, Gates, JobKind};

/// Reads the watches, whose names of accounts and notifiers are looked up.
pub(super) fn watches(
    sections: Vec<Section<'_>>,
    accounts: &Names,
    notifiers: &Names,
    alarms: AlarmRules,
) -> Vec<WatchSettings> {
    // Which watch follows a job; two could not agree on whom to tell.
    let mut followed = HashMap::new();
    sections
        .into_iter()
        .enumerate()
        .map(|(index, mut section)| {
            let account = watched_account(&mut section, accounts);
            let kind = section.get("kind", matching).unwrap_or(JobKind::Matching);
            let workflow_name =
                section.require("workflow_name", "workflow_name = \"my-workflow\"", workflow_name);
            let workflow_name: Arc<str> = workflow_name.map_or("".into(), Spanned::into_inner);
            let mut job_ids = Vec::new();
            for job_id in job_ids_of(&mut section) {
                let job = (account.clone(), Arc::clone(&workflow_name), job_id.get_ref().clone());
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
            let notifiers = section
                .list("notifiers", name)
                .unwrap_or_default()
                .into_iter()
                .map(|name| notifiers.check(&section, "notifiers", name))
                .collect();
            let gates = gates(&mut section);
            let alarms = overridden(&mut section, alarms);
            section.finish();
            WatchSettings { account, kind, workflow_name, job_ids, notifiers, gates, alarms }
        })
        .collect()
}

fn gates(section: &mut Section<'_>) -> Gates {
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

fn matching(value: &DeValue<'_>) -> Read<JobKind> {
    let kinds = [("matching", JobKind::Matching), ("id-mapping", JobKind::IdMapping)];
    match one_of(&kinds)(value)? {
        JobKind::IdMapping => Err("this version watches matching jobs only; write \
                                   kind = \"matching\", or leave it out"
            .to_owned()),
        kind => Ok(kind),
    }
}

fn job_ids_of(section: &mut Section<'_>) -> Vec<Spanned<Arc<str>>> {
    let given = section.list("job_ids", job_id);
    let is_empty = match &given {
        None => !section.has("job_ids"),
        Some(_) => section.is_empty_list("job_ids"),
    };
    if is_empty {
        section.does_not_fit(
            &section.span_of("job_ids"),
            "job_ids",
            "a watch names its jobs in this version, as in job_ids = [\"0123456789abcdef0123456789abcdef\"]; \
             finding a workflow's jobs by itself comes later",
        );
    }
    given.unwrap_or_default()
}
