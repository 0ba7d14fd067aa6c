//! Jobs that run through their states, told as events of the usual size.

use std::sync::Arc;

use jiff::Timestamp;
use matchwatch::domain::{
    Event, JobDetails, JobKey, JobKind, JobMetrics, JobStatus, Message, OutputSource, Transition,
};
use matchwatch::store::{Change, Telling};

/// What a job runs through.
pub(crate) const STATES: [JobStatus; 3] =
    [JobStatus::Queued, JobStatus::Running, JobStatus::Succeeded];

/// A job of the one workflow of a bench.
pub(crate) fn job(id: &str) -> JobKey {
    JobKey {
        account: "main".into(),
        kind: JobKind::Matching,
        workflow_name: "bench".into(),
        job_id: id.into(),
    }
}

/// The change of `job` to the state of this index of [`STATES`].
pub(crate) fn change(
    job: &JobKey,
    state: usize,
    notifiers: &[Arc<str>],
    at: Timestamp,
) -> anyhow::Result<Change> {
    let from = state.checked_sub(1).map(|before| STATES[before]);
    let to = STATES[state];
    let transition = Transition { from, to, inferred: Vec::new() };
    let event = Event::of_transition(job, "eu-west-1", &transition, &details(to, at), at);
    Ok(Change {
        job: job.clone(),
        from,
        to,
        tellings: vec![Telling { message: Message::encode(event)?, notifiers: notifiers.to_vec() }],
        recorded_at: at,
    })
}

fn details(status: JobStatus, at: Timestamp) -> JobDetails {
    let ended = status.is_terminal();
    JobDetails {
        start_time: Some(at),
        end_time: ended.then_some(at),
        metrics: ended.then(|| {
            Box::new(JobMetrics {
                input_records: Some(100_000),
                total_records_processed: Some(99_990),
                records_not_processed: Some(10),
                delete_records_processed: None,
                match_ids: Some(87_654),
                ..JobMetrics::default()
            })
        }),
        error_details: None,
        output_source_config: Some(vec![OutputSource {
            role_arn: Some("arn:aws:iam::123456789012:role/matching".to_owned()),
            output_s3_path: Some("s3://a-bucket-of-some-team/matching/output/".to_owned()),
            ..OutputSource::default()
        }]),
        job_type: None,
    }
}
