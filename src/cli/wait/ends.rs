//! What ends a command before its work is done: a signal, or its deadline.

use std::time::Duration;

use anyhow::Context;
use tokio::time::{Instant, sleep_until};

use super::super::signals::Signals;
use super::super::{Exit, Failure};

/// What can end the command early.
pub(in crate::cli) struct Ends {
    signals: Signals,
    deadline: Option<Instant>,
}

/// What ended.
pub(in crate::cli) enum Ended<T> {
    ByItself(T),
    Signal(Exit),
    Deadline,
}

impl Ends {
    /// Catches signals from now on. The time counts from `started`.
    pub(in crate::cli) fn catch(
        started: Instant,
        timeout: Option<Duration>,
    ) -> Result<Self, Failure> {
        let signals = Signals::catch().context("catching signals").map_err(Failure::usage)?;
        // A deadline beyond the end of time is none.
        Ok(Self { signals, deadline: timeout.and_then(|timeout| started.checked_add(timeout)) })
    }

    /// Does `work`, unless something else ends first.
    pub(in crate::cli) async fn first<T>(&mut self, work: impl Future<Output = T>) -> Ended<T> {
        let deadline = async {
            match self.deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            signal = self.signals.received() => Ended::Signal(signal),
            done = work => Ended::ByItself(done),
            () = deadline => Ended::Deadline,
        }
    }
}
