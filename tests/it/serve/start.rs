//! What keeps a daemon from starting.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::net::TcpListener;

use crate::support::daemon::{Home, watch};
use crate::support::service::Service;

const JOB: &str = "0123456789abcdef0123456789abcdef";

/// What `serve` complains before it ends with 2: one error, and what else it logs.
async fn complaint(home: &Home) -> String {
    let output = home.run(&["serve"]).await;
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(output.stdout.is_empty());
    let errors = stderr.lines().filter(|line| line.starts_with("matchwatch: "));
    assert_eq!(errors.count(), 1, "{stderr}");
    assert!(!stderr.contains("\"level\":\"ERROR\""), "{stderr}");
    stderr
}

/// Every file of a home.
fn files(home: &Home) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let files = fs::read_dir(home.file("")).unwrap().map(|file| file.unwrap().path());
    files.map(|file| (file.clone(), fs::read(file).ok())).collect()
}

async fn sql(home: &Home, sql: &'static str) {
    let file = SqliteConnectOptions::new().filename(home.file("jobs.db")).create_if_missing(true);
    let mut connection = file.connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// A home where a daemon has run.
async fn used_home(service: &Service) -> Home {
    let job = service.job("customers");
    let home = Home::new(service.url(), &watch("customers", &[&job]));
    let mut daemon = home.serve().await;
    daemon.event().await;
    assert_eq!(daemon.stop().await.code, Some(0));
    home
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_told_once_and_left_as_it_is() {
    let service = Service::start().await;
    let new = || Home::new("http://127.0.0.1:1", &watch("customers", &[JOB]));
    let mut cases = Vec::new();

    let garbage = new();
    fs::write(garbage.file("jobs.db"), "This is no database. ".repeat(500)).unwrap();
    cases.push((garbage, "it is not a SQLite database", "move it away"));

    let foreign = new();
    sql(&foreign, "PRAGMA journal_mode = WAL; CREATE TABLE salaries (name TEXT)").await;
    cases.push((foreign, "another program wrote it", "move it away"));

    let folder = new();
    fs::create_dir(folder.file("jobs.db")).unwrap();
    cases.push((folder, "this is a folder", "Name a file in [store] path"));

    let cut = used_home(&service).await;
    let whole = fs::read(cut.file("jobs.db")).unwrap();
    fs::write(cut.file("jobs.db"), &whole[..whole.len() / 2]).unwrap();
    cases.push((cut, "it is damaged", "restore a backup"));

    let scribbled = used_home(&service).await;
    let mut bytes = fs::read(scribbled.file("jobs.db")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0xA5);
    fs::write(scribbled.file("jobs.db"), bytes).unwrap();
    cases.push((scribbled, "it is damaged", "restore a backup"));

    let newer = used_home(&service).await;
    sql(
        &newer,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
            VALUES (9999, 'from the future', TRUE, x'00', 0)",
    )
    .await;
    cases.push((newer, "a newer matchwatch wrote it: its schema is 9999", "Start that version"));

    for (home, what, advice) in cases {
        let before = files(&home);
        let complaint = complaint(&home).await;
        assert!(complaint.starts_with("matchwatch: cannot use database "), "{complaint}");
        for part in ["jobs.db: ", what, advice] {
            assert!(complaint.contains(part), "{part} is not in: {complaint}");
        }
        assert_eq!(files(&home), before, "{complaint}");
    }
}

#[tokio::test]
async fn a_page_that_is_damaged_where_nobody_looks_beforehand_is_told_when_it_is_met() {
    let service = Service::start().await;
    let home = used_home(&service).await;
    // More than is read through at a start.
    sql(&home, "CREATE TABLE ballast AS SELECT zeroblob(70000000) AS weight").await;
    let mut bytes = fs::read(home.file("jobs.db")).unwrap();
    // The second page is the root of the record of migrations.
    bytes[4096..8192].fill(0xA5);
    fs::write(home.file("jobs.db"), &bytes).unwrap();
    let before = files(&home);
    let complaint = complaint(&home).await;
    assert!(complaint.contains("jobs.db: it is damaged"), "{complaint}");
    assert!(files(&home) == before, "the files were changed");
}

#[tokio::test]
async fn a_second_daemon_on_the_same_database_is_refused_and_harms_nothing() {
    let service = Service::start().await;
    let job = service.job("customers");
    let home = Home::new(service.url(), &watch("customers", &[&job]));
    let mut daemon = home.serve().await;
    daemon.event().await;
    let complaint = complaint(&home).await;
    assert!(complaint.contains("jobs.db is in use by another process"), "{complaint}");
    assert!(!complaint.contains("waiting"), "{complaint}");
    let home = home.with("MATCHWATCH__STORE__LOCK_TIMEOUT", "50ms");
    let complaint = self::complaint(&home).await;
    assert!(complaint.contains("another process holds the database; waiting"), "{complaint}");
    assert!(complaint.contains("jobs.db is in use by another process"), "{complaint}");
    service.set(&job, matchwatch::simulator::Status::Succeeded);
    assert_eq!(daemon.event().await["data"]["status"], "SUCCEEDED");
    assert_eq!(daemon.stop().await.code, Some(0));
}

#[tokio::test]
async fn a_port_in_use_is_told_with_the_key_that_names_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let home = Home::new("http://127.0.0.1:1", &watch("customers", &[JOB]))
        .with("MATCHWATCH__HTTP__LISTEN", &taken);
    let complaint = complaint(&home).await;
    let last = complaint.lines().last().unwrap();
    let expected = format!("matchwatch: cannot listen on {taken} ([http] listen): ");
    assert!(last.starts_with(&expected), "{complaint}");
    assert!(last.ends_with(". Stop what listens there, or name another port"), "{complaint}");
    assert!(!home.file("jobs.db-wal").exists(), "the database was closed");
}

#[tokio::test]
async fn an_address_of_another_machine_is_told_with_what_to_write() {
    // Kept for documentation: no machine has it.
    let home = Home::new("http://127.0.0.1:1", &watch("customers", &[JOB]))
        .with("MATCHWATCH__HTTP__LISTEN", "192.0.2.1:9464");
    let complaint = complaint(&home).await;
    assert!(complaint.contains("Name an address of this machine"), "{complaint}");
}

#[tokio::test]
async fn an_account_without_a_region_is_told_by_its_name() {
    let configuration = watch("customers", &[JOB]) + "[[account]]\nname = \"other\"\n";
    let configuration = configuration.replace("workflow", "account = \"main\"\nworkflow");
    let home =
        Home::new("http://127.0.0.1:1", &configuration).with("AWS_EC2_METADATA_DISABLED", "true");
    let complaint = complaint(&home).await;
    assert!(
        complaint.contains("account other: ") && complaint.contains("no Region"),
        "{complaint}"
    );
    assert!(!home.file("jobs.db-wal").exists(), "the database was closed");
}

#[tokio::test]
async fn a_secret_that_is_missing_is_told_by_its_place_and_nothing_is_touched() {
    for place in ["{ env = \"OPS_SECRET\" }", "{ file = \"/no/such/secret\" }"] {
        let hook = format!(
            "[[notifier]]\nname = \"ops\"\ntype = \"webhook\"\nurl = \"http://127.0.0.1:1\"\nsecrets = [{place}]\n"
        );
        let home = Home::new("http://127.0.0.1:1", &(watch("customers", &[JOB]) + &hook));
        let output = home.run(&["serve"]).await;
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        let named = stderr.contains("OPS_SECRET is not set") || stderr.contains("/no/such/secret");
        assert!(named && stderr.contains("[[notifier]] secrets"), "{stderr}");
        assert_eq!(files(&home).len(), 1, "only the configuration is there");
    }
}

#[tokio::test]
async fn a_bad_configuration_is_told_whole_and_nothing_is_touched() {
    let home =
        Home::new("http://127.0.0.1:1", "[[watch]]\nworkflow = \"customers\"\njob_ids = []\n")
            .with("MATCHWATCH__POLL__INTERVAL", "soon");
    let complaint = complaint(&home).await;
    for problem in ["workflow: unknown key", "[[watch]] job_ids", "MATCHWATCH__POLL__INTERVAL"] {
        assert!(complaint.contains(problem), "{problem} is not in: {complaint}");
    }
    assert!(!home.file("jobs.db").exists());
}

#[tokio::test]
async fn a_database_in_a_folder_that_does_not_exist_is_told() {
    let home = Home::new("http://127.0.0.1:1", &watch("customers", &[JOB]))
        .with("MATCHWATCH__STORE__PATH", "no/such/jobs.db");
    let complaint = complaint(&home).await;
    assert!(
        complaint.contains("no/such") && complaint.contains("Create the folder"),
        "{complaint}"
    );
    assert_eq!(files(&home).len(), 1, "nothing was made");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_database_that_cannot_be_written_is_told_with_what_to_check() {
    // Not even root makes files here.
    let home = Home::new("http://127.0.0.1:1", &watch("customers", &[JOB]))
        .with("MATCHWATCH__STORE__PATH", "/proc/sys/jobs.db");
    let complaint = complaint(&home).await;
    assert!(complaint.contains("Check owner and permissions"), "{complaint}");
}

/// What a command says where the system takes the home for a folder of a file server's. A command that would go on
/// ends because its port is in use.
#[cfg(target_os = "linux")]
fn said_on_a_file_server(command: &str, home: &Home, taken: &str) -> String {
    let folder = fs::canonicalize(home.file("")).unwrap();
    let mounts = format!("/dev/sda1 / ext4 rw 0 0\nserver:/x {} nfs4 rw 0 0\n", folder.display());
    fs::write(home.file("mounts"), mounts).unwrap();
    // As root, or as anybody who may have a user namespace.
    let ways: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];
    let script = r#"mount --bind mounts "/proc/$$/mounts" && exec "$1" "$2""#;
    let mut refusals = Vec::new();
    for way in ways {
        let output = std::process::Command::new("unshare")
            .args(way)
            .args(["sh", "-c", script, "sh", env!("CARGO_BIN_EXE_matchwatch"), command])
            .current_dir(&folder)
            .env("MATCHWATCH_CONFIG", "matchwatch.toml")
            .env("MATCHWATCH__HTTP__LISTEN", taken)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        if said.contains("[http] listen") || output.status.success() {
            return said;
        }
        refusals.push(said);
    }
    panic!(
        "this test makes a mount of its own: it needs root with CAP_SYS_ADMIN, or user namespaces for everybody. \
         unshare said: {refusals:?}"
    )
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_database_on_a_file_server_is_warned_of_at_every_start_and_by_check() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let home = Home::new("http://127.0.0.1:1", &watch("customers", &[JOB]));
    for command in ["serve", "check"] {
        let said = said_on_a_file_server(command, &home, &taken);
        let warning = "[store] path: jobs.db is on a network file system (nfs4)";
        assert!(said.contains(warning) && said.contains("local disk"), "{command}: {said}");
    }
    assert!(home.file("jobs.db").exists(), "a warning keeps nothing from starting");
}
