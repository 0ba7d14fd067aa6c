//! The connections of an open store, and what they hold on to: one to ask, one to write.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use super::lock::Lock;
use super::refusal::{self, refused};
use super::{file, open_to_write};
use crate::store::StoreError;

/// What the store and its writer share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) path: PathBuf,
    /// The file that was opened, whatever is at `path` now.
    file: file::Identity,
    /// For questions, which so wait for no commit, and see all that was committed before.
    pub(super) reader: Lasting,
    /// One that writes, since SQLite writes one transaction at a time anyway.
    pub(super) writer: Lasting,
    /// Let go last. `None` once closed.
    lock: Mutex<Option<Lock>>,
    pub(super) commits: AtomicU64,
}

/// A connection that is made again where it does not last.
#[derive(Debug)]
pub(super) struct Lasting {
    options: SqliteConnectOptions,
    pub(super) open: Mutex<Open>,
    /// It is to be made again: what it was refused may be its own fault.
    suspect: AtomicBool,
}

#[derive(Debug)]
pub(super) enum Open {
    Connected(SqliteConnection),
    /// It broke, and could not be made again yet.
    Broken,
    /// The store came to its end.
    Closed,
}

impl Shared {
    /// Opens the file, which is locked, to work on it.
    pub(super) async fn open(
        path: PathBuf,
        lock: Lock,
        to_read: SqliteConnectOptions,
        to_write: SqliteConnectOptions,
    ) -> Result<Self, StoreError> {
        let begun = async {
            let writer = open_to_write(&path, &to_write).await?;
            let reader = to_read.connect().await.map_err(|error| refused(&path, error))?;
            Ok((file::Identity::of(&path)?, reader, writer))
        };
        match begun.await {
            Ok((file, reader, writer)) => Ok(Self {
                path,
                file,
                reader: Lasting::new(to_read, reader),
                writer: Lasting::new(to_write, writer),
                lock: Mutex::new(Some(lock)),
                commits: AtomicU64::new(0),
            }),
            Err(error) => {
                lock.withdraw();
                Err(error)
            }
        }
    }

    /// The connection for questions, when it is its turn.
    pub(super) async fn reader(
        &self,
    ) -> Result<MappedMutexGuard<'_, SqliteConnection>, StoreError> {
        let mut open = self.reader.open.lock().await;
        if !self.reader.is_fit(&mut open).await {
            self.renew(&self.reader, &mut open).await?;
        }
        self.connection(open)
    }

    /// The connection that writes, when it is its turn, fit for a transaction.
    pub(super) async fn writer(
        &self,
    ) -> Result<MappedMutexGuard<'_, SqliteConnection>, StoreError> {
        let mut open = self.writer.open.lock().await;
        if !self.writer.is_fit(&mut open).await {
            if self.writer.is_suspect() {
                self.file.check(&self.path)?;
                // Connections of one process share what SQLite has opened: while the other has the log's index
                // open, which was perhaps read-only, this one gets no better.
                self.reader.open.lock().await.let_go().await;
            }
            self.renew(&self.writer, &mut open).await?;
        }
        self.connection(open)
    }

    /// The same, to write: what goes into a file that is not at its path any more is lost with the process.
    pub(super) async fn to_write(
        &self,
    ) -> Result<MappedMutexGuard<'_, SqliteConnection>, StoreError> {
        let connection = self.writer().await?;
        self.file.check(&self.path)?;
        Ok(connection)
    }

    async fn renew(&self, lasting: &Lasting, open: &mut Open) -> Result<(), StoreError> {
        self.file.check(&self.path)?;
        open.let_go().await;
        lasting.suspect.store(false, Ordering::Relaxed);
        let connection = lasting.options.connect().await.map_err(|error| self.refused(error))?;
        *open = Open::Connected(connection);
        Ok(())
    }

    fn connection<'a>(
        &self,
        open: MutexGuard<'a, Open>,
    ) -> Result<MappedMutexGuard<'a, SqliteConnection>, StoreError> {
        MutexGuard::try_map(open, |open| match open {
            Open::Connected(connection) => Some(connection),
            Open::Broken | Open::Closed => None,
        })
        .map_err(|_| refusal::closed(&self.path))
    }

    pub(super) fn refused(&self, error: impl Into<StoreError>) -> StoreError {
        match error.into() {
            StoreError::Database(error) => {
                if refusal::is_of_file(&error) {
                    self.reader.suspect.store(true, Ordering::Relaxed);
                    self.writer.suspect.store(true, Ordering::Relaxed);
                }
                refused(&self.path, error)
            }
            error => error,
        }
    }

    /// Waits for the work in hand; that which queues behind finds the store closed.
    pub(super) async fn close(&self) {
        // The writer last: whoever closes last empties the log, which the reader may not.
        for lasting in [&self.reader, &self.writer] {
            let closed = std::mem::replace(&mut *lasting.open.lock().await, Open::Closed);
            if let Open::Connected(connection) = closed
                && let Err(error) = connection.close().await
            {
                // All that was committed is in the file or in the log beside it, which the next start reads.
                tracing::warn!(path = %self.path.display(), %error, "the database did not close cleanly");
            }
        }
        drop(self.lock.lock().await.take());
    }
}

impl Lasting {
    fn new(options: SqliteConnectOptions, connection: SqliteConnection) -> Self {
        let open = Mutex::new(Open::Connected(connection));
        Self { options, open, suspect: AtomicBool::new(false) }
    }

    fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Relaxed)
    }

    /// Whether it need not be made again: its worker is there, and it believes in no transaction that is none.
    ///
    /// SQLite ends a transaction by itself when the disk is full or fails. sqlx 0.9 goes on counting it, and
    /// refuses every `BEGIN` after that. One that was opened while the file system was read-only stays so itself.
    async fn is_fit(&self, open: &mut Open) -> bool {
        match open {
            // The answer to the ping comes after any rollback that a dropped transaction has queued.
            Open::Connected(connection) if !self.is_suspect() => {
                connection.ping().await.is_ok() && !connection.is_in_transaction()
            }
            Open::Connected(_) | Open::Broken => false,
            Open::Closed => true,
        }
    }
}

impl Open {
    /// Closes what is to be made again.
    async fn let_go(&mut self) {
        if matches!(self, Self::Connected(_))
            && let Self::Connected(connection) = std::mem::replace(self, Self::Broken)
        {
            // Whatever is wrong with it: nothing more is done with it.
            let _ = connection.close().await;
        }
    }
}
