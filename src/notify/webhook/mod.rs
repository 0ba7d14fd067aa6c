//! HTTP POST in CloudEvents structured mode, or of a body made from a template; signed as Standard Webhooks.

mod answer;
mod headers;
mod readings;
mod redact;
mod signature;
mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
pub use reqwest::Client as HttpClient;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Certificate, redirect};
use serde::{Deserialize, Serialize};
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, WebhookError,
};
use uuid::Uuid;

use self::redact::Redactor;
use self::signature::Signer;
pub use self::template::BuiltIn as BuiltInTemplate;
use self::template::{Context, Template};
use super::reason::{causes, head};
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
    /// A template that we bring, to make bodies with.
    pub template: Option<BuiltInTemplate>,
    /// The file of a template to make bodies with.
    pub template_file: Option<PathBuf>,
    /// A template to make bodies with.
    pub template_text: Option<String>,
    /// Secrets that the template can speak of.
    #[serde(default)]
    pub template_secrets: BTreeMap<String, SecretRef>,
    /// The media type of what the template makes.
    pub content_type: Option<String>,
}

impl Config {
    /// The configuration of a webhook that has nothing but a URL.
    pub fn posting_to(url: MaybeSecret) -> Self {
        Self {
            url,
            secrets: Vec::new(),
            headers: BTreeMap::new(),
            timeout: default_timeout(),
            template: None,
            template_file: None,
            template_text: None,
            template_secrets: BTreeMap::new(),
            content_type: None,
        }
    }

    /// Makes bodies with the template, where there is one, for example events of every type. What stands in for its
    /// secrets shows in no message.
    ///
    /// # Errors
    ///
    /// The key that is wrong, and what is wrong with it.
    pub fn check_template(&self) -> Result<(), (&'static str, String)> {
        template::check(self)
    }

    /// Says whether the template can use `secret` under this name.
    ///
    /// # Errors
    ///
    /// What is wrong with it, without the secret.
    pub fn check_template_secret(&self, name: &str, secret: &Secret) -> Result<(), String> {
        self.template.map_or(Ok(()), |template| template.check_secret(name, secret))
    }

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

/// No more than this is told of what is wrong with a template.
const EXCERPT_CHARS: usize = 300;

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
    template: Option<Template>,
    content_type: HeaderValue,
    redactor: Redactor,
}

impl Webhook {
    /// Fetches the secrets and checks URL and headers. `client` comes from [`Webhook::http_client`].
    ///
    /// # Errors
    ///
    /// A secret is missing or malformed, the URL is none, a header cannot be sent, the template is none.
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
        let secrets = template::secrets(&config.template_secrets)?;
        let redactor = Redactor::new(&url, sent, secrets.values());
        let refuse = |(key, problem): (&str, String)| ConfigError(format!("{key}: {problem}"));
        let template = Template::of(config, &secrets).map_err(refuse)?;
        let content_type = match &template {
            Some(_) => template::content_type(config).map_err(refuse)?,
            None => HeaderValue::from_static("application/cloudevents+json; charset=UTF-8"),
        };
        let timeout = config.timeout;
        Ok(Self { client, clock, url, headers, signer, timeout, template, content_type, redactor })
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

    /// Posts `event`, or the body that the template makes of it.
    async fn tell<E: Serialize>(
        &self,
        id: Uuid,
        event: &Message<E>,
        context: impl FnOnce(&Message<E>) -> Result<Context, serde_json::Error>,
    ) -> Outcome {
        let Some(template) = &self.template else {
            return self.send(id, &event.body).await;
        };
        let made = context(event)
            .map_err(|error| error.to_string())
            .and_then(|context| template.render(&context).map_err(|error| error.to_string()));
        match made {
            Ok(body) => self.send(id, &body).await,
            Err(problem) => {
                let reason = format!("no body can be made: {}", self.redactor.redact(&problem));
                Outcome::reject(head(&reason, EXCERPT_CHARS))
            }
        }
    }

    async fn send(&self, id: Uuid, body: &str) -> Outcome {
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
            .header(CONTENT_TYPE, self.content_type.clone())
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
        self.tell(message.event.id, message, Context::of).await
    }

    async fn try_out(&self, test: &Message<TestEvent>) -> Outcome {
        self.tell(test.event.id, test, Context::of_test).await
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
