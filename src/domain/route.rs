//! Which notifiers an event goes to.

use std::sync::Arc;

use super::event::Event;
use super::job::{JobKind, JobStatus};

/// Which events a notifier wants. An empty list wants all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Statuses that a job reached.
    pub statuses: Vec<JobStatus>,
    /// Workflow names.
    pub workflows: Vec<String>,
    /// Account names.
    pub accounts: Vec<String>,
    /// Kinds of jobs.
    pub kinds: Vec<JobKind>,
}

impl Filter {
    /// Whether the notifier wants `event`.
    pub fn accepts(&self, event: &Event) -> bool {
        fn wants<T: PartialEq>(list: &[T], value: &T) -> bool {
            list.is_empty() || list.contains(value)
        }
        let data = &event.data;
        wants(&self.statuses, &data.status)
            && wants(&self.workflows, &data.workflow_name)
            && wants(&self.accounts, &data.account)
            && wants(&self.kinds, &data.kind)
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
        self.0
            .iter()
            .filter(|route| chosen.is_empty() || chosen.contains(&route.notifier))
            .filter(|route| route.filter.accepts(event))
            .map(|route| Arc::clone(&route.notifier))
            .collect()
    }
}
