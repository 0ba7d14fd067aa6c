//! How a running daemon is steered.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch as channel;

use super::send_again;
use crate::clock::SharedClock;
use crate::domain::{Redelivered, Redelivery};
use crate::http::{Control, Refusal};
use crate::store::Store;

/// Does what is asked of a daemon over HTTP.
pub(super) struct DaemonControl {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: SharedClock,
    /// The notifiers that are configured.
    pub(super) notifiers: Vec<Arc<str>>,
    /// Wakes those who deliver.
    pub(super) recorded: channel::Sender<()>,
}

#[async_trait]
impl Control for DaemonControl {
    async fn redeliver(&self, request: Redelivery) -> Result<Redelivered, Refusal> {
        let now = self.clock.now();
        let done = send_again(&*self.store, &request, &self.notifiers, now).await?;
        tracing::info!(
            redelivered = done.redelivered,
            without_notifier = done.without_notifier,
            unknown = done.unknown.len(),
            "deliveries are made again on request"
        );
        self.recorded.send_replace(());
        Ok(done)
    }
}
