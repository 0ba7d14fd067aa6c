//! When to ask again about a job that answered: pure functions, without clock, store or runtime.
//!
//! ```text
//! past run times ─▶ RunTimes::learn ─▶ Hazard ─▶ balance ─▶ next_delay
//!                                   how likely a job is      when a call is
//!                                   to end at each age       worth its price
//! ```
//!
//! docs/cadence.md says what the rule is and what it costs.

mod forecast;
mod hazard;
mod kernel;
mod queue;
mod run_times;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use forecast::{Forecast, Plan};
pub use queue::{Ahead, queued_delay};
pub use run_times::{Eta, RunTimes};

/// No job is asked about more often.
pub const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// No job is asked about less often.
pub const MAX_INTERVAL: Duration = Duration::from_mins(10);
/// Delays are spread by this share to either side, so that jobs that started together drift apart. Of two jobs
/// of equal age and history none waits 1.2 times as long as the other.
pub(super) const JITTER: f64 = 0.08;

/// What one call must save of the expected detection delay, where the operator says nothing else.
pub const CALL_WORTH: Duration = Duration::from_secs(1);

/// Between which delays the rule may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// No delay is shorter.
    pub shortest: Duration,
    /// No delay is longer.
    pub longest: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { shortest: MIN_INTERVAL, longest: MAX_INTERVAL }
    }
}

impl Limits {
    /// `seconds` within the limits. At a limit they are spread too, to its inner side.
    fn hold(self, seconds: f64, random: f64) -> Duration {
        let shortest = self.shortest.as_secs_f64() * (1.0 + JITTER * random);
        let longest = self.longest.as_secs_f64() * (1.0 - JITTER * (1.0 - random));
        duration(seconds.max(shortest).min(longest)).max(self.shortest).min(self.longest)
    }
}

/// `seconds` as a duration; what none can hold is the longest.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}
