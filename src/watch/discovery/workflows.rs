//! Which workflows are followed: those that are named, and those that the list of them shows.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::followed::Followed;
use super::{ALL, DENIED_INTERVAL, Rule, Run, Task, is_refusal};
use crate::source::SourceError;

/// The list of workflows is read every so many intervals.
pub(super) const WORKFLOWS_EVERY: u32 = 2;

impl Run {
    /// Workflows that a rule names as they are need no list.
    pub(super) fn follow_those_that_are_named(&mut self, now: Instant) {
        let names: Vec<Arc<str>> =
            self.rules.iter().filter_map(|rule| rule.workflows.literal()).map(Arc::from).collect();
        for name in names {
            self.follow(name, now);
        }
    }

    /// Time between two lists of the workflows, where one is needed.
    pub(super) fn list_interval(&self) -> Option<Duration> {
        let patterns = self.rules.iter().filter(|rule| rule.workflows.literal().is_none());
        patterns.map(|rule| rule.interval * WORKFLOWS_EVERY).min()
    }

    pub(super) fn is_named(&self, name: &str) -> bool {
        self.rules.iter().any(|rule| rule.workflows.literal() == Some(name))
    }

    /// Follows a workflow that a rule fits, unless it is followed.
    pub(super) fn follow(&mut self, name: Arc<str>, now: Instant) {
        self.gone.remove(&name);
        if self.followed.contains_key(&name) {
            return;
        }
        let Some(rule) = Rule::of(&self.rules, &name) else { return };
        let key = self.key(Arc::clone(&name));
        let round = self.rounds.add(rule.interval);
        let workflow = Followed::new(key, Arc::clone(rule), round);
        self.followed.insert(Arc::clone(&name), Some(Box::new(workflow)));
        self.tasks.set(Task::Look(name), now);
    }

    /// The workflows were listed, or not.
    pub(super) fn listed(&mut self, names: Result<Vec<String>, SourceError>, now: Instant) {
        let answer = names.as_ref().map(drop);
        self.observer.looked(&self.key(ALL.into()), answer);
        let account = Arc::clone(&self.context.account.name);
        let interval = self.list_interval().unwrap_or(DENIED_INTERVAL);
        let due = match &names {
            Ok(_) => now + interval,
            Err(error) => {
                let reason = error.reason();
                if self.troubles.insert(ALL.into(), reason) != Some(reason) {
                    tracing::warn!(%account, %error, "the workflows cannot be listed; asking again");
                }
                now + if is_refusal(error) { interval.max(DENIED_INTERVAL) } else { interval }
            }
        };
        self.tasks.set(Task::Workflows, due);
        let Ok(names) = names else { return };
        if self.troubles.remove(ALL).is_some() {
            tracing::info!(%account, "the workflows can be listed again");
        }
        let names: HashSet<Arc<str>> = names.into_iter().map(Arc::from).collect();
        self.observer.workflows(self.context.kind, &names);
        let gone: Vec<_> = self
            .followed
            .keys()
            .filter(|name| !names.contains(*name) && !self.is_named(name))
            .cloned()
            .collect();
        for name in gone {
            self.forget(name);
        }
        for name in names {
            self.follow(name, now);
        }
    }

    /// A workflow is not there any more.
    pub(super) fn forget(&mut self, name: Arc<str>) {
        if self.followed.get(&name).is_some_and(Option::is_none) {
            self.gone.insert(name);
            return;
        }
        self.tasks.remove(&Task::Look(Arc::clone(&name)));
        self.troubles.remove(&name);
        if self.followed.remove(&name).is_some() {
            tracing::info!(account = %self.context.account.name, workflow = &*name, "the workflow is gone");
        }
    }
}
