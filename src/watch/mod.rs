//! When to ask: which jobs are due, how fast the service may be asked, and what an answer means.

use std::time::Duration;

use crate::backoff;

/// How jobs are polled.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Time between two questions about a job whose status has not changed.
    pub interval: Duration,
    /// Delays after a failed question.
    pub backoff: backoff::Policy,
    /// Requests a second that an account may make of `GetMatchingJob`, where the account says nothing else.
    pub get_rate: f64,
    /// The same for the list operations.
    pub list_rate: f64,
    /// Questions under way at once, for each account.
    pub concurrency: usize,
    /// How long a job that the service does not know is asked about before it counts as lost.
    pub not_found_grace: Duration,
}
