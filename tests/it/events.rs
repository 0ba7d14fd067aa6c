//! docs/events.md is the contract of every event: its schema, its examples and its ids hold.

use std::collections::HashSet;

use matchwatch::domain::{
    Alarm, AlarmFacts, AlarmKey, AlarmName, CountedFrom, ErrorDetails, Event, EventData, EventType,
    Gates, JobAhead, JobDetails, JobKey, JobKind, JobMetrics, JobStatus, JobType, Message,
    ObservedStatus, OutputSource, Step, Subject, TestEvent, Transition, step,
};
use serde_json::{Value, json};

use crate::support::schema::{assert_valid, examples, schema, validator};

/// The schema without its leave to add fields: what it does not describe is refused.
fn closed(mut schema: Value) -> Value {
    fn close(schema: &mut Value) {
        if schema["type"] == "object" {
            schema["additionalProperties"] = false.into();
        }
        for nested in schema.as_object_mut().into_iter().flat_map(|object| object.values_mut()) {
            if nested.is_object() {
                close(nested);
            }
        }
    }
    close(&mut schema);
    schema
}

fn details() -> Vec<JobDetails> {
    let whole = JobDetails {
        start_time: Some("2025-06-01T07:50:00.25Z".parse().unwrap()),
        end_time: Some("2025-06-01T07:58:30Z".parse().unwrap()),
        metrics: Some(Box::new(JobMetrics {
            input_records: Some(5_000_000_000),
            total_records_processed: Some(4),
            records_not_processed: Some(3),
            delete_records_processed: Some(0),
            match_ids: Some(1),
            total_mapped_records: Some(5_000_000_001),
            total_mapped_source_records: Some(5),
            total_mapped_target_records: Some(6),
            unique_records_loaded: Some(7),
            new_mapped_records: Some(8),
            new_mapped_source_records: Some(9),
            new_mapped_target_records: Some(10),
            new_unique_records_loaded: Some(11),
            mapped_records_removed: Some(12),
            mapped_source_records_removed: Some(13),
            mapped_target_records_removed: Some(14),
        })),
        error_details: Some(ErrorDetails { error_message: Some("S3: access denied".into()) }),
        output_source_config: Some(vec![OutputSource {
            role_arn: Some("arn:aws:iam::123456789012:role/er".into()),
            output_s3_path: Some("s3://bucket/".into()),
            kms_arn: Some("arn:aws:kms:eu-west-1:123456789012:key/k".into()),
        }]),
        job_type: Some(JobType::DeleteOnly),
    };
    let hollow = JobDetails {
        metrics: Some(Box::default()),
        error_details: Some(ErrorDetails::default()),
        output_source_config: Some(vec![OutputSource::default()]),
        job_type: Some(JobType::Unknown("REPLAY".to_owned())),
        ..JobDetails::default()
    };
    vec![whole, hollow, JobDetails::default()]
}

fn every_transition() -> Vec<Transition> {
    let known = [None].into_iter().chain(JobStatus::ALL.map(Some));
    known
        .flat_map(|from| JobStatus::ALL.map(|to| step(from, &ObservedStatus::Known(to))))
        .filter_map(|step| match step {
            Step::Transition(transition) => Some(transition),
            _ => None,
        })
        .collect()
}

/// Every event that there can be, as far as shape goes.
fn every_event() -> Vec<Event> {
    let mut events = Vec::new();
    let observed_at = "2025-06-01T08:00:00.123456Z".parse().unwrap();
    for kind in JobKind::ALL {
        let key = JobKey {
            account: "main".into(),
            kind,
            workflow_name: "customers".into(),
            job_id: "0123456789abcdef0123456789abcdef".into(),
        };
        for transition in every_transition() {
            for details in details() {
                let event =
                    Event::of_transition(&key, "eu-west-1", &transition, &details, observed_at);
                if event.status() == Some(JobStatus::Succeeded) {
                    let failures = strict_gates().check(details.metrics.as_deref());
                    events.extend(Event::of_failed_gates(&event, failures));
                }
                events.push(event);
            }
        }
        for subject in [
            Subject::Workflow(key.workflow()),
            Subject::Account(key.account.clone()),
            Subject::Job(key),
        ] {
            for (name, facts) in AlarmName::ALL.into_iter().flat_map(|n| facts().map(|f| (n, f))) {
                let key = AlarmKey { name, subject: subject.clone() };
                let alarm = Alarm::new(
                    key,
                    "eu-west-1".to_owned(),
                    observed_at,
                    "it is so".to_owned(),
                    facts,
                );
                events.push(Event::of_raised(&alarm));
                events.push(Event::of_resolved(&alarm, "it is over", observed_at));
            }
        }
    }
    events
}

