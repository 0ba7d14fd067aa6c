//! Where credentials come from.

use aws_config::SdkConfig;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};

/// Finds credentials anew each time it is asked.
///
/// The SDK's own providers remember what they read, so that a key that somebody renewed in the shared
/// credentials file would never be seen. What is found is kept by the client's identity cache, which asks again
/// when it expires.
#[derive(Debug)]
pub(super) struct FreshCredentials {
    profile: Option<String>,
    sdk: SdkConfig,
}

impl FreshCredentials {
    /// Credentials of `profile`, or else those that the AWS CLI would find, by the Region and endpoints of `sdk`.
    pub(super) fn new(profile: Option<String>, sdk: &SdkConfig) -> Self {
        Self { profile, sdk: sdk.clone() }
    }

    async fn find(&self) -> provider::Result {
        let region = self.sdk.region().cloned();
        let config = self.provider_config();
        match &self.profile {
            // As in the AWS CLI, a profile that was asked for by name wins over keys in the environment, which
            // the SDK's chain would take.
            Some(profile) => {
                let provider = ProfileFileCredentialsProvider::builder()
                    .configure(&config)
                    .profile_name(profile)
                    .build();
                provider.provide_credentials().await.map_err(|error| match error {
                    CredentialsError::CredentialsNotLoaded(_) => {
                        CredentialsError::not_loaded(format!("profile {profile:?} gives none"))
                    }
                    other => other,
                })
            }
            None => {
                let chain =
                    DefaultCredentialsChain::builder().configure(config).region(region).build();
                chain.await.provide_credentials().await
            }
        }
    }

    /// A new one each time: it holds the files once they are read.
    fn provider_config(&self) -> ProviderConfig {
        let sdk = &self.sdk;
        let mut config = ProviderConfig::without_region()
            .with_region(sdk.region().cloned())
            .with_behavior_version(sdk.behavior_version())
            .with_use_fips(sdk.use_fips())
            .with_use_dual_stack(sdk.use_dual_stack());
        if let Some(http_client) = sdk.http_client() {
            config = config.with_http_client(http_client);
        }
        if let Some(timeouts) = sdk.timeout_config() {
            config = config.with_timeout_config(timeouts.clone());
        }
        config
    }
}

impl ProvideCredentials for FreshCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.find())
    }
}
