//! The HTTP client that all AWS clients share.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use aws_smithy_http_client::{Connector, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

use crate::tls::CaBundle;

/// How long an idle connection is kept: shorter than servers keep theirs, so that no request meets one that the
/// server is about to close.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// No more than this is read of an answer. The SDK would read on as long as somebody sends. It is far more than a
/// service has to say, because a job whose answer is longer would never be told.
const ANSWER_LIMIT: usize = 16 * 1024 * 1024;

/// A client whose connection pools are shared by all callers with the same time limits.
///
/// The SDK's own client reads the machine's root certificates when it is made, and knows no proxies. This one
/// reads them before the first request that may need them, and takes proxies from `HTTPS_PROXY`, `HTTP_PROXY`,
/// `ALL_PROXY` and `NO_PROXY`, as the AWS CLI does.
pub(super) fn shared(ca_bundle: Option<CaBundle>) -> SharedHttpClient {
    let routes: Mutex<HashMap<TimeLimits, SharedHttpConnector>> = Mutex::default();
    http_client_fn(move |settings, components| {
        let mut routes = routes.lock().unwrap_or_else(PoisonError::into_inner);
        let limits = (settings.connect_timeout(), settings.read_timeout());
        let new = || SharedHttpConnector::new(Routes::new(settings, components, ca_bundle.clone()));
        routes.entry(limits).or_insert_with(new).clone()
    })
}

/// The limits to connect and to read an answer's head.
type TimeLimits = (Option<Duration>, Option<Duration>);

/// The two ways out, each set up when it is first taken.
#[derive(Debug)]
struct Routes {
    builder: ConnectorBuilder,
    ca_bundle: Option<CaBundle>,
    /// To this machine, in clear text: no proxy, no certificates.
    near: OnceLock<Connector>,
    /// To everywhere else.
    far: OnceLock<Connector>,
}

impl Routes {
    fn new(
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
        ca_bundle: Option<CaBundle>,
    ) -> Self {
        let mut builder = Connector::builder()
            .connector_settings(settings.clone())
            .pool_idle_timeout(IDLE_TIMEOUT);
        builder.set_sleep_impl(components.sleep_impl());
        Self { builder, ca_bundle, near: OnceLock::new(), far: OnceLock::new() }
    }

    fn near(&self) -> &Connector {
        self.near.get_or_init(|| self.builder.clone().build_http())
    }

    fn far(&self) -> &Connector {
        self.far.get_or_init(|| {
            let mut trusted = TrustStore::default();
            if let Some(ca_bundle) = &self.ca_bundle {
                trusted.add_pem_certificate(ca_bundle.pem());
            }
            let context = TlsContext::builder().with_trust_store(trusted);
            self.builder
                .clone()
                .proxy_config(ProxyConfig::from_env())
                .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
                // Building it cannot fail.
                .tls_context(context.build().unwrap_or_default())
                .build()
        })
    }
}

impl HttpConnector for Routes {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connector = if is_near(request.uri()) { self.near() } else { self.far() };
        let answer = connector.call(request);
        HttpConnectorFuture::new(async move {
            let limited = |body| SdkBody::from_body_1_x(Limited::new(body, ANSWER_LIMIT));
            Ok(answer.await?.map(limited))
        })
    }
}

/// Whether a URI leads, unencrypted, to this machine or to its metadata service (link-local), where no proxy
/// could go for us.
fn is_near(uri: &str) -> bool {
    let Some(rest) = uri.strip_prefix("http://") else {
        return false;
    };
    let authority = rest.split_once(['/', '?']).map_or(rest, |(authority, _)| authority);
    let host = match authority.strip_prefix('[') {
        Some(ipv6) => ipv6.split_once(']').map_or(ipv6, |(host, _)| host),
        None => authority.split_once(':').map_or(authority, |(host, _)| host),
    };
    match host.parse() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_and_its_metadata_service_are_near() {
        for uri in [
            "http://127.0.0.1:8080/matchingworkflows",
            "http://localhost",
            "http://[::1]:80/",
            "http://169.254.169.254/latest",
        ] {
            assert!(is_near(uri), "{uri}");
        }
        for uri in [
            "https://127.0.0.1/",
            "http://10.0.0.1/",
            "http://localhost.example.com/",
            "http://example.com/127.0.0.1",
            "http://127.0.0.1@example.com/",
        ] {
            assert!(!is_near(uri), "{uri}");
        }
    }
}
