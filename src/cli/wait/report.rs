//! A job that ended, as it is printed.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

use crate::domain::{ErrorDetails, JobKey, JobMetrics, JobType, Observation, OutputSource};
use crate::duration;

/// A job with the keys and values of `aws entityresolution get-matching-job --output json`, or of `get-id-mapping-job`,
/// and in their order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CliJob<'a> {
    job_id: &'a str,
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cli_time")]
    start_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cli_time")]
    end_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: &'a Option<Box<JobMetrics>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_details: &'a Option<ErrorDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_source_config: &'a Option<Vec<OutputSource>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_type: &'a Option<JobType>,
}

/// The job as one line of JSON.
pub(super) fn json(job: &JobKey, observation: &Observation) -> String {
    let details = &observation.details;
    let job = CliJob {
        job_id: &job.job_id,
        status: observation.status.as_str(),
        start_time: details.start_time,
        end_time: details.end_time,
        metrics: &details.metrics,
        error_details: &details.error_details,
        output_source_config: &details.output_source_config,
        job_type: &details.job_type,
    };
    // Strings and numbers only: nothing in it can fail to be JSON.
    serde_json::to_string(&job).unwrap_or_default()
}

/// Times as version 2 of the AWS CLI prints them, in UTC: those of Python's `isoformat`.
fn cli_time<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    let Some(time) = time else { return serializer.serialize_none() };
    let whole_seconds = time.subsec_nanosecond() == 0;
    let format = if whole_seconds { "%Y-%m-%dT%H:%M:%S%:z" } else { "%Y-%m-%dT%H:%M:%S.%6f%:z" };
    serializer.collect_str(&time.to_zoned_datetime(TimeZone::UTC).strftime(format))
}

/// The job as one line for people.
pub(super) fn text(job: &JobKey, observation: &Observation) -> String {
    let details = &observation.details;
    let mut line = format!("{} {} {}", job.workflow_name, job.job_id, observation.status.as_str());
    if let Some(seconds) = details.duration_seconds()
        && let Ok(took) = std::time::Duration::try_from_secs_f64(seconds)
    {
        line += &format!(" in {}", duration::display(took));
    }
    if let Some(metrics) = &details.metrics {
        let counts = [
            (metrics.input_records, "input records"),
            (metrics.total_records_processed, "processed"),
            (metrics.records_not_processed, "not processed"),
            (metrics.delete_records_processed, "deleted"),
            (metrics.match_ids, "match ids"),
            (metrics.total_mapped_records, "mapped"),
            (metrics.new_mapped_records, "newly mapped"),
            (metrics.mapped_records_removed, "no longer mapped"),
        ];
        let told: Vec<String> = counts
            .into_iter()
            .filter_map(|(count, name)| count.map(|count| format!("{count} {name}")))
            .collect();
        if !told.is_empty() {
            line += &format!(" ({})", told.join(", "));
        }
    }
    if let Some(ErrorDetails { error_message: Some(message) }) = &details.error_details {
        // One line, whatever the service says: the next might be taken for another job, or for a command.
        let message: String =
            message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        line += &format!(": {message}");
    }
    line
}