/// Gates that no job of [`details`] passes.
fn strict_gates() -> Gates {
    Gates {
        max_unprocessed: Some("0.5%".parse().unwrap()),
        min_match_ids: Some(u64::MAX),
        min_processed: Some(u64::MAX),
    }
}

/// All that can be known of an alarm, and nothing.
fn facts() -> [AlarmFacts; 2] {
    let whole = AlarmFacts {
        status: Some(JobStatus::Queued),
        since: Some("2025-06-01T07:50:00.25Z".parse().unwrap()),
        counted_from: Some(CountedFrom::StartTime),
        elapsed_seconds: Some(3_600.5),
        limit_seconds: Some(3_600.0),
        usual_seconds: Some(2_400.0),
        factor: Some(1.5),
        past_runs: Some(12),
        queue_position: Some(2),
        job_ahead: Some(JobAhead {
            job_id: "fedcba9876543210fedcba9876543210".to_owned(),
            workflow_name: "suppliers".to_owned(),
            status: JobStatus::Running,
        }),
        operation: Some("ListMatchingJobs".to_owned()),
        error: Some("AccessDeniedException: no".to_owned()),
    };
    [whole, AlarmFacts::default()]
}

fn test_event() -> TestEvent {
    let id = "5d0f0b6a-6c5f-4d1c-9a53-3a4f8c4d7f10".parse().unwrap();
    TestEvent::new(id, "ops", "2025-06-01T07:40:00.5Z".parse().unwrap())
}

fn encoded(event: impl serde::Serialize) -> Value {
    serde_json::from_str(&Message::encode(event).unwrap().body).unwrap()
}

#[test]
fn every_event_is_what_the_schema_says_and_has_no_field_that_it_does_not_name() {
    let events = every_event();
    for event_type in EventType::ALL {
        assert!(events.iter().any(|event| event.event_type == event_type), "{event_type}");
    }
    let (open, closed) = (validator(&schema()), validator(&closed(schema())));
    for event in events.into_iter().map(encoded).chain([encoded(test_event())]) {
        assert_valid(&open, &event);
        assert_valid(&closed, &event);
    }
}

#[test]
fn the_schema_allows_fields_to_come_and_refuses_what_no_event_may_be() {
    let validator = validator(&schema());
    let mut event = examples().remove(3);
    event["data"]["truncated"] = true.into();
    event["data"]["jobType"] = "BATCH".into();
    event["data"]["addedLater"] = json!({ "by": "a newer version" });
    assert_valid(&validator, &event);
    for (pointer, wrong) in [
        ("/id", json!("42")),
        ("/time", json!("yesterday")),
        ("/time", json!("2025-06-01T07:50:09.8+02:00")),
        ("/type", json!("dev.matchwatch.job.cancelled.v1")),
        ("/type", json!("dev.matchwatch.job.succeeded.v1")),
        ("/sequence", json!("1")),
        ("/sequence", json!(3)),
        ("/source", json!("customers")),
        ("/data/status", json!("SUCCEEDED")),
        ("/data/kind", json!("mapping")),
        ("/data/account", json!("")),
        ("/data/inferred", json!(["FAILED"])),
        ("/data/durationSeconds", json!("8.5")),
        ("/data/endTime", json!(1_748_764_800)),
        ("/data/errorDetails/errorMessage", Value::Null),
        ("/data/jobType", json!("")),
        ("/data/truncated", json!(false)),
    ] {
        let mut event = event.clone();
        *event.pointer_mut(pointer).unwrap() = wrong;
        assert!(!validator.is_valid(&event), "{event:#}");
    }
    let schema = schema();
    let of_jobs = schema["$defs"]["jobEvent"]["required"].as_array().unwrap();
    for missing in schema["required"].as_array().unwrap().iter().chain(of_jobs) {
        let mut event = event.clone();
        event.as_object_mut().unwrap().remove(missing.as_str().unwrap()).unwrap();
        assert!(!validator.is_valid(&event), "without {missing}");
    }
}

