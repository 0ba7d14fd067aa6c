//! Who is told.

use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::aws::Aws;
use crate::clock::SharedClock;
use crate::config::{NotifierAdapter, Settings};
use crate::domain::{Route, Routing};
use crate::notify::{
    Command, ConfigError, EventBridge, HttpClient, Notifier, Sns, Sqs, Stdout, Webhook,
};
use crate::tls::CaBundle;

/// Builds notifiers that share their HTTP clients.
pub(super) struct Notifiers {
    pub(super) aws: Aws,
    pub(super) clock: SharedClock,
    /// Made for the first webhook: TLS takes its time to set up.
    pub(super) http_client: OnceCell<HttpClient>,
    pub(super) ca_bundle: Option<CaBundle>,
    pub(super) stdout: Arc<Stdout>,
}

impl Notifiers {
    pub(super) async fn build(
        &self,
        adapter: &NotifierAdapter,
    ) -> Result<Arc<dyn Notifier>, ConfigError> {
        Ok(match adapter {
            NotifierAdapter::Stdout => Arc::clone(&self.stdout) as Arc<dyn Notifier>,
            NotifierAdapter::Webhook(config) => {
                let client = self
                    .http_client
                    .get_or_try_init(async || Webhook::http_client(self.ca_bundle.as_ref()));
                Arc::new(Webhook::new(config, client.await?.clone(), Arc::clone(&self.clock))?)
            }
            NotifierAdapter::Sns(config) => Arc::new(Sns::connect(&self.aws, config).await?),
            NotifierAdapter::Sqs(config) => Arc::new(Sqs::connect(&self.aws, config).await?),
            NotifierAdapter::EventBridge(config) => {
                Arc::new(EventBridge::connect(&self.aws, config).await?)
            }
            NotifierAdapter::Command(config) => Arc::new(Command::new(config)?),
        })
    }
}

pub(super) fn routing(settings: &Settings) -> Routing {
    let routes = settings.notifiers.iter().map(|notifier| Route {
        notifier: Arc::clone(&notifier.name),
        filter: notifier.filter.clone(),
    });
    Routing::new(routes.collect())
}
