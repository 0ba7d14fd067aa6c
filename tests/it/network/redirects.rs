//! Where a receiver points is not where events go.

use crate::support::daemon::{Home, watch};
use crate::support::scripted::{Reply, ScriptedServer};
use crate::support::service::Service;

#[tokio::test]
async fn no_redirect_is_followed_and_each_is_tried_again() {
    let service = Service::start().await;
    let job = service.job("customers");
    let elsewhere = ScriptedServer::start([]).await;
    let statuses = [301, 302, 303, 307, 308];
    let location = elsewhere.url();
    let redirects = statuses.map(|status| Reply::new(status, &[("location", &location)], ""));
    let receiver = ScriptedServer::start(redirects.into_iter().chain([Reply::new(204, &[], "")]));
    let receiver = receiver.await;
    let hook = format!(
        "[[notifier]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"{}/events\"\n",
        receiver.url()
    );
    let home = Home::new(service.url(), &(watch("customers", &[&job]) + &hook))
        .with("MATCHWATCH__LOG__FILTER", "debug");
    let mut daemon = home.serve().await;
    for status in statuses {
        let line = daemon.log("delivery failed; trying again").await;
        let reason = line["reason"].as_str().unwrap();
        assert!(reason.starts_with(&format!("127.0.0.1 answered {status} ")), "{reason}");
        assert!(reason.ends_with("(redirects are not followed)"), "{reason}");
    }
    daemon.log("delivered").await;
    assert_eq!(receiver.requests().len(), statuses.len() + 1);
    assert_eq!(elsewhere.connections(), 0);
}
