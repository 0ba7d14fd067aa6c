//! What only a store in a file does, beside the conformance suite.

use std::fs;
use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::pin;
use std::task::Poll;

use sqlx::{AssertSqlSafe, Row as _};
use tempfile::TempDir;

use super::*;
use crate::domain::JobStatus::{Queued, Running, Succeeded};
use crate::store::conformance::{
    self, Fresh, HOOK, TOPIC, at, change, commit, dead, delivered, due, due_events, job, only_due,
    retry, told_to,
};

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

/// Opens and closes, so that there is a sound database.
async fn make(folder: &TempDir) {
    open(folder).await.close().await;
}

/// What an operator reads when the file at `path` is refused. Asserts that the file is as it was.
async fn refusal(path: &Path) -> String {
    let before = fs::read(path).ok();
    let error = try_open(path).await.unwrap_err();
    assert!(matches!(error, StoreError::Unusable(_)), "{error:?}");
    assert_eq!(fs::read(path).ok(), before, "the file was changed");
    let message = error.to_string();
    assert!(message.contains(path.file_name().unwrap().to_str().unwrap()), "{message}");
    message
}

/// A connection beside the store's, as a sqlite3 shell has.
async fn shell(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(connection).await.unwrap();
}

#[tokio::test]
async fn a_reopened_store_still_holds_everything() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let told = told_to(&[HOOK, TOPIC], change(&job("a"), None, Queued, at(0)));
    commit(&store, &told).await;
    commit(&store, &change(&job("a"), Some(Queued), Running, at(1))).await;
    store.settle(only_due(&store, HOOK, at(1)).await.id, &retry(30)).await.unwrap();
    store.settle(only_due(&store, TOPIC, at(1)).await.id, &dead(2)).await.unwrap();
    let backlog = store.backlog().await.unwrap();
    store.close().await;

    let store = open(&folder).await;
    assert_eq!(store.status(&job("a")).await.unwrap(), Some(Running));
    assert_eq!(store.backlog().await.unwrap(), backlog);
    assert_eq!(store.next_due(HOOK, at(2)).await.unwrap(), Some(at(30)));
    let delivery = only_due(&store, HOOK, at(30)).await;
    assert_eq!((delivery.attempts, &delivery.message), (1, &told.message));
    store.settle(delivery.id, &delivered(30)).await.unwrap();
    assert_eq!(due_events(&store, HOOK, at(31)).await, [("a".to_owned(), Running)]);
}

#[tokio::test]
async fn what_was_committed_is_there_without_a_close() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    commit(&store, &change(&job("a"), None, Queued, at(0))).await;
    // As after a crash: file and log at this moment, with nothing written since.
    let copy = TempDir::new().unwrap();
    for suffix in ["", "-wal"] {
        let name = format!("matchwatch.db{suffix}");
        fs::copy(folder.path().join(&name), copy.path().join(&name)).unwrap();
    }
    let recovered = open(&copy).await;
    assert_eq!(recovered.status(&job("a")).await.unwrap(), Some(Queued));
    assert_eq!(due(&recovered, HOOK, at(0)).await.len(), 1);
}

