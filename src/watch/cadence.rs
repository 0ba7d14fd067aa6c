//! When to ask again about a job that answered: a pure function.

use std::time::Duration;

/// Delays are spread by this share to either side, so that jobs that started together drift apart.
const JITTER: f64 = 0.08;

/// The shortest and the longest time between two questions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limits {
    pub(super) min: Duration,
    pub(super) max: Duration,
}

/// How long the jobs of a workflow run.
#[derive(Debug, Clone, Default)]
pub(super) struct RunTimes {}

/// The job at work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Runner<'r> {
    pub(super) run_times: &'r RunTimes,
    pub(super) elapsed: Duration,
}

/// When a job that runs will have ended, counted from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eta {
    /// One job in ten ends sooner.
    pub p10: Duration,
    /// As many end sooner as later.
    pub p50: Duration,
    /// One job in ten ends later.
    pub p90: Duration,
}

impl RunTimes {
    pub(super) fn eta(&self, _elapsed: Duration) -> Option<Eta> {
        None
    }

    pub(super) fn learn(_past: &[Duration], _running: &[Duration]) -> Self {
        Self {}
    }

    pub(super) fn next_delay(&self, elapsed: Duration, price: f64, limits: Limits) -> Duration {
        let t = elapsed.as_secs_f64().max(1.0);
        Duration::from_secs_f64((4.0 * price * t).sqrt()).clamp(limits.min, limits.max)
    }
}

pub(super) fn queued_delay(
    waited: Duration,
    runner: Option<Runner<'_>>,
    ahead: usize,
    price: f64,
    limits: Limits,
) -> Duration {
    match runner {
        Some(_) => limits.max,
        None if ahead > 0 => limits.max / 4,
        None => RunTimes::default().next_delay(waited, price, limits),
    }
}

/// `random` is evenly drawn from 0..1.
pub(super) fn jittered(delay: Duration, random: f64) -> Duration {
    delay.mul_f64(1.0 + JITTER * (2.0 * random - 1.0))
}
