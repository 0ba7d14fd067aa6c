//! What is sent again on request.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Deliveries to be made once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redelivery {
    /// All of these events, made or given up.
    Events(Vec<Uuid>),
    /// Those that were given up.
    Dead {
        /// Of this notifier alone.
        notifier: Option<Arc<str>>,
    },
}

/// What came of a [`Redelivery`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redelivered {
    /// How many deliveries are pending again.
    pub redelivered: u64,
    /// How many were left as they are because their notifier is not configured any more.
    pub without_notifier: u64,
    /// Events that are not in the store.
    pub unknown: Vec<Uuid>,
}
