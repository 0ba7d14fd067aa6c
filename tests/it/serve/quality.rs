//! Jobs that succeed and fail their quality gates.

use matchwatch::simulator::Status;
use serde_json::{Value, json};

use crate::support::daemon::{Home, watch};
use crate::support::schema::{assert_valid, schema, validator};
use crate::support::service::Service;

/// Ends a job with these counts.
fn succeed(service: &Service, job: &str, metrics: &Value) {
    let change = json!({ "status": "SUCCEEDED", "metrics": metrics });
    let change: matchwatch::simulator::StatusChange = serde_json::from_value(change).unwrap();
    service.simulator.set_status(job, change).unwrap();
}

#[tokio::test]
async fn a_job_that_fails_its_gates_is_told_right_after_its_end_and_its_neighbour_is_not() {
    let service = Service::start().await;
    let (bad, good, free) =
        (service.job("customers"), service.job("customers"), service.job("suppliers"));
    let gates = "max_unprocessed = \"5%\"\nmin_match_ids = 10\n";
    let watches = watch("customers", &[&bad, &good]) + gates + &watch("suppliers", &[&free]);
    let home = Home::new(service.url(), &watches);
    let mut daemon = home.serve().await;
    for _ in 0..3 {
        assert_eq!(daemon.event().await["data"]["status"], "QUEUED");
    }
    let counts = json!({ "inputRecords": 1000, "recordsNotProcessed": 400, "matchIDs": 600 });
    succeed(&service, &bad, &counts);
    let (ended, failed) = (daemon.event().await, daemon.event().await);
    assert_eq!(ended["type"], "dev.matchwatch.job.succeeded.v1");
    assert_eq!(failed["type"], "dev.matchwatch.job.quality_failed.v1");
    assert_valid(&validator(&schema()), &failed);
    assert_eq!((&failed["subject"], &failed["time"]), (&json!(bad), &ended["time"]));
    assert_eq!(failed["data"]["metrics"], counts);
    assert_eq!(
        failed["data"]["failedGates"],
        json!([{
            "gate": "max_unprocessed",
            "limit": "5%",
            "actual": "40%",
            "message": "400 of 1000 records (40%) were not processed, and max_unprocessed is 5%",
        }])
    );
    let series = r#"matchwatch_quality_gates_failed_total{account="main",gate="max_unprocessed",kind="matching"}"#;
    assert_eq!(daemon.metric(series).await, Some(1.0));

    // One that is good enough, and one whose watch has no gates.
    let counts = json!({ "inputRecords": 1000, "recordsNotProcessed": 50, "matchIDs": 10 });
    succeed(&service, &good, &counts);
    assert_eq!(daemon.event().await["type"], "dev.matchwatch.job.succeeded.v1");
    service.set(&free, Status::Succeeded);
    assert_eq!(daemon.event().await["type"], "dev.matchwatch.job.succeeded.v1");

    // It is in the listing, and no restart tells it again.
    assert_eq!(daemon.stop().await.code, Some(0));
    let daemon = home.serve().await;
    let listed = home.run(&["events", "list", "--job-id", &bad, "--output", "json"]).await;
    let listed = String::from_utf8(listed.stdout).unwrap();
    let types: Vec<Value> = listed
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["type"].clone())
        .collect();
    assert_eq!(types.len(), 3, "{listed}");
    assert_eq!(types[0], "dev.matchwatch.job.quality_failed.v1", "the newest first");
    assert_eq!(daemon.stop().await.stdout, Vec::<String>::new());
}
