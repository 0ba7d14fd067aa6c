//! A daemon in its very first moment.

use std::future::pending;
use std::pin::pin;

use async_trait::async_trait;

use super::*;
use crate::config;
use crate::domain::{Alarm, Redelivery};
use crate::http::ask_redelivery;
use crate::store::Double;

const CONFIGURATION: &str = r#"
[store]
type = "memory"

[[notifier]]
name = "hook"
type = "webhook"
url = "http://127.0.0.1:9"

[[account]]
name = "main"
region = "eu-west-1"
no_sign_request = true
endpoint_url = "http://127.0.0.1:9"

[[watch]]
workflow_name = "customers"
job_ids = ["0123456789abcdef0123456789abcdef"]
"#;

/// A store that takes for ever to say which alarms are open.
#[derive(Default)]
struct Slow(MemoryStore);

#[async_trait]
impl Double for Slow {
    fn behind(&self) -> &MemoryStore {
        &self.0
    }

    async fn open_alarms(&self, _: Option<&str>) -> Result<Vec<Alarm>, StoreError> {
        pending().await
    }
}

#[tokio::test]
async fn what_is_asked_over_http_before_the_store_has_answered_is_about_the_configured_notifiers() {
    let settings = config::parse("a test", CONFIGURATION, []).unwrap().settings;
    let (store, metrics) = (Arc::new(Slow::default()), Metrics::new().unwrap());
    let base = Base {
        store: Arc::clone(&store) as Arc<dyn Store>,
        clock: Arc::new(SystemClock),
        status: Arc::new(DaemonStatus::new(store, metrics.clone())),
        metrics,
        stdout: Arc::default(),
        recorded: channel::channel(()).0,
    };
    let plan = base.plan(&settings, &KnownLimits::new()).await.unwrap();
    let (ask, reloads) = mpsc::unbounded_channel();
    let daemon = Daemon {
        base,
        plan,
        read_settings: Arc::new(|| config::parse("a test", CONFIGURATION, [])),
        reloader: Reloader(ask),
        reloads,
        jobs_ended: CancellationToken::new(),
    };
    let (listener, stop) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Stop::default());
    let address = listener.local_addr().unwrap();
    let mut run = pin!(daemon.run(Some(listener), stop.clone()));
    let request = Redelivery::Dead { notifier: Some("hook".into()) };
    let answer = tokio::select! {
        ended = &mut run => panic!("{ended:?}"),
        answer = ask_redelivery(address, &request) => answer,
    };
    assert_eq!(answer.unwrap().redelivered, 0);
    stop.drain.cancel();
    stop.now.cancel();
    run.await.unwrap();
}
