//! When to tell: takes deliveries from the outbox, keeps their order, retries, and gives up.

mod attempt;
mod hand;
mod recovery;
#[cfg(test)]
mod tests;
mod worker;

use std::time::Duration;

pub use worker::{Stop, Worker};

use crate::backoff;

/// How deliveries are made.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Delays after a failed attempt.
    pub backoff: backoff::Policy,
    /// The longest that a receiver may ask to be left alone.
    pub max_retry_after: Duration,
    /// A delivery that has not succeeded after this is given up.
    pub give_up_after: Duration,
    /// Attempts under way at once, for each notifier.
    pub concurrency: usize,
}
