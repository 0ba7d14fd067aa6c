//! The wall clock, injected: for instants that are stored or shown. Waiting is tokio's business.

use std::sync::Arc;

use jiff::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// This instant.
    fn now(&self) -> Timestamp;
}

/// A clock that several parts share.
pub type SharedClock = Arc<dyn Clock>;

/// Cuts off what no store keeps and nobody reads.
fn to_microsecond(instant: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(instant.as_microsecond()).unwrap_or(instant)
}

/// The machine's clock, to the microsecond.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        to_microsecond(Timestamp::now())
    }
}

/// A clock that starts at a given instant and moves with tokio's time, so that a paused runtime moves it too.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    origin: Timestamp,
    started: tokio::time::Instant,
}

impl TokioClock {
    /// A clock that shows `origin` now.
    pub fn starting_at(origin: Timestamp) -> Self {
        Self { origin, started: tokio::time::Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        self.origin
            .saturating_add(
                jiff::SignedDuration::try_from(self.started.elapsed())
                    .unwrap_or(jiff::SignedDuration::MAX),
            )
            .unwrap_or(Timestamp::MAX)
    }
}

/// A clock that moves with tokio's time until a test sets it.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct SettableClock {
    clock: TokioClock,
    set_by: std::sync::Mutex<jiff::SignedDuration>,
}

#[cfg(test)]
impl SettableClock {
    pub(crate) fn starting_at(origin: Timestamp) -> Self {
        Self { clock: TokioClock::starting_at(origin), set_by: std::sync::Mutex::default() }
    }

    /// Sets it forward by so many seconds, or back.
    pub(crate) fn jump(&self, seconds: i64) {
        *self.set_by.lock().unwrap() += jiff::SignedDuration::from_secs(seconds);
    }
}

#[cfg(test)]
impl Clock for SettableClock {
    fn now(&self) -> Timestamp {
        self.clock.now() + *self.set_by.lock().unwrap()
    }
}
