//! The database file before it is used: where it is, and whether it is ours and sound.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::refusal::{CHECK_ACCESS, NAME_A_FILE, PUT_BACK, RESCUE, refused, unusable};
use super::{BUSY_TIMEOUT, schema};
use crate::store::StoreError;

/// A whole file is read through at start up to this size, which takes a fraction of a second. SQLite reports
/// damage in a larger one when it comes upon it.
const CHECKED_BYTES: u64 = 64 << 20;

/// The one path of the file, whatever links lead to it: processes that mean one file must find one lock. It is
/// absolute, so that SQLite takes no name for something else, as it does with `:memory:` or `file:…`.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, StoreError> {
    match fs::canonicalize(path) {
        Ok(found) if found.is_dir() => return Err(unusable(path, "this is a folder", NAME_A_FILE)),
        Ok(found) => return Ok(found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unusable(path, error, CHECK_ACCESS)),
    }
    let Some(name) = path.file_name() else {
        return Err(unusable(path, "this names no file", NAME_A_FILE));
    };
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let folder = fs::canonicalize(folder).map_err(|error| {
        unusable(
            path,
            format_args!("its folder {} cannot be found: {error}", folder.display()),
            "Create the folder, or name a file elsewhere in [store] path",
        )
    })?;
    Ok(folder.join(name))
}

/// Makes an empty file, which SQLite takes for an empty database, unless there is one. Either can be written.
///
/// Only the holder of the lock may call this: when a process closes any handle of a file, it loses the locks
/// that its SQLite connections hold on it.
pub(super) fn create_if_missing(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    match open_private(&mut options, path) {
        Ok(_) => Ok(()),
        Err(error) => Err(unusable(path, error, CHECK_ACCESS)),
    }
}

/// Which file a path led to.
#[derive(Debug)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(super) fn of(path: &Path) -> Result<Self, StoreError> {
        Self::read(path).map_err(|error| unusable(path, error, CHECK_ACCESS))
    }

    /// Says so where something else is there now, or nothing.
    pub(super) fn check(&self, path: &Path) -> Result<(), StoreError> {
        match Self::read(path) {
            Ok(now) if (now.device, now.inode) == (self.device, self.inode) => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(unusable(path, error, CHECK_ACCESS))
            }
            Ok(_) | Err(_) => {
                Err(unusable(path, "it was removed or replaced while it was in use", PUT_BACK))
            }
        }
    }

    fn read(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let file = fs::metadata(path)?;
        Ok(Self { device: file.dev(), inode: file.ino() })
    }
}

/// Opens a file that, if this makes it, is readable by its owner only: events name roles and S3 paths.
pub(super) fn open_private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path)
}

/// What the file is before it is used: the schema that it has, `None` where nothing has been made in it yet. Nothing
/// is written to it, and nothing is left beside it. Its log is to be checked before.
///
/// # Errors
///
/// Another program wrote it, a newer version of this one did, or it is damaged.
pub(super) async fn examine(path: &Path) -> Result<Option<i64>, StoreError> {
    let mut connection = onlooker(path).connect().await.map_err(|error| refused(path, error))?;
    let verdict = judge(path, &mut connection).await;
    let closed = connection.close().await.map_err(|error| refused(path, error));
    let schema = verdict?;
    closed.map(|()| schema)
}

/// Refuses a database that has lost all but its log: SQLite would take it for new, and throw the log away.
pub(super) fn check_log(path: &Path) -> Result<(), StoreError> {
    let is_empty = |path: &Path| fs::metadata(path).map_or(true, |file| file.len() == 0);
    let log = beside(path, "-wal");
    if is_empty(path) && !is_empty(&log) {
        let what = format!("it is empty or gone, but its log {} is not", log.display());
        return Err(unusable(path, what, "Restore a backup, or move both away"));
    }
    Ok(())
}

async fn judge(path: &Path, connection: &mut SqliteConnection) -> Result<Option<i64>, StoreError> {
    let schema = schema::read(path, connection).await?;
    if fs::metadata(path).is_ok_and(|file| file.len() <= CHECKED_BYTES) {
        let verdict: String = sqlx::query_scalar("PRAGMA quick_check(1)")
            .fetch_one(connection)
            .await
            .map_err(|error| refused(path, error))?;
        if verdict != "ok" {
            let verdict = verdict.replace('\n', " ");
            return Err(unusable(path, format_args!("it is damaged ({verdict})"), RESCUE));
        }
    }
    Ok(schema)
}

/// How to look into a file and leave all as it is. Who opens a database to write moves its log into it when closing;
/// and who opens one without a log, even to read, makes one.
pub(super) fn onlooker(path: &Path) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT);
    let is_beside = |suffix| fs::metadata(beside(path, suffix)).is_ok_and(|file| file.len() > 0);
    if is_beside("-journal") {
        // A transaction broke off before there was a log: only who may write can read what was before it.
        options
    } else if is_beside("-wal") {
        options.read_only(true)
    } else {
        options.read_only(true).immutable(true)
    }
}

/// The name of a file that belongs to the database.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
