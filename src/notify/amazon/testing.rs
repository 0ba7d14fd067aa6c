//! What the tests of these notifiers share: keys that send to a receiver of the test's, and credentials to sign with.

use std::net::SocketAddr;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

use super::Config;
use crate::aws::{Access, Aws};

/// Keys that name `endpoint` in place of the service's own.
pub(in crate::notify) fn at(endpoint: SocketAddr) -> Config {
    Config { endpoint_url: Some(format!("http://{endpoint}")), ..Config::default() }
}

/// A base with credentials, in a Region that is none of the places'. Attempts end with the timeout of `config`.
pub(in crate::notify) async fn base(config: &Config) -> SdkConfig {
    let access = Access { region: Some("us-east-1".to_owned()), ..Access::default() };
    let credentials = Credentials::new("AKIDTEST", "hunter2hunter2", None, None, "test");
    Aws::new()
        .configure(&access, config.timeout)
        .await
        .into_builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}
