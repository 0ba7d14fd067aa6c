//! The embedded default: one SQLite file.

mod file;
mod lock;
mod prune;
mod redeliver;
mod refusal;
mod statements;
#[cfg(test)]
mod tests;
mod view;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
    Store, StoreError,
};
use crate::domain::{JobKey, JobStatus, Redelivered, Redelivery};

static MIGRATOR: Migrator = sqlx::migrate!("migrations/sqlite");

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
    /// For questions, which so wait for no commit, and see all that was committed before. `None` once closed.
    reader: Mutex<Option<Lasting>>,
    /// One that writes, since SQLite writes one transaction at a time anyway. `None` once closed.
    writer: Mutex<Option<Lasting>>,
    /// Let go last. `None` once closed.
    lock: Mutex<Option<Lock>>,
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
        file::create_if_missing(&path)?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .busy_timeout(Duration::from_secs(5))
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true);
        // WAL is a mark in the file, so it is made only once the file has proved to be ours.
        file::examine(&path, &options).await?;
        let reader = Lasting { options: options.clone().read_only(true), connection: None };
        let options = options.journal_mode(SqliteJournalMode::Wal);
        let mut connection = options.connect().await.map_err(|error| refused(&path, error))?;
        MIGRATOR.run(&mut connection).await.map_err(|error| not_migrated(&path, error))?;
        let writer = Lasting { options, connection: Some(connection) };
        let shared = Arc::new(Shared {
            path,
            reader: Mutex::new(Some(reader)),
            writer: Mutex::new(Some(writer)),
            lock: Mutex::new(Some(lock)),
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

    async fn reader(&self) -> Result<MappedMutexGuard<'_, SqliteConnection>, StoreError> {
        self.shared.in_turn(&self.shared.reader).await
    }

    async fn writer(&self) -> Result<MappedMutexGuard<'_, SqliteConnection>, StoreError> {
        self.shared.writer().await
    }

    fn refused(&self, error: impl Into<StoreError>) -> StoreError {
        self.shared.refused(error)
    }
}

impl Shared {
    /// The connection that writes, when it is its turn, fit for a transaction.
    async fn writer(&self) -> Result<MappedMutexGuard<'_, SqliteConnection>, StoreError> {
        self.in_turn(&self.writer).await
    }

    async fn in_turn<'a>(
        &self,
        lasting: &'a Mutex<Option<Lasting>>,
    ) -> Result<MappedMutexGuard<'a, SqliteConnection>, StoreError> {
        let mut lasting = lasting.lock().await;
        if let Some(lasting) = &mut *lasting {
            lasting.renew_if_unfit().await.map_err(|error| self.refused(error))?;
        }
        MutexGuard::try_map(lasting, |lasting| lasting.as_mut()?.connection.as_mut())
            .map_err(|_| refusal::closed(&self.path))
    }

    /// Waits for the work in hand; that which queues behind finds the connection closed.
    async fn close(&self, lasting: &Mutex<Option<Lasting>>) {
        let closed = lasting.lock().await.take();
        if let Some(connection) = closed.and_then(|lasting| lasting.connection)
            && let Err(error) = connection.close().await
        {
            // All that was committed is in the file or in the log beside it, which the next start reads.
            tracing::warn!(path = %self.path.display(), %error, "the database did not close cleanly");
        }
    }

    fn refused(&self, error: impl Into<StoreError>) -> StoreError {
        match error.into() {
            StoreError::Database(error) => refused(&self.path, error),
            error => error,
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn status(&self, job: &JobKey) -> Result<Option<JobStatus>, StoreError> {
        let mut connection = self.reader().await?;
        statements::status(&mut connection, job).await.map_err(|error| self.refused(error))
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
        self.due_besides(&[], notifier, now, limit).await
    }

    async fn due_besides(
        &self,
        held: &[DeliveryId],
        notifier: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut connection = self.reader().await?;
        statements::due(&mut connection, held, notifier, now, limit)
            .await
            .map_err(|error| self.refused(error))
    }

    async fn next_due(
        &self,
        notifier: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let mut connection = self.reader().await?;
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

    async fn redeliver(
        &self,
        redelivery: &Redelivery,
        notifiers: &[Arc<str>],
        now: Timestamp,
    ) -> Result<Redelivered, StoreError> {
        let mut connection = self.writer().await?;
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
        let mut connection = self.writer().await?;
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
        let mut connection = self.writer().await?;
        prune::prune(&mut connection, retention, from, limit)
            .await
            .map_err(|error| self.refused(error))
    }

    async fn backlog(&self) -> Result<Vec<Backlog>, StoreError> {
        let mut connection = self.reader().await?;
        statements::backlog(&mut connection).await.map_err(|error| self.refused(error))
    }

    async fn check_writable(&self) -> Result<(), StoreError> {
        let mut connection = self.writer().await?;
        statements::probe(&mut connection).await.map_err(|error| self.refused(error))
    }

    fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    async fn close(&self) {
        // The writer last: whoever closes last empties the log, which the reader may not.
        self.shared.close(&self.shared.reader).await;
        self.shared.close(&self.shared.writer).await;
        drop(self.shared.lock.lock().await.take());
    }
}

/// A connection that is opened anew where it does not last, and at its first use.
#[derive(Debug)]
struct Lasting {
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
}

impl Lasting {
    /// Opens the connection anew if its worker is gone, or if it believes in a transaction that is none.
    ///
    /// SQLite ends a transaction by itself when the disk is full or fails. sqlx 0.9 goes on counting it, and
    /// refuses every `BEGIN` after that.
    async fn renew_if_unfit(&mut self) -> Result<(), sqlx::Error> {
        let fit = match &mut self.connection {
            // The answer to the ping comes after any rollback that a dropped transaction has queued.
            Some(connection) => connection.ping().await.is_ok() && !connection.is_in_transaction(),
            None => false,
        };
        if !fit {
            self.connection = None;
            self.connection = Some(self.options.connect().await?);
        }
        Ok(())
    }
}
