//! Which files are opened, by whom, and what is said of the others.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::*;
use crate::domain::JobStatus::Running;
use crate::store::JobFilter;
use crate::store::conformance::{
    HOOK, an_alarm_that_is_open_is_not_raised_again, at, change, commit, job,
};

/// Opens and closes, so that there is a sound database.
async fn make(folder: &TempDir) {
    open(folder).await.close().await;
}

/// What an operator reads when the file at `path` is refused. Asserts that it is as it was, and all beside it.
async fn refusal(path: &Path) -> String {
    let before = content(path.parent().unwrap());
    let error = try_open(path).await.unwrap_err();
    assert!(matches!(error, StoreError::Unusable(_)), "{error:?}");
    assert_eq!(content(path.parent().unwrap()), before, "something was changed");
    let message = error.to_string();
    assert!(message.contains(path.file_name().unwrap().to_str().unwrap()), "{message}");
    message
}

/// Every file in a folder, but for what SQLite shares in memory while it reads a log.
fn content(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let files = fs::read_dir(folder).into_iter().flatten().map(|file| file.unwrap().path());
    let kept = files.filter(|file| !file.to_string_lossy().ends_with("-shm"));
    kept.map(|file| (file.clone(), fs::read(file).ok())).collect()
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

#[tokio::test]
async fn a_lock_that_is_withdrawn_while_another_waits_is_made_anew() {
    let folder = TempDir::new().unwrap();
    let (path, patient) = (database(&folder), Duration::from_secs(600));
    let first = Lock::acquire(&path, Duration::ZERO).await.unwrap();
    let withdraw = async {
        tokio::task::yield_now().await;
        first.withdraw();
    };
    let (second, ()) = tokio::join!(Lock::acquire(&path, patient), withdraw);
    let second = second.unwrap();
    let third = Lock::acquire(&path, Duration::ZERO).await;
    assert!(matches!(third, Err(StoreError::Locked { .. })), "{third:?}");
    drop(second);
    Lock::acquire(&path, Duration::ZERO).await.unwrap();
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
async fn a_file_that_has_lost_all_but_its_log_is_refused_and_the_log_stays() {
    let (running, emptied) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = open(&running).await;
    commit(&store, &change(&job("a"), None, Running, at(0))).await;
    let log = "matchwatch.db-wal";
    fs::copy(running.path().join(log), emptied.path().join(log)).unwrap();
    fs::write(database(&emptied), "").unwrap();
    let message = refusal(&database(&emptied)).await;
    assert!(message.contains("it is empty or gone, but its log"), "{message}");
    let config = Config { path: database(&emptied), lock_timeout: Duration::ZERO };
    let before = content(emptied.path());
    SqliteView::open(&config).await.unwrap_err();
    SqliteStore::inspect(&config).await.unwrap_err();
    assert_eq!(content(emptied.path()), before, "a look throws nothing away");
    fs::remove_file(database(&emptied)).unwrap();
    refusal(&database(&emptied)).await;
}

#[tokio::test]
async fn a_look_tells_what_a_start_would_find_and_leaves_no_trace() {
    let folder = TempDir::new().unwrap();
    let config = Config { path: database(&folder), lock_timeout: Duration::ZERO };
    assert_eq!(SqliteStore::inspect(&config).await.unwrap(), None);
    assert_eq!(content(folder.path()), BTreeMap::new());
    let store = open(&folder).await;
    let newest = Some(SqliteStore::schema_version());
    assert_eq!(SqliteStore::inspect(&config).await.unwrap(), newest, "beside the one that works");
    commit(&store, &change(&job("a"), None, Running, at(0))).await;
    assert_eq!(SqliteStore::inspect(&config).await.unwrap(), newest);
    store.close().await;
    let before = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(SqliteStore::inspect(&config).await.unwrap(), newest);
    let mut view = SqliteView::open(&config).await.unwrap();
    assert_eq!(view.jobs(&JobFilter::default(), 10).await.unwrap().len(), 1);
    drop(view);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before, "nothing is left beside it");
    assert_eq!(open(&folder).await.status(&job("a")).await.unwrap(), Some(Running));
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
async fn a_newer_schema_that_is_in_the_log_still_is_refused_and_the_log_stays() {
    let (running, crashed) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    make(&running).await;
    let mut newer = shell(&database(&running)).await;
    run(
        &mut newer,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
            VALUES (9999, 'from the future', TRUE, x'00', 0)",
    )
    .await;
    for name in ["matchwatch.db", "matchwatch.db-wal"] {
        fs::copy(running.path().join(name), crashed.path().join(name)).unwrap();
    }
    let message = refusal(&database(&crashed)).await;
    assert!(message.contains("9999"), "{message}");
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
    assert!(message.contains("this is a folder"), "{message}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
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
    let folder = TempDir::new().unwrap();
    for path in ["", "..", "nowhere/.."] {
        let error = try_open(&folder.path().join(path)).await.unwrap_err().to_string();
        assert!(error.contains("Name a file in [store] path"), "{error}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left there");
}

#[tokio::test]
async fn an_alarm_that_an_older_version_raised_ends_for_those_that_it_was_told_to() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    an_alarm_that_is_open_is_not_raised_again(&store).await;
    store.close().await;
    let mut older = shell(&database(&folder)).await;
    run(&mut older, "ALTER TABLE alarms DROP COLUMN notifiers").await;
    run(&mut older, "DELETE FROM _sqlx_migrations WHERE version = 7").await;
    older.close().await.unwrap();
    let open = open(&folder).await.open_alarms(None).await.unwrap();
    assert!(!open.is_empty());
    assert!(open.iter().all(|alarm| *alarm.notifiers == [HOOK.into()]), "{open:?}");
}
