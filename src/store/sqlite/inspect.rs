//! A look at whether a daemon could work on the file, beside one that may be running.

use std::path::Path;

use super::refusal::{CHECK_ACCESS, unusable};
use super::{Config, SqliteStore, file};
use crate::store::StoreError;
use rustix::fs::{Access, access};

impl SqliteStore {
    /// Whether [`SqliteStore::open`] would succeed: the schema that the file has, `None` where there is no file yet.
    /// Takes no lock, and changes nothing.
    ///
    /// # Errors
    ///
    /// As [`SqliteStore::open`], but that it is in use.
    pub async fn inspect(config: &Config) -> Result<Option<i64>, StoreError> {
        let path = file::resolve(&config.path)?;
        // The log and the lock are made beside the file.
        check_access(&path, path.parent().unwrap_or(&path), Access::WRITE_OK | Access::EXEC_OK)?;
        file::check_log(&path)?;
        if !path.exists() {
            return Ok(None);
        }
        check_access(&path, &path, Access::READ_OK | Access::WRITE_OK)?;
        file::examine(&path).await
    }
}

fn check_access(database: &Path, place: &Path, needed: Access) -> Result<(), StoreError> {
    access(place, needed).map_err(|error| {
        let what = format_args!("{} cannot be written: {error}", place.display()).to_string();
        unusable(database, what, CHECK_ACCESS)
    })
}
