//! Growing, jittered delays after errors: the only file that knows the crate `backoff` (docs/adr/0001-backoff.md).

use std::time::Duration;

use ::backoff::ExponentialBackoff;
use ::backoff::backoff::Backoff as _;

/// How delays grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Middle of the first delay's range.
    pub initial: Duration,
    /// No delay is longer than this, jitter included.
    pub max: Duration,
}

impl Policy {
    /// Each delay is drawn evenly from the middle ± this share of it.
    pub const JITTER: f64 = 0.5;
    /// Each range is this much longer than the one before.
    pub const MULTIPLIER: f64 = 2.0;
}

/// The delays of one thing that keeps failing.
#[derive(Debug, Clone)]
pub struct Backoff(ExponentialBackoff);

impl Backoff {
    /// Starts with the first delay.
    pub fn new(policy: Policy) -> Self {
        // The crate adds its jitter after the cap, and gives up after 15 minutes by default.
        let highest_middle = policy.max.div_f64(1.0 + Policy::JITTER);
        let initial = policy.initial.min(highest_middle);
        Self(ExponentialBackoff {
            current_interval: initial,
            initial_interval: initial,
            randomization_factor: Policy::JITTER,
            multiplier: Policy::MULTIPLIER,
            max_interval: highest_middle,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        })
    }

    /// Goes on after `failures` earlier ones, as when a process takes up another's work.
    pub fn resume(policy: Policy, failures: u32) -> Self {
        let mut backoff = Self::new(policy);
        // 64 doublings pass every cap.
        for _ in 0..failures.min(64) {
            backoff.next_delay();
        }
        backoff
    }

    /// How long to wait before the next attempt.
    pub fn next_delay(&mut self) -> Duration {
        self.0.next_backoff().unwrap_or(self.0.max_interval)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICY: Policy = Policy { initial: Duration::from_secs(1), max: Duration::from_secs(60) };

    #[test]
    fn a_thousand_first_delays_spread_over_the_whole_range() {
        let mut tenths = [0; 10];
        for _ in 0..1_000 {
            let delay = Backoff::new(POLICY).next_delay().as_secs_f64();
            assert!((0.5..=1.5).contains(&delay), "{delay}");
            tenths[(((delay - 0.5) * 10.0) as usize).min(9)] += 1;
        }
        assert!(tenths.iter().all(|&count| count > 50), "{tenths:?}");
    }

    #[test]
    fn a_resumed_backoff_goes_on_where_the_other_stopped() {
        let delay = Backoff::resume(POLICY, 4).next_delay().as_secs_f64();
        assert!((8.0..=24.0).contains(&delay), "{delay}");
    }

    proptest! {
        #[test]
        fn no_delay_exceeds_the_maximum_and_it_never_gives_up(failures in 0u32..10_000) {
            let delay = Backoff::resume(POLICY, failures).next_delay();
            prop_assert!(delay <= POLICY.max, "{:?}", delay);
            prop_assert!(delay >= POLICY.initial.div_f64(2.0), "{:?}", delay);
        }
    }
}
