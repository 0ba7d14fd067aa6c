//! Does a watch that finds its jobs find workflows, and may it list their jobs?

use std::sync::Arc;

use super::accounts::{Answer, Asker, Question, fails};
use super::{TroubleKind, Verdict};
use crate::config::{DiscoverySettings, WatchSettings};
use crate::domain::WorkflowKey;
use crate::source::SourceError;

/// No more workflows than this are asked for their jobs.
const ASKED_WORKFLOWS: usize = 10;
/// No more are named.
const NAMED_WORKFLOWS: usize = 5;

impl Asker {
    /// Looks which workflows there are, and asks for the jobs of those that the watch follows.
    pub(super) async fn look_around(
        &self,
        watch: &WatchSettings,
        discovery: &DiscoverySettings,
    ) -> Verdict {
        let names = match discovery.workflows.literal() {
            Some(name) => vec![name.to_owned()],
            None => match self.workflows(watch).await {
                Ok(names) if names.is_empty() => {
                    return Verdict::Works(
                        "there is no workflow yet; one that is made is followed".to_owned(),
                    );
                }
                Ok(names) => {
                    let count = names.len();
                    let fitting =
                        names.into_iter().filter(|name| discovery.workflows.matches(name));
                    let fitting: Vec<_> = fitting.collect();
                    if fitting.is_empty() {
                        let reason =
                            format!("none of {count} workflows fits `{}`", discovery.workflows);
                        let advice = "Check workflow_name, and whether the account and its Region are the right ones";
                        return Verdict::fails(TroubleKind::NotFound, reason, advice);
                    }
                    fitting
                }
                Err(error) => return fails(&error, &error.to_string()),
            },
        };
        for name in names.iter().take(ASKED_WORKFLOWS) {
            let workflow = WorkflowKey {
                account: Arc::clone(&watch.account),
                kind: watch.kind,
                name: name.as_str().into(),
            };
            if let Err(error) = self.ask(&Question::Jobs(&workflow)).await {
                return fails(&error, &error.to_string());
            }
        }
        Verdict::Works(found(&names))
    }

    /// The names of all workflows of the kind.
    async fn workflows(&self, watch: &WatchSettings) -> Result<Vec<String>, SourceError> {
        let (mut names, mut next) = (Vec::new(), None);
        loop {
            match self.ask(&Question::Workflows(watch.kind, next)).await? {
                Answer::Workflows(page) => {
                    names.extend(page.names);
                    next = page.next;
                }
                _ => next = None,
            }
            if next.is_none() {
                return Ok(names);
            }
        }
    }
}

fn found(names: &[String]) -> String {
    let named = names[..names.len().min(NAMED_WORKFLOWS)].join(", ");
    let named = match names.len().saturating_sub(NAMED_WORKFLOWS) {
        0 => named,
        more => format!("{named} and {more} more"),
    };
    let (count, s) = (names.len(), if names.len() == 1 { "" } else { "s" });
    let asked = match names.len().saturating_sub(ASKED_WORKFLOWS) {
        0 => String::new(),
        _ => format!("; those of the first {ASKED_WORKFLOWS} were asked for"),
    };
    format!("follows {count} workflow{s}, whose jobs can be listed: {named}{asked}")
}
