//! Which program wrote a database, and which version of it.

use std::path::Path;

use sqlx::SqliteConnection;
use sqlx::migrate::MigrateError;

use super::refusal::{USE_ANOTHER_FILE, not_migrated, refused, unusable};
use super::{MIGRATOR, SqliteStore};
use crate::store::StoreError;

/// The schema that the database has; `None` where nothing has been made in it yet. Changes nothing.
///
/// # Errors
///
/// Another program wrote it, or a version of this one whose schema is not known here.
pub(super) async fn read(
    path: &Path,
    connection: &mut SqliteConnection,
) -> Result<Option<i64>, StoreError> {
    let is_foreign = is_foreign(connection).await;
    if is_foreign.map_err(|error| refused(path, error))? {
        return Err(unusable(path, "another program wrote it", USE_ANOTHER_FILE));
    }
    let migrations = "SELECT version, checksum FROM _sqlx_migrations ORDER BY version";
    let migrations: Vec<(i64, Vec<u8>)> =
        match sqlx::query_as(migrations).fetch_all(&mut *connection).await {
            Err(error) if is_missing_table(&error) => Vec::new(),
            migrations => migrations.map_err(|error| refused(path, error))?,
        };
    let newest = migrations.last().map(|(version, _)| *version);
    if let Some(version) = newest.filter(|version| *version > SqliteStore::schema_version()) {
        return Err(not_migrated(path, MigrateError::VersionMissing(version)));
    }
    for (version, checksum) in migrations {
        let known = MIGRATOR.iter().find(|known| known.version == version);
        if known.is_none_or(|known| *known.checksum != *checksum) {
            return Err(not_migrated(path, MigrateError::VersionMismatch(version)));
        }
    }
    Ok(newest)
}

/// Whether the database holds something, but no record of our migrations.
async fn is_foreign(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT count(*) > 0 AND sum(name = '_sqlx_migrations') = 0 FROM sqlite_schema",
    )
    .fetch_one(connection)
    .await
}

fn is_missing_table(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.message().contains("no such table"))
}
