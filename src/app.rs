//! The only wiring: settings in, running system out. Listener and shutdown come from the caller.
//!
//! ```text
//! settings ─▶ plan: all that can fail ─▶ crew: all that runs ◀─ reload: another plan
//! ```

mod access;
mod accounts;
mod alarms;
mod control;
mod crew;
mod discovery;
mod inspection;
mod notifiers;
mod outbox;
mod plan;
mod reload;
mod retention;
mod retirement;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch as channel};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use accounts::{connect, connect_to_start, step_poller};
pub use crew::Broken;
pub use inspection::{Inspection, MissingPermission, Subject, Trouble, TroubleKind, Verdict};
pub use outbox::{OutboxError, look_inside, redeliver};
pub use reload::{ReadSettings, ReloadError, Reloader};

use control::DaemonControl;
use crew::Crew;
use outbox::send_again;
use plan::{Base, KnownLimits, Plan};
use reload::{Outcome, needs_restart};
use status::DaemonStatus;

use crate::aws::{Aws, UnusableAwsCaBundle};
use crate::clock::SystemClock;
use crate::config::{Loaded, Settings, StoreSettings};
use crate::deliver::Stop;
use crate::http;
use crate::metrics::{self, Metrics};
use crate::notify::ConfigError;
use crate::source::SourceError;
use crate::store::{MemoryStore, SqliteStore, Store, StoreError};

/// How long a store may take to close, at the end. It needs milliseconds, unless another program is in its way.
const CLOSING_TIME: Duration = Duration::from_millis(500);

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
    base: Base,
    plan: Plan,
    read_settings: ReadSettings,
    reloader: Reloader,
    reloads: mpsc::UnboundedReceiver<reload::Request>,
    jobs_ended: CancellationToken,
}

impl Daemon {
    /// Opens the store, finds credentials, builds the notifiers. Nothing is asked and nobody is told yet.
    /// `read_settings` is for reloads.
    ///
    /// # Errors
    ///
    /// Whatever keeps the daemon from working as configured.
    pub async fn build(
        settings: &Settings,
        read_settings: ReadSettings,
    ) -> Result<Self, StartError> {
        let metrics = Metrics::new()?;
        // What cannot be had anyway is told before the database is touched.
        Aws::trusting(settings.ca_bundle.as_ref())?;
        let store = open_store(&settings.store).await?;
        let status = DaemonStatus::new(Arc::clone(&store), metrics.clone());
        let (recorded, _) = channel::channel(());
        let clock = Arc::new(SystemClock);
        let (status, stdout) = (Arc::new(status), Arc::default());
        let base = Base { store, clock, metrics, status, stdout, recorded };
        let plan = match base.plan(settings, &KnownLimits::new()).await {
            Ok(plan) => plan,
            Err(error) => {
                base.store.close().await;
                return Err(error);
            }
        };
        base.metrics.config_accepted(base.clock.now());
        let (ask, reloads) = mpsc::unbounded_channel();
        let jobs_ended = CancellationToken::new();
        Ok(Self { base, plan, read_settings, reloader: Reloader(ask), reloads, jobs_ended })
    }

    /// Is cancelled when no job is left to ask about. The daemon runs on: it is told to stop by its caller alone.
    pub fn jobs_ended(&self) -> CancellationToken {
        self.jobs_ended.clone()
    }

    /// Has the daemon read its configuration again.
    pub fn reloader(&self) -> Reloader {
        self.reloader.clone()
    }

    /// What the daemon counts.
    pub const fn metrics(&self) -> &Metrics {
        &self.base.metrics
    }

    /// Lets go of the store, where the daemon is not to run after all.
    pub async fn discard(self) {
        self.base.store.close().await;
    }

    /// Watches and tells until told to stop: then asks no more, finishes the writes in hand, and delivers what is
    /// due, for up to the grace or until told to stop now. What is left is in the store.
    ///
    /// # Errors
    ///
    /// A loop broke off, which is a defect. What was recorded is in the store: start again.
    pub async fn run(self, listener: Option<TcpListener>, stop: Stop) -> Result<(), Broken> {
        let Self { base, plan, read_settings, reloader, reloads, jobs_ended } = self;
        let http_stop = CancellationToken::new();
        let mut http = JoinSet::new();
        if let Some(listener) = listener {
            let control = Arc::new(DaemonControl { base: base.clone(), reloader });
            http.spawn(serve_http(listener, Arc::clone(&base.status), control, http_stop.clone()));
        }
        let settings = plan.settings.clone();
        // At once: what is asked over HTTP is about the crew's accounts and notifiers.
        let mut crew = Crew::start(base.clone(), plan, &stop);
        retire_strangers(&base, &settings, &mut crew).await;
        let mut watch = Watch { base, settings, read_settings, crew, reloads, jobs_ended };
        let outcome = watch.keep(&stop).await;
        let Watch { base, settings, mut crew, reloads, .. } = watch;
        // Whoever asks for a reload now is told at once that it is too late.
        drop(reloads);
        let outcome = match outcome {
            Ok(()) => wind_up(&mut crew, settings.shutdown_grace, &stop).await,
            Err(broken) => Err(broken),
        };
        crew.let_go().await;
        http_stop.cancel();
        http.shutdown().await;
        if tokio::time::timeout(CLOSING_TIME, base.store.close()).await.is_err() {
            tracing::warn!("the store is busy and is left as it is: what was recorded is safe");
        }
        tracing::info!("stopped");
        outcome
    }
}

