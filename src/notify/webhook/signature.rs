//! Signatures of Standard Webhooks (<https://www.standardwebhooks.com>), one for each secret.

use standardwebhooks::{Webhook as Key, WebhookError};

use crate::notify::ConfigError;
use crate::secret::{Secret, SecretRef};

const PREFIX: &str = "whsec_";

/// Signs with every configured secret, so that receivers can change theirs one after the other.
pub(super) struct Signer(Vec<Key>);

impl Signer {
    /// Fetches and checks the secrets. With none, nothing is signed.
    pub(super) fn new(secrets: &[SecretRef]) -> Result<Self, ConfigError> {
        secrets.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// The value of `webhook-signature`; `None` where there is no secret.
    pub(super) fn sign(
        &self,
        id: &str,
        timestamp: i64,
        body: &str,
    ) -> Result<Option<String>, WebhookError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let signatures = self
            .0
            .iter()
            .map(|key| key.sign(id, timestamp, body.as_bytes()))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Some(signatures.join(" ")))
    }
}

fn read(place: &SecretRef) -> Result<Key, ConfigError> {
    let refuse = |problem: &dyn std::fmt::Display| ConfigError(format!("secrets: {problem}"));
    let secret = place.resolve().map_err(|error| refuse(&error))?;
    key(&secret).map_err(|problem| refuse(&format_args!("{place}: {problem}")))
}

/// A key made of a secret, or how to make a secret that is one.
pub(super) fn key(secret: &Secret) -> Result<Key, String> {
    // The causes that the crate gives would show a part of the secret: none is passed on.
    secret
        .expose()
        .strip_prefix(PREFIX)
        .filter(|encoded| (24..=64).contains(&decoded_len(encoded)))
        .and_then(|encoded| Key::new(encoded).ok())
        .ok_or_else(|| {
            format!(
                "what is kept there is no signing secret; make one of `{PREFIX}` and the base64 of 24 to \
                 64 random bytes, as with `openssl rand -base64 32`"
            )
        })
}

/// How many bytes padded base64 stands for, if it is base64 at all.
fn decoded_len(encoded: &str) -> usize {
    let padding = encoded.bytes().rev().take_while(|byte| *byte == b'=').count();
    (encoded.len() / 4 * 3).saturating_sub(padding)
}
