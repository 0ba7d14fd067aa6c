//! Spreads calls over time.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Lets one call begin at a time, in the order of asking, and the next one a little later. How long a call takes does
/// not matter: one that hangs holds no other back.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<Option<Instant>>);

impl Turns {
    /// 100 a second. STS takes 600 from the credentials of one account in a Region
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>), which others use too.
    const INTERVAL: Duration = Duration::from_millis(10);

    /// Waits for a turn. Who stops waiting takes no turn.
    pub(super) async fn next(&self) {
        let mut next = self.0.lock().await;
        if let Some(next) = *next {
            sleep_until(next).await;
        }
        *next = Some(Instant::now() + Self::INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_turn_comes_a_little_after_the_one_before_and_none_is_lost_by_who_gives_up() {
        let (turns, start) = (Turns::default(), Instant::now());
        turns.next().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        let gives_up = tokio::time::timeout(Duration::from_millis(1), turns.next());
        assert!(gives_up.await.is_err());
        turns.next().await;
        turns.next().await;
        assert_eq!(start.elapsed(), 2 * Turns::INTERVAL);
    }
}
