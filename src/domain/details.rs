//! What the API tells about a job beside its status, under the API's own names.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What `GetMatchingJob` or `GetIdMappingJob` returns beside id and status, under the API's own names. Absent stays
/// absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobDetails {
    /// When the job was started. The service does not say whether that means submitted or at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// When the job ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Timestamp>,
    /// Record counts. Apart, because only jobs that ended have them, and there are many of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Box<JobMetrics>>,
    /// Why the job failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_details: Option<ErrorDetails>,
    /// Where the job wrote its output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_source_config: Option<Vec<OutputSource>>,
    /// What the job processes; ID mapping jobs alone have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_type: Option<JobType>,
}

impl JobDetails {
    /// Seconds between the start and the end that the API told, where it told both.
    pub fn duration_seconds(&self) -> Option<f64> {
        let (start, end) = (self.start_time?, self.end_time?);
        // Microseconds are what the API tells and what a double holds exactly.
        #[expect(clippy::cast_precision_loss, reason = "exact below 285 years")]
        Some(end.duration_since(start).as_micros() as f64 / 1e6)
    }
}

/// Record counts of a job, in the order of the API's model. Wider than the SDK's 32 bits: jobs over large tables exceed
/// them.
///
/// The first four are counted by jobs of both kinds, the match ids by matching jobs, and the rest by ID mapping jobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobMetrics {
    /// Records read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_records: Option<i64>,
    /// Records processed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_records_processed: Option<i64>,
    /// Records that were not processed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records_not_processed: Option<i64>,
    /// Records processed that were marked for deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_records_processed: Option<i64>,
    /// Match ids generated.
    #[serde(default, rename = "matchIDs", skip_serializing_if = "Option::is_none")]
    pub match_ids: Option<i64>,
    /// Records mapped, in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_mapped_records: Option<i64>,
    /// Records of the source that are mapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_mapped_source_records: Option<i64>,
    /// Records of the target that are mapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_mapped_target_records: Option<i64>,
    /// Records loaded, each counted once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique_records_loaded: Option<i64>,
    /// Records mapped by this job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_mapped_records: Option<i64>,
    /// Records of the source mapped by this job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_mapped_source_records: Option<i64>,
    /// Records of the target mapped by this job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_mapped_target_records: Option<i64>,
    /// Records loaded by this job, each counted once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_unique_records_loaded: Option<i64>,
    /// Mapped records removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapped_records_removed: Option<i64>,
    /// Mapped records of the source removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapped_source_records_removed: Option<i64>,
    /// Mapped records of the target removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapped_target_records_removed: Option<i64>,
}

/// What an ID mapping job processes
/// (<https://docs.aws.amazon.com/entityresolution/latest/apireference/API_GetIdMappingJob.html>).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum JobType {
    /// All records.
    Batch,
    /// New and changed records.
    Incremental,
    /// Records to be deleted.
    DeleteOnly,
    /// One that this version does not know.
    Unknown(String),
}

impl JobType {
    /// The name that the API uses.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Batch => "BATCH",
            Self::Incremental => "INCREMENTAL",
            Self::DeleteOnly => "DELETE_ONLY",
            Self::Unknown(name) => name,
        }
    }
}

impl From<String> for JobType {
    fn from(name: String) -> Self {
        [Self::Batch, Self::Incremental, Self::DeleteOnly]
            .into_iter()
            .find(|known| known.as_str() == name)
            .unwrap_or(Self::Unknown(name))
    }
}

impl From<JobType> for String {
    fn from(job_type: JobType) -> Self {
        job_type.as_str().to_owned()
    }
}

/// Why a job failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorDetails {
    /// The service's message, whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

/// One place that a job wrote its output to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutputSource {
    /// The role that the service assumed to write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// The S3 path.
    #[serde(default, rename = "outputS3Path", skip_serializing_if = "Option::is_none")]
    pub output_s3_path: Option<String>,
    /// The key that the output is encrypted with.
    #[serde(default, rename = "KMSArn", skip_serializing_if = "Option::is_none")]
    pub kms_arn: Option<String>,
}
