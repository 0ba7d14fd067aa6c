//! What keeps a daemon from starting.

use tokio::net::TcpListener;

use crate::support::daemon::{Home, watch};
use crate::support::service::Service;

const JOB: &str = "0123456789abcdef0123456789abcdef";

/// What `serve` complains before it ends with 2.
async fn complaint(home: &Home) -> String {
    let output = home.run(&["serve"]).await;
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(output.stdout.is_empty());
    stderr
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
    assert!(complaint.contains("no/such"), "{complaint}");
}
