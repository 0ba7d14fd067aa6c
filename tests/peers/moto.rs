//! An AWS as moto plays it, with boto3 for the other side.

use std::process::Stdio;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sns::config::{Credentials, SharedCredentialsProvider};
use matchwatch::aws::{Access, Aws};
use matchwatch::domain::{Message, TestEvent};
use matchwatch::notify::AwsConfig;
use serde_json::Value;

use crate::support::{Peer, output_of, python};

/// An AWS of its own for one test.
pub(crate) struct Moto {
    pub(crate) endpoint: String,
    _server: Peer,
}

impl Moto {
    pub(crate) async fn start() -> Self {
        let mut server = python(&["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]);
        let mut server = server.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = server.stderr.take().unwrap();
        let mut server = Peer::new(server, stderr);
        // It listens by the time that it says so.
        let endpoint = server.line_after("Running on ").await;
        Self { endpoint, _server: server }
    }

    /// What services.py answers.
    pub(crate) async fn call(&self, arguments: &[&str]) -> Value {
        let arguments = [&["services.py", &self.endpoint], arguments].concat();
        serde_json::from_str(&output_of(&arguments).await).unwrap()
    }

    /// The same, where it is one word.
    pub(crate) async fn name(&self, arguments: &[&str]) -> String {
        self.call(arguments).await.as_str().unwrap().to_owned()
    }

    /// What waits in a queue, in its order.
    pub(crate) async fn received(&self, queue: &str) -> Vec<Value> {
        match self.call(&["receive", queue]).await {
            Value::Array(messages) => messages,
            other => panic!("{other}"),
        }
    }

    /// Keys of a notifier whose service is here, in the role that is given.
    pub(crate) fn keys(&self, role_arn: Option<String>) -> AwsConfig {
        AwsConfig { role_arn, endpoint_url: Some(self.endpoint.clone()), ..AwsConfig::default() }
    }

    /// A configuration whose STS is here, in the Region of services.py.
    pub(crate) async fn base(&self) -> SdkConfig {
        let access = Access {
            region: Some("eu-west-1".to_owned()),
            endpoint_url: Some(self.endpoint.clone()),
            ..Access::default()
        };
        let credentials = Credentials::new("test", "test", None, None, "test");
        Aws::new()
            .configure(&access, Duration::from_secs(20))
            .await
            .into_builder()
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build()
    }
}

/// A test event.
pub(crate) fn trial() -> Message<TestEvent> {
    let now = "2025-06-01T08:00:00Z".parse().unwrap();
    Message::encode(TestEvent::new(uuid::Uuid::new_v4(), "ops", now)).unwrap()
}

pub(crate) fn statuses(received: &[Value]) -> Vec<&str> {
    received.iter().map(|message| message["event"]["data"]["status"].as_str().unwrap()).collect()
}
