//! Tries out once, without a daemon, what a configuration names: the store, the accounts, the watched jobs, the
//! notifiers. One failure keeps nothing else from being tried.

mod accounts;
mod discovery;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

use super::StartError;
use super::notifiers::Notifiers;
use crate::aws::Aws;
use crate::clock::{Clock as _, SystemClock};
use crate::config::{NotifierAdapter, NotifierSettings, Settings, StoreSettings};
use crate::domain::{JobKind, Message, TestEvent};
use crate::notify::Outcome;
use crate::store::SqliteStore;
use accounts::Asker;

/// Time that the disk may take.
const DISK_TIMEOUT: Duration = Duration::from_secs(30);

/// What was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The store.
    Store,
    /// An account, by its name.
    Account(Arc<str>),
    /// A watch.
    Watch {
        /// The kind of its jobs.
        kind: JobKind,
        /// The workflow.
        workflow_name: Arc<str>,
        /// The account's name.
        account: Arc<str>,
    },
    /// A notifier, by its name.
    Notifier(Arc<str>),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It works: what was seen.
    Works(String),
    /// There was nothing to try: why.
    NothingToTry(&'static str),
    /// It does not work.
    Fails(Trouble),
}

/// Why something does not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Whose trouble it is.
    pub kind: TroubleKind,
    /// What happened.
    pub reason: String,
    /// What to do; empty where the reason says it.
    pub advice: &'static str,
}

/// Kinds of trouble, by who can mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TroubleKind {
    /// The configuration, or this machine.
    Configuration,
    /// Credentials are missing, wrong, or allow too little.
    Access,
    /// The service knows no such job.
    NotFound,
    /// The service gave no usable answer, or none but that it is asked too much.
    NoAnswer,
    /// A notifier could not deliver.
    NotTold,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Some services end their words with a line break.
        let reason = self.reason.split_whitespace().collect::<Vec<_>>().join(" ");
        match self.advice {
            "" => f.write_str(&reason),
            advice => write!(f, "{}. {advice}", reason.trim_end_matches('.')),
        }
    }
}

impl Verdict {
    fn fails(kind: TroubleKind, reason: impl Into<String>, advice: &'static str) -> Self {
        Self::Fails(Trouble { kind, reason: reason.into(), advice })
    }
}

/// Everything that is tried, all at once.
#[derive(Debug)]
pub struct Inspection(VecDeque<(Subject, JoinHandle<Verdict>)>);

impl Inspection {
    /// Begins with all of it. Each step ends by itself: requests within `[poll] request_timeout`, three in a row at
    /// most, and notifiers within their own timeouts. Those of one account keep to its rate.
    ///
    /// # Errors
    ///
    /// TLS cannot be set up: nothing could be tried.
    pub fn begin(settings: &Settings) -> Result<Self, StartError> {
        let aws = Aws::trusting(settings.ca_bundle.as_ref())?;
        let mut steps = VecDeque::new();
        steps.push_back((Subject::Store, tokio::spawn(store(settings.store.clone()))));
        for account in &settings.accounts {
            let asker = Arc::new(Asker::new(&aws, account, settings));
            let subject = Subject::Account(Arc::clone(&account.name));
            steps.push_back((subject, tokio::spawn(Arc::clone(&asker).introduce())));
            for watch in settings.watches.iter().filter(|watch| watch.account == account.name) {
                let subject = Subject::Watch {
                    kind: watch.kind,
                    workflow_name: Arc::clone(&watch.workflow_name),
                    account: Arc::clone(&watch.account),
                };
                let step = Arc::clone(&asker).look_for(watch.clone());
                steps.push_back((subject, tokio::spawn(step)));
            }
        }
        let notifiers = Arc::new(Notifiers {
            aws,
            clock: Arc::new(SystemClock),
            http_client: OnceCell::new(),
            ca_bundle: settings.ca_bundle.clone(),
            stdout: Arc::default(),
        });
        for notifier in &settings.notifiers {
            let subject = Subject::Notifier(Arc::clone(&notifier.name));
            let step = try_out(Arc::clone(&notifiers), notifier.clone());
            steps.push_back((subject, tokio::spawn(step)));
        }
        Ok(Self(steps))
    }

    /// The next thing that was tried, in the order of the configuration, once it is known what came of it.
    pub async fn next(&mut self) -> Option<(Subject, Verdict)> {
        let (subject, step) = self.0.pop_front()?;
        let verdict = step.await.unwrap_or_else(|error| {
            let reason = format!("the trial broke off: {error}");
            Verdict::fails(TroubleKind::Configuration, reason, "Please report this defect")
        });
        Some((subject, verdict))
    }
}

async fn store(settings: StoreSettings) -> Verdict {
    let StoreSettings::Sqlite(config) = settings else {
        return Verdict::NothingToTry("nothing is kept on a disk");
    };
    let path = config.path.display();
    match timeout(DISK_TIMEOUT, SqliteStore::inspect(&config)).await {
        Ok(Ok(None)) => Verdict::Works(format!("the first start makes {path}")),
        Ok(Ok(Some(schema))) if schema < SqliteStore::schema_version() => {
            Verdict::Works(format!("{path} is sound; the next start brings its schema up to date"))
        }
        Ok(Ok(Some(_))) => Verdict::Works(format!("{path} is sound")),
        Ok(Err(error)) => Verdict::fails(TroubleKind::Configuration, error.to_string(), ""),
        Err(_) => {
            let reason = format!("{path}: no answer from the disk in {} s", DISK_TIMEOUT.as_secs());
            Verdict::fails(TroubleKind::Configuration, reason, "Check the disk")
        }
    }
}

async fn try_out(notifiers: Arc<Notifiers>, settings: NotifierSettings) -> Verdict {
    let advice = match &settings.adapter {
        NotifierAdapter::Stdout => {
            return Verdict::NothingToTry("standard output, where this report goes");
        }
        NotifierAdapter::Webhook(_) => "Check url, headers and secrets, and the receiver's own log",
        NotifierAdapter::Sns(_) => "Check topic_arn and region, and allow sns:Publish on the topic",
        NotifierAdapter::Sqs(_) => {
            "Check queue_url and region, and allow sqs:SendMessage on the queue"
        }
        NotifierAdapter::EventBridge(_) => {
            "Check event_bus and region, and allow events:PutEvents on the bus"
        }
        NotifierAdapter::Command(_) => {
            "Run the program by hand; it must end with 0 where MATCHWATCH_TEST is set, too"
        }
    };
    let test = TestEvent::new(Uuid::new_v4(), &settings.name, SystemClock.now());
    let (notifier, test) = match (notifiers.build(&settings.adapter).await, Message::encode(test)) {
        (Ok(notifier), Ok(test)) => (notifier, test),
        (Err(error), _) => {
            let reason = error.to_string();
            return Verdict::fails(TroubleKind::Configuration, reason, "Correct the configuration");
        }
        (_, Err(error)) => {
            let reason = error.to_string();
            return Verdict::fails(TroubleKind::Configuration, reason, "Please report this defect");
        }
    };
    match notifier.try_out(&test).await {
        Outcome::Delivered => Verdict::Works(format!("took the test event {}", test.event.id)),
        Outcome::Retry { reason, .. } | Outcome::Reject { reason } => {
            Verdict::fails(TroubleKind::NotTold, reason, advice)
        }
    }
}
