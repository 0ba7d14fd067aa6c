//! The only wiring: settings in, running system out. Listener and shutdown come from the caller.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{OnceCell, mpsc, watch as channel};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

mod control;
mod outbox;
mod retention;
mod status;

pub use outbox::{OutboxError, look_inside, redeliver};

use control::DaemonControl;
use outbox::send_again;
use retention::Janitor;

use crate::aws::{Aws, UnusableAwsCaBundle};
use crate::clock::{SharedClock, SystemClock};
use crate::config::{NotifierAdapter, Settings, StoreSettings};
use crate::deliver::{Stop, Worker};
use crate::domain::{JobKey, JobStatus, Route, Routing};
use crate::heartbeat::Heartbeat;
use crate::metrics::{self, Metrics};
use crate::notify::{Command, ConfigError, HttpClient, Notifier, Sns, Stdout, Webhook};
use crate::source::{self, EntityResolution, SourceError};
use crate::store::{MemoryStore, SqliteStore, Store, StoreError};
use crate::tls::CaBundle;
use crate::watch::{Account, Budget, Observer, Patience, Poller, WatchedJob};
use crate::{http, watch};

/// Why a daemon cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An account.
    #[error("account {name}")]
    Account {
        /// Its name.
        name: Arc<str>,
        /// What is wrong.
        source: SourceError,
    },
    /// A notifier.
    #[error("notifier {name}")]
    Notifier {
        /// Its name.
        name: Arc<str>,
        /// What is wrong.
        source: ConfigError,
    },
    /// TLS.
    #[error(transparent)]
    Tls(#[from] UnusableAwsCaBundle),
    /// The metrics.
    #[error("metrics")]
    Metrics(#[from] metrics::Error),
}

/// Everything that `serve` runs, ready to run.
pub struct Daemon {
    store: Arc<dyn Store>,
    metrics: Metrics,
    pollers: Vec<(Poller, Vec<WatchedJob>)>,
    workers: Vec<Worker>,
    status: Arc<status::DaemonStatus>,
    control: Arc<DaemonControl>,
    janitor: Janitor,
    recorded: channel::Sender<()>,
    jobs_ended: CancellationToken,
    shutdown_grace: Duration,
}

impl Daemon {
    /// Opens the store, finds credentials, builds the notifiers. Nothing is asked and nobody is told yet.
    ///
    /// # Errors
    ///
    /// Whatever keeps the daemon from working as configured.
    pub async fn build(settings: &Settings) -> Result<Self, StartError> {
        let metrics = Metrics::new()?;
        let clock: SharedClock = Arc::new(SystemClock);
        let aws = Aws::trusting(settings.ca_bundle.as_ref())?;
        let store = open_store(&settings.store).await?;
        let (recorded, _) = channel::channel(());
        let routing = routing(settings);
        let names = settings.notifiers.iter().map(|notifier| Arc::clone(&notifier.name));
        let status =
            Arc::new(status::DaemonStatus::new(Arc::clone(&store), metrics.clone(), names));

        let mut pollers = Vec::new();
        let mut watched = HashSet::new();
        for account in &settings.accounts {
            let config = source::Config {
                access: account.access.clone(),
                request_timeout: settings.request_timeout,
            };
            let jobs = watched_jobs(settings, &account.name, &*store).await?;
            watched.extend(jobs.iter().map(|job| job.key.clone()));
            let live = jobs.iter().filter(|job| !job.status.is_some_and(JobStatus::is_terminal));
            let workflows = live.map(|job| Arc::clone(&job.key.workflow_name));
            let poller = Poller {
                account: connect(&aws, Arc::clone(&account.name), &config).await?,
                store: Arc::clone(&store),
                routing: routing.clone(),
                clock: Arc::clone(&clock),
                config: settings.watch.clone(),
                patience: Patience::of_daemon(settings.watch.not_found_grace),
                budget: Budget::new(account.get_rate.unwrap_or(settings.watch.get_rate)),
                metrics: metrics.clone(),
                observer: status.account(&account.name, workflows) as Arc<dyn Observer>,
                recorded: recorded.clone(),
                heartbeat: status.heartbeat(),
            };
            pollers.push((poller, jobs));
        }

        let notifiers = Notifiers {
            aws,
            clock: Arc::clone(&clock),
            http_client: OnceCell::new(),
            ca_bundle: settings.ca_bundle.clone(),
        };
        let mut workers = Vec::new();
        for notifier in &settings.notifiers {
            let name = Arc::clone(&notifier.name);
            let built = notifiers.build(&notifier.adapter).await;
            workers.push(Worker {
                notifier: built
                    .map_err(|source| StartError::Notifier { name: Arc::clone(&name), source })?,
                name,
                store: Arc::clone(&store),
                clock: Arc::clone(&clock),
                config: settings.deliver.clone(),
                metrics: metrics.clone(),
                heartbeat: status.heartbeat(),
            });
        }
        let control = Arc::new(DaemonControl {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            notifiers: settings.notifiers.iter().map(|n| Arc::clone(&n.name)).collect(),
            recorded: recorded.clone(),
        });
        let janitor = Janitor {
            store: Arc::clone(&store),
            clock,
            metrics: metrics.clone(),
            retain: settings.retain,
            watched,
        };
        Ok(Self {
            store,
            metrics,
            pollers,
            workers,
            status,
            control,
            janitor,
            recorded,
            jobs_ended: CancellationToken::new(),
            shutdown_grace: settings.shutdown_grace,
        })
    }

    /// Is cancelled when no job is left to ask about. The daemon runs on: it is told to stop by its caller alone.
    pub fn jobs_ended(&self) -> CancellationToken {
        self.jobs_ended.clone()
    }

    /// What the daemon counts.
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Watches and tells until told to stop: then asks no more, finishes the writes in hand, and delivers what is
    /// due, for up to the grace or until told to stop now. What is left is in the store.
    ///
    /// # Errors
    ///
    /// A loop broke off, which is a defect. What was recorded is in the store: start again.
    pub async fn run(self, listener: Option<TcpListener>, stop: Stop) -> Result<(), Broken> {
        let http_stop = CancellationToken::new();
        let mut http = JoinSet::new();
        if let Some(listener) = listener {
            let (status, control) = (Arc::clone(&self.status), Arc::clone(&self.control));
            let stop = http_stop.clone();
            http.spawn(async move {
                let served = http::serve(listener, status, control, stop.cancelled_owned()).await;
                if let Err(error) = served {
                    tracing::error!(%error, "the HTTP listener broke");
                }
            });
        }
        // Workers drain when the pollers have ended: those may still record something.
        let workers_stop = Stop { drain: CancellationToken::new(), now: stop.now.clone() };
        let mut workers = JoinSet::new();
        for worker in self.workers {
            workers.spawn(worker.run(self.recorded.subscribe(), workers_stop.clone()));
        }
        let mut janitor = JoinSet::new();
        janitor.spawn(self.janitor.run(stop.drain.clone()));
        let mut pollers = JoinSet::new();
        for (poller, jobs) in self.pollers {
            let (give, given) = mpsc::unbounded_channel();
            for job in jobs {
                // The receiver is right here.
                let _ = give.send(job);
            }
            pollers.spawn(poller.run(given, stop.drain.clone()));
        }

        let watched = async {
            all_end(&mut pollers).await?;
            self.jobs_ended.cancel();
            stop.drain.cancelled().await;
            Ok(())
        };
        // A worker never ends by itself before it is told to.
        let outcome = tokio::select! {
            watched = watched => watched,
            Some(Err(broken)) = janitor.join_next() => Err(Broken(broken)),
            Some(Err(broken)) = workers.join_next() => Err(Broken(broken)),
        };
        if outcome.is_ok() {
            tracing::info!("stopping: no more questions, delivering what is due");
        }
        workers_stop.drain.cancel();
        let drained = tokio::time::timeout(self.shutdown_grace, all_end(&mut workers)).await;
        let drained = match drained {
            Ok(drained) => drained,
            Err(_) => {
                tracing::warn!("the grace is over; what is undelivered goes out at the next start");
                stop.now.cancel();
                all_end(&mut workers).await
            }
        };
        http_stop.cancel();
        http.shutdown().await;
        self.store.close().await;
        tracing::info!("stopped");
        outcome.and(drained)
    }
}

/// A loop that broke off: a defect of this program.
#[derive(Debug, thiserror::Error)]
#[error("a loop broke off; please report this defect")]
pub struct Broken(#[source] JoinError);

/// Waits until all tasks have ended, or one has broken off.
async fn all_end(tasks: &mut JoinSet<()>) -> Result<(), Broken> {
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(Broken)?;
    }
    Ok(())
}

/// An account, ready to be asked.
///
/// # Errors
///
/// The account has no Region.
pub async fn connect(
    aws: &Aws,
    name: Arc<str>,
    config: &source::Config,
) -> Result<Account, StartError> {
    match EntityResolution::connect(aws, config).await {
        Ok(source) => {
            Ok(Account { name, region: source.region().to_owned(), source: Arc::new(source) })
        }
        Err(source) => Err(StartError::Account { name, source }),
    }
}

/// A poller that remembers nothing beyond its own end, and tells `observer` alone: what `wait` runs on. It shares
/// `budget` with whoever else asks the account.
///
/// # Errors
///
/// Only if the metrics could not be set up.
pub fn step_poller(
    account: Account,
    config: watch::Config,
    budget: Budget,
    observer: Arc<dyn Observer>,
) -> Result<Poller, StartError> {
    let (recorded, _) = channel::channel(());
    Ok(Poller {
        account,
        store: Arc::new(MemoryStore::default()),
        routing: Routing::default(),
        clock: Arc::new(SystemClock),
        budget,
        config,
        patience: Patience::OF_STEP,
        metrics: Metrics::new()?,
        observer,
        recorded,
        heartbeat: Heartbeat::new(),
    })
}

async fn open_store(settings: &StoreSettings) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match settings {
        StoreSettings::Memory => Arc::new(MemoryStore::default()),
        StoreSettings::Sqlite(config) => Arc::new(SqliteStore::open(config).await?),
    })
}

