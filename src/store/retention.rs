//! What is forgotten, and when.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::JobSet;

/// What may be forgotten: deliveries made before an instant, the events that no delivery is left of, and the ended
/// jobs that no event is left of. Never what is pending or was given up.
#[derive(Debug, Clone)]
pub struct Retention {
    /// What is as old as this or younger stays.
    pub before: Timestamp,
    /// Jobs that stay: one that is still watched and forgotten would be told again.
    pub watched: Arc<JobSet>,
}

/// How far one pass over the store has got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Position {
    /// At the deliveries: the start.
    #[default]
    Deliveries,
    /// At the events after this one.
    Events {
        /// When it was recorded.
        recorded_at: Timestamp,
        /// Its place among those of one instant.
        row: i64,
    },
    /// At the jobs after this one.
    Jobs {
        /// Its place.
        row: i64,
    },
}

/// What one batch of a pass did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pruned {
    /// How many deliveries, events and jobs are gone.
    pub removed: usize,
    /// Where to go on; `None` at the end.
    pub next: Option<Position>,
}
