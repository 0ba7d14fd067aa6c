//! What the notifiers that are services of AWS share: a client's configuration, what fits into a message, and what a
//! refusal means.

mod publication;
mod refusal;

use std::time::Duration;

use aws_config::{Region, SdkConfig};

pub(super) use publication::{
    Oversized, Publication, SIZE_LIMIT, TEST_GROUP, as_services_take_it, cut_to, group_id,
};
pub(super) use refusal::{judge, judge_code};

use crate::aws::{Access, Aws, Role, assume};

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
    /// What the role's owner wants to be told.
    pub(super) external_id: Option<&'a str>,
    /// What the session in the role is called.
    pub(super) session_name: Option<&'a str>,
}

impl Identity<'_> {
    /// Finds credentials, without any request to the service, whose endpoint this is, if it is not its own.
    pub(super) async fn configure(
        self,
        aws: &Aws,
        endpoint_url: Option<&str>,
        timeout: Duration,
    ) -> SdkConfig {
        let access = Access {
            region: self.region.map(str::to_owned),
            profile: self.profile.map(str::to_owned),
            role: self.role(),
            endpoint_url: endpoint_url.map(str::to_owned),
            ..Access::default()
        };
        aws.configure(&access, timeout).await
    }

    /// `base` in the notifier's Region, with the credentials of its role. The endpoint of `base` serves STS.
    pub(super) fn assume(self, base: SdkConfig) -> SdkConfig {
        let mut base = base.into_builder();
        if let Some(region) = self.region {
            base = base.region(Region::new(region.to_owned()));
        }
        match self.role() {
            Some(role) => assume(base.build(), &role),
            None => base.build(),
        }
    }

    fn role(self) -> Option<Role> {
        let mut role = Role::new(self.role_arn?);
        role.external_id = self.external_id.map(str::to_owned);
        if let Some(session_name) = self.session_name {
            role.session_name = session_name.to_owned();
        }
        Some(role)
    }
}
