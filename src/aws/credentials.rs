//! Where credentials come from.

use std::error::Error;
use std::iter;

use aws_config::SdkConfig;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::imds::client::error::TokenError;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;

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
        let config = self.provider_config();
        let found = match &self.profile {
            // As in the AWS CLI, a profile that was asked for by name wins over keys in the environment, which
            // the SDK's chain would take.
            Some(profile) => {
                let provider = ProfileFileCredentialsProvider::builder()
                    .configure(&config)
                    .profile_name(profile)
                    .build();
                provider.provide_credentials().await
            }
            None => {
                let region = self.sdk.region().cloned();
                let chain = DefaultCredentialsChain::builder().configure(config).region(region);
                chain.build().await.provide_credentials().await
            }
        };
        found.map_err(|error| match is_nothing_there(&error) {
            true => CredentialsError::not_loaded(self.searched()),
            false => error,
        })
    }

    /// Where there was nothing, for a message.
    fn searched(&self) -> String {
        match (&self.profile, std::env::var("AWS_PROFILE")) {
            (Some(profile), _) => format!("profile {profile:?} gives none"),
            (None, Ok(profile)) => format!(
                "neither the environment nor profile {profile:?}, which AWS_PROFILE names, nor this machine gives any"
            ),
            (None, Err(_)) => {
                "neither the environment nor the default profile nor this machine gives any"
                    .to_owned()
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

/// Whether all places were asked in vain: not even the metadata service, where there is one, has a role for us.
/// The SDK takes a metadata service that refuses (switched off, or another cloud's) for a failure.
fn is_nothing_there(error: &CredentialsError) -> bool {
    let mut causes = iter::successors(Some(error as &dyn Error), |&error| error.source());
    matches!(error, CredentialsError::CredentialsNotLoaded(_))
        || causes
            .find_map(|cause| cause.downcast_ref::<SdkError<TokenError, HttpResponse>>())
            .and_then(SdkError::raw_response)
            .is_some_and(|refusal| refusal.status().as_u16() < 500)
}
