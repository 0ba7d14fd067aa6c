//! When a receiver is well again, what waits for its next attempt is not left waiting.

use std::time::Duration;

use tokio::time::Instant;

/// How many retries may be made before they are due.
///
/// A delivery that had failed before and now gets through says that its receiver is well again. Each such success earns
/// two early retries, each of those two more, until the whole backlog flows; one failure ends it. New deliveries earn
/// nothing, so one that always fails is tried at most once too often for each retry that succeeds.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    earned: usize,
    /// The receiver has asked to be left alone until then.
    quiet_until: Option<Instant>,
}

impl Recovery {
    /// A retry got through. No more is earned than attempts run at once.
    pub(super) fn retry_succeeded(&mut self, concurrency: usize) {
        self.earned = self.earned.saturating_add(2).min(concurrency);
    }

    /// An attempt failed, and the receiver asked for this much time.
    pub(super) fn failed(&mut self, asked: Option<Duration>) {
        self.earned = 0;
        let asked = asked.map(|asked| Instant::now() + asked);
        self.quiet_until = self.quiet_until.max(asked);
    }

    /// How many retries may be made early.
    pub(super) fn earned(&self) -> usize {
        let is_quiet = self.quiet_until.is_some_and(|until| Instant::now() < until);
        if is_quiet { 0 } else { self.earned }
    }

    /// So many are made early.
    pub(super) fn spend(&mut self, retries: usize) {
        self.earned = self.earned.saturating_sub(retries);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_retry_that_gets_through_earns_two_up_to_the_concurrency() {
        let mut recovery = Recovery::default();
        assert_eq!(recovery.earned(), 0);
        recovery.retry_succeeded(8);
        assert_eq!(recovery.earned(), 2);
        recovery.spend(1);
        for _ in 0..9 {
            recovery.retry_succeeded(8);
        }
        assert_eq!(recovery.earned(), 8);
        recovery.spend(9);
        assert_eq!(recovery.earned(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_takes_everything() {
        let mut recovery = Recovery::default();
        recovery.retry_succeeded(8);
        recovery.failed(None);
        assert_eq!(recovery.earned(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_receiver_that_asks_for_peace_is_not_hurried() {
        let mut recovery = Recovery::default();
        recovery.failed(Some(Duration::from_secs(60)));
        recovery.failed(Some(Duration::from_secs(10)));
        recovery.failed(None);
        recovery.retry_succeeded(8);
        advance(Duration::from_secs(59)).await;
        assert_eq!(recovery.earned(), 0);
        advance(Duration::from_secs(1)).await;
        assert_eq!(recovery.earned(), 2);
    }
}
