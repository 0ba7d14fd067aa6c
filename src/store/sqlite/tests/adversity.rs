//! What happens to the file while it is in use.

use std::fs;

use super::super::connections::Open;
use super::*;
use crate::domain::JobStatus::{Queued, Running};
use crate::store::conformance::{HOOK, at, change, commit, delivered, due, job};

/// Asserts that the store takes nothing more, and says why.
async fn refuses(store: &SqliteStore, why: &str) {
    let change = change(&job("late"), None, Running, at(1));
    let first = due(store, HOOK, at(9)).await.remove(0);
    let errors = [
        store.record(&change).await.unwrap_err(),
        store.settle(first.id, &delivered(2)).await.unwrap_err(),
        store.check_writable().await.unwrap_err(),
    ];
    for error in errors {
        assert!(error.to_string().contains(why), "{error}");
    }
    assert_eq!(store.status(&job("late")).await.unwrap(), None);
}

#[tokio::test]
async fn a_database_that_is_removed_under_it_is_told_and_work_resumes_once_it_is_back() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    commit(&store, &change(&job("a"), None, Queued, at(0))).await;
    let away = folder.path().join("away");
    fs::rename(database(&folder), &away).unwrap();
    refuses(&store, "was removed or replaced").await;
    assert_eq!(due(&store, HOOK, at(0)).await.len(), 1, "what it held can still be told");
    assert!(!database(&folder).exists(), "no other one is made");

    fs::rename(&away, database(&folder)).unwrap();
    commit(&store, &change(&job("late"), None, Running, at(1))).await;
    store.close().await;
    let store = open(&folder).await;
    assert_eq!(store.status(&job("late")).await.unwrap(), Some(Running));
}

#[tokio::test]
async fn a_database_that_is_replaced_under_it_is_told_and_the_new_one_left_as_it_is() {
    let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    open(&other).await.close().await;
    let store = open(&folder).await;
    commit(&store, &change(&job("a"), None, Queued, at(0))).await;
    fs::rename(database(&other), database(&folder)).unwrap();
    let before = fs::read(database(&folder)).unwrap();
    refuses(&store, "was removed or replaced").await;
    // Nor is it taken for the old one where the connection breaks.
    for connection in [&store.shared.reader, &store.shared.writer] {
        *connection.open.lock().await = Open::Broken;
    }
    let error = store.status(&job("a")).await.unwrap_err().to_string();
    assert!(error.contains("was removed or replaced"), "{error}");
    assert_eq!(fs::read(database(&folder)).unwrap(), before);
}

#[tokio::test]
async fn a_connection_made_while_nothing_could_be_written_is_made_again() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    commit(&store, &change(&job("a"), None, Queued, at(0))).await;
    // What SQLite opens on a file system that is read-only.
    let options = SqliteConnectOptions::new().filename(database(&folder)).read_only(true);
    let read_only = options.connect().await.unwrap();
    *store.shared.writer.open.lock().await = Open::Connected(read_only);
    let error = store.check_writable().await.unwrap_err().to_string();
    assert!(error.contains("cannot be opened or written"), "{error}");
    commit(&store, &change(&job("b"), None, Queued, at(0))).await;
    assert_eq!(due(&store, HOOK, at(0)).await.len(), 2);
}
