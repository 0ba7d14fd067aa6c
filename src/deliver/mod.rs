//! When to tell: takes deliveries from the outbox, keeps their order, retries, and gives up.

mod attempt;
mod hand;
mod recovery;
#[cfg(test)]
mod tests;
mod timekeeper;
mod worker;

use std::time::Duration;

pub use worker::{Stop, Worker};

use crate::backoff;

/// For so long after the start, or after the clock was set forward, nothing is given up for its age; or for as long as
/// [`Config::give_up_after`], where that is shorter.
pub const FAIR_CHANCE: Duration = Duration::from_mins(30);

/// How deliveries are made.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Delays after a failed attempt.
    pub backoff: backoff::Policy,
    /// The longest that a receiver may ask to be left alone.
    pub max_retry_after: Duration,
    /// A delivery that has not succeeded after this is given up. Not in the first [`FAIR_CHANCE`] after the start, or
    /// after the clock was set forward: by the clock alone, all would be old then.
    pub give_up_after: Duration,
    /// Attempts under way at once, for each notifier.
    pub concurrency: usize,
}

impl Config {
    /// The longest that any failed attempt puts off the next.
    fn longest_delay(&self) -> Duration {
        self.backoff.max.max(self.max_retry_after)
    }
}
