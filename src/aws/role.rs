//! Roles that are assumed with other credentials.
//!
//! The SDK's own provider of such credentials logs what STS says, which under a wrong signature repeats the session
//! token, and it asks STS again with every request while STS refuses.

use std::error::Error;
use std::fmt;
use std::iter;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_runtime::retries::classifiers::{THROTTLING_ERRORS, TRANSIENT_ERRORS};
use aws_sdk_sts::Client;
use aws_sdk_sts::config::{Builder, IdentityCache};
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_types::sdk_config::SharedTimeSource;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::shared::{Forget, again};
use super::turns::Turns;
use super::words::{OUTAGE, without_session_token};
use crate::backoff::{Backoff, Policy};

/// A role to assume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// What the role's owner wants to be told, where that is so.
    pub external_id: Option<String>,
    /// What the session is called in the owner's logs.
    pub session_name: String,
    /// An endpoint of STS in place of the Region's own.
    pub sts_endpoint_url: Option<String>,
}

impl Role {
    /// Default of [`Role::session_name`].
    pub const SESSION_NAME: &'static str = "matchwatch";

    /// A role whose owner wants nothing else to be told.
    pub fn new(arn: impl Into<String>) -> Self {
        Self {
            arn: arn.into(),
            external_id: None,
            session_name: Self::SESSION_NAME.to_owned(),
            sts_endpoint_url: None,
        }
    }
}

/// STS is asked again after these delays, whoever asks for credentials meanwhile. They stay below the minute after
/// which a question that was denied is asked again.
const DELAYS: Policy = Policy { initial: Duration::from_millis(200), max: Duration::from_secs(30) };
/// A session is renewed at least this long before its end, and at the most twice as long: an outage of STS that is
/// shorter is not noticed, and sessions that began together are not all renewed together.
const MARGIN: Duration = Duration::from_secs(5 * 60);
/// What ends so soon is not used any more.
const TOO_LATE: Duration = Duration::from_secs(15);

/// What STS says when the credentials that it was asked with are no good any more.
const BASE_IS_STALE: [&str; 5] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
];

/// Credentials of a session in a role.
pub(super) struct AssumedRole {
    role: Role,
    sts: Client,
    /// The shared credentials that `sts` signs with, where they are shared.
    base: Option<Arc<dyn Forget>>,
    turns: Arc<Turns>,
    time: SharedTimeSource,
    state: Mutex<State>,
}

struct State {
    /// The session at hand, with its true end.
    session: Option<Credentials>,
    /// What STS said last, if that was no session, and until when it is not asked again.
    refusal: Option<(Arc<CredentialsError>, Instant)>,
    delays: Backoff,
}

impl AssumedRole {
    /// Asks STS as `base` says, and with its credentials. Its endpoint is STS's.
    pub(super) fn new(
        role: &Role,
        base: &SdkConfig,
        forget: Option<Arc<dyn Forget>>,
        turns: Arc<Turns>,
    ) -> Self {
        let mut config = Builder::from(base).identity_cache(IdentityCache::no_cache());
        if let Some(endpoint_url) = &role.sts_endpoint_url {
            config = config.endpoint_url(endpoint_url);
        }
        Self {
            role: role.clone(),
            sts: Client::from_conf(config.build()),
            base: forget,
            turns,
            time: base.time_source().unwrap_or_default(),
            state: Mutex::new(State { session: None, refusal: None, delays: Backoff::new(DELAYS) }),
        }
    }

    /// A session, or the one at hand while STS gives none.
    async fn session(&self) -> provider::Result {
        let mut state = self.state.lock().await;
        if let Some((refusal, until)) = &state.refusal
            && let Some(left) = until.checked_duration_since(Instant::now())
        {
            return state.at_hand(self.time.now(), left).ok_or_else(|| again(refusal));
        }
        match self.assume().await {
            Ok(session) => {
                let now = self.time.now();
                tracing::debug!(role = %self.role.arn, "assumed");
                state.session = Some(session.clone());
                state.refusal = None;
                state.delays = Backoff::new(DELAYS);
                Ok(until(session, |end| end - margin(now, end)))
            }
            Err(error) => {
                let (refusal, delay) = (Arc::new(error), state.delays.next_delay());
                state.refusal = Some((Arc::clone(&refusal), Instant::now() + delay));
                state.at_hand(self.time.now(), delay).ok_or_else(|| again(&refusal))
            }
        }
    }

