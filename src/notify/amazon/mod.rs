//! What the notifiers that are services of AWS share: a client's configuration, what fits into a message, and what a
//! refusal means.

mod publication;
mod refusal;

use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_config::{Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;

pub(super) use publication::{Oversized, Publication, SIZE_LIMIT, TEST_GROUP, cut_to, group_id};
pub(super) use refusal::{judge, judge_code};

use crate::aws::{Access, Aws};

/// Time that one attempt may take, where the configuration does not say.
pub(super) const fn default_timeout() -> Duration {
    Duration::from_secs(20)
}

/// Whose credentials a notifier uses, and where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity<'a> {
    /// The Region; of the AWS environment where it is absent.
    pub(super) region: Option<&'a str>,
    /// A profile of the shared AWS configuration files.
    pub(super) profile: Option<&'a str>,
    /// A role to assume.
    pub(super) role_arn: Option<&'a str>,
}

impl Identity<'_> {
    /// Finds credentials, without any request to the service. The service's own endpoint is not set: STS must not be
    /// sought there.
    pub(super) async fn base(self, aws: &Aws, timeout: Duration) -> SdkConfig {
        let access = Access {
            region: self.region.map(str::to_owned),
            profile: self.profile.map(str::to_owned),
            ..Access::default()
        };
        aws.configure(&access, timeout).await
    }

    /// `base` in the notifier's Region, with the credentials of its role. The endpoint of `base` serves STS.
    pub(super) async fn assume(self, base: SdkConfig) -> SdkConfig {
        let mut base = base.into_builder();
        if let Some(region) = self.region {
            base = base.region(Region::new(region.to_owned()));
        }
        let base = base.build();
        let Some(role_arn) = self.role_arn else {
            return base;
        };
        let role = AssumeRoleProvider::builder(role_arn)
            .configure(&base)
            .session_name("matchwatch")
            .build()
            .await;
        base.into_builder().credentials_provider(SharedCredentialsProvider::new(role)).build()
    }
}
