//! When each workflow is looked through next: spread over the interval, so that no moment has more to do than another.

use std::time::Duration;

use tokio::time::Instant;

/// The golden ratio's fraction: its multiples fall evenly into an interval, however many there are.
const GOLDEN: f64 = 0.618_033_988_749_895;

/// Hands out the times of looks.
#[derive(Debug)]
pub(super) struct Rounds {
    began_at: Instant,
    handed_out: u32,
}

/// The times at which one workflow is looked through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    first: Instant,
    interval: Duration,
}

impl Rounds {
    pub(super) const fn new(began_at: Instant) -> Self {
        Self { began_at, handed_out: 0 }
    }

    /// The times of one more workflow.
    pub(super) fn add(&mut self, interval: Duration) -> Round {
        self.handed_out = self.handed_out.wrapping_add(1);
        let phase = (f64::from(self.handed_out) * GOLDEN).fract();
        Round { first: self.began_at + interval.mul_f64(phase), interval }
    }
}

impl Round {
    pub(super) const fn interval(&self) -> Duration {
        self.interval
    }

    /// The first of its times after `now`.
    pub(super) fn after(&self, now: Instant) -> Instant {
        let Some(since) = now.checked_duration_since(self.first) else { return self.first };
        let into = since.as_nanos() % self.interval.as_nanos().max(1);
        let into = Duration::from_nanos(u64::try_from(into).unwrap_or(u64::MAX));
        now + self.interval.saturating_sub(into).max(Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(30);

    #[test]
    fn the_times_of_one_workflow_are_an_interval_apart() {
        let now = Instant::now();
        let round = Rounds::new(now).add(INTERVAL);
        let first = round.after(now);
        assert!(first <= now + INTERVAL, "{:?}", first - now);
        assert_eq!(round.after(first), first + INTERVAL);
        assert_eq!(round.after(first + INTERVAL * 5 / 2), first + 3 * INTERVAL);
        assert_eq!(round.after(first - Duration::from_secs(1)), first);
    }

    #[test]
    fn however_many_there_are_no_part_of_the_interval_is_crowded() {
        for count in [2, 10, 40, 400] {
            let now = Instant::now();
            let mut rounds = Rounds::new(now);
            let mut times: Vec<_> = (0..count).map(|_| rounds.add(INTERVAL).after(now)).collect();
            times.sort_unstable();
            let even = INTERVAL / count;
            let gaps = times.windows(2).map(|two| two[1] - two[0]);
            assert!(gaps.clone().max().unwrap() <= even * 3, "{count}");
            assert!(gaps.min().unwrap() >= even / 3, "{count}");
        }
    }
}
