//! What SQLite's errors mean to an operator: what happened, where, and what to do.

use std::fmt::Display;
use std::path::Path;

use sqlx::migrate::MigrateError;

use super::SqliteStore;
use crate::store::{StoreError, one_line};

const FULL: (&str, &str) =
    ("its disk is full", "Make room. Work resumes by itself once there is some");
const IOERR_SHMSIZE: i32 = 10 | (19 << 8);

// What to do.
pub(super) const NAME_A_FILE: &str = "Name a file in [store] path";
pub(super) const USE_ANOTHER_FILE: &str =
    "It was left as it is: move it away, or name another file in [store] path";
pub(super) const CHECK_ACCESS: &str = "Check owner and permissions of the file and its folder, and that the file system is not read-only";
pub(super) const PUT_BACK: &str =
    "Put the file back, and work resumes by itself; or restart, to work with what is there then";
pub(super) const RESCUE: &str =
    "Keep a copy, then restore a backup, or rescue what can be read with sqlite3's .recover";

/// The database at `path` does not work.
pub(super) fn unusable(path: &Path, what: impl Display, advice: &str) -> StoreError {
    let what = one_line(&what);
    StoreError::Unusable(format!("cannot use database {}: {what}. {advice}", path.display()))
}

/// The store was asked for something after its end.
pub(super) fn closed(path: &Path) -> StoreError {
    StoreError::Unusable(format!("database {} is closed", path.display()))
}

/// SQLite refused a statement: says why, where an operator can do something about it.
pub(super) fn refused(path: &Path, error: sqlx::Error) -> StoreError {
    let Some((code, message)) = code_and_message(&error) else {
        return StoreError::Database(error);
    };
    // The low byte is the primary result code (https://www.sqlite.org/rescode.html).
    let (what, advice) = match code & 0xff {
        // Its index of the log, which is made anew with each first connection, found no room.
        10 if code == IOERR_SHMSIZE => FULL,
        5 => ("another program holds it locked", "Close that program"),
        8 | 14 => ("it cannot be opened or written", CHECK_ACCESS),
        10 => ("its disk fails", "Check the disk. Work resumes by itself once it is well"),
        11 => ("it is damaged", RESCUE),
        13 => FULL,
        26 => ("it is not a SQLite database", USE_ANOTHER_FILE),
        _ => return StoreError::Database(error),
    };
    unusable(path, format_args!("{what} ({message})"), advice)
}

/// Whether SQLite could not do with the file what it has to: read-only, not to be opened, failing.
pub(super) fn is_of_file(error: &sqlx::Error) -> bool {
    code_and_message(error).is_some_and(|(code, _)| matches!(code & 0xff, 8 | 10 | 14))
}

fn code_and_message(error: &sqlx::Error) -> Option<(i32, &str)> {
    let error = error.as_database_error()?;
    Some((error.code()?.parse().ok()?, error.message()))
}

/// The schema could not be brought up to date.
pub(super) fn not_migrated(path: &Path, error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(version) => unusable(
            path,
            format_args!(
                "a newer matchwatch wrote it: its schema is {version}, and this one knows up to {}",
                SqliteStore::schema_version()
            ),
            "Start that version again, or restore a backup from before the upgrade",
        ),
        MigrateError::VersionMismatch(version) => unusable(
            path,
            format_args!("its schema {version} is not the one that this matchwatch knows"),
            USE_ANOTHER_FILE,
        ),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            refused(path, error)
        }
        error => unusable(path, error, "Restore a backup"),
    }
}