/// What goes on between start and stop.
struct Watch {
    base: Base,
    settings: Settings,
    read_settings: ReadSettings,
    crew: Crew,
    reloads: mpsc::UnboundedReceiver<reload::Request>,
    jobs_ended: CancellationToken,
}

impl Watch {
    /// Lets the crew work, and takes up other configurations, until told to stop.
    async fn keep(&mut self, stop: &Stop) -> Result<(), Broken> {
        loop {
            tokio::select! {
                biased;
                () = stop.drain.cancelled() => return Ok(()),
                broken = self.crew.breaks(&self.jobs_ended) => return Err(broken),
                Some(request) = self.reloads.recv() => {
                    let outcome = stop.drain.run_until_cancelled(self.reload()).await;
                    let outcome = outcome.unwrap_or(Ok(Err(ReloadError::Stopping)))?;
                    // Whoever asked may have gone away.
                    let _ = request.send(outcome);
                }
            }
        }
    }

    /// Takes up the configuration as it is written now, or leaves everything as it was.
    async fn reload(&mut self) -> Outcome {
        let outcome = match self.plan_anew().await {
            Ok((plan, warnings)) => {
                self.settings = plan.settings.clone();
                self.crew.hand_over(plan).await?;
                self.base.metrics.config_accepted(self.base.clock.now());
                for warning in warnings {
                    tracing::warn!("{warning}");
                }
                tracing::info!(
                    accounts = self.settings.accounts.len(),
                    jobs = self.settings.watches.iter().map(|w| w.job_ids.len()).sum::<usize>(),
                    notifiers = self.settings.notifiers.len(),
                    "another configuration runs"
                );
                Ok(())
            }
            Err(error) => {
                self.base.metrics.config_refused();
                tracing::error!(%error, "the configuration is refused; the one before runs on");
                Err(error)
            }
        };
        Ok(outcome)
    }

    async fn plan_anew(&self) -> Result<(Plan, Vec<String>), ReloadError> {
        let Loaded { settings, warnings } = (self.read_settings)().map_err(ReloadError::Config)?;
        needs_restart(&self.settings, &settings)?;
        let plan = self.base.plan(&settings, self.crew.limits()).await;
        let warnings = warnings.iter().map(ToString::to_string).collect();
        Ok((plan.map_err(ReloadError::Start)?, warnings))
    }
}

/// Lets the last answers be recorded and delivers what is due, all for as long as the grace.
async fn wind_up(crew: &mut Crew, grace: Duration, stop: &Stop) -> Result<(), Broken> {
    let work = async {
        crew.questions_end().await?;
        tracing::info!("stopping: no more questions, delivering what is due");
        crew.deliver_the_rest().await
    };
    tokio::select! {
        ended = tokio::time::timeout(grace, work) => ended.unwrap_or_else(|_| {
            tracing::warn!("the grace is over; what is undelivered goes out at the next start");
            Ok(())
        }),
        () = stop.now.cancelled() => Ok(()),
    }
}

/// Gives up what waits for notifiers that were configured in an earlier run.
async fn retire_strangers(base: &Base, settings: &Settings, crew: &mut Crew) {
    let backlog = match base.store.backlog().await {
        Ok(backlog) => backlog,
        Err(error) => {
            // They wait for the next start.
            tracing::warn!(%error, "the backlog cannot be read");
            return;
        }
    };
    let is_known = |name: &str| settings.notifiers.iter().any(|known| *known.name == *name);
    for waiting in backlog.into_iter().filter(|b| b.pending > 0 && !is_known(&b.notifier)) {
        crew.retire(waiting.notifier);
    }
}

async fn serve_http(
    listener: TcpListener,
    status: Arc<DaemonStatus>,
    control: Arc<DaemonControl>,
    stop: CancellationToken,
) {
    if let Err(error) = http::serve(listener, status, control, stop.cancelled_owned()).await {
        tracing::error!(%error, "the HTTP listener broke");
    }
}

async fn open_store(settings: &StoreSettings) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match settings {
        StoreSettings::Memory => Arc::new(MemoryStore::default()),
        StoreSettings::Sqlite(config) => Arc::new(SqliteStore::open(config).await?),
    })
}
