use tempfile::TempDir;

use super::*;
use crate::store::conformance::{self, Fresh};

conformance::tests!(async || {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(&Config {
        path: folder.path().join("matchwatch.db"),
        lock_timeout: Duration::ZERO,
    })
    .await
    .unwrap();
    Fresh::backed_by(folder, store)
});
