//! What the notifiers that are services of AWS share: a client's configuration, what fits into a message, and what a
//! refusal means.

mod publication;
mod refusal;
#[cfg(test)]
pub(super) mod testing;

use std::time::Duration;

use aws_config::{Region, SdkConfig};
use serde::Deserialize;

pub(super) use publication::{
    Oversized, Publication, SIZE_LIMIT, TEST_GROUP, as_services_take_it, cut_to, group_id,
};
pub(super) use refusal::{judge, judge_code, no_id};

use crate::aws::{Access, Aws, Role, assume};

/// Keys that a `[[notifier]]` has if it is a service of AWS: whose credentials it uses, and where.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The Region, where it is not the one that the topic, queue or bus names.
    pub region: Option<String>,
    /// A profile of the shared AWS configuration files.
    pub profile: Option<String>,
    /// A role to assume for sending.
    pub role_arn: Option<String>,
    /// What the role's owner wants to be told.
    pub external_id: Option<String>,
    /// What the session in the role is called.
    pub session_name: Option<String>,
    /// An endpoint in place of the service's own.
    pub endpoint_url: Option<String>,
    /// Time that one attempt may take.
    #[serde(default = "default_timeout", deserialize_with = "crate::duration::deserialize")]
    pub timeout: Duration,
}

const fn default_timeout() -> Duration {
    Duration::from_secs(20)
}

impl Default for Config {
    fn default() -> Self {
        Self {
            region: None,
            profile: None,
            role_arn: None,
            external_id: None,
            session_name: None,
            endpoint_url: None,
            timeout: default_timeout(),
        }
    }
}

impl Config {
    /// Finds credentials, without any request to the service. `region` is what the place to tell names.
    pub(super) async fn configure(&self, aws: &Aws, region: Option<&str>) -> SdkConfig {
        let access = Access {
            region: self.region_or(region),
            profile: self.profile.clone(),
            role: self.role(),
            endpoint_url: self.endpoint_url.clone(),
            ..Access::default()
        };
        aws.configure(&access, self.timeout).await
    }

    /// The same on the credentials, HTTP client and time limits of `base`. The endpoint of `base` serves STS, and the
    /// service too where there is no other.
    pub(super) fn with_base(&self, base: SdkConfig, region: Option<&str>) -> SdkConfig {
        let mut base = base.into_builder();
        if let Some(region) = self.region_or(region) {
            base = base.region(Region::new(region));
        }
        if let Some(role) = self.role() {
            base = assume(base.build(), &role).into_builder();
        }
        if let Some(endpoint_url) = &self.endpoint_url {
            base = base.endpoint_url(endpoint_url);
        }
        base.build()
    }

    fn region_or(&self, region: Option<&str>) -> Option<String> {
        self.region.clone().or_else(|| region.map(str::to_owned))
    }

    fn role(&self) -> Option<Role> {
        let mut role = Role::new(self.role_arn.as_deref()?);
        role.external_id.clone_from(&self.external_id);
        if let Some(session_name) = &self.session_name {
            role.session_name.clone_from(session_name);
        }
        Some(role)
    }
}