#[tokio::test]
async fn a_change_that_fails_midway_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let mut shell = shell(&database(&folder)).await;
    // ABORT leaves the transaction to be rolled back, ROLLBACK ends it behind the program's back.
    for (id, trigger) in [
        (
            "abort",
            "CREATE TRIGGER refuse BEFORE INSERT ON deliveries WHEN new.notifier = 'topic'
                BEGIN SELECT RAISE(ABORT, 'no'); END",
        ),
        (
            "rollback",
            "CREATE TRIGGER refuse BEFORE INSERT ON deliveries WHEN new.notifier = 'topic'
                BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
        ),
    ] {
        run(&mut shell, trigger).await;
        let change = told_to(&[HOOK, TOPIC], change(&job(id), None, Running, at(0)));
        let error = store.record(&change).await.unwrap_err();
        assert!(matches!(error, StoreError::Database(_)), "{error:?}");
        assert_eq!(store.status(&job(id)).await.unwrap(), None);
        assert_eq!(due(&store, HOOK, at(9)).await, []);

        run(&mut shell, "DROP TRIGGER refuse").await;
        commit(&store, &change).await;
        for notifier in [HOOK, TOPIC] {
            let delivery = only_due(&store, notifier, at(9)).await;
            store.settle(delivery.id, &delivered(9)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_work_resumes_when_there_is_room() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    commit(&store, &change(&job("before"), None, Running, at(0))).await;
    let mut large = change(&job("large"), None, Running, at(1));
    large.message.body = format!("{}{}", large.message.body, " ".repeat(100_000)).into();

    // SQLite answers as for a full disk; the limit is the connection's own and ends with it.
    run(&mut *store.connection().await.unwrap(), "PRAGMA max_page_count = 1").await;
    let error = store.record(&large).await.unwrap_err().to_string();
    assert!(error.contains("disk is full") && error.contains("Make room"), "{error}");
    assert_eq!(store.status(&job("large")).await.unwrap(), None);
    assert_eq!(store.status(&job("before")).await.unwrap(), Some(Running));

    run(&mut *store.connection().await.unwrap(), "PRAGMA max_page_count = 1000000").await;
    store.check_writable().await.unwrap();
    commit(&store, &large).await;
    assert_eq!(due(&store, HOOK, at(9)).await.len(), 2);
}

#[tokio::test]
async fn a_call_dropped_at_any_point_leaves_all_of_its_work_or_nothing() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let mut ended = false;
    for polls in 0..200 {
        let id = format!("dropped after {polls}");
        let change = told_to(&[HOOK, TOPIC], change(&job(&id), None, Running, at(polls)));
        ended = poll_at_most(polls, store.record(&change)).await;
        let status = store.status(&job(&id)).await.unwrap();
        let told = [HOOK, TOPIC].map(|notifier| due_events(&store, notifier, at(polls)));
        for told in told {
            let told = told.await.iter().any(|(told, _)| *told == id);
            assert_eq!(told, status == Some(Running), "{id}");
        }
        if ended {
            break;
        }
    }
    assert!(ended, "a call that is never dropped ends");
}

/// Polls `work` as often as it wakes, but no more than `limit` times; says whether it ended.
async fn poll_at_most(limit: i64, work: impl Future) -> bool {
    let mut work = pin!(work);
    let mut polls = 0;
    poll_fn(|context| {
        if polls == limit {
            return Poll::Ready(false);
        }
        polls += 1;
        match work.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if polls == limit => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[tokio::test]
async fn a_writer_from_outside_is_waited_for() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let mut shell = shell(&database(&folder)).await;
    run(&mut shell, "BEGIN IMMEDIATE").await;
    let change = change(&job("a"), None, Running, at(0));
    let (recorded, ()) = tokio::join!(store.record(&change), run(&mut shell, "COMMIT"));
    assert_eq!(recorded.unwrap(), Recorded::Committed);
}

#[tokio::test]
async fn commits_go_to_a_log_and_reach_the_disk_before_they_return() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let mut connection = store.connection().await.unwrap();
    for (pragma, expected) in [
        ("PRAGMA journal_mode", "wal"),
        ("PRAGMA synchronous", "2"), // FULL
        ("PRAGMA foreign_keys", "1"),
        ("PRAGMA busy_timeout", "5000"),
    ] {
        let row = sqlx::query(pragma).fetch_one(&mut *connection).await.unwrap();
        let value = row
            .try_get::<String, _>(0)
            .or_else(|_| row.try_get::<i64, _>(0).map(|value| value.to_string()));
        assert_eq!(value.unwrap(), expected, "{pragma}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    commit(&store, &change(&job("a"), None, Running, at(0))).await;
    let mut names = Vec::new();
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file:?}");
        names.push(file.file_name().into_string().unwrap());
    }
    assert!(names.contains(&"matchwatch.db-wal".to_owned()), "{names:?}");
}

#[tokio::test]
async fn a_second_store_on_the_same_file_is_refused_until_the_first_lets_go() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let error = try_open(&database(&folder)).await.unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    let message = error.to_string();
    assert!(message.contains("matchwatch.db") && message.contains("Stop"), "{message}");
    store.close().await;
    let store = open(&folder).await;
    drop(store);
    open(&folder).await;
}

#[tokio::test]
async fn a_second_store_waits_for_the_first_to_let_go() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let patient = Config { path: database(&folder), lock_timeout: Duration::from_secs(600) };
    let (second, ()) = tokio::join!(SqliteStore::open(&patient), store.close());
    second.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_to_the_file_leads_to_the_same_lock() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(database(&folder), &link).unwrap();
    let error = try_open(&link).await.unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    store.close().await;
    try_open(&link).await.unwrap();
}

