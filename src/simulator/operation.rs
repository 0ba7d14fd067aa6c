//! The names of what can be asked: two families of jobs, twelve operations.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which of the service's two families a workflow belongs to.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Matching workflows.
    #[default]
    Matching,
    /// ID mapping workflows.
    IdMapping,
}

impl Kind {
    /// Both families.
    pub const ALL: [Self; 2] = [Self::Matching, Self::IdMapping];

    /// The first segment of the family's paths.
    pub const fn collection(self) -> &'static str {
        match self {
            Self::Matching => "matchingworkflows",
            Self::IdMapping => "idmappingworkflows",
        }
    }

    /// The type of resource in the family's ARNs.
    pub const fn resource(self) -> &'static str {
        match self {
            Self::Matching => "matchingworkflow",
            Self::IdMapping => "idmappingworkflow",
        }
    }

    /// The record counts that jobs of this family report, in the order of the service's model.
    pub const fn metric_names(self) -> &'static [&'static str] {
        match self {
            Self::Matching => &[
                "inputRecords",
                "totalRecordsProcessed",
                "recordsNotProcessed",
                "deleteRecordsProcessed",
                "matchIDs",
            ],
            Self::IdMapping => &[
                "inputRecords",
                "totalRecordsProcessed",
                "recordsNotProcessed",
                "deleteRecordsProcessed",
                "totalMappedRecords",
                "totalMappedSourceRecords",
                "totalMappedTargetRecords",
                "uniqueRecordsLoaded",
                "newMappedRecords",
                "newMappedSourceRecords",
                "newMappedTargetRecords",
                "newUniqueRecordsLoaded",
                "mappedRecordsRemoved",
                "mappedSourceRecordsRemoved",
                "mappedTargetRecordsRemoved",
            ],
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Matching => "matching",
            Self::IdMapping => "id-mapping",
        })
    }
}

/// An operation of the API, under the API's own name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the API's names say it")]
pub enum Operation {
    GetMatchingJob,
    ListMatchingJobs,
    StartMatchingJob,
    ListMatchingWorkflows,
    CreateMatchingWorkflow,
    DeleteMatchingWorkflow,
    GetIdMappingJob,
    ListIdMappingJobs,
    StartIdMappingJob,
    ListIdMappingWorkflows,
    CreateIdMappingWorkflow,
    DeleteIdMappingWorkflow,
}

impl Operation {
    /// All that the simulator answers.
    pub const ALL: [Self; 12] = [
        Self::GetMatchingJob,
        Self::ListMatchingJobs,
        Self::StartMatchingJob,
        Self::ListMatchingWorkflows,
        Self::CreateMatchingWorkflow,
        Self::DeleteMatchingWorkflow,
        Self::GetIdMappingJob,
        Self::ListIdMappingJobs,
        Self::StartIdMappingJob,
        Self::ListIdMappingWorkflows,
        Self::CreateIdMappingWorkflow,
        Self::DeleteIdMappingWorkflow,
    ];

    /// Requests a second that the service allows an account in a Region
    /// (<https://docs.aws.amazon.com/entityresolution/latest/userguide/quotas.html>, API throttling quotas).
    /// Those of the ID mapping operations other than GetIdMappingJob are assumed, as their matching sisters', and those of
    /// what creates and deletes workflows.
    pub const fn quota(self) -> f64 {
        match self {
            Self::GetMatchingJob | Self::GetIdMappingJob => 10.0,
            _ => 5.0,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
