use std::collections::VecDeque;
use std::sync::Mutex;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use jiff::Timestamp;

use super::*;
use crate::aws::hand_set_clock::HandSetClock;
use crate::aws::shared::{Customer, SharedCredentials};

const ROLE: &str = "arn:aws:iam::123456789012:role/watcher";
const MINUTE: Duration = Duration::from_secs(60);

/// An STS in this process, which answers as its script says, and then gives sessions of an hour.
#[derive(Clone)]
struct Sts {
    clock: HandSetClock,
    script: Arc<Mutex<VecDeque<(u16, &'static str)>>>,
    /// The keys that each request was signed with.
    asked: Arc<Mutex<Vec<String>>>,
}

impl fmt::Debug for Sts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sts")
    }
}

impl Sts {
    fn new(script: impl IntoIterator<Item = (u16, &'static str)>) -> Self {
        Self {
            clock: HandSetClock::new(),
            script: Arc::new(Mutex::new(script.into_iter().collect())),
            asked: Arc::default(),
        }
    }

    /// The role, assumed with keys that are other ones each time they are looked for: `BASE1`, `BASE2`, …
    fn role(&self) -> AssumedRole {
        let shared = SharedCredentials::new(Numbered::default(), self.clock.for_sdk());
        let base = Customer::of(Arc::new(shared));
        let connector = SharedHttpConnector::new(self.clone());
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-west-1"))
            .retry_config(aws_config::retry::RetryConfig::disabled())
            .time_source(self.clock.clone())
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .credentials_provider(SharedCredentialsProvider::new(base.clone()))
            .build();
        AssumedRole::new(&Role::new(ROLE), &sdk, Some(Arc::new(base)), Arc::default())
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl HttpConnector for Sts {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let signed = request.headers().get("authorization").unwrap();
        let (_, key) = signed.split_once("Credential=").unwrap();
        let mut asked = self.asked.lock().unwrap();
        asked.push(key.split('/').next().unwrap().to_owned());
        let (status, body) = match self.script.lock().unwrap().pop_front() {
            Some((status, code)) => (status, refusal(code)),
            None => {
                let end = self.clock.for_sdk().now() + 60 * MINUTE;
                (200, session(asked.len(), Timestamp::try_from(end).unwrap()))
            }
        };
        let status = status.try_into().unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body))))
    }
}

fn session(number: usize, end: Timestamp) -> String {
    format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
         <AccessKeyId>ASIA{number}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>\
         <SessionToken>token</SessionToken><Expiration>{end}</Expiration>\
         </Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )
}

fn refusal(code: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>words x-amz-security-token:planted</Message></Error></ErrorResponse>"
    )
}

#[derive(Debug, Default)]
struct Numbered(std::sync::atomic::AtomicUsize);

impl ProvideCredentials for Numbered {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let number = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        let key = format!("BASE{number}");
        future::ProvideCredentials::ready(Ok(Credentials::new(key, "secret", None, None, "test")))
    }
}

/// The key of a session, and how long it is to be used.
async fn given(role: &AssumedRole) -> (String, Duration) {
    let session = role.provide_credentials().await.unwrap();
    let left = session.expiry().unwrap().duration_since(role.time.now()).unwrap();
    (session.access_key_id().to_owned(), left)
}

#[tokio::test(start_paused = true)]
async fn a_session_of_an_hour_is_to_be_renewed_five_to_ten_minutes_before_its_end() {
    let role = Sts::new([]).role();
    for _ in 0..20 {
        let (_, left) = given(&role).await;
        assert!((50 * MINUTE..=55 * MINUTE).contains(&left), "{left:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_outlives_an_outage_of_sts_up_to_its_end() {
    let sts = Sts::new([]);
    let role = sts.role();
    given(&role).await;
    *sts.script.lock().unwrap() = [(503, "ServiceUnavailable"); 2].into();
    sts.clock.advance(56 * MINUTE);
    let (key, left) = given(&role).await;
    assert_eq!(key, "ASIA1");
    assert!(left <= MINUTE, "STS is asked again soon, not in {left:?}");
    assert_eq!(sts.asked().len(), 2);
    given(&role).await;
    assert_eq!(sts.asked().len(), 2, "STS is left alone for a while");

    sts.clock.advance(4 * MINUTE);
    tokio::time::advance(DELAYS.max).await;
    assert!(role.provide_credentials().await.is_err(), "it is at its end");
    tokio::time::advance(DELAYS.max).await;
    assert_eq!(given(&role).await.0, "ASIA4");
}

#[tokio::test(start_paused = true)]
async fn while_sts_refuses_it_is_asked_ever_more_rarely_whoever_asks_and_at_last_it_grants() {
    let sts = Sts::new([(403, "AccessDenied"); 12]);
    let role = sts.role();
    let start = Instant::now();
    let mut questions = 0;
    while let Err(error) = role.provide_credentials().await {
        questions += 1;
        let told = format!("{error:?} {}", error.source().unwrap());
        assert!(!told.contains("planted"), "{told}");
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    assert_eq!(sts.asked().len(), 13);
    assert!(questions > 500, "{questions} questions");
    assert!(start.elapsed() < 12 * DELAYS.max, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_same_base_credentials_are_used_until_sts_refuses_them() {
    let sts = Sts::new([]);
    let role = sts.role();
    given(&role).await;
    given(&role).await;
    assert_eq!(sts.asked(), ["BASE1", "BASE1"]);
    sts.script.lock().unwrap().push_back((403, "ExpiredToken"));
    assert_eq!(given(&role).await.0, "ASIA4", "nobody learns of it");
    assert_eq!(sts.asked()[2..], ["BASE1", "BASE2"]);
    sts.script.lock().unwrap().push_back((403, "AccessDenied"));
    assert_eq!(given(&role).await.0, "ASIA4", "other ones would be refused as well");
    assert_eq!(sts.asked()[4..], ["BASE2"]);
}