#[tokio::test]
async fn a_name_that_means_something_to_sqlite_is_a_file_name_all_the_same() {
    let folder = TempDir::new().unwrap();
    for name in [":memory:", "file:x?mode=memory", "100% ä #1.db"] {
        let path = folder.path().join(name);
        let store = try_open(&path).await.unwrap();
        commit(&store, &change(&job("a"), None, Running, at(0))).await;
        store.close().await;
        let store = try_open(&path).await.unwrap();
        assert_eq!(store.status(&job("a")).await.unwrap(), Some(Running), "{name}");
    }
}

#[tokio::test]
async fn every_call_after_the_close_says_so() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    store.close().await;
    store.close().await;
    let error = store.record(&change(&job("a"), None, Running, at(0))).await.unwrap_err();
    assert!(error.to_string().contains("closed"), "{error}");
    assert!(store.check_writable().await.is_err());
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    fs::write(database(&folder), "account = \"main\"\n".repeat(1_000)).unwrap();
    let message = refusal(&database(&folder)).await;
    assert!(message.contains("not a SQLite database"), "{message}");
    assert!(message.contains("[store] path"), "{message}");
}

#[tokio::test]
async fn a_damaged_database_is_refused_and_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    for number in 0..50 {
        let id = format!("{number}");
        commit(&store, &change(&job(&id), None, Running, at(0))).await;
    }
    store.close().await;
    let sound = fs::read(database(&folder)).unwrap();
    let cut = sound[..sound.len() / 2].to_vec();
    let mut scribbled = sound.clone();
    let middle = sound.len() / 2;
    scribbled[middle..middle + 8_192].fill(0xA5);
    for damaged in [cut, scribbled] {
        fs::write(database(&folder), damaged).unwrap();
        let message = refusal(&database(&folder)).await;
        assert!(message.contains("damaged") && message.contains("backup"), "{message}");
    }
    fs::write(database(&folder), sound).unwrap();
    open(&folder).await;
}

#[tokio::test]
async fn another_programs_database_is_refused_and_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let mut other = shell(&database(&folder)).await;
    run(&mut other, "CREATE TABLE jobs (id INTEGER PRIMARY KEY, salary TEXT)").await;
    other.close().await.unwrap();
    let message = refusal(&database(&folder)).await;
    assert!(message.contains("another program"), "{message}");
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    make(&folder).await;
    let mut newer = shell(&database(&folder)).await;
    run(
        &mut newer,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
            VALUES (9999, 'from the future', TRUE, x'00', 0)",
    )
    .await;
    newer.close().await.unwrap();
    let message = refusal(&database(&folder)).await;
    assert!(message.contains("newer matchwatch") && message.contains("9999"), "{message}");
    let known = format!("up to {}", SqliteStore::schema_version());
    assert!(message.contains(&known), "{message}");
}

#[tokio::test]
async fn a_schema_that_was_tampered_with_is_refused_and_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    make(&folder).await;
    let mut shell = shell(&database(&folder)).await;
    run(&mut shell, "UPDATE _sqlx_migrations SET checksum = x'00'").await;
    shell.close().await.unwrap();
    let message = refusal(&database(&folder)).await;
    assert!(message.contains("schema 1"), "{message}");
}

