//! ID mapping jobs beside matching jobs.

use matchwatch::simulator::Operation::{GetIdMappingJob, GetMatchingJob, ListMatchingJobs};
use matchwatch::simulator::Status::{Running, Succeeded};
use matchwatch::simulator::{Answer, Denial, Kind, Script, StatusChange};
use serde_json::{Value, json};

use crate::support::daemon::{Home, watch};
use crate::support::schema::{assert_valid, schema, validator};
use crate::support::service::Service;
use crate::support::soon;

/// A `[[watch]]` of ID mapping jobs of one workflow.
fn id_mapping(workflow: &str, job_ids: &[&str]) -> String {
    watch(workflow, job_ids) + "kind = \"id-mapping\"\n"
}

/// The next event of this job.
async fn event_of(daemon: &mut crate::support::daemon::Daemon, job: &str) -> Value {
    loop {
        let event = daemon.event().await;
        if event["subject"] == job {
            return event;
        }
    }
}

#[tokio::test]
async fn jobs_of_both_kinds_are_watched_side_by_side_and_told_with_their_own_counts() {
    let service = Service::start().await;
    // Workflows of one name, one of each kind.
    let matching = service.job("customers");
    let mapping = service.job_of(Kind::IdMapping, "customers");
    let watches = watch("customers", &[&matching]) + &id_mapping("customers", &[&mapping]);
    let mut daemon = Home::new(service.url(), &watches).serve().await;
    for _ in 0..2 {
        assert_eq!(daemon.event().await["data"]["status"], "QUEUED");
    }
    service.set(&mapping, Running);
    let running = event_of(&mut daemon, &mapping).await;
    assert_eq!(running["data"]["kind"], "id-mapping");
    assert_eq!(running["source"], "/aws/entityresolution/eu-west-1/idmappingworkflows/customers");
    let counts = json!({
        "inputRecords": 5_000_000_000_i64, "totalMappedRecords": 3, "newUniqueRecordsLoaded": 2,
        "mappedTargetRecordsRemoved": 1,
    });
    let change = json!({ "status": "SUCCEEDED", "metrics": counts });
    let change: StatusChange = serde_json::from_value(change).unwrap();
    service.simulator.set_status(&mapping, change).unwrap();
    let ended = event_of(&mut daemon, &mapping).await;
    assert_valid(&validator(&schema()), &ended);
    assert_eq!(ended["type"], "dev.matchwatch.job.succeeded.v1");
    assert_eq!(ended["data"]["metrics"], counts);
    assert_eq!(ended["data"]["jobType"], "BATCH");
    assert_eq!(ended["data"]["previousStatus"], "RUNNING");

    let ended = r#"matchwatch_jobs{account="main",kind="id-mapping",state="succeeded"}"#;
    assert_eq!(daemon.metric(ended).await, Some(1.0));
    let queued = r#"matchwatch_jobs{account="main",kind="matching",state="queued"}"#;
    assert_eq!(daemon.metric(queued).await, Some(1.0));
    assert!(service.simulator.counts().of(GetIdMappingJob, "ok") >= 3);
    assert_eq!(daemon.stop().await.code, Some(0));
}

#[tokio::test]
async fn who_watches_id_mapping_jobs_alone_needs_no_permission_on_matching_ones() {
    let service = Service::start().await;
    let job = service.job_of(Kind::IdMapping, "households");
    let denied = [GetMatchingJob, ListMatchingJobs].map(Some);
    let denied = denied.map(|operation| Denial { operation, ..Denial::default() });
    service.simulator.set_denials(denied.to_vec());
    let home = Home::new(service.url(), &id_mapping("households", &[&job]));
    let mut daemon = home.serve().await;
    for status in [Running, Succeeded] {
        service.set(&job, status);
        while daemon.event().await["data"]["status"] != status.as_str() {}
    }
    assert_eq!(service.simulator.counts().total(GetMatchingJob), 0);
    assert_eq!(daemon.page("/readyz").await.0, 200);
    assert_eq!(daemon.stop().await.code, Some(0));
}

#[tokio::test]
async fn a_service_that_throttles_one_kind_slows_the_questions_about_the_other_by_nothing() {
    let service = Service::start().await;
    let (matching, mapping) =
        (service.job("customers"), service.job_of(Kind::IdMapping, "households"));
    let answer = Answer::Throttled;
    service.simulator.script(Script { operation: GetMatchingJob, answer, times: 1 });
    let watches = watch("customers", &[&matching]) + &id_mapping("households", &[&mapping]);
    let mut daemon = Home::new(service.url(), &watches).serve().await;
    for _ in 0..2 {
        daemon.event().await;
    }
    let rate = |operation: &str| {
        format!("matchwatch_pacer_requests_per_second{{account=\"main\",operation={operation:?}}}")
    };
    soon("a rate", async { while daemon.metric(&rate("GetMatchingJob")).await.is_none() {} }).await;
    let slowed = daemon.metric(&rate("GetMatchingJob")).await.unwrap();
    assert!(slowed < 100.0, "{slowed}");
    assert_eq!(daemon.metric(&rate("GetIdMappingJob")).await, Some(100.0));
    assert_eq!(daemon.stop().await.code, Some(0));
}

#[tokio::test]
async fn a_reload_may_add_the_other_kind_and_no_job_is_told_twice() {
    let service = Service::start().await;
    let (matching, mapping) =
        (service.job("customers"), service.job_of(Kind::IdMapping, "households"));
    let home = Home::new(service.url(), &watch("customers", &[&matching]));
    let mut daemon = home.serve().await;
    assert_eq!(daemon.event().await["subject"], matching);
    home.configure(&(watch("customers", &[&matching]) + &id_mapping("households", &[&mapping])));
    daemon.hang_up();
    daemon.log("another configuration runs").await;
    assert_eq!(daemon.event().await["subject"], mapping);
    home.configure(&id_mapping("households", &[&mapping]));
    daemon.hang_up();
    daemon.log("another configuration runs").await;
    service.set(&mapping, Succeeded);
    assert_eq!(daemon.event().await["data"]["previousStatus"], "QUEUED");
    assert_eq!(daemon.stop().await.stdout.len(), 3);
}
