//! Which notifiers an event goes to.

use std::sync::Arc;

use super::event::Event;
use super::job::{JobKind, JobStatus};

/// Which events a notifier wants. An empty list wants all; one that is not empty does not want events that have none
/// of it, such as an account's alarm where workflows are named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Statuses that a job reached: only the events that tell of them.
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
        fn wants_any<T: PartialEq>(list: &[T], value: Option<&T>) -> bool {
            list.is_empty() || value.is_some_and(|value| list.contains(value))
        }
        wants_any(&self.statuses, event.status().as_ref())
            && wants_any(&self.workflows, event.workflow_name().map(str::to_owned).as_ref())
            && wants(&self.accounts, &event.account().to_owned())
            && wants_any(&self.kinds, event.kind().as_ref())
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
