//! What all AWS clients share: one HTTP client, time limits, and no retries of the SDK's own.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// Which credentials and endpoint a client uses. What is absent comes from the environment and the shared AWS
/// configuration files, as for the AWS CLI.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// The Region.
    pub region: Option<String>,
    /// A profile of the shared configuration files.
    pub profile: Option<String>,
    /// An endpoint in place of the service's own.
    pub endpoint_url: Option<String>,
}

/// Makes SDK configurations that share one HTTP client: one connection pool, one TLS set-up.
#[derive(Debug, Clone)]
pub struct Aws {
    http_client: SharedHttpClient,
}

impl Aws {
    /// Time to establish a connection.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

    /// Sets up the HTTP client. No connection is made yet.
    pub fn new() -> Self {
        let http_client = Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
            .build_https();
        Self { http_client }
    }

    /// The SDK's configuration for `access`: one attempt a call, each within `attempt_timeout`.
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
            .timeout_config(timeouts);
        if let Some(region) = &access.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(profile) = &access.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(endpoint_url) = &access.endpoint_url {
            loader = loader.endpoint_url(endpoint_url);
        }
        loader.load().await
    }
}

impl Default for Aws {
    fn default() -> Self {
        Self::new()
    }
}
