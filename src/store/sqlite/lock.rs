//! One process at a time: an advisory lock beside the database.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::file;
use super::refusal::{CHECK_ACCESS, unusable};
use crate::store::StoreError;

/// How often the lock is asked for.
const PERIOD: Duration = Duration::from_millis(100);

/// Held until it is dropped, or the process ends however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    /// The open file is the lock.
    _file: File,
    /// There was no such file before.
    is_new: bool,
}

impl Lock {
    /// Takes the lock of the database at `path`. The file `<path>.lock` stays where it is afterwards, unless the lock
    /// is withdrawn.
    pub(super) async fn acquire(path: &Path, timeout: Duration) -> Result<Self, StoreError> {
        let lock_path = file::beside(path, ".lock");
        let refused = |error: io::Error| {
            let what = format!("{} cannot be locked: {error}", lock_path.display());
            unusable(path, what, CHECK_ACCESS)
        };
        let (mut file, mut is_new) = open(&lock_path).map_err(refused)?;
        let asked_at = Instant::now();
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) if is_at(&file, &lock_path) => {
                    return Ok(Self { path: lock_path, _file: file, is_new });
                }
                // It was withdrawn meanwhile: others may hold another one by now.
                Ok(()) => {
                    (file, is_new) = open(&lock_path).map_err(refused)?;
                    continue;
                }
                Err(TryLockError::Error(error)) => return Err(refused(error)),
                Err(TryLockError::WouldBlock) if asked_at.elapsed() >= timeout => {
                    return Err(StoreError::Locked { path: path.display().to_string() });
                }
                Err(TryLockError::WouldBlock) => {}
            }
            if !told {
                told = true;
                tracing::info!(path = %path.display(), "another process holds the database; waiting");
            }
            sleep(PERIOD.min(timeout.saturating_sub(asked_at.elapsed()))).await;
        }
    }

    /// Lets go of a database that is not used after all, and takes away the file if it was made for this.
    pub(super) fn withdraw(self) {
        if self.is_new {
            // An empty file that stays does no harm.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Opens the lock file, and says whether it had to be made.
fn open(path: &Path) -> io::Result<(File, bool)> {
    let mut options = OpenOptions::new();
    options.write(true);
    match file::open_private(options.clone().create_new(true), path) {
        Ok(file) => Ok((file, true)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Ok((file::open_private(options.create(true), path)?, false))
        }
        Err(error) => Err(error),
    }
}

/// Whether `file` is the one that is found at `path` now.
fn is_at(file: &File, path: &Path) -> bool {
    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(file), Ok(found)) => identity(file) == identity(found),
        _ => false,
    }
}
