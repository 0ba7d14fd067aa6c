//! The database file before it is used: where it is, and whether it is ours and sound.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::refusal::{
    CHECK_ACCESS, NAME_A_FILE, PUT_BACK, RESCUE, USE_ANOTHER_FILE, refused, unusable,
};
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

/// Refuses a file that another program wrote, or that is damaged, before anything is written to it.
pub(super) async fn examine(path: &Path, options: &SqliteConnectOptions) -> Result<(), StoreError> {
    let refused = |error| refused(path, error);
    let mut connection = options.connect().await.map_err(refused)?;
    if is_foreign(&mut connection).await.map_err(refused)? {
        return Err(unusable(path, "another program wrote it", USE_ANOTHER_FILE));
    }
    if fs::metadata(path).is_ok_and(|file| file.len() <= CHECKED_BYTES) {
        let verdict: String = sqlx::query_scalar("PRAGMA quick_check(1)")
            .fetch_one(&mut connection)
            .await
            .map_err(refused)?;
        if verdict != "ok" {
            let verdict = verdict.replace('\n', " ");
            return Err(unusable(path, format_args!("it is damaged ({verdict})"), RESCUE));
        }
    }
    connection.close().await.map_err(refused)
}

/// Whether the database holds something, but no record of our migrations.
pub(super) async fn is_foreign(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT count(*) > 0 AND sum(name = '_sqlx_migrations') = 0 FROM sqlite_schema",
    )
    .fetch_one(connection)
    .await
}
