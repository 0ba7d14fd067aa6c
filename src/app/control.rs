//! How a running daemon is steered.

use async_trait::async_trait;

use super::plan::Base;
use super::{Reloader, send_again};
use crate::domain::{Redelivered, Redelivery};
use crate::http::{Control, Refusal};

/// Does what is asked of a daemon over HTTP.
pub(super) struct DaemonControl {
    pub(super) base: Base,
    pub(super) reloader: Reloader,
}

#[async_trait]
impl Control for DaemonControl {
    async fn redeliver(&self, request: Redelivery) -> Result<Redelivered, Refusal> {
        let Base { store, clock, status, recorded, .. } = &self.base;
        let done = send_again(&**store, &request, &status.notifiers(), clock.now()).await?;
        tracing::info!(
            redelivered = done.redelivered,
            without_notifier = done.without_notifier,
            unknown = done.unknown.len(),
            "deliveries are made again on request"
        );
        recorded.send_replace(());
        Ok(done)
    }

    async fn reload(&self) -> Result<(), Refusal> {
        Ok(self.reloader.reload().await?)
    }
}
