//! HTTP POST in CloudEvents structured mode, signed as Standard Webhooks.

mod answer;
mod headers;
mod redact;
mod signature;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
pub use reqwest::Client as HttpClient;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Certificate, redirect};
use serde::Deserialize;
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, WebhookError,
};
use uuid::Uuid;

use self::redact::Redactor;
use self::signature::Signer;
use super::reason::causes;
use super::{ConfigError, Notifier, Outcome};
use crate::clock::SharedClock;
use crate::domain::{Message, TestEvent};
use crate::duration;
use crate::secret::{MaybeSecret, Secret, SecretRef};
use crate::tls::CaBundle;
use crate::url::{Url, parse_http};

/// Keys of a `[[notifier]]` with `type = "webhook"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to post.
    pub url: MaybeSecret,
    /// Signing secrets (`whsec_…`); the first is the newest. With several, the message carries one signature each.
    #[serde(default)]
    pub secrets: Vec<SecretRef>,
    /// Further headers.
    #[serde(default)]
    pub headers: BTreeMap<String, MaybeSecret>,
    /// Time that one attempt may take.
    #[serde(default = "default_timeout", deserialize_with = "crate::duration::deserialize")]
    pub timeout: Duration,
}

impl Config {
    /// Says whether a webhook can carry this header.
    ///
    /// # Errors
    ///
    /// What is wrong with it, without its value.
    pub fn check_header(name: &str, value: &str) -> Result<(), String> {
        headers::header(name, value).map(|_| ())
    }

    /// Says whether signatures can be made with `secret`.
    ///
    /// # Errors
    ///
    /// How to make a secret that they can be made with.
    pub fn check_signing_secret(secret: &Secret) -> Result<(), String> {
        signature::key(secret).map(|_| ())
    }
}

const fn default_timeout() -> Duration {
    Duration::from_secs(20)
}

/// Posts events to one URL.
///
/// The URL is treated as a secret, as chat tools put theirs into it: what is shown of it is the host.
pub struct Webhook {
    client: HttpClient,
    clock: SharedClock,
    url: Url,
    headers: HeaderMap,
    signer: Signer,
    timeout: Duration,
    redactor: Redactor,
}

impl Webhook {
    /// Fetches the secrets and checks URL and headers. `client` comes from [`Webhook::http_client`].
    ///
    /// # Errors
    ///
    /// A secret is missing or malformed, the URL is none, a header cannot be sent.
    pub fn new(
        config: &Config,
        client: HttpClient,
        clock: SharedClock,
    ) -> Result<Self, ConfigError> {
        let url = parse_url(&config.url)?;
        let headers = headers::read(&config.headers)?;
        let signer = Signer::new(&config.secrets)?;
        // User and password of the URL become a header, in base64.
        let made_of_url = client.post(url.clone()).build().ok();
        let sent = made_of_url.iter().map(|request| request.headers()).chain([&headers]);
        let redactor = Redactor::new(&url, sent);
        Ok(Self { client, clock, url, headers, signer, timeout: config.timeout, redactor })
    }

    /// The HTTP client that all webhooks share: one connection pool, one TLS set-up. It follows no redirects
    /// and takes its proxies from the environment. It trusts the roots of this machine and those of `ca_bundle`.
    ///
    /// # Errors
    ///
    /// TLS cannot be set up, as where a machine has no CA certificates.
    pub fn http_client(ca_bundle: Option<&CaBundle>) -> Result<HttpClient, ConfigError> {
        let trusted =
            ca_bundle.map_or_else(|| Ok(Vec::new()), |b| Certificate::from_pem_bundle(b.pem()));
        trusted
            .and_then(|trusted| {
                HttpClient::builder()
                    .tls_certs_merge(trusted)
                    .user_agent(concat!("matchwatch/", env!("CARGO_PKG_VERSION")))
                    .redirect(redirect::Policy::none())
                    .build()
            })
            .map_err(|error| {
                ConfigError(format!(
                    "webhook: HTTPS cannot be set up (are CA certificates installed?): {}",
                    causes(&error)
                ))
            })
    }

    async fn tell(&self, id: Uuid, body: &str) -> Outcome {
        match self.post(&id.to_string(), body).await {
            Ok(response) => {
                answer::judge(response, self.host(), self.clock.now(), &self.redactor).await
            }
            Err(failure) => Outcome::retry(self.explain(failure)),
        }
    }

    async fn post(&self, id: &str, body: &str) -> Result<reqwest::Response, Failure> {
        let timestamp = self.clock.now().as_second();
        let mut request = self
            .client
            .post(self.url.clone())
            .timeout(self.timeout)
            .headers(self.headers.clone())
            .header(CONTENT_TYPE, "application/cloudevents+json; charset=UTF-8")
            .header(HEADER_WEBHOOK_ID, id)
            .header(HEADER_WEBHOOK_TIMESTAMP, timestamp);
        if let Some(signature) = self.signer.sign(id, timestamp, body)? {
            request = request.header(HEADER_WEBHOOK_SIGNATURE, signature);
        }
        Ok(request.body(body.to_owned()).send().await?)
    }

    fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// A failure in words that show nothing of the URL but its host.
    fn explain(&self, failure: Failure) -> String {
        let words = match failure {
            Failure::Http(error) if error.is_timeout() => {
                format!("no answer within {}", duration::display(self.timeout))
            }
            Failure::Http(error) => self.redactor.redact(&causes(&error.without_url())),
            Failure::Signature(error) => format!("cannot sign the event: {error}"),
        };
        format!("{}: {words}", self.host())
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("host", &self.host())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Notifier for Webhook {
    async fn notify(&self, message: &Message) -> Outcome {
        self.tell(message.event.id, &message.body).await
    }

    async fn try_out(&self, test: &Message<TestEvent>) -> Outcome {
        self.tell(test.event.id, &test.body).await
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    #[error(transparent)]
    Signature(#[from] WebhookError),
}

fn parse_url(configured: &MaybeSecret) -> Result<Url, ConfigError> {
    let text = configured.resolve().map_err(|error| ConfigError(format!("url: {error}")))?;
    parse_http(text.expose()).map_err(|problem| ConfigError(format!("url: {problem}")))
}
