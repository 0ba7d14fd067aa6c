//! What becomes of deliveries to a notifier that is not configured any more: they are kept as dead letters.

use std::time::Duration;

use super::plan::Base;
use crate::backoff::{Backoff, Policy};
use crate::deliver::Stop;
use crate::store::StoreError;

/// What one batch gives up: a few milliseconds of work.
const BATCH: usize = 500;
/// Delays after the store has refused.
const STORE_BACKOFF: Policy =
    Policy { initial: Duration::from_millis(500), max: Duration::from_secs(30) };

/// Gives up all that waits for `notifier`, unless told to stop: then the next start goes on.
pub(super) async fn give_up_all(base: &Base, notifier: &str, stop: &Stop) {
    let mut backoff = Backoff::new(STORE_BACKOFF);
    let mut total = 0;
    let work = async {
        loop {
            match give_up_some(base, notifier).await {
                Ok(0) => break,
                Ok(count) => total += count,
                Err(error) => {
                    base.metrics.store_errors.with_label_values(&["abandon"]).inc();
                    tracing::error!(notifier, %error, "the store refused; trying again");
                    tokio::time::sleep(backoff.next_delay()).await;
                }
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = stop.finish.cancelled() => {}
        () = stop.drain.cancelled() => {}
        () = stop.now.cancelled() => {}
    }
    if total > 0 {
        tracing::warn!(
            notifier,
            deliveries = total,
            "a notifier is not in the configuration any more; what waited for it is kept as dead letters"
        );
    }
}

async fn give_up_some(base: &Base, notifier: &str) -> Result<usize, StoreError> {
    let reason = format!("notifier {notifier} is not in the configuration any more");
    base.store.abandon(notifier, base.clock.now(), &reason, BATCH).await
}
