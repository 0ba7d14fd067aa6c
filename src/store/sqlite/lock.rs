//! One process at a time: an advisory lock beside the database.

use std::fs::{File, OpenOptions, TryLockError};
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
pub(super) struct Lock(#[expect(dead_code, reason = "the open file is the lock")] File);

impl Lock {
    /// Takes the lock of the database at `path`. The file `<path>.lock` stays where it is afterwards: removing
    /// it would let two processes hold one lock each.
    pub(super) async fn acquire(path: &Path, timeout: Duration) -> Result<Self, StoreError> {
        let lock_path = lock_path(path);
        let refused = |error: std::io::Error| {
            let what = format!("{} cannot be locked: {error}", lock_path.display());
            unusable(path, what, CHECK_ACCESS)
        };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        let file = file::open_private(&mut options, &lock_path).map_err(refused)?;
        let asked_at = Instant::now();
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
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
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}
