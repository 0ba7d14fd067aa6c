//! AWS Entity Resolution: the only place that knows its SDK client.
//!
//! The SDK signs and sends; what comes back is read here, from the bytes. The SDK would take an empty answer for
//! a job that started in 1970, and would lose a whole answer to one large number ([`answer`]), and it tells too
//! little about a refusal ([`refusal`]).

mod answer;
mod exchange;
mod failure;
mod refusal;
mod start;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_entityresolution::Client;
use aws_sdk_entityresolution::config::{self, IdentityCache};
use aws_sdk_entityresolution::error::SdkError;
use jiff::Timestamp;

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

    /// Asks for something small about jobs of this kind, to learn whether the service answers and knows who asks. That
    /// it forbids the question is such an answer too: no daemon needs it granted. Returns the time by the service's clock,
    /// where the answer bears it.
    ///
    /// # Errors
    ///
    /// One of [`SourceError`].
    pub async fn introduce(&self, kind: JobKind) -> Result<Option<Timestamp>, SourceError> {
        let call = self.call(Permission::on_everything(Operation::list_workflows(kind)));
        let heard = match kind {
            JobKind::Matching => {
                let request = call.client.list_matching_workflows().max_results(1);
                call.heard(request.customize().interceptor(call.listener()).send()).await
            }
            JobKind::IdMapping => {
                let request = call.client.list_id_mapping_workflows().max_results(1);
                call.heard(request.customize().interceptor(call.listener()).send()).await
            }
        };
        let answer = match heard {
            Ok(answer) if refusal::is_forbidden(&answer) => answer,
            heard => self.granted(&call, heard)?,
        };
        Ok(answer.date())
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

    /// A question that needs `permission`.
    fn call<'a>(&self, permission: Permission<'a>) -> Call<'a> {
        Call { client: self.client(), listener: Listener::default(), permission }
    }

    /// The answer that was heard, if the service granted the request.
    fn granted(
        &self,
        call: &Call<'_>,
        heard: Result<Answer, SourceError>,
    ) -> Result<Answer, SourceError> {
        let refusal = match heard {
            Ok(answer) if answer.is_success() => return Ok(answer),
            Ok(answer) => refusal::classify(&answer, call.permission),
            Err(error) => error,
        };
        if matches!(refusal, SourceError::CredentialsExpired { .. }) {
            self.renew(&call.client);
        }
        Err(refusal)
    }
}

/// One question: by which client, and what it takes.
struct Call<'a> {
    client: Arc<Client>,
    listener: Listener,
    permission: Permission<'a>,
}

impl Call<'_> {
    /// What has to listen to the request.
    fn listener(&self) -> Listener {
        self.listener.clone()
    }

    /// Sends the request; returns what came back, be it a refusal.
    async fn heard<O, E>(
        &self,
        request: impl Future<Output = Result<O, SdkError<E>>>,
    ) -> Result<Answer, SourceError>
    where
        E: std::error::Error + 'static,
    {
        let sent = request.await;
        match (self.listener.heard(), sent) {
            (Some(answer), _) => Ok(answer),
            (None, Err(error)) => Err(failure::classify(&error)),
            (None, Ok(_)) => Err(SourceError::Unavailable { message: "no answer".to_owned() }),
        }
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
        let operation = Operation::get_job(job.kind);
        let call = self.call(Permission::on_workflow(operation, &job.workflow_name));
        let heard = match job.kind {
            JobKind::Matching => {
                let request = call.client.get_matching_job();
                let request = request.workflow_name(&*job.workflow_name).job_id(&*job.job_id);
                call.heard(request.customize().interceptor(call.listener()).send()).await
            }
            JobKind::IdMapping => {
                let request = call.client.get_id_mapping_job();
                let request = request.workflow_name(&*job.workflow_name).job_id(&*job.job_id);
                call.heard(request.customize().interceptor(call.listener()).send()).await
            }
        };
        let answer = self.granted(&call, heard)?;
        answer::observation(answer.body(), &job.job_id)
    }

    async fn list_jobs(
        &self,
        workflow: &WorkflowKey,
        page: Option<PageToken>,
    ) -> Result<JobPage, SourceError> {
        let operation = Operation::list_jobs(workflow.kind);
        let call = self.call(Permission::on_workflow(operation, &workflow.name));
        let token = page.map(|PageToken(token)| token);
        let heard = match workflow.kind {
            JobKind::Matching => {
                let request = call.client.list_matching_jobs().workflow_name(&*workflow.name);
                let request = request.max_results(JobPage::MAX_JOBS.into()).set_next_token(token);
                call.heard(request.customize().interceptor(call.listener()).send()).await
            }
            JobKind::IdMapping => {
                let request = call.client.list_id_mapping_jobs().workflow_name(&*workflow.name);
                let request = request.max_results(JobPage::MAX_JOBS.into()).set_next_token(token);
                call.heard(request.customize().interceptor(call.listener()).send()).await
            }
        };
        let answer = self.granted(&call, heard)?;
        answer::job_page(answer.body())
    }

    async fn list_workflows(
        &self,
        kind: JobKind,
        page: Option<PageToken>,
    ) -> Result<WorkflowPage, SourceError> {
        let call = self.call(Permission::on_everything(Operation::list_workflows(kind)));
        let token = page.map(|PageToken(token)| token);
        let heard = match kind {
            JobKind::Matching => {
                let request = call.client.list_matching_workflows().set_next_token(token);
                call.heard(request.customize().interceptor(call.listener()).send()).await
            }
            JobKind::IdMapping => {
                let request = call.client.list_id_mapping_workflows().set_next_token(token);
                call.heard(request.customize().interceptor(call.listener()).send()).await
            }
        };
        let answer = self.granted(&call, heard)?;
        answer::workflow_page(answer.body())
    }
}

/// Shows no configuration of the SDK: it holds credentials.
impl fmt::Debug for EntityResolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntityResolution").field("region", &self.region).finish_non_exhaustive()
    }
}
