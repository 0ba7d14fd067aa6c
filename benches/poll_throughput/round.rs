//! One round: so many polls, and what they cost.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::Instant;

use crate::process::cpu_time;

/// What a process measured of itself.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Round {
    pub(crate) polls: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) seconds: f64,
}

impl Round {
    pub(crate) fn cpu_micros_per_poll(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.polls
    }

    pub(crate) fn polls_per_second(&self) -> f64 {
        self.polls / self.seconds
    }
}

/// A round that has begun.
pub(crate) struct Begun {
    polls: u64,
    cpu: Duration,
    at: Instant,
}

impl Begun {
    /// After so many polls.
    pub(crate) fn after(polls: u64) -> anyhow::Result<Self> {
        Ok(Self { polls, cpu: cpu_time("self")?, at: Instant::now() })
    }

    /// It ends after so many polls.
    pub(crate) fn end(self, polls: u64) -> anyhow::Result<Round> {
        #[expect(clippy::cast_precision_loss, reason = "thousands")]
        let polls = (polls - self.polls) as f64;
        Ok(Round {
            polls,
            cpu_seconds: (cpu_time("self")? - self.cpu).as_secs_f64(),
            seconds: self.at.elapsed().as_secs_f64(),
        })
    }
}
