//! One instant by two clocks: that of this process, which nobody can set, and the wall clock, by which others tell the time.

use jiff::Timestamp;
use tokio::time::Instant;

use crate::clock::Clock;

/// An instant of this process, and what the wall clock showed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) now: Instant,
    pub(super) at: Timestamp,
}

impl Seen {
    /// This moment.
    pub(super) fn of(clock: &dyn Clock) -> Self {
        Self { now: Instant::now(), at: clock.now() }
    }

    /// Where an instant that somebody told lies in the time of this process: as far back from this moment as it lies back
    /// by the wall clock. What has been told of is over, so none lies ahead.
    ///
    /// From then on it stays there, however the wall clock is set.
    pub(super) fn place(&self, told: Timestamp) -> Instant {
        let back = self.at.duration_since(told).try_into().unwrap_or_default();
        self.now.checked_sub(back).unwrap_or(self.now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_told_lies_as_far_back_as_by_the_wall_clock_and_never_ahead() {
        let moment = Seen { now: Instant::now(), at: Timestamp::from_second(1_000).unwrap() };
        let told = |second| moment.place(Timestamp::from_second(second).unwrap());
        assert_eq!(moment.now - told(400), Duration::from_secs(600));
        assert_eq!(told(5_000), moment.now);
    }
}
