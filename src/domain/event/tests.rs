use serde_json::{Value, json};

use super::*;
use crate::domain::{AlarmName, ErrorDetails, JobMetrics, OutputSource};

const JOB_ID: &str = "0123456789abcdef0123456789abcdef";

fn key() -> JobKey {
    JobKey {
        account: "main".into(),
        kind: JobKind::Matching,
        workflow_name: "customers".into(),
        job_id: JOB_ID.into(),
    }
}

fn transition(from: Option<JobStatus>, to: JobStatus) -> Transition {
    Transition { from, to, inferred: Vec::new() }
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn event(transition: &Transition, details: &JobDetails) -> Event {
    Event::of_transition(&key(), "eu-west-1", transition, details, at("2025-06-01T08:00:00Z"))
}

/// What the event is in JSON.
fn json_of(event: Event) -> Value {
    serde_json::from_str(&Message::encode(event).unwrap().body).unwrap()
}

#[test]
fn ids_are_those_that_the_documentation_fixes() {
    for (status, id) in [
        (JobStatus::Queued, "5818d39f-d5a0-5703-a05f-5f5c4d20f707"),
        (JobStatus::Running, "1c4cb266-f924-5194-9ec5-e18d701c8626"),
        (JobStatus::Succeeded, "43c806c3-2b1d-53a4-9778-0212e9766b20"),
        (JobStatus::Failed, "c50a9c23-8787-5641-af33-f65d3eb4afe3"),
    ] {
        assert_eq!(
            event_id("eu-west-1", &key().into(), EventType::of(status), None).to_string(),
            id
        );
    }
    let key =
        JobKey { kind: JobKind::IdMapping, workflow_name: r#"Kunden "Süd"\"#.into(), ..key() };
    assert_eq!(
        event_id("us-east-1", &key.into(), EventType::JobQueued, None).to_string(),
        "44fc1c45-5c55-51c4-bce5-92999e959794",
        "letters beyond ASCII are encoded as they are"
    );
}

#[test]
fn a_replay_makes_the_same_id_on_another_day_by_another_path_in_another_configuration() {
    let first = event(&transition(None, JobStatus::Running), &JobDetails::default());
    let inferred = vec![JobStatus::Queued];
    let replay = Event::of_transition(
        &JobKey { account: "renamed".into(), ..key() },
        "eu-west-1",
        &Transition { from: Some(JobStatus::Queued), to: JobStatus::Running, inferred },
        &JobDetails { start_time: Some(at("2025-06-01T07:59:00Z")), ..JobDetails::default() },
        at("2025-06-02T00:00:00Z"),
    );
    assert_eq!(first.id, replay.id);
}

#[test]
fn ids_differ_by_each_part_and_parts_cannot_run_into_each_other() {
    let id =
        |region: &str, key: JobKey, event_type| event_id(region, &key.into(), event_type, None);
    let (failed, key) = (EventType::JobFailed, key());
    let workflow = |name: &str| JobKey { workflow_name: name.into(), ..key.clone() };
    let ids = [
        id("eu-west-1", key.clone(), failed),
        id("eu-west-2", key.clone(), failed),
        id("eu-west-1", key.clone(), EventType::JobSucceeded),
        id("eu-west-1", JobKey { kind: JobKind::IdMapping, ..key.clone() }, failed),
        id("eu-west-1", workflow("suppliers"), failed),
        id("eu-west-1", JobKey { job_id: "fedcba9876543210".into(), ..key.clone() }, failed),
        id("eu-west-1", JobKey { job_id: "b\",\"c".into(), ..workflow("a") }, failed),
        id("eu-west-1", JobKey { job_id: "c".into(), ..workflow("a\",\"b") }, failed),
    ];
    let distinct: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "{ids:?}");
}

#[test]
fn what_the_api_did_not_tell_is_absent() {
    let event = event(&transition(None, JobStatus::Queued), &JobDetails::default());
    assert_eq!(
        json_of(event),
        json!({
            "specversion": "1.0",
            "id": "5818d39f-d5a0-5703-a05f-5f5c4d20f707",
            "source": "/aws/entityresolution/eu-west-1/matchingworkflows/customers",
            "type": "dev.matchwatch.job.queued.v1",
            "subject": JOB_ID,
            "time": "2025-06-01T08:00:00Z",
            "sequence": "1",
            "datacontenttype": "application/json",
            "data": {
                "jobId": JOB_ID,
                "status": "QUEUED",
                "inferred": [],
                "workflowName": "customers",
                "kind": "matching",
                "region": "eu-west-1",
                "account": "main",
                "observedAt": "2025-06-01T08:00:00Z",
            },
        })
    );
}

#[test]
fn what_the_api_told_is_told_under_its_own_names() {
    let details = JobDetails {
        start_time: Some(at("2025-06-01T07:50:00.25Z")),
        end_time: Some(at("2025-06-01T07:58:30.75Z")),
        metrics: Some(Box::new(JobMetrics {
            // More than 32 bits hold.
            input_records: Some(5_000_000_000),
            total_records_processed: Some(4_999_999_999),
            records_not_processed: Some(1),
            delete_records_processed: Some(0),
            match_ids: Some(3),
            ..JobMetrics::default()
        })),
        error_details: Some(ErrorDetails { error_message: Some("S3: access denied".into()) }),
        output_source_config: Some(vec![OutputSource {
            role_arn: Some("arn:aws:iam::123456789012:role/er".into()),
            output_s3_path: Some("s3://bucket/out/".into()),
            kms_arn: None,
        }]),
        job_type: None,
    };
    let event = event(&transition(Some(JobStatus::Running), JobStatus::Failed), &details);
    let data = json_of(event)["data"].take();
    assert_eq!(data["previousStatus"], "RUNNING");
    assert_eq!(data["startTime"], "2025-06-01T07:50:00.25Z");
    assert_eq!(data["endTime"], "2025-06-01T07:58:30.75Z");
    assert_eq!(data["durationSeconds"], 510.5);
    assert_eq!(
        data["metrics"],
        json!({
            "inputRecords": 5_000_000_000_i64,
            "totalRecordsProcessed": 4_999_999_999_i64,
            "recordsNotProcessed": 1,
            "deleteRecordsProcessed": 0,
            "matchIDs": 3,
        })
    );
    assert_eq!(data["errorDetails"], json!({ "errorMessage": "S3: access denied" }));
    assert_eq!(
        data["outputSourceConfig"],
        json!([{
            "roleArn": "arn:aws:iam::123456789012:role/er",
            "outputS3Path": "s3://bucket/out/",
        }])
    );
}

#[test]
fn an_event_of_an_id_mapping_job_names_its_own_collection() {
    let key = JobKey { kind: JobKind::IdMapping, ..key() };
    let event = Event::of_transition(
        &key,
        "us-east-1",
        &transition(None, JobStatus::Queued),
        &JobDetails::default(),
        at("2025-06-01T08:00:00Z"),
    );
    assert_eq!(event.source, "/aws/entityresolution/us-east-1/idmappingworkflows/customers");
    assert_eq!(json_of(event)["data"]["kind"], "id-mapping");
}

#[test]
fn a_stored_message_is_taken_up_as_it_was() {
    let inferred = vec![JobStatus::Queued, JobStatus::Running];
    let transition = Transition { from: None, to: JobStatus::Succeeded, inferred };
    let message = Message::encode(event(&transition, &JobDetails::default())).unwrap();
    assert_eq!(Message::decode(&message.body).unwrap(), message);
    // Receivers of lines would take it for several.
    let lines = message.body.replace(',', ",\n");
    assert!(Message::decode(&lines).unwrap_err().to_string().contains("line break"));
    assert_eq!(message.event.about(), key().into());
    assert!(!message.body.contains('\n'));
}

#[test]
fn types_are_written_and_read_alike_everywhere() {
    for event_type in EventType::ALL {
        let json = serde_json::to_value(event_type).unwrap();
        assert_eq!(json, event_type.as_str());
        assert_eq!(serde_json::from_value::<EventType>(json).unwrap(), event_type);
        assert_eq!(event_type.as_str().parse(), Ok(event_type));
    }
    for alarm in AlarmName::ALL {
        assert!(EventType::ALL.contains(&EventType::AlarmRaised(alarm)));
        assert!(EventType::ALL.contains(&EventType::AlarmResolved(alarm)));
    }
    for status in JobStatus::ALL {
        assert_eq!(EventType::of(status).status(), Some(status));
    }
}
