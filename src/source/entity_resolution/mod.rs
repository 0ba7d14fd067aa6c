//! AWS Entity Resolution: the only place that knows its SDK client.
//!
//! The SDK signs and sends; what comes back is read here, from the bytes. The SDK would take an empty answer for
//! a job that started in 1970, and would lose a whole answer to one large number ([`answer`]), and it tells too
//! little about a refusal ([`refusal`]).

mod answer;
mod exchange;
mod failure;
mod refusal;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_entityresolution::Client;
use aws_sdk_entityresolution::config::{self, IdentityCache};
use aws_sdk_entityresolution::error::SdkError;

use super::{JobPage, JobSource, Operation, PageToken, SourceError, WorkflowPage};
use crate::aws::{Access, Aws};
use crate::domain::{JobKey, JobKind, Observation, WorkflowKey};
use exchange::{Answer, Listener};
use refusal::Permission;

/// How an account is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Credentials, Region and endpoint.
    pub access: Access,
    /// Time that one request may take, from finding credentials to the last byte.
    pub request_timeout: Duration,
}

impl Config {
    /// Default of [`Config::request_timeout`].
    pub const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
}

/// One account in one Region.
pub struct EntityResolution {
    sdk: SdkConfig,
    region: String,
    client: Mutex<Arc<Client>>,
}

impl EntityResolution {
    /// Finds the Region. Makes no request to the service, and looks for no credentials yet.
    ///
    /// # Errors
    ///
    /// No Region is configured anywhere.
    pub async fn connect(aws: &Aws, config: &Config) -> Result<Self, SourceError> {
        Self::from_sdk_config(aws.configure(&config.access, config.request_timeout).await)
    }

    /// Takes Region, credentials, endpoint, time limits and HTTP client from `sdk`.
    ///
    /// # Errors
    ///
    /// `sdk` has no Region.
    pub fn from_sdk_config(sdk: SdkConfig) -> Result<Self, SourceError> {
        let region = sdk.region().ok_or_else(|| SourceError::Invalid {
            message: "no Region: give --region or `region` in the configuration, set AWS_REGION, or name a \
                      profile that has one"
                .to_owned(),
        })?;
        let region = region.to_string();
        let client = Mutex::new(Arc::new(new_client(&sdk)));
        Ok(Self { sdk, region, client })
    }

    /// The Region that requests go to.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Asks for something small, to learn whether the service answers and knows who asks. That it forbids the
    /// question is such an answer too: no daemon needs it granted.
    ///
    /// # Errors
    ///
    /// One of [`SourceError`].
    pub async fn introduce(&self) -> Result<(), SourceError> {
        let client = self.client();
        let listener = Listener::default();
        let request = client.list_matching_workflows().max_results(1).customize();
        let sent = request.interceptor(listener.clone()).send().await;
        let heard = listener.heard();
        if heard.as_ref().is_some_and(refusal::is_forbidden) {
            return Ok(());
        }
        let permission = Permission::on_everything(Operation::ListMatchingWorkflows);
        self.granted(&client, heard, sent, permission).map(|_| ())
    }

    fn client(&self) -> Arc<Client> {
        Arc::clone(&self.client.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Forgets what `client` had cached, its credentials above all. Of many calls that fail together on one
    /// client, the first does it.
    fn renew(&self, client: &Arc<Client>) {
        let mut current = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, client) {
            *current = Arc::new(new_client(&self.sdk));
        }
    }

    /// The answer that was heard, if the service granted the request.
    fn granted<O, E>(
        &self,
        client: &Arc<Client>,
        heard: Option<Answer>,
        sent: Result<O, SdkError<E>>,
        permission: Permission<'_>,
    ) -> Result<Answer, SourceError>
    where
        E: std::error::Error + 'static,
    {
        let refusal = match (heard, sent) {
            (Some(answer), _) if answer.is_success() => return Ok(answer),
            (Some(answer), _) => refusal::classify(&answer, permission),
            (None, Err(error)) => failure::classify(&error),
            (None, Ok(_)) => SourceError::Unavailable { message: "no answer".to_owned() },
        };
        if matches!(refusal, SourceError::CredentialsExpired { .. }) {
            self.renew(client);
        }
        Err(refusal)
    }
}

/// A client with an identity cache of its own, so that a new one asks for credentials anew.
fn new_client(sdk: &SdkConfig) -> Client {
    let config = config::Builder::from(sdk).identity_cache(IdentityCache::lazy().build());
    let unsigned = sdk.credentials_provider().is_none();
    Client::from_conf(if unsigned { config.allow_no_auth() } else { config }.build())
}

#[async_trait]
impl JobSource for EntityResolution {
    async fn observe(&self, job: &JobKey) -> Result<Observation, SourceError> {
        only_matching(job.kind)?;
        let client = self.client();
        let listener = Listener::default();
        let sent = client
            .get_matching_job()
            .workflow_name(&*job.workflow_name)
            .job_id(&*job.job_id)
            .customize()
            .interceptor(listener.clone())
            .send()
            .await;
        let permission = Permission::on_workflow(Operation::GetMatchingJob, &job.workflow_name);
        let answer = self.granted(&client, listener.heard(), sent, permission)?;
        answer::observation(answer.body(), &job.job_id)
    }

    async fn list_jobs(
        &self,
        workflow: &WorkflowKey,
        page: Option<PageToken>,
    ) -> Result<JobPage, SourceError> {
        only_matching(workflow.kind)?;
        let client = self.client();
        let listener = Listener::default();
        let sent = client
            .list_matching_jobs()
            .workflow_name(&*workflow.name)
            .max_results(JobPage::MAX_JOBS.into())
            .set_next_token(page.map(|PageToken(token)| token))
            .customize()
            .interceptor(listener.clone())
            .send()
            .await;
        let permission = Permission::on_workflow(Operation::ListMatchingJobs, &workflow.name);
        let answer = self.granted(&client, listener.heard(), sent, permission)?;
        answer::job_page(answer.body())
    }

    async fn list_workflows(&self, page: Option<PageToken>) -> Result<WorkflowPage, SourceError> {
        let client = self.client();
        let listener = Listener::default();
        let sent = client
            .list_matching_workflows()
            .set_next_token(page.map(|PageToken(token)| token))
            .customize()
            .interceptor(listener.clone())
            .send()
            .await;
        let permission = Permission::on_everything(Operation::ListMatchingWorkflows);
        let answer = self.granted(&client, listener.heard(), sent, permission)?;
        answer::workflow_page(answer.body())
    }
}

fn only_matching(kind: JobKind) -> Result<(), SourceError> {
    match kind {
        JobKind::Matching => Ok(()),
        JobKind::IdMapping => Err(SourceError::Invalid {
            message: format!("kind {kind}: this version follows matching jobs only"),
        }),
    }
}

/// Shows no configuration of the SDK: it holds credentials.
impl fmt::Debug for EntityResolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntityResolution").field("region", &self.region).finish_non_exhaustive()
    }
}