#[test]
fn the_schema_takes_no_test_for_a_job_and_no_job_for_a_test() {
    let validator = validator(&schema());
    let (job, test) = (examples().remove(3), encoded(test_event()));
    for (pointer, wrong) in [
        ("/type", job["type"].clone()),
        ("/source", job["source"].clone()),
        ("/data", job["data"].clone()),
        ("/data/test", json!(false)),
        ("/data/notifier", json!("")),
    ] {
        let mut test = test.clone();
        *test.pointer_mut(pointer).unwrap() = wrong;
        assert!(!validator.is_valid(&test), "{test:#}");
    }
    let mut in_line = test.clone();
    in_line["sequence"] = "1".into();
    assert!(!validator.is_valid(&in_line));
    for (field, wrong) in [("source", &test["source"]), ("data", &test["data"])] {
        let mut job = job.clone();
        job[field] = wrong.clone();
        assert!(!validator.is_valid(&job), "{job:#}");
    }
}

#[test]
fn there_is_an_example_of_each_type_and_of_each_kind_and_each_is_valid() {
    let validator = validator(&closed(schema()));
    let types: Vec<_> = examples().iter().map(|example| example["type"].clone()).collect();
    let of_jobs = JobStatus::ALL.map(|status| EventType::of(status).as_str());
    let others = [
        // Of an ID mapping job.
        EventType::JobSucceeded.as_str(),
        EventType::JobQualityFailed.as_str(),
        EventType::AlarmRaised(AlarmName::QueuedTooLong).as_str(),
        EventType::AlarmResolved(AlarmName::QueuedTooLong).as_str(),
        // Of an account.
        EventType::AlarmRaised(AlarmName::AccessDenied).as_str(),
        TestEvent::TYPE,
    ];
    assert_eq!(types, [of_jobs.as_slice(), &others].concat());
    let kinds: HashSet<_> = examples().iter().map(|e| e["data"]["kind"].clone()).collect();
    assert!(JobKind::ALL.iter().all(|kind| kinds.contains(&json!(kind))), "{kinds:?}");
    for example in examples() {
        assert_valid(&validator, &example);
    }
}

#[test]
fn the_examples_are_what_the_program_makes_ids_and_order_of_fields_included() {
    let mut examples = examples();
    let test = examples.pop().unwrap();
    assert_eq!(&*Message::encode(test_event()).unwrap().body, test.to_string());
    for example in examples {
        let documented: Event = serde_json::from_value(example.clone()).unwrap();
        let made = made_again(&documented);
        assert_eq!(&*Message::encode(made).unwrap().body, example.to_string());
    }
}

/// The event that is made of what a documented one tells.
fn made_again(documented: &Event) -> Event {
    let region = documented.region();
    let data = match &documented.data {
        EventData::Job(data) => data,
        EventData::Alarm(data) => {
            let key = AlarmKey { name: data.alarm, subject: data.subject() };
            let (message, facts) = (data.message.clone(), data.facts.clone());
            let alarm = Alarm::new(key, region.to_owned(), data.raised_at, message, facts);
            return match data.resolved_at {
                None => Event::of_raised(&alarm),
                Some(at) => Event::of_resolved(&alarm, &data.message, at),
            };
        }
    };
    let transition =
        Transition { from: data.previous_status, to: data.status, inferred: data.inferred.clone() };
    let made =
        Event::of_transition(&data.key(), region, &transition, &data.details, data.observed_at);
    if data.failed_gates.is_empty() {
        return made;
    }
    let gates = Gates { max_unprocessed: Some("5%".parse().unwrap()), ..Gates::default() };
    Event::of_failed_gates(&made, gates.check(data.details.metrics.as_deref())).unwrap()
}
