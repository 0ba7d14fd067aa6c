//! Alarms of what is not watched any more.

use super::notifiers::routing;
use super::plan::Base;
use crate::config::Settings;
use crate::domain::{Event, Message};
use crate::store::{Resolving, StoreError, Telling};

/// Closes the alarms of jobs and workflows that no watch follows any more: nobody asks about them, so nobody else would.
/// What the store refuses is left for the next start or reload.
pub(super) async fn close_unwatched(base: &Base, settings: &Settings) {
    if let Err(error) = try_to(base, settings).await {
        base.metrics.store_errors.with_label_values(&["alarm"]).inc();
        tracing::warn!(%error, "alarms of what is not watched any more stay open for now");
    }
}

async fn try_to(base: &Base, settings: &Settings) -> Result<(), StoreError> {
    let routing = routing(settings);
    for alarm in base.store.open_alarms(None).await? {
        let subject = &alarm.key.subject;
        if settings.watches.iter().any(|watch| watch.concerns(subject)) {
            continue;
        }
        let why = "it is not watched any more";
        let resolved_at = base.clock.now().max(alarm.raised_at);
        let event = Event::of_resolved(&alarm, why, resolved_at);
        let (id, notifiers) = (event.id, routing.targets(&event, &[]));
        let message = Message::encode(event)
            .map_err(|error| StoreError::Unusable(format!("event {id}: {error}")))?;
        let telling = Telling { message, notifiers };
        let (key, raised_at) = (alarm.key.clone(), alarm.raised_at);
        if base.store.resolve(&Resolving { key, raised_at, resolved_at, telling }).await? {
            tracing::info!(alarm = %alarm.key.name, %subject, event = %id, "alarm resolved: {why}");
            let labels = [&**subject.account(), alarm.key.name.as_str(), "resolved"];
            base.metrics.alarms.with_label_values(&labels).inc();
            base.recorded.send_replace(());
        }
    }
    Ok(())
}
