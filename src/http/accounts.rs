//! How the accounts do, for programs and for people.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::JobKind;

/// An account, as far as it is asked about jobs of one kind. `GET /api/accounts` shows it as it is: docs/operations.md.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AccountView {
    /// Its name in the configuration.
    pub account: String,
    /// The kind of jobs.
    pub kind: JobKind,
    /// Its Region.
    pub region: String,
    /// The number of the AWS account; none where nothing says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_account_id: Option<String>,
    /// The role in which it is asked, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// Whether it works.
    pub state: AccountState,
    /// Since when.
    pub since: Timestamp,
    /// Why it does not work, or did not answer the last question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Workflows whose latest answer denied access, in the order of their names; `*` is the list of workflows.
    pub denied_workflows: Vec<String>,
    /// What is found there, where a watch looks for jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discovery: Option<DiscoveryView>,
    /// Its watched jobs.
    pub jobs: JobsView,
    /// Alarms that are open; none where the store cannot say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_alarms: Option<u64>,
    /// How fast it may be asked.
    pub budgets: [BudgetView; 2],
}

/// Whether an account works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// Nothing has been asked yet, or not been answered.
    Untried,
    /// It answers.
    Up,
    /// It gives no answers, or denies everything.
    Down,
}

/// What is found in an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DiscoveryView {
    /// Workflows whose jobs are followed as they start.
    pub workflows: u64,
    /// Lists that cannot be read at present.
    pub troubles: u64,
}

/// Watched jobs by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct JobsView {
    /// Not answered yet.
    pub unseen: u64,
    /// In the service's queue.
    pub queued: u64,
    /// At work.
    pub running: u64,
    /// Not known to the service.
    pub lost: u64,
    /// Refused by the service as wrong.
    pub broken: u64,
}

impl JobsView {
    /// Those that have not ended, as far as is known.
    pub const fn live(&self) -> u64 {
        self.unseen + self.queued + self.running
    }
}

/// How fast an account may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BudgetView {
    /// The operation that it is for; lists of workflows count as lists of jobs.
    pub operation: &'static str,
    /// Requests a second, at present.
    pub requests_per_second: f64,
    /// Requests a second at the most, as configured.
    pub at_most: f64,
}
