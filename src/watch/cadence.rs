//! When to ask again about a job that answered: a pure function.

use std::time::Duration;

/// No job is asked about more often.
pub const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// No job is asked about less often.
pub const MAX_INTERVAL: Duration = Duration::from_mins(10);
/// Delays are spread by this share to either side, so that jobs that started together drift apart.
pub(super) const JITTER: f64 = 0.1;

/// The delay before the next question, for the interval asked for.
///
/// `random` is evenly drawn from 0..1. The delay stays within `MIN_INTERVAL` and `MAX_INTERVAL`.
pub(super) fn delay(interval: Duration, random: f64) -> Duration {
    let spread = 1.0 + JITTER * (2.0 * random - 1.0);
    interval.clamp(MIN_INTERVAL, MAX_INTERVAL).mul_f64(spread).clamp(MIN_INTERVAL, MAX_INTERVAL)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_even_draw_gives_the_interval_asked_for() {
        assert_eq!(delay(Duration::from_secs(15), 0.5), Duration::from_secs(15));
    }

    proptest! {
        #[test]
        fn every_delay_lies_within_the_clamp_and_near_the_interval(
            seconds in 0.0..1e6_f64,
            random in 0.0..1.0_f64,
        ) {
            let asked = Duration::from_secs_f64(seconds);
            let delay = delay(asked, random);
            prop_assert!((MIN_INTERVAL..=MAX_INTERVAL).contains(&delay));
            let middle = asked.clamp(MIN_INTERVAL, MAX_INTERVAL).as_secs_f64();
            prop_assert!((delay.as_secs_f64() / middle - 1.0).abs() <= JITTER + 1e-9);
        }
    }
}
