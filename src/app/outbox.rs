//! What an operator does with the outbox: look into it, and have something of it sent again.

use std::sync::Arc;

use jiff::Timestamp;

use crate::config::{Outbox, StoreSettings};
use crate::domain::{Redelivered, Redelivery};
use crate::http::Refusal;
use crate::store::{SqliteConfig, SqliteStore, SqliteView, Store, StoreError};

/// Why the outbox is not to be had, or does not do what is asked.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is none.
    #[error(
        "[store] type = \"memory\": what a daemon keeps in memory can be seen by nobody else. Use type = \"sqlite\""
    )]
    InMemory,
    /// A notifier that is not configured.
    #[error("there is no notifier {name} in the configuration; known are {known}")]
    NoNotifier {
        /// What was asked for.
        name: Arc<str>,
        /// What there is.
        known: String,
    },
}

impl From<OutboxError> for Refusal {
    fn from(error: OutboxError) -> Self {
        match error {
            OutboxError::NoNotifier { .. } => Self::Invalid(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// Opens the database of a daemon, which may be running, to read it.
///
/// # Errors
///
/// It cannot be read.
pub async fn look_inside(settings: &StoreSettings) -> Result<SqliteView, OutboxError> {
    Ok(SqliteView::open(file_of(settings)?).await?)
}

/// Has deliveries made once more by the next daemon that starts.
///
/// # Errors
///
/// [`StoreError::Locked`] while a daemon runs: that one is to be asked. Or the store does not work.
pub async fn redeliver(
    outbox: &Outbox,
    request: &Redelivery,
    now: Timestamp,
) -> Result<Redelivered, OutboxError> {
    // Opening a store to write makes the file where there is none.
    drop(look_inside(&outbox.store).await?);
    let config =
        SqliteConfig { lock_timeout: std::time::Duration::ZERO, ..file_of(&outbox.store)?.clone() };
    let store = SqliteStore::open(&config).await?;
    let done = send_again(&store, request, &outbox.notifiers, now).await;
    store.close().await;
    done
}

/// Makes deliveries pending again, unless they are asked for in the name of a notifier that there is not.
pub(super) async fn send_again(
    store: &dyn Store,
    request: &Redelivery,
    notifiers: &[Arc<str>],
    now: Timestamp,
) -> Result<Redelivered, OutboxError> {
    if let Redelivery::Dead { notifier: Some(name) } = request
        && !notifiers.contains(name)
    {
        return Err(OutboxError::NoNotifier {
            name: Arc::clone(name),
            known: notifiers.join(", "),
        });
    }
    Ok(store.redeliver(request, notifiers, now).await?)
}

fn file_of(settings: &StoreSettings) -> Result<&SqliteConfig, OutboxError> {
    match settings {
        StoreSettings::Sqlite(config) => Ok(config),
        StoreSettings::Memory => Err(OutboxError::InMemory),
    }
}
