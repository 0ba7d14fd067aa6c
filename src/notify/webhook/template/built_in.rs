//! The templates that we bring.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Misfit;
use crate::secret::Secret;

/// A template of ours, by the receiver that it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BuiltIn {
    /// Slack's incoming webhooks: blocks, and a text for notifications
    /// (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>).
    Slack,
    /// A webhook of Microsoft Teams' Workflows: an Adaptive Card in a message
    /// (<https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using>).
    Teams,
    /// PagerDuty's Events API v2 (<https://developer.pagerduty.com/docs/send-alert-event>).
    PagerDuty,
    /// The envelope in which EventBridge hands events on
    /// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html>).
    EventBridge,
}

impl BuiltIn {
    /// All of them.
    #[cfg(test)]
    pub(super) const ALL: [Self; 4] =
        [Self::Slack, Self::Teams, Self::PagerDuty, Self::EventBridge];

    /// Its name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::PagerDuty => "pagerduty",
            Self::EventBridge => "eventbridge",
        }
    }

    pub(super) const fn source(self) -> &'static str {
        match self {
            Self::Slack => include_str!("../templates/slack.json.jinja"),
            Self::Teams => include_str!("../templates/teams.json.jinja"),
            Self::PagerDuty => include_str!("../templates/pagerduty.json.jinja"),
            Self::EventBridge => include_str!("../templates/eventbridge.json.jinja"),
        }
    }

    /// Says what is wrong with a secret of that name.
    pub(in crate::notify::webhook) fn check_secret(
        self,
        name: &str,
        secret: &Secret,
    ) -> Result<(), String> {
        match (self, name) {
            (Self::PagerDuty, "routing_key") if secret.expose().len() != 32 => Err(
                "what is kept there is no integration key of PagerDuty, which has 32 characters"
                    .to_owned(),
            ),
            (Self::PagerDuty, "routing_key") => Ok(()),
            _ => Err(format!("the template {} has no use for it; leave it out", self.name())),
        }
    }

    /// Says which secret is missing.
    pub(super) fn check_secrets(self, secrets: &BTreeMap<String, Secret>) -> Result<(), Misfit> {
        match self {
            Self::PagerDuty if !secrets.contains_key("routing_key") => Err((
                "template_secrets",
                "PagerDuty's template needs the integration key of a service; write for example \
                 template_secrets = { routing_key = { env = \"PAGERDUTY_ROUTING_KEY\" } }"
                    .to_owned(),
            )),
            _ => Ok(()),
        }
    }
}
