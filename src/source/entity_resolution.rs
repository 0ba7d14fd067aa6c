//! AWS Entity Resolution: the only file that knows its SDK client.

use std::time::Duration;

use async_trait::async_trait;

use super::{JobSource, PageToken, SourceError, WorkflowPage};
use crate::aws::{Access, Aws};
use crate::domain::{JobKey, Observation};

/// How an account is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Credentials, Region and endpoint.
    pub access: Access,
    /// Time that one request may take, from the connection to the last byte.
    pub request_timeout: Duration,
}

impl Config {
    /// Default of [`Config::request_timeout`].
    pub const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
}

/// One account in one Region.
#[derive(Debug)]
pub struct EntityResolution {}

impl EntityResolution {
    /// Finds Region and credentials. Makes no request to the service.
    ///
    /// # Errors
    ///
    /// No Region is configured anywhere.
    pub async fn connect(_aws: &Aws, _config: &Config) -> Result<Self, SourceError> {
        Err(SourceError::Invalid { message: String::new() })
    }

    /// The Region that requests go to.
    pub fn region(&self) -> &str {
        ""
    }
}

#[async_trait]
impl JobSource for EntityResolution {
    async fn observe(&self, _job: &JobKey) -> Result<Observation, SourceError> {
        Err(SourceError::Invalid { message: String::new() })
    }

    async fn list_workflows(&self, _page: Option<PageToken>) -> Result<WorkflowPage, SourceError> {
        Err(SourceError::Invalid { message: String::new() })
    }
}
