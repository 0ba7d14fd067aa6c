//! What the configuration says, once it is read and found to be right.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::aws::Access;
use crate::domain::{
    AlarmRules, Filter, Gates, JobKey, JobKind, NamePattern, Start, Subject, WatchKey, WorkflowKey,
};
use crate::store::SqliteConfig;
use crate::tls::CaBundle;
use crate::{deliver, notify, watch};

/// Everything that `serve` runs on.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `[log]`
    pub log: LogSettings,
    /// `[http] listen`: off where absent.
    pub http_listen: Option<SocketAddr>,
    /// `[tls] ca_bundle`
    pub ca_bundle: Option<CaBundle>,
    /// `[store]`
    pub store: StoreSettings,
    /// `[store] retain`: how long what is done with is kept.
    pub retain: Duration,
    /// `[poll]`
    pub watch: watch::Config,
    /// `[poll] request_timeout`: time that one request to Entity Resolution may take.
    pub request_timeout: Duration,
    /// `[discovery] interval`: time between two looks for new jobs of a workflow.
    pub discovery_interval: Duration,
    /// `[deliver]`
    pub deliver: deliver::Config,
    /// `[serve] shutdown_grace`: how long deliveries go on after SIGTERM.
    pub shutdown_grace: Duration,
    /// `[[account]]`
    pub accounts: Vec<AccountSettings>,
    /// `[[watch]]`
    pub watches: Vec<WatchSettings>,
    /// `[[notifier]]`
    pub notifiers: Vec<NotifierSettings>,
}

impl Settings {
    /// Requests a second that `account` may be asked: for one job, and for lists.
    pub fn rates(&self, account: &AccountSettings) -> (f64, f64) {
        (
            account.get_rate.unwrap_or(self.watch.get_rate),
            account.list_rate.unwrap_or(self.watch.list_rate),
        )
    }
}

/// Which jobs a configuration speaks of, and where they run: what `wait` asks it for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Followed {
    /// `[tls] ca_bundle`
    pub ca_bundle: Option<CaBundle>,
    /// `[[account]]`
    pub accounts: Vec<AccountSettings>,
    /// `[[watch]]`
    pub watches: Vec<WatchSettings>,
}

impl Followed {
    /// The watch that names the job, among those of `kind` where one is given.
    pub fn watch_of(&self, job_id: &Arc<str>, kind: Option<JobKind>) -> Option<&WatchSettings> {
        let fits = |watch: &&WatchSettings| kind.is_none_or(|kind| kind == watch.kind);
        self.watches.iter().filter(fits).find(|watch| watch.job_ids.contains(job_id))
    }
}

/// Where events wait, who works on them and for whom: what a look into the outbox needs. No secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbox {
    /// `[store]`
    pub store: StoreSettings,
    /// `[http] listen`: where a running daemon is asked.
    pub http_listen: Option<SocketAddr>,
    /// The names of the notifiers.
    pub notifiers: Vec<Arc<str>>,
}

/// When jobs are asked about, and where it is kept what was learned of them: what a plan is made of. No secret is needed.
#[derive(Debug, Clone, PartialEq)]
pub struct Polling {
    /// `[store]`
    pub store: StoreSettings,
    /// `[poll]`
    pub watch: watch::Config,
    /// `[[account]]`
    pub accounts: Vec<AccountSettings>,
}

impl Polling {
    /// Requests a second that the account of this name may be asked for one job. One that is not configured any more is
    /// taken for one that says nothing else.
    pub fn get_rate(&self, account: &str) -> f64 {
        let account = self.accounts.iter().find(|known| *known.name == *account);
        account.and_then(|account| account.get_rate).unwrap_or(self.watch.get_rate)
    }
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// A level, or directives as tracing-subscriber's `EnvFilter` reads them.
    pub filter: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// For log collectors.
    Json,
}

/// `[store]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreSettings {
    /// `type = "memory"`: nothing survives a restart.
    Memory,
    /// `type = "sqlite"`
    Sqlite(SqliteConfig),
}

/// `[[account]]`
#[derive(Debug, Clone, PartialEq)]
pub struct AccountSettings {
    /// Its name in events, metrics and other parts of the configuration.
    pub name: Arc<str>,
    /// Credentials, Region and endpoint.
    pub access: Access,
    /// Requests a second, where not `[poll] get_rate`.
    pub get_rate: Option<f64>,
    /// Requests a second, where not `[poll] list_rate`.
    pub list_rate: Option<f64>,
}

/// `[[watch]]`
#[derive(Debug, Clone, PartialEq)]
pub struct WatchSettings {
    /// Name of an account.
    pub account: Arc<str>,
    /// Kind of the jobs.
    pub kind: JobKind,
    /// The workflow that the jobs run; where they are to be found, the names of workflows as they are written.
    pub workflow_name: Arc<str>,
    /// The jobs; none where they are to be found.
    pub job_ids: Vec<Arc<str>>,
    /// How jobs are found, where none is named.
    pub discovery: Option<DiscoverySettings>,
    /// Names of the notifiers to tell; empty for all.
    pub notifiers: Vec<Arc<str>>,
    /// What a job that succeeded must have done besides.
    pub gates: Gates,
    /// `[alarms]`, and what the watch says otherwise.
    pub alarms: AlarmRules,
}

impl WatchSettings {
    /// Whether it follows what an alarm is about.
    pub fn concerns(&self, subject: &Subject) -> bool {
        match subject {
            Subject::Job(job) => self.account == job.account && self.follows(job),
            Subject::Workflow(WorkflowKey { account, kind, name }) => {
                self.account == *account
                    && self.kind == *kind
                    && NamePattern::new(&*self.workflow_name).matches(name)
            }
            Subject::Account(account) => self.account == *account,
        }
    }

    /// Whether it follows the job, in whatever account that runs.
    pub fn follows(&self, job: &JobKey) -> bool {
        self.kind == job.kind
            && NamePattern::new(&*self.workflow_name).matches(&job.workflow_name)
            && (self.job_ids.is_empty() || self.job_ids.contains(&job.job_id))
    }

    /// Whether the account's workflows have to be listed to find its jobs.
    pub fn has_pattern(&self) -> bool {
        self.discovery.as_ref().is_some_and(|discovery| discovery.workflows.literal().is_none())
    }

    /// What identifies the watch over restarts, if it finds its jobs.
    pub fn discovery_key(&self) -> Option<WatchKey> {
        let discovery = self.discovery.as_ref()?;
        let (account, workflows) = (Arc::clone(&self.account), discovery.workflows.clone());
        Some(WatchKey { account, kind: self.kind, workflows })
    }
}

/// How a `[[watch]]` finds its jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoverySettings {
    /// The names of its workflows.
    pub workflows: NamePattern,
    /// Which of their jobs.
    pub start: Start,
    /// Time between two looks, where not `[discovery] interval`.
    pub interval: Option<Duration>,
}

/// `[[notifier]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifierSettings {
    /// Its name: its identity over restarts.
    pub name: Arc<str>,
    /// Which events it wants.
    pub filter: Filter,
    /// What it is.
    pub adapter: NotifierAdapter,
}

/// What a notifier is, by its `type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifierAdapter {
    /// `stdout`
    Stdout,
    /// `webhook`
    Webhook(notify::WebhookConfig),
    /// `sns`
    Sns(notify::SnsConfig),
    /// `sqs`
    Sqs(notify::SqsConfig),
    /// `eventbridge`
    EventBridge(notify::EventBridgeConfig),
    /// `command`
    Command(notify::CommandConfig),
}