#[tokio::test]
async fn a_start_that_was_cut_short_is_taken_up_again() {
    let folder = TempDir::new().unwrap();
    // An empty file, and one in which nothing but the record of migrations was made.
    fs::write(database(&folder), "").unwrap();
    make(&folder).await;
    fs::remove_file(database(&folder)).unwrap();
    let mut half = shell(&database(&folder)).await;
    run(
        &mut half,
        "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL,
            installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL,
            checksum BLOB NOT NULL, execution_time BIGINT NOT NULL)",
    )
    .await;
    half.close().await.unwrap();
    let store = open(&folder).await;
    commit(&store, &change(&job("a"), None, Running, at(0))).await;
}

#[tokio::test]
async fn a_missing_folder_is_named_and_not_made() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("nowhere").join("matchwatch.db");
    let message = refusal(&path).await;
    assert!(message.contains("nowhere") && message.contains("Create the folder"), "{message}");
    assert!(!path.parent().unwrap().exists());
}

#[tokio::test]
async fn a_folder_in_place_of_the_file_is_refused() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(database(&folder)).unwrap();
    let message = refusal(&database(&folder)).await;
    assert!(message.contains("directory"), "{message}");
}

#[tokio::test]
async fn a_lock_that_cannot_be_made_is_refused() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("matchwatch.db.lock")).unwrap();
    let message = refusal(&database(&folder)).await;
    assert!(message.contains("matchwatch.db.lock cannot be locked"), "{message}");
}

/// Not even root makes files here.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_folder_that_cannot_be_written_is_refused() {
    let message = refusal(Path::new("/proc/sys/matchwatch.db")).await;
    assert!(message.contains("Check owner and permissions"), "{message}");
}

#[tokio::test]
async fn a_path_that_names_no_file_is_refused() {
    for path in ["..", "/nowhere/.."] {
        let error = try_open(Path::new(path)).await.unwrap_err().to_string();
        assert!(error.contains("cannot use database"), "{error}");
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_read_names_its_delivery_which_can_be_given_up() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    commit(&store, &change(&job("a"), None, Queued, at(0))).await;
    commit(&store, &change(&job("a"), Some(Queued), Succeeded, at(1))).await;
    let delivery = only_due(&store, HOOK, at(1)).await;
    run(
        &mut shell(&database(&folder)).await,
        "UPDATE events SET body = '{' WHERE recorded_at < 1700000001000000",
    )
    .await;
    let error = store.due(HOOK, at(1), 10).await.unwrap_err();
    let StoreError::Damaged { delivery: damaged, event_id, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(*damaged, delivery.id);
    assert_eq!(*event_id, delivery.message.event.id.to_string());
    store.settle(*damaged, &dead(2)).await.unwrap();
    assert_eq!(due_events(&store, HOOK, at(2)).await, [("a".to_owned(), Succeeded)]);
}

#[tokio::test]
async fn no_question_looks_through_all_deliveries() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let mut connection = store.connection().await.unwrap();
    for (statement, index) in [
        (statements::STATUS, "jobs USING INDEX sqlite_autoindex_jobs_1"),
        (statements::DUE, "d USING INDEX deliveries_due (notifier=? AND due_at<?)"),
        (statements::DUE, "e USING INDEX sqlite_autoindex_events_1 (id=?)"),
        (statements::NEXT_DUE, "USING COVERING INDEX deliveries_due (notifier=? AND due_at>?)"),
        (statements::ADD_DELIVERY, "USING COVERING INDEX deliveries_line (job=? AND notifier=?)"),
        (statements::MOVE_UP, "USING COVERING INDEX deliveries_line (job=? AND notifier=?)"),
        // This one reads all that are open, and nothing but the index.
        (statements::BACKLOG, "SCAN deliveries USING COVERING INDEX deliveries_open"),
    ] {
        let plan: Vec<String> =
            sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")))
                .fetch_all(&mut *connection)
                .await
                .unwrap()
                .iter()
                .map(|row| row.get("detail"))
                .collect();
        assert!(plan.iter().any(|line| line.contains(index)), "{statement}: {plan:#?}");
        assert!(!plan.iter().any(|line| line.contains("TEMP B-TREE")), "{statement}: {plan:#?}");
        let scans = plan.iter().filter(|line| line.contains("SCAN deliveries")).count();
        assert_eq!(scans, usize::from(statement == statements::BACKLOG), "{statement}: {plan:#?}");
    }
}
