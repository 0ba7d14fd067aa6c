//! What a poll costs one account's poller, and how late it is, where so many jobs wait. In a process of its own.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use matchwatch::aws::{Access, Aws};
use matchwatch::backoff::Policy;
use matchwatch::clock::{SharedClock, SystemClock};
use matchwatch::domain::{
    JobDetails, JobKey, JobKind, JobStatus, Observation, ObservedStatus, Routing, WorkflowKey,
};
use matchwatch::heartbeat::Heartbeat;
use matchwatch::metrics::Metrics;
use matchwatch::source::{self, EntityResolution};
use matchwatch::source::{JobPage, JobSource, PageToken, Scope, SourceError, WorkflowPage};
use matchwatch::store::{SqliteConfig, SqliteStore, Store};
use matchwatch::watch::{
    Account, Budgets, Config, Handed, Next, Observer, Patience, Poller, Terms, WatchedJob,
};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::jobs::jobs;
use crate::process::cpu_time;

/// Polls over HTTP before anything is measured, and those that are.
const WARM_UP: usize = 1_000;
const POLLS: usize = 5_000;
/// Far beyond what so many jobs want to be asked.
const LIFTED: f64 = 1e9;
/// Where lateness is measured, so many jobs are due about every two seconds, and the others in ten minutes.
const OFTEN: usize = 1_000;
/// How long jobs have run. By the rule for workflows without a past, the interval is twice the root of age times worth:
/// 2 ms, or 2 s, for the younger ones.
const YOUNG: Duration = Duration::from_secs(1_000);
const OLD: Duration = Duration::from_hours(24 * 365 * 3);

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// Every job is due again 2 ms after its answer, so that all stand in line: the cost of a poll, with 32 under way.
    Full,
    /// About 500 jobs are due each second, however many wait: how late they are asked about.
    Steady,
}

/// What a process measured of itself.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Polls {
    pub(crate) cpu_micros: f64,
    pub(crate) late_millis: f64,
}

/// Watches so many jobs, each of which has answered before. The database is in `folder`.
pub(crate) fn measure(load: Load, count: usize, url: &str, folder: &Path) -> anyhow::Result<Polls> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(load, count, url, folder))
}

async fn run(load: Load, count: usize, url: &str, folder: &Path) -> anyhow::Result<Polls> {
    let access = Access {
        region: Some("us-east-1".to_owned()),
        endpoint_url: Some(url.to_owned()),
        ..Access::default()
    };
    let request_timeout = source::Config::DEFAULT_REQUEST_TIMEOUT;
    let service =
        EntityResolution::connect(&Aws::new(), &source::Config { access, request_timeout }).await?;
    let (metrics, shutdown) = (Metrics::new()?, CancellationToken::new());
    let gauge = Arc::new(Gauge::new(count, metrics.clone(), shutdown.clone()));
    let (path, lock_timeout) = (folder.join("matchwatch.db"), Duration::ZERO);
    let store = SqliteStore::open(&SqliteConfig { path, lock_timeout }).await?;
    let clock: SharedClock = Arc::new(SystemClock);
    let config = config(load);
    let poller = Poller {
        kind: JobKind::Matching,
        account: Account {
            name: "main".into(),
            region: "us-east-1".to_owned(),
            source: Arc::new(Resumed { service, strangers: Arc::clone(&gauge.strangers) }),
        },
        store: Arc::new(store) as Arc<dyn Store>,
        routing: Routing::default(),
        budgets: Budgets::new(config.get_rate, config.list_rate),
        patience: Patience::of_daemon(config.not_found_grace),
        config,
        seed: 1,
        clock: Arc::clone(&clock),
        metrics,
        observer: Arc::clone(&gauge) as Arc<dyn Observer>,
        finder: None,
        recorded: watch::Sender::new(()),
        heartbeat: Heartbeat::new(),
    };
    let nobody: Arc<[Arc<str>]> = Arc::default();
    let terms: Arc<Terms> = Arc::default();
    let watched = jobs(count).enumerate().map(|(number, key)| {
        let is_young = load == Load::Full || number < OFTEN;
        let age = if is_young { YOUNG } else { OLD };
        WatchedJob {
            key,
            status: Some(JobStatus::Running),
            since: Some(clock.now() - age),
            notifiers: Arc::clone(&nobody),
            terms: Arc::clone(&terms),
            place: None,
        }
    });
    let (give, given) = mpsc::unbounded_channel();
    give.send(Handed::Jobs(watched.collect()))?;
    drop(give);
    drop::<HashMap<_, _>>(poller.run(given, shutdown).await);
    gauge.measured()
}

