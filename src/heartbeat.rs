//! Signs of life of the long-running loops, read by the health check.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// How often a loop beats at the least, whatever it waits for.
pub const PERIOD: Duration = Duration::from_secs(5);

/// In place of an instant: the loop has ended.
const DONE: u64 = u64::MAX;

/// A loop beats it; the health check asks how long ago.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    started: Instant,
    beat_millis: Arc<AtomicU64>,
}

impl Heartbeat {
    /// A heartbeat that beats now.
    pub fn new() -> Self {
        Self { started: Instant::now(), beat_millis: Arc::default() }
    }

    /// The loop goes round.
    pub fn beat(&self) {
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beat_millis.store(millis, Ordering::Relaxed);
    }

    /// The loop has come to its end: silence is no sign of trouble any more.
    pub fn done(&self) {
        self.beat_millis.store(DONE, Ordering::Relaxed);
    }

    /// Whether the loop has come to its end.
    pub fn is_done(&self) -> bool {
        self.beat_millis.load(Ordering::Relaxed) == DONE
    }

    /// Time since the last beat.
    pub fn age(&self) -> Duration {
        let beat = Duration::from_millis(self.beat_millis.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(beat)
    }
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self::new()
    }
}
