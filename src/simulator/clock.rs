//! Simulated time: real time since the start, multiplied.

use std::time::Duration;

use tokio::time::Instant;

use super::job::Millis;
use super::scenario::TimeFactor;

/// Translates between real and simulated instants.
#[derive(Debug, Clone, Copy)]
pub(super) struct SimulatedClock {
    started: Instant,
    origin: Millis,
    factor: f64,
}

impl SimulatedClock {
    /// A clock that shows `origin` now.
    pub(super) fn starting_at(origin: Millis, factor: TimeFactor) -> Self {
        Self { started: Instant::now(), origin, factor: factor.get() }
    }

    /// The simulated instant.
    #[expect(clippy::cast_possible_truncation, reason = "saturates, in 292 million years")]
    pub(super) fn now(&self) -> Millis {
        let elapsed = self.started.elapsed().as_secs_f64() * self.factor * 1_000.0;
        self.origin.saturating_add(elapsed as Millis)
    }

    /// The real instant at which `at` was or will be; the start, if it lies before that.
    #[expect(clippy::cast_precision_loss, reason = "exact for the next 285,000 years")]
    pub(super) fn real(&self, at: Millis) -> Instant {
        let seconds = at.saturating_sub(self.origin) as f64 / 1_000.0 / self.factor;
        let since_start = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        self.started.checked_add(since_start).unwrap_or(self.started)
    }

    /// The real instant of the start.
    pub(super) fn started(&self) -> Instant {
        self.started
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_hour_passes_in_a_minute_at_factor_60_and_leads_back_to_the_same_instant() {
        let clock = SimulatedClock::starting_at(1_000, TimeFactor::try_from(60.0).unwrap());
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(clock.now(), 1_000 + 3_600_000);
        assert_eq!(clock.real(clock.now()), Instant::now());
    }
}
