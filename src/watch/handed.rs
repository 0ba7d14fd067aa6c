//! What pollers and those who find jobs hand each other.

use tokio::time::Instant;

use super::WatchedJob;
use super::seen::Seen;
use crate::domain::{JobSummary, WorkflowKey};
use crate::source::PageToken;

/// What a poller is handed while it runs.
#[derive(Debug)]
pub enum Handed {
    /// Jobs to follow from now on.
    Jobs(Vec<WatchedJob>),
    /// A page of a workflow's list that was read to find jobs: it spares a call.
    Page(ReadPage),
}

/// A page of a workflow's list, and when it was read.
#[derive(Debug, Clone)]
pub struct ReadPage {
    pub(super) workflow: WorkflowKey,
    pub(super) jobs: Vec<JobSummary>,
    /// Where the next page begins, if there is one.
    pub(super) next: Option<PageToken>,
    /// When the reading of the list began. Pages of one reading have this in common.
    pub(super) began_at: Instant,
    /// When the page was answered.
    pub(super) seen: Seen,
}
