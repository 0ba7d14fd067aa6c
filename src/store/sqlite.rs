//! The embedded default: one SQLite file.

mod alarms;
mod connections;
mod discovery;
mod disk;
mod file;
mod inspect;
mod lock;
mod past_runs;
mod prune;
mod redeliver;
mod refusal;
mod schema;
mod standings;
mod statements;
#[cfg(test)]
mod tests;
mod view;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use self::connections::Shared;
use self::lock::Lock;
use self::refusal::{not_migrated, refused};
pub use self::view::SqliteView;
use self::writer::Write;
use super::{
    Backlog, Change, Delivery, DeliveryId, Position, Pruned, Raising, Recorded, Resolving,
    Retention, Settlement, Standing, Store, StoreError,
};
use crate::domain::{
    Alarm, FollowedWorkflow, JobKey, JobKind, PastRun, Redelivered, Redelivery, WatchKey,
    WorkflowKey,
};

static MIGRATOR: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a statement waits for another program that works on the file for a moment, as a backup does.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The database file. Its folder must exist; the file is created.
    pub path: PathBuf,
    /// How long to wait for another process to let go of it.
    pub lock_timeout: Duration,
}

/// Keeps everything in one SQLite file. What a method wrote is on the disk when it returns.
#[derive(Debug)]
pub struct SqliteStore {
    shared: Arc<Shared>,
    writes: mpsc::UnboundedSender<Write>,
}

impl SqliteStore {
    /// Takes the lock, opens the file, and brings its schema up to date. A new file is readable by its owner only.
    ///
    /// # Errors
    ///
    /// The file is in use, damaged, newer than this program, or cannot be written: nothing is overwritten.
    pub async fn open(config: &Config) -> Result<Self, StoreError> {
        let path = file::resolve(&config.path)?;
        let lock = Lock::acquire(&path, config.lock_timeout).await?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .busy_timeout(BUSY_TIMEOUT)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true);
        let to_read = options.clone().read_only(true);
        // A mark in the file.
        let to_write = options.journal_mode(SqliteJournalMode::Wal);
        let shared = Arc::new(Shared::open(path, lock, to_read, to_write).await?);
        let (writes, queue) = mpsc::unbounded_channel();
        tokio::spawn(writer::run(Arc::downgrade(&shared), queue));
        Ok(Self { shared, writes })
    }

    /// The schema that this program writes: the number of its last migration.
    pub fn schema_version() -> i64 {
        MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or_default()
    }

    fn refused(&self, error: impl Into<StoreError>) -> StoreError {
        self.shared.refused(error)
    }
}

/// Opens the file to write to it, once it has proved to be ours.
async fn open_to_write(
    path: &Path,
    options: &SqliteConnectOptions,
) -> Result<SqliteConnection, StoreError> {
    file::check_log(path)?;
    file::create_if_missing(path)?;
    file::examine(path).await?;
    let mut connection = options.connect().await.map_err(|error| refused(path, error))?;
    if let Err(error) = MIGRATOR.run(&mut connection).await {
        // The error says more than what comes of closing.
        let _ = connection.close().await;
        return Err(not_migrated(path, error));
    }
    Ok(connection)
}

#[async_trait]
impl Store for SqliteStore {
    async fn standings(&self, jobs: &[JobKey]) -> Result<Vec<Option<Standing>>, StoreError> {
        let mut connection = self.shared.reader().await?;
        standings::standings(&mut connection, jobs).await.map_err(|error| self.refused(error))
    }

    async fn record(&self, change: &Change) -> Result<Recorded, StoreError> {
        let (reply, answer) = oneshot::channel();
        // A writer that is gone drops the reply.
        let _ = self.writes.send(Write::Record(Box::new(change.clone()), reply));
        writer::answer(&self.shared, answer).await
    }

    async fn raise(&self, raising: &Raising) -> Result<bool, StoreError> {
        let mut connection = self.shared.to_write().await?;
        alarms::raise(&mut connection, raising).await.map_err(|error| self.refused(error))
    }

    async fn resolve(&self, resolving: &Resolving) -> Result<bool, StoreError> {
        let mut connection = self.shared.to_write().await?;
        alarms::resolve(&mut connection, resolving).await.map_err(|error| self.refused(error))
    }

    async fn open_alarms(&self, account: Option<&str>) -> Result<Vec<Alarm>, StoreError> {
        let mut connection = self.shared.reader().await?;
        alarms::open(&mut connection, account).await.map_err(|error| self.refused(error))
    }

    async fn due(
        &self,
        notifier: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.due_besides(&[], notifier, now, limit).await
    }

