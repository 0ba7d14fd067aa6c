//! What only a store in a file does, beside the conformance suite.

mod adversity;
mod opening;
mod upkeep;
mod working;

use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::store::conformance::{self, Fresh};

conformance::tests!(async || {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    Fresh::backed_by(folder, store)
});

fn database(folder: &TempDir) -> PathBuf {
    folder.path().join("matchwatch.db")
}

async fn try_open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(&Config { path: path.to_owned(), lock_timeout: Duration::ZERO }).await
}

async fn open(folder: &TempDir) -> SqliteStore {
    try_open(&database(folder)).await.unwrap()
}

/// A connection beside the store's, as a sqlite3 shell has.
async fn shell(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(connection).await.unwrap();
}
