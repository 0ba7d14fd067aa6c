//! What all AWS clients share: one HTTP client, time limits, fresh credentials, and no retries of the SDK's own.

mod credentials;
#[cfg(test)]
mod hand_set_clock;
mod http_client;
mod identity;
mod role;
mod shared;
mod turns;
mod words;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::origin::Origin;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::tls::{CaBundle, CaBundleError};
use credentials::FreshCredentials;
pub use identity::{Identity, NotIdentified};
use role::AssumedRole;
pub use role::{NotAssumed, Role};
use shared::{Customer, Forget, SharedCredentials};
use turns::Turns;
pub use words::{OUTAGE, without_session_token};

/// Which credentials and endpoint a client uses. What is absent comes from the environment and the shared AWS
/// configuration files, as for the AWS CLI.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// The Region.
    pub region: Option<String>,
    /// A profile of the shared configuration files. Where it is given, its credentials are used, whatever the
    /// environment holds.
    pub profile: Option<String>,
    /// A role to assume with those credentials.
    pub role: Option<Role>,
    /// An endpoint in place of the service's own.
    pub endpoint_url: Option<String>,
    /// Whether the endpoints are those with FIPS 140 cryptography, of STS too.
    pub use_fips: Option<bool>,
    /// Whether the endpoints are those with IPv4 and IPv6, of STS too.
    pub use_dualstack: Option<bool>,
    /// Send requests unsigned, and look for no credentials: for a simulator.
    pub no_sign_request: bool,
}

/// Makes SDK configurations that share one HTTP client (one connection pool, one TLS set-up), the credentials of the same
/// origin, and restraint with STS.
#[derive(Clone)]
pub struct Aws {
    http_client: SharedHttpClient,
    found: Arc<Mutex<HashMap<Origins, Arc<SharedCredentials<FreshCredentials>>>>>,
    turns: Arc<Turns>,
}

/// Where credentials come from, and what may make a difference on the way to them.
#[derive(PartialEq, Eq, Hash)]
struct Origins {
    profile: Option<String>,
    region: Option<String>,
    use_fips: Option<bool>,
    use_dualstack: Option<bool>,
    attempt_timeout: Duration,
}

impl Aws {
    /// Time to establish a connection.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

    /// Sets up the HTTP client. Nothing is read and no connection is made yet.
    pub fn new() -> Self {
        Self::with(http_client::shared(None))
    }

    /// The same, trusting `ca_bundle` besides the roots of this machine, or else the bundle that `AWS_CA_BUNDLE`
    /// names.
    ///
    /// # Errors
    ///
    /// `AWS_CA_BUNDLE` names what is no bundle.
    pub fn trusting(ca_bundle: Option<&CaBundle>) -> Result<Self, UnusableAwsCaBundle> {
        let ca_bundle = match ca_bundle {
            Some(ca_bundle) => Some(ca_bundle.clone()),
            None => CaBundle::of_aws_environment()?,
        };
        Ok(Self::with(http_client::shared(ca_bundle)))
    }

    fn with(http_client: SharedHttpClient) -> Self {
        Self { http_client, found: Arc::default(), turns: Arc::default() }
    }

    /// The SDK's configuration for `access`: one attempt a call, each within `attempt_timeout`, which covers
    /// finding credentials, connecting, and reading the answer to its end.
    ///
    /// Reads the environment and the shared configuration files. Only where neither names a Region it asks the
    /// machine's metadata service. Credentials are looked for by the first call.
    pub async fn configure(&self, access: &Access, attempt_timeout: Duration) -> SdkConfig {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Self::CONNECT_TIMEOUT.min(attempt_timeout))
            .read_timeout(attempt_timeout)
            .operation_attempt_timeout(attempt_timeout)
            .operation_timeout(attempt_timeout)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(self.http_client.clone())
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .no_credentials();
        if let Some(region) = &access.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(profile) = &access.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(use_fips) = access.use_fips {
            loader = loader.use_fips(use_fips);
        }
        if let Some(use_dualstack) = access.use_dualstack {
            loader = loader.use_dual_stack(use_dualstack);
        }
        let sdk = loader.load().await;
        let of_services = SetForServices(sdk.clone());
        let mut sdk = sdk.into_builder().service_config(of_services).build();
        if !access.no_sign_request {
            let base = Customer::of(self.found(access, &sdk, attempt_timeout));
            sdk = signed_by(sdk, SharedCredentialsProvider::new(base.clone()));
            if let Some(role) = &access.role {
                sdk = in_role(sdk, role, Some(Arc::new(base)), Arc::clone(&self.turns));
            }
        }
        // Not before: it is the service's alone, and STS is not there.
        match access.endpoint_url.as_deref().filter(|url| !url.is_empty()) {
            Some(endpoint_url) => {
                let mut sdk = sdk.into_builder().endpoint_url(endpoint_url);
                sdk.insert_origin("endpoint_url", Origin::shared_config());
                sdk.build()
            }
            None => sdk,
        }
    }

    /// The credentials that `access` begins with, shared with all that begin with the same.
    fn found(
        &self,
        access: &Access,
        sdk: &SdkConfig,
        attempt_timeout: Duration,
    ) -> Arc<SharedCredentials<FreshCredentials>> {
        let origins = Origins {
            profile: access.profile.clone(),
            region: sdk.region().map(ToString::to_string),
            use_fips: sdk.use_fips(),
            use_dualstack: sdk.use_dual_stack(),
            attempt_timeout,
        };
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = found.entry(origins).or_insert_with(|| {
            let fresh = FreshCredentials::new(access.profile.clone(), sdk);
            Arc::new(SharedCredentials::new(fresh, sdk.time_source().unwrap_or_default()))
        });
        Arc::clone(shared)
    }
}

/// `base` in a role that its credentials may assume. Its endpoint is STS's.
pub fn assume(base: SdkConfig, role: &Role) -> SdkConfig {
    in_role(base, role, None, Arc::default())
}

fn in_role(
    base: SdkConfig,
    role: &Role,
    forget: Option<Arc<dyn Forget>>,
    turns: Arc<Turns>,
) -> SdkConfig {
    let assumed = AssumedRole::new(role, &base, forget, turns);
    signed_by(base, SharedCredentialsProvider::new(assumed))
}

fn signed_by(sdk: SdkConfig, credentials: SharedCredentialsProvider) -> SdkConfig {
    sdk.into_builder().credentials_provider(credentials).build()
}

/// Shows no credentials.
impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").finish_non_exhaustive()
    }
}

/// The environment names a bundle of certificates that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("AWS_CA_BUNDLE")]
pub struct UnusableAwsCaBundle(#[from] CaBundleError);

impl Default for Aws {
    fn default() -> Self {
        Self::new()
    }
}

/// What the environment and the files set for one service, such as its endpoint: an empty value sets nothing, as
/// for the AWS CLI. The SDK would panic at the first request.
#[derive(Debug)]
struct SetForServices(SdkConfig);

impl LoadServiceConfig for SetForServices {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        self.0.service_config()?.load_config(key).filter(|value| !value.is_empty())
    }
}
