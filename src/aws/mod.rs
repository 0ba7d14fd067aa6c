//! What all AWS clients share: one HTTP client, time limits, fresh credentials, and no retries of the SDK's own.

mod credentials;
mod http_client;
mod words;

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::tls::{CaBundle, CaBundleError};
use credentials::FreshCredentials;
pub use words::without_session_token;

/// Which credentials and endpoint a client uses. What is absent comes from the environment and the shared AWS
/// configuration files, as for the AWS CLI.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// The Region.
    pub region: Option<String>,
    /// A profile of the shared configuration files. Where it is given, its credentials are used, whatever the
    /// environment holds.
    pub profile: Option<String>,
    /// An endpoint in place of the service's own.
    pub endpoint_url: Option<String>,
    /// Send requests unsigned, and look for no credentials: for a simulator.
    pub no_sign_request: bool,
}

/// Makes SDK configurations that share one HTTP client: one connection pool, one TLS set-up.
#[derive(Debug, Clone)]
pub struct Aws {
    http_client: SharedHttpClient,
}

impl Aws {
    /// Time to establish a connection.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

    /// Sets up the HTTP client. Nothing is read and no connection is made yet.
    pub fn new() -> Self {
        Self { http_client: http_client::shared(None) }
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
        Ok(Self { http_client: http_client::shared(ca_bundle) })
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
        if let Some(endpoint_url) = access.endpoint_url.as_deref().filter(|url| !url.is_empty()) {
            loader = loader.endpoint_url(endpoint_url);
        }
        let sdk = loader.load().await;
        if access.no_sign_request {
            return sdk;
        }
        let credentials = FreshCredentials::new(access.profile.clone(), &sdk);
        let of_services = SetForServices(sdk.clone());
        sdk.into_builder()
            .service_config(of_services)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build()
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
