//! Events of every type, for trying out a template: each with all that it can hold, and with as little as it can.

use jiff::Timestamp;

use crate::domain::{
    Alarm, AlarmFacts, AlarmKey, AlarmName, Amount, ErrorDetails, Event, Gate, GateFailure,
    JobDetails, JobKey, JobKind, JobMetrics, JobStatus, JobType, Message, OutputSource, Subject,
    TestEvent, Transition,
};

use super::Context;

/// What it is, and what a template knows of it.
pub(super) fn all() -> impl Iterator<Item = (String, Context)> {
    let events = jobs().chain(quality()).chain(alarms()).map(|event| {
        let context = Message::encode(event.clone()).and_then(|message| Context::of(&message));
        (event.event_type.to_string(), context)
    });
    let test = TestEvent::new(uuid::Uuid::nil(), "ops", Timestamp::UNIX_EPOCH);
    let test = Message::encode(test).and_then(|test| Context::of_test(&test));
    events
        .chain([(TestEvent::TYPE.to_owned(), test)])
        .filter_map(|(what, context)| Some((what, context.ok()?)))
}

fn jobs() -> impl Iterator<Item = Event> {
    JobStatus::ALL.into_iter().flat_map(|status| {
        [
            job(JobKind::Matching, status, false),
            job(JobKind::Matching, status, true),
            job(JobKind::IdMapping, status, true),
        ]
    })
}

fn quality() -> Option<Event> {
    let failure = GateFailure {
        gate: Gate::MinMatchIds,
        limit: Amount::Records(1_000),
        actual: None,
        message: "matchIDs are 700, and at least 1000 are asked for".to_owned(),
    };
    let succeeded = job(JobKind::Matching, JobStatus::Succeeded, true);
    Event::of_failed_gates(&succeeded, vec![failure])
}

fn alarms() -> impl Iterator<Item = Event> {
    let facts = AlarmFacts {
        elapsed_seconds: Some(5_400.0),
        error: Some("not allowed".to_owned()),
        ..AlarmFacts::default()
    };
    AlarmName::ALL.into_iter().flat_map(move |name| {
        let now = Timestamp::UNIX_EPOCH;
        let alarm = |subject, facts| {
            Alarm::new(
                AlarmKey { name, subject },
                "eu-west-1".to_owned(),
                now,
                "something is wrong".to_owned(),
                facts,
            )
        };
        let of_job = alarm(Subject::from(job_key(JobKind::Matching)), facts.clone());
        let of_account = alarm(Subject::Account("main".into()), AlarmFacts::default());
        [
            Event::of_raised(&of_job),
            Event::of_raised(&of_account),
            Event::of_resolved(&of_account, "all is well", now),
        ]
    })
}

fn job_key(kind: JobKind) -> JobKey {
    JobKey {
        account: "main".into(),
        kind,
        workflow_name: "customers".into(),
        job_id: "0123456789abcdef0123456789abcdef".into(),
    }
}

fn job(kind: JobKind, to: JobStatus, is_full: bool) -> Event {
    let key = job_key(kind);
    let earlier = JobStatus::ALL.into_iter().filter(|from| is_full && from.rank() < to.rank());
    let from = earlier.max_by_key(|from| from.rank());
    let transition = Transition { from, to, inferred: Vec::new() };
    let details = if is_full { details(kind, to) } else { JobDetails::default() };
    Event::of_transition(&key, "eu-west-1", &transition, &details, Timestamp::UNIX_EPOCH)
}

fn details(kind: JobKind, status: JobStatus) -> JobDetails {
    let ended = status.is_terminal();
    let error_message = Some("S3: access denied to \"input\"".to_owned());
    JobDetails {
        start_time: Some(Timestamp::UNIX_EPOCH),
        end_time: ended.then_some(Timestamp::UNIX_EPOCH),
        metrics: ended.then(|| {
            Box::new(JobMetrics {
                input_records: Some(1_000),
                total_records_processed: Some(990),
                records_not_processed: Some(10),
                delete_records_processed: Some(0),
                match_ids: (kind == JobKind::Matching).then_some(700),
                total_mapped_records: (kind == JobKind::IdMapping).then_some(650),
                ..JobMetrics::default()
            })
        }),
        error_details: (status == JobStatus::Failed).then_some(ErrorDetails { error_message }),
        output_source_config: Some(vec![OutputSource {
            role_arn: Some("arn:aws:iam::123456789012:role/matcher".to_owned()),
            output_s3_path: Some("s3://customers/output/".to_owned()),
            kms_arn: None,
        }]),
        job_type: (kind == JobKind::IdMapping).then_some(JobType::Batch),
    }
}
