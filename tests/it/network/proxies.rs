//! Proxies of the environment serve webhooks and AWS alike.

use crate::support::daemon::{Home, watch};
use crate::support::proxy::Proxy;
use crate::support::receiver::{Mood, Receiver};
use crate::support::service::Service;
use crate::support::tls::{Door, fixture, roots_of_a_machine};

/// `operator:planted-password`, as `proxy-authorization` has it.
const AUTHORIZATION: &str = "Basic b3BlcmF0b3I6cGxhbnRlZC1wYXNzd29yZA==";

/// A home in which everything is to go through `proxy`.
fn home(proxy: &Proxy, endpoint: &str, job: &str, hook: &str) -> Home {
    let hook = format!("[[notifier]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"{hook}\"\n");
    let proxy = format!("http://operator:planted-password@{}", proxy.address());
    Home::new(endpoint, &(watch("customers", &[job]) + &hook))
        .with("SSL_CERT_FILE", roots_of_a_machine())
        .with("MATCHWATCH__TLS__CA_BUNDLE", fixture("ca.pem").to_str().unwrap())
        .with("HTTPS_PROXY", &proxy)
        .with("HTTP_PROXY", &proxy)
}

/// What passed, in order, each once. Asserts that all said who they were.
fn passed(proxy: &Proxy) -> Vec<String> {
    let mut passed: Vec<_> = proxy
        .passed()
        .into_iter()
        .map(|passage| {
            assert_eq!(passage.authorization.as_deref(), Some(AUTHORIZATION), "{}", passage.to);
            passage.to
        })
        .collect();
    passed.sort();
    passed.dedup();
    passed
}

fn port(url: &str) -> &str {
    url.rsplit(':').next().unwrap()
}

#[tokio::test]
async fn what_is_encrypted_passes_a_proxy_in_a_tunnel() {
    let (service, mut receiver) = (Service::start().await, Receiver::start(Mood::Good).await);
    let job = service.job("customers");
    let proxy = Proxy::start().await;
    let to_service = Door::before(service.url(), "good").await.with_name("here.test");
    let to_receiver = Door::before(receiver.url(), "good").await.with_name("here.test");
    // No name server knows the name: only a proxy gets there.
    let home = home(&proxy, &to_service.url(), &job, &to_receiver.url());
    let _daemon = home.serve().await;
    assert_eq!(receiver.next().await.status(), "QUEUED");
    let mut expected =
        [&to_service, &to_receiver].map(|door| format!("CONNECT here.test:{}", port(&door.url())));
    expected.sort();
    assert_eq!(passed(&proxy), expected);
}

#[tokio::test]
async fn what_is_not_encrypted_passes_a_proxy_as_it_is() {
    let (service, mut receiver) = (Service::start().await, Receiver::start(Mood::Good).await);
    let job = service.job("customers");
    let proxy = Proxy::start().await;
    let [endpoint, hook] =
        [service.url(), receiver.url()].map(|url| format!("http://here.test:{}", port(url)));
    let _daemon = home(&proxy, &endpoint, &job, &hook).serve().await;
    assert_eq!(receiver.next().await.status(), "QUEUED");
    let mut expected = [format!("GET {endpoint}"), format!("POST {hook}")];
    expected.sort();
    assert_eq!(passed(&proxy), expected);
}

#[tokio::test]
async fn no_proxy_is_taken_to_hosts_that_are_to_be_reached_without() {
    let (service, mut receiver) = (Service::start().await, Receiver::start(Mood::Good).await);
    let job = service.job("customers");
    let proxy = Proxy::start().await;
    let to_service = Door::before(service.url(), "good").await;
    let to_receiver = Door::before(receiver.url(), "good").await;
    let home = home(&proxy, &to_service.url(), &job, &to_receiver.url())
        .with("NO_PROXY", "example.com,localhost");
    let _daemon = home.serve().await;
    assert_eq!(receiver.next().await.status(), "QUEUED");
    assert_eq!(passed(&proxy), [""; 0]);
}