    async fn assume(&self) -> provider::Result {
        self.turns.next().await;
        if let Some(base) = &self.base {
            base.forget();
        }
        let answer = match self.ask().await {
            // Asked again, they are not those that were refused.
            Err(error) if self.base.is_some() && is_about_the_base(&error) => self.ask().await,
            answer => answer,
        };
        answer.map_err(|error| CredentialsError::provider_error(NotAssumed::new(&self.role, error)))
    }

    async fn ask(&self) -> Result<Credentials, SdkError<AssumeRoleError>> {
        let role = &self.role;
        let request = self
            .sts
            .assume_role()
            .role_arn(&role.arn)
            .role_session_name(&role.session_name)
            .set_external_id(role.external_id.clone());
        let unusable = |why: &'static str| SdkError::construction_failure(why);
        let given = request.send().await?.credentials.ok_or_else(|| unusable("no credentials"))?;
        let end = SystemTime::try_from(given.expiration).map_err(|_| unusable("no expiration"))?;
        Ok(Credentials::builder()
            .access_key_id(given.access_key_id)
            .secret_access_key(given.secret_access_key)
            .session_token(given.session_token)
            .expiry(end)
            .provider_name("matchwatch")
            .build())
    }
}

impl State {
    /// The session at hand, if it lasts: to be used no longer than `delay`, after which STS is asked again.
    fn at_hand(&self, now: SystemTime, delay: Duration) -> Option<Credentials> {
        let session = self.session.as_ref()?;
        let lasts = session.expiry().is_some_and(|end| end > now + TOO_LATE);
        // The client asks for others some seconds before the end that it is told.
        lasts.then(|| until(session.clone(), |end| end.min(now + delay + TOO_LATE)))
    }
}

fn until(mut session: Credentials, end: impl Fn(SystemTime) -> SystemTime) -> Credentials {
    let told = session.expiry().map(end);
    *session.expiry_mut() = told;
    session
}

/// How long before its end a session is renewed that begins now.
fn margin(now: SystemTime, end: SystemTime) -> Duration {
    let lifetime = end.duration_since(now).unwrap_or_default();
    MARGIN.min(lifetime / 4).mul_f64(1.0 + rand::random::<f64>())
}

fn is_about_the_base(error: &SdkError<AssumeRoleError>) -> bool {
    error.code().is_some_and(|code| BASE_IS_STALE.contains(&code))
}

impl ProvideCredentials for AssumedRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.session())
    }
}

/// Shows no credentials.
impl fmt::Debug for AssumedRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssumedRole").field("role", &self.role).finish_non_exhaustive()
    }
}

/// Why a role is not assumed.
pub struct NotAssumed {
    role_arn: String,
    why: Why,
}

enum Why {
    /// STS said so, in these words.
    Said { words: String, may_pass: bool },
    /// There was no answer to be understood.
    Unanswered(Box<SdkError<AssumeRoleError>>),
}

impl NotAssumed {
    fn new(role: &Role, error: SdkError<AssumeRoleError>) -> Self {
        let why = match &error {
            SdkError::ServiceError(context) => {
                let status = context.raw().status().as_u16();
                let code = error.code().unwrap_or("no error code");
                let line = error.message().and_then(|text| text.trim().lines().next());
                let line =
                    line.map_or_else(String::new, |l| format!(": {}", without_session_token(l)));
                let may_pass = status == 429
                    || status >= 500
                    || [THROTTLING_ERRORS, TRANSIENT_ERRORS, OUTAGE].concat().contains(&code);
                Why::Said { words: format!("{code}{line} (HTTP {status})"), may_pass }
            }
            _ => Why::Unanswered(Box::new(error)),
        };
        Self { role_arn: role.arn.clone(), why }
    }

    /// Whether STS answered.
    pub const fn is_answer(&self) -> bool {
        matches!(self.why, Why::Said { .. })
    }

    /// Whether STS answered, and may answer otherwise in a while.
    pub const fn is_outage(&self) -> bool {
        matches!(self.why, Why::Said { may_pass: true, .. })
    }
}

impl fmt::Display for NotAssumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "role {} is not assumed", self.role_arn)?;
        match &self.why {
            Why::Said { words, .. } => write!(f, ": {words}"),
            Why::Unanswered(_) => Ok(()),
        }
    }
}

/// Shows no answer of STS: one that was not understood may hold credentials.
impl fmt::Debug for NotAssumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NotAssumed({self})")
    }
}

impl Error for NotAssumed {
    /// What kept STS from being asked, without the layers in between.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let Why::Unanswered(error) = &self.why else {
            return None;
        };
        let mut causes = iter::successors(error.source(), |&error| error.source());
        let of_base = causes.find(|error| error.is::<CredentialsError>());
        of_base.or(Some(&**error))
    }
}

#[cfg(test)]
mod tests;