fn config(load: Load) -> Config {
    let (call_worth, min_interval) = match load {
        Load::Full => (Duration::from_nanos(1), Duration::from_millis(1)),
        Load::Steady => (Duration::from_millis(1), Duration::from_secs(1)),
    };
    Config {
        call_worth,
        min_interval,
        max_interval: Duration::from_mins(10),
        backoff: Policy { initial: Duration::from_secs(1), max: Duration::from_mins(1) },
        get_rate: LIFTED,
        list_rate: LIFTED,
        concurrency: 32,
        not_found_grace: Duration::from_mins(10),
    }
}

/// The service, asked over HTTP by the source of the daemon; but each job's first answer, which only brings the poller
/// to where it would be by itself, comes at once.
struct Resumed {
    service: EntityResolution,
    strangers: Arc<Strangers>,
}

/// Jobs that have not answered yet.
struct Strangers {
    met: Vec<AtomicBool>,
    left: AtomicUsize,
}

impl Strangers {
    fn new(count: usize) -> Self {
        let met = std::iter::repeat_with(AtomicBool::default).take(count).collect();
        Self { met, left: AtomicUsize::new(count) }
    }

    /// Whether this is the job's first answer.
    fn meets(&self, job: &JobKey) -> bool {
        let met = usize::from_str_radix(&job.job_id, 16).ok().and_then(|job| self.met.get(job));
        let is_first = met.is_some_and(|met| !met.swap(true, Ordering::Relaxed));
        self.left.fetch_sub(usize::from(is_first), Ordering::Relaxed);
        is_first
    }
}

#[async_trait]
impl JobSource for Resumed {
    async fn observe(&self, job: &JobKey) -> Result<Observation, SourceError> {
        if !self.strangers.meets(job) {
            return self.service.observe(job).await;
        }
        let status = ObservedStatus::Known(JobStatus::Running);
        Ok(Observation { status, details: JobDetails::default() })
    }

    async fn list_jobs(
        &self,
        _workflow: &WorkflowKey,
        _page: Option<PageToken>,
    ) -> Result<JobPage, SourceError> {
        Err(SourceError::AccessDenied { scope: Scope::Question, message: "no lists".to_owned() })
    }

    async fn list_workflows(
        &self,
        kind: JobKind,
        page: Option<PageToken>,
    ) -> Result<WorkflowPage, SourceError> {
        self.service.list_workflows(kind, page).await
    }
}

/// Counts answers once all jobs have given one, and looks at the clock where the measured ones begin and end.
struct Gauge {
    strangers: Arc<Strangers>,
    answers: AtomicUsize,
    looks: Mutex<Vec<anyhow::Result<Look>>>,
    metrics: Metrics,
    shutdown: CancellationToken,
}

/// What was spent until some moment.
struct Look {
    cpu: Duration,
    late_seconds: f64,
    late_polls: u64,
}

impl Gauge {
    fn new(count: usize, metrics: Metrics, shutdown: CancellationToken) -> Self {
        let strangers = Arc::new(Strangers::new(count));
        let (answers, looks) = (AtomicUsize::new(0), Mutex::default());
        Self { strangers, answers, looks, metrics, shutdown }
    }

    fn look(&self) {
        let lateness = self.metrics.poll_lateness_seconds.with_label_values(&["main"]);
        let look = cpu_time("self").map(|cpu| Look {
            cpu,
            late_seconds: lateness.get_sample_sum(),
            late_polls: lateness.get_sample_count(),
        });
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).push(look);
    }

    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    fn measured(&self) -> anyhow::Result<Polls> {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let (end, begin) = (looks.pop(), looks.pop());
        let both = begin.zip(end).ok_or_else(|| anyhow::anyhow!("the poller ended too early"))?;
        let (begin, end) = (both.0?, both.1?);
        let late = end.late_seconds - begin.late_seconds;
        Ok(Polls {
            cpu_micros: (end.cpu - begin.cpu).as_secs_f64() * 1e6 / POLLS as f64,
            late_millis: late * 1e3 / (end.late_polls - begin.late_polls) as f64,
        })
    }
}

impl Observer for Gauge {
    fn polled(&self, _: &JobKey, answer: Result<&Observation, &SourceError>, _: &Next) {
        if answer.is_err() || self.strangers.left.load(Ordering::Relaxed) > 0 {
            return;
        }
        let answers = 1 + self.answers.fetch_add(1, Ordering::Relaxed);
        if answers == WARM_UP {
            self.look();
        } else if answers == WARM_UP + POLLS {
            self.look();
            self.shutdown.cancel();
        }
    }
}
