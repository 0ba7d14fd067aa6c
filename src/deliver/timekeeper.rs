//! Notices when somebody sets the clock, by the time that really passes.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::clock::SharedClock;

/// Between two looks, clocks that nobody sets differ by less.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(1);

/// Reads the wall clock and remembers how it went.
pub(super) struct Timekeeper {
    clock: SharedClock,
    seen: Mutex<Seen>,
}

struct Seen {
    wall: Timestamp,
    at: Instant,
    /// Since when the wall clock has not run ahead of the time that passed.
    even_since: Instant,
    /// By how much due times lie too far ahead. `None` where they are right as far as is known.
    to_correct: Option<Duration>,
}

impl Timekeeper {
    /// One that has just come: whether the clock went back before that, it does not know.
    pub(super) fn new(clock: SharedClock) -> Self {
        let (wall, at) = (clock.now(), Instant::now());
        let to_correct = Some(Duration::ZERO);
        let seen = Mutex::new(Seen { wall, at, even_since: at, to_correct });
        Self { clock, seen }
    }

    /// This instant by the wall clock.
    pub(super) fn now(&self) -> Timestamp {
        let mut seen = self.seen();
        let (wall, at) = (self.clock.now(), Instant::now());
        let passed = SignedDuration::try_from(at - seen.at).unwrap_or(SignedDuration::MAX);
        let set_by = wall.duration_since(seen.wall).saturating_sub(passed);
        if set_by > TOLERANCE {
            seen.even_since = at;
        } else if set_by < -TOLERANCE {
            let so_far = seen.to_correct.unwrap_or_default();
            seen.to_correct = Some(so_far.saturating_add(set_by.unsigned_abs()));
        }
        (seen.wall, seen.at) = (wall, at);
        wall
    }

    /// For how long the wall clock has gone on, as far as is known, without a leap ahead.
    pub(super) fn even_for(&self) -> Duration {
        self.seen().even_since.elapsed()
    }

    /// By how much stored due times lie too far ahead, where somebody must look after them.
    pub(super) fn to_correct(&self) -> Option<Duration> {
        self.seen().to_correct
    }

    /// Stored due times have been corrected by so much.
    pub(super) fn corrected(&self, by: Duration) {
        let mut seen = self.seen();
        seen.to_correct =
            seen.to_correct.and_then(|all| all.checked_sub(by)).filter(|left| !left.is_zero());
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // It is whole after every statement.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
