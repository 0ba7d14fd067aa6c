//! The embedded default: one SQLite file.

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
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard, mpsc, oneshot};

use self::lock::Lock;
use self::refusal::{not_migrated, refused};
pub use self::view::SqliteView;
use self::writer::Write;
use super::{
    Backlog, Change, Delivery, DeliveryId, Position, Pruned, Recorded, Retention, Settlement,
    Standing, Store, StoreError,
};
use crate::domain::{JobKey, PastRun, Redelivered, Redelivery, WorkflowKey};

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

/// What the store and its writer share.
#[derive(Debug)]
struct Shared {
    path: PathBuf,
    options: SqliteConnectOptions,
    /// The file that was opened, whatever is at `path` now.
    file: file::Identity,
    /// `None` once closed.
    open: Mutex<Option<Open>>,
    /// The connection is to be made again: what it was refused may be its own fault.
    suspect: AtomicBool,
    commits: AtomicU64,
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
            .foreign_keys(true)
            // A mark in the file.
            .journal_mode(SqliteJournalMode::Wal);
        let begun = async {
            let connection = begin(&path, &options).await?;
            Ok((file::Identity::of(&path)?, connection))
        };
        let (file, connection) = match begun.await {
            Ok(begun) => begun,
            Err(error) => {
                lock.withdraw();
                return Err(error);
            }
        };
        let shared = Arc::new(Shared {
            file,
            path,
            options,
            open: Mutex::new(Some(Open { connection: Some(connection), _lock: lock })),
            suspect: AtomicBool::new(false),
            commits: AtomicU64::new(0),
        });
        let (writes, queue) = mpsc::unbounded_channel();
        tokio::spawn(writer::run(Arc::downgrade(&shared), queue));
        Ok(Self { shared, writes })
    }

    /// The schema that this program writes: the number of its last migration.
    pub fn schema_version() -> i64 {
        MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or_default()
    }

    async fn connection(&self) -> Result<MappedMutexGuard<'_, SqliteConnection>, StoreError> {
        self.shared.connection().await
    }

    async fn to_write(&self) -> Result<MappedMutexGuard<'_, SqliteConnection>, StoreError> {
        self.shared.to_write().await
    }

    fn refused(&self, error: impl Into<StoreError>) -> StoreError {
        self.shared.refused(error)
    }
}

/// Opens the file to work on it, once it has proved to be ours.
async fn begin(
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

impl Shared {
    /// The one connection, when it is its turn, fit for a transaction.
    async fn connection(&self) -> Result<MappedMutexGuard<'_, SqliteConnection>, StoreError> {
        let mut open = self.open.lock().await;
        if let Some(open) = &mut *open {
            self.renew_if_unfit(open).await?;
        }
        MutexGuard::try_map(open, |open| open.as_mut()?.connection.as_mut())
            .map_err(|_| refusal::closed(&self.path))
    }

    /// The same, to write: what goes into a file that is not at its path any more is lost with the process.
    async fn to_write(&self) -> Result<MappedMutexGuard<'_, SqliteConnection>, StoreError> {
        let connection = self.connection().await?;
        self.file.check(&self.path)?;
        Ok(connection)
    }

    /// Opens the connection anew if its worker is gone, or if it believes in a transaction that is none.
    ///
    /// SQLite ends a transaction by itself when the disk is full or fails. sqlx 0.9 goes on counting it, and
    /// refuses every `BEGIN` after that. One that was opened while the file system was read-only stays so itself.
    async fn renew_if_unfit(&self, open: &mut Open) -> Result<(), StoreError> {
        let suspect = self.suspect.swap(false, Ordering::Relaxed);
        let fit = match &mut open.connection {
            // The answer to the ping comes after any rollback that a dropped transaction has queued.
            Some(connection) if !suspect => {
                connection.ping().await.is_ok() && !connection.is_in_transaction()
            }
            _ => false,
        };
        if !fit {
            self.file.check(&self.path)?;
            open.connection = None;
            let connection = self.options.connect().await.map_err(|error| self.refused(error))?;
            open.connection = Some(connection);
        }
        Ok(())
    }

    fn refused(&self, error: impl Into<StoreError>) -> StoreError {
        match error.into() {
            StoreError::Database(error) => {
                if refusal::is_of_file(&error) {
                    self.suspect.store(true, Ordering::Relaxed);
                }
                refused(&self.path, error)
            }
            error => error,
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn standings(&self, jobs: &[JobKey]) -> Result<Vec<Option<Standing>>, StoreError> {
        let mut connection = self.connection().await?;
        standings::standings(&mut connection, jobs).await.map_err(|error| self.refused(error))
    }

    async fn record(&self, change: &Change) -> Result<Recorded, StoreError> {
        let (reply, answer) = oneshot::channel();
        // A writer that is gone drops the reply.
        let _ = self.writes.send(Write::Record(Box::new(change.clone()), reply));
        writer::answer(&self.shared, answer).await
    }

    async fn due(
        &self,
        notifier: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut connection = self.connection().await?;
        statements::due(&mut connection, notifier, now, limit)
            .await
            .map_err(|error| self.refused(error))
    }

    async fn next_due(
        &self,
        notifier: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let mut connection = self.connection().await?;
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
        let mut connection = self.to_write().await?;
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
        let mut connection = self.to_write().await?;
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
        let mut connection = self.to_write().await?;
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
        let mut connection = self.to_write().await?;
        prune::prune(&mut connection, retention, from, limit)
            .await
            .map_err(|error| self.refused(error))
    }

    async fn learn(&self, workflow: &WorkflowKey, runs: &[PastRun]) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        past_runs::learn(&mut connection, workflow, runs).await.map_err(|error| self.refused(error))
    }

    async fn past_runs(&self, workflow: &WorkflowKey) -> Result<Vec<PastRun>, StoreError> {
        let mut connection = self.connection().await?;
        past_runs::of_workflow(&mut connection, workflow).await.map_err(|error| self.refused(error))
    }

    async fn backlog(&self) -> Result<Vec<Backlog>, StoreError> {
        let mut connection = self.connection().await?;
        statements::backlog(&mut connection).await.map_err(|error| self.refused(error))
    }

    async fn check_writable(&self) -> Result<(), StoreError> {
        let mut connection = self.to_write().await?;
        statements::probe(&mut connection).await.map_err(|error| self.refused(error))
    }

    fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    async fn close(&self) {
        // Taking the turn waits for the work in hand; that which queues behind finds the store closed.
        let Some(open) = self.shared.open.lock().await.take() else { return };
        if let Some(connection) = open.connection
            && let Err(error) = connection.close().await
        {
            // All that was committed is in the file or in the log beside it, which the next start reads.
            tracing::warn!(path = %self.shared.path.display(), %error, "the database did not close cleanly");
        }
    }
}

/// What an open store holds. The lock is let go last.
#[derive(Debug)]
struct Open {
    /// One connection and no pool: SQLite writes one transaction at a time anyway, and this one is never busy.
    connection: Option<SqliteConnection>,
    _lock: Lock,
}