    async fn due_besides(
        &self,
        held: &[DeliveryId],
        notifier: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut connection = self.shared.reader().await?;
        statements::due(&mut connection, held, notifier, now, limit)
            .await
            .map_err(|error| self.refused(error))
    }

    async fn next_due(
        &self,
        notifier: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let mut connection = self.shared.reader().await?;
        statements::next_due(&mut connection, notifier, now)
            .await
            .map_err(|error| self.refused(error))
    }

    async fn settle(
        &self,
        delivery: DeliveryId,
        settlement: &Settlement,
    ) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        // A writer that is gone drops the reply.
        let _ = self.writes.send(Write::Settle(delivery, settlement.clone(), reply));
        writer::answer(&self.shared, answer).await
    }

    async fn hasten(
        &self,
        notifier: &str,
        now: Timestamp,
        by: Duration,
        latest: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut connection = self.shared.to_write().await?;
        statements::hasten(&mut connection, notifier, now, by, latest)
            .await
            .map_err(|error| self.refused(error))
    }

    async fn redeliver(
        &self,
        redelivery: &Redelivery,
        notifiers: &[Arc<str>],
        now: Timestamp,
    ) -> Result<Redelivered, StoreError> {
        let mut connection = self.shared.to_write().await?;
        redeliver::redeliver(&mut connection, redelivery, notifiers, now)
            .await
            .map_err(|error| self.refused(error))
    }

    async fn abandon(
        &self,
        notifier: &str,
        at: Timestamp,
        reason: &str,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let mut connection = self.shared.to_write().await?;
        statements::abandon(&mut connection, notifier, at, reason, limit)
            .await
            .map_err(|error| self.refused(error))
    }

    async fn prune(
        &self,
        retention: &Retention,
        from: Position,
        limit: usize,
    ) -> Result<Pruned, StoreError> {
        let mut connection = self.shared.to_write().await?;
        prune::prune(&mut connection, retention, from, limit)
            .await
            .map_err(|error| self.refused(error))
    }

    async fn pruned_to(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut connection = self.shared.reader().await?;
        prune::pruned_to(&mut connection).await.map_err(|error| self.refused(error))
    }

    async fn learn(&self, workflow: &WorkflowKey, runs: &[PastRun]) -> Result<(), StoreError> {
        let mut connection = self.shared.to_write().await?;
        past_runs::learn(&mut connection, workflow, runs).await.map_err(|error| self.refused(error))
    }

    async fn past_runs(&self, workflow: &WorkflowKey) -> Result<Vec<PastRun>, StoreError> {
        let mut connection = self.shared.reader().await?;
        past_runs::of_workflow(&mut connection, workflow).await.map_err(|error| self.refused(error))
    }

    async fn live_jobs(
        &self,
        account: &str,
        kind: JobKind,
    ) -> Result<Vec<(JobKey, Standing)>, StoreError> {
        let mut connection = self.shared.reader().await?;
        standings::live(&mut connection, account, kind).await.map_err(|error| self.refused(error))
    }

    async fn first_sight(&self, watch: &WatchKey, now: Timestamp) -> Result<Timestamp, StoreError> {
        let mut connection = self.shared.to_write().await?;
        discovery::first_sight(&mut connection, watch, now)
            .await
            .map_err(|error| self.refused(error))
    }

    async fn follow(
        &self,
        workflow: &WorkflowKey,
        since: Timestamp,
    ) -> Result<FollowedWorkflow, StoreError> {
        let mut connection = self.shared.to_write().await?;
        discovery::follow(&mut connection, workflow, since)
            .await
            .map_err(|error| self.refused(error))
    }

    async fn pass_over(
        &self,
        workflow: &WorkflowKey,
        judged_by: &str,
        jobs: &[Arc<str>],
    ) -> Result<(), StoreError> {
        let mut connection = self.shared.to_write().await?;
        discovery::pass_over(&mut connection, workflow, judged_by, jobs)
            .await
            .map_err(|error| self.refused(error))
    }

    async fn keep_watches(&self, watches: &[WatchKey]) -> Result<(), StoreError> {
        let mut connection = self.shared.to_write().await?;
        discovery::keep(&mut connection, watches).await.map_err(|error| self.refused(error))
    }

    async fn backlog(&self) -> Result<Vec<Backlog>, StoreError> {
        let mut connection = self.shared.reader().await?;
        statements::backlog(&mut connection).await.map_err(|error| self.refused(error))
    }

    async fn check_writable(&self) -> Result<(), StoreError> {
        let mut connection = self.shared.to_write().await?;
        statements::probe(&mut connection).await.map_err(|error| self.refused(error))
    }

    fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    async fn close(&self) {
        self.shared.close().await;
    }
}