/// Builds notifiers that share their HTTP clients.
struct Notifiers {
    aws: Aws,
    clock: SharedClock,
    /// Made for the first webhook: TLS takes its time to set up.
    http_client: OnceCell<HttpClient>,
    ca_bundle: Option<CaBundle>,
}

impl Notifiers {
    async fn build(&self, adapter: &NotifierAdapter) -> Result<Arc<dyn Notifier>, ConfigError> {
        Ok(match adapter {
            NotifierAdapter::Stdout => Arc::new(Stdout::default()),
            NotifierAdapter::Webhook(config) => {
                let client = self
                    .http_client
                    .get_or_try_init(async || Webhook::http_client(self.ca_bundle.as_ref()));
                Arc::new(Webhook::new(config, client.await?.clone(), Arc::clone(&self.clock))?)
            }
            NotifierAdapter::Sns(config) => Arc::new(Sns::connect(&self.aws, config).await?),
            NotifierAdapter::Command(config) => Arc::new(Command::new(config)?),
        })
    }
}

fn routing(settings: &Settings) -> Routing {
    let routes = settings.notifiers.iter().map(|notifier| Route {
        notifier: Arc::clone(&notifier.name),
        filter: notifier.filter.clone(),
    });
    Routing::new(routes.collect())
}

/// The jobs of one account that the watches name, as far as they got by the last run.
async fn watched_jobs(
    settings: &Settings,
    account: &Arc<str>,
    store: &dyn Store,
) -> Result<Vec<WatchedJob>, StoreError> {
    let mut jobs: HashMap<JobKey, WatchedJob> = HashMap::new();
    for watch in settings.watches.iter().filter(|watch| watch.account == *account) {
        for job_id in &watch.job_ids {
            let key = JobKey {
                account: Arc::clone(account),
                kind: watch.kind,
                workflow_name: Arc::clone(&watch.workflow_name),
                job_id: Arc::clone(job_id),
            };
            let status = store.status(&key).await?;
            let notifiers = watch.notifiers.clone().into();
            jobs.insert(key.clone(), WatchedJob { key, status, notifiers });
        }
    }
    Ok(jobs.into_values().collect())
}
