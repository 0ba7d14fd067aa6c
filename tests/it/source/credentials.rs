//! Where Region and credentials come from, and what happens when they are missing or expire.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::error::ErrorMetadata;
use matchwatch::aws::{Access, Aws};
use matchwatch::source::{Config, EntityResolution, JobSource, Scope, SourceError};
use tokio::sync::Barrier;

use super::{LONG, Reply, SHORT, ScriptedServer, error, job, keys, running, source};
use crate::support::environment::run_in;

/// Finds other keys each time it is asked: `AKID1`, `AKID2`, …
#[derive(Debug, Clone, Default)]
struct Rotating(Arc<AtomicUsize>);

impl ProvideCredentials for Rotating {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let turn = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        future::ProvideCredentials::ready(Ok(keys(&format!("AKID{turn}"))))
    }
}

/// Finds no keys.
#[derive(Debug)]
struct Failing(fn() -> CredentialsError);

impl ProvideCredentials for Failing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { provider::Result::Err((self.0)()) })
    }
}

/// Never says whether it finds keys.
#[derive(Debug)]
struct Silent;

impl ProvideCredentials for Silent {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(std::future::pending())
    }
}

fn signed_with(server: &ScriptedServer) -> Vec<String> {
    let key = |signed: &str| {
        let (_, key) = signed.split_once("Credential=").unwrap();
        key.split_once('/').unwrap().0.to_owned()
    };
    server.requests().iter().map(|r| key(r.header("authorization").unwrap())).collect()
}

fn expired() -> Reply {
    error(403, "ExpiredTokenException", "The security token included in the request is expired")
}

#[tokio::test]
async fn after_an_expired_token_credentials_are_found_anew() {
    for code in ["ExpiredTokenException", "ExpiredToken", "RequestExpired"] {
        let server = ScriptedServer::start([error(403, code, "expired"), running()]).await;
        let source = source(&server.url(), LONG, Rotating::default()).await;
        let error = source.observe(&job()).await.unwrap_err();
        assert_eq!(error.reason(), "credentials_expired", "{code}");
        source.observe(&job()).await.unwrap();
        assert_eq!(signed_with(&server), ["AKID1", "AKID2"]);
    }
}

#[tokio::test]
async fn credentials_that_work_are_kept() {
    let server =
        ScriptedServer::start([running(), error(403, "AccessDenied", ""), running()]).await;
    let source = source(&server.url(), LONG, Rotating::default()).await;
    for _ in 0..3 {
        let _ = source.observe(&job()).await;
    }
    assert_eq!(signed_with(&server), ["AKID1", "AKID1", "AKID1"]);
}

#[tokio::test]
async fn many_questions_that_meet_one_expired_token_find_credentials_anew_once() {
    let Reply::Answer(expired) = expired() else { panic!("not an answer") };
    let all_asked = Arc::new(Barrier::new(5));
    let together = || Reply::Together(Arc::clone(&all_asked), expired.clone());
    let script = (0..5).map(|_| together()).chain((0..5).map(|_| running()));
    let server = ScriptedServer::start(script).await;
    let rotating = Rotating::default();
    let source = source(&server.url(), LONG, rotating.clone()).await;
    let job = job();
    let ask_twice = || async {
        assert_eq!(source.observe(&job).await.unwrap_err().reason(), "credentials_expired");
        source.observe(&job).await.unwrap();
    };
    tokio::join!(ask_twice(), ask_twice(), ask_twice(), ask_twice(), ask_twice());
    assert_eq!(rotating.0.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn no_credentials_is_a_denial_that_says_what_to_set() {
    for missing in [CredentialsError::not_loaded_no_source, || {
        CredentialsError::provider_error("the SSO session has expired: run aws sso login")
    }] {
        let server = ScriptedServer::start([]).await;
        let source = source(&server.url(), LONG, Failing(missing)).await;
        let error = source.observe(&job()).await.unwrap_err();
        assert!(matches!(error, SourceError::AccessDenied { scope: Scope::Account, .. }));
        let message = error.to_string();
        assert!(
            message.contains("AWS_ACCESS_KEY_ID") || message.contains("run aws sso login"),
            "{message}"
        );
        assert!(server.requests().is_empty());
    }
}

#[tokio::test]
async fn a_credential_provider_that_is_not_reached_is_unavailable() {
    for failure in [
        || CredentialsError::provider_timed_out(Duration::from_secs(5)),
        || CredentialsError::provider_error(ConnectorError::io("connection reset".into())),
        || {
            let trouble = ErrorMetadata::builder().code("ServiceUnavailable").build();
            CredentialsError::provider_error(trouble)
        },
    ] {
        let source = source("http://127.0.0.1:9", LONG, Failing(failure)).await;
        assert_eq!(source.observe(&job()).await.unwrap_err().reason(), "unavailable");
    }
}

#[tokio::test]
async fn a_credential_provider_that_never_answers_is_given_up_after_the_request_timeout() {
    let source = source("http://127.0.0.1:9", SHORT, Silent).await;
    let error = source.observe(&job()).await.unwrap_err();
    assert_eq!(error.reason(), "unavailable");
    assert!(error.to_string().contains("200ms"), "{error}");
}

/// No keys, no files and no machine to ask.
const NOTHING: &[(&str, &str)] = &[
    ("AWS_CONFIG_FILE", "/nonexistent/config"),
    ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
];

const KEYS: &[(&str, &str)] =
    &[("AWS_ACCESS_KEY_ID", "AKIDENV"), ("AWS_SECRET_ACCESS_KEY", "the-secret-key")];

async fn connect(region: Option<&str>, profile: Option<&str>, url: &str) -> EntityResolution {
    let access = Access {
        region: region.map(str::to_owned),
        profile: profile.map(str::to_owned),
        endpoint_url: Some(url.to_owned()),
        ..Access::default()
    };
    let config = Config { access, request_timeout: LONG };
    EntityResolution::connect(&Aws::new(), &config).await.unwrap()
}

#[test]
fn without_a_region_anywhere_it_says_where_to_give_one() {
    run_in(NOTHING, "source::credentials::in_an_empty_environment");
}

#[tokio::test]
#[ignore = "runs in an environment of its own"]
async fn in_an_empty_environment() {
    let config = Config { access: Access::default(), request_timeout: LONG };
    let error = EntityResolution::connect(&Aws::new(), &config).await.unwrap_err();
    assert_eq!(error.reason(), "invalid");
    assert!(error.to_string().contains("no Region: give --region"), "{error}");

    let source = connect(Some("eu-west-1"), None, "http://127.0.0.1:9").await;
    let error = source.observe(&job()).await.unwrap_err();
    assert_eq!(error.reason(), "access_denied");
    assert!(error.to_string().contains("set AWS_ACCESS_KEY_ID"), "{error}");

    let source = connect(Some("eu-west-1"), Some("typo"), "http://127.0.0.1:9").await;
    let error = source.observe(&job()).await.unwrap_err();
    assert_eq!(error.reason(), "access_denied");
    assert!(error.to_string().contains(r#"profile "typo" gives none"#), "{error}");
}

/// Runs a test that asks a server here, in an environment that is made from the server's URL.
async fn run_against_server(
    name: &'static str,
    environment: impl FnOnce(&str) -> Vec<(&'static str, String)>,
) -> ScriptedServer {
    let server = ScriptedServer::start([running()]).await;
    let mut environment = environment(&server.url());
    environment.extend(NOTHING.iter().map(|(name, value)| (*name, (*value).to_owned())));
    environment.extend(KEYS.iter().map(|(name, value)| (*name, (*value).to_owned())));
    tokio::task::spawn_blocking(move || {
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        run_in(&environment, name);
    })
    .await
    .unwrap();
    server
}

#[tokio::test]
async fn an_endpoint_in_the_environment_is_used_unless_it_is_empty() {
    let environment = |url: &str| {
        vec![
            ("AWS_ENDPOINT_URL", url.to_owned()),
            ("AWS_ENDPOINT_URL_ENTITYRESOLUTION", String::new()),
        ]
    };
    let name = "source::credentials::with_an_endpoint_in_the_environment";
    let server = run_against_server(name, environment).await;
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
#[ignore = "runs in an environment of its own"]
async fn with_an_endpoint_in_the_environment() {
    connect(Some("eu-west-1"), None, "").await.observe(&job()).await.unwrap();
}

#[tokio::test]
async fn a_proxy_in_the_environment_is_asked_for_what_is_elsewhere() {
    let environment = |url: &str| {
        let certificates = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ca.pem");
        vec![("HTTP_PROXY", url.to_owned()), ("SSL_CERT_FILE", certificates.to_owned())]
    };
    let name = "source::credentials::with_a_proxy_in_the_environment";
    let server = run_against_server(name, environment).await;
    let line = &server.requests()[0].line;
    assert!(line.starts_with("GET http://elsewhere.invalid/matchingworkflows/"), "{line}");
}

#[tokio::test]
#[ignore = "runs in an environment of its own"]
async fn with_a_proxy_in_the_environment() {
    let source = connect(Some("eu-west-1"), None, "http://elsewhere.invalid").await;
    source.observe(&job()).await.unwrap();
}

#[tokio::test]
async fn a_machine_without_a_role_is_no_outage() {
    let refusal = Reply::new(403, &[], "");
    let metadata = ScriptedServer::start([refusal]).await;
    let url = metadata.url();
    tokio::task::spawn_blocking(move || {
        let mut environment = NOTHING.to_vec();
        environment.retain(|(name, _)| *name != "AWS_EC2_METADATA_DISABLED");
        environment
            .extend([("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str()), ("AWS_PROFILE", "typo")]);
        run_in(&environment, "source::credentials::with_a_metadata_service_that_refuses");
    })
    .await
    .unwrap();
    assert_eq!(metadata.requests().len(), 1);
}

#[tokio::test]
#[ignore = "runs in an environment of its own"]
async fn with_a_metadata_service_that_refuses() {
    let source = connect(Some("eu-west-1"), None, "http://127.0.0.1:9").await;
    let error = source.observe(&job()).await.unwrap_err();
    assert_eq!(error.reason(), "access_denied");
    assert!(error.to_string().contains(r#"profile "typo""#), "{error}");
}

#[test]
fn a_profile_that_is_asked_for_wins_over_keys_in_the_environment() {
    let files = Files::new();
    let mut environment = files.environment();
    environment.extend_from_slice(KEYS);
    // One that nobody could reach: no proxy is asked on the way to this machine.
    environment.push(("HTTP_PROXY", "http://192.0.2.1:9"));
    run_in(&environment, "source::credentials::with_a_profile_and_keys_in_the_environment");
}

#[tokio::test]
#[ignore = "runs in an environment of its own"]
async fn with_a_profile_and_keys_in_the_environment() {
    let server = ScriptedServer::start([running(), running()]).await;
    let by_profile = connect(None, Some("batch"), &server.url()).await;
    assert_eq!(by_profile.region(), "eu-central-1");
    by_profile.observe(&job()).await.unwrap();
    connect(Some("eu-west-1"), None, &server.url()).await.observe(&job()).await.unwrap();
    assert_eq!(signed_with(&server), ["AKIDFILE", "AKIDENV"]);
}

#[test]
fn keys_that_somebody_renewed_in_the_credentials_file_are_seen() {
    let files = Files::new();
    let mut environment = files.environment();
    environment.push(("AWS_PROFILE", "batch"));
    run_in(&environment, "source::credentials::while_the_credentials_file_changes");
}

#[tokio::test]
#[ignore = "runs in an environment of its own"]
async fn while_the_credentials_file_changes() {
    let server = ScriptedServer::start([expired(), running()]).await;
    let source = connect(None, None, &server.url()).await;
    assert_eq!(source.observe(&job()).await.unwrap_err().reason(), "credentials_expired");
    let file = std::env::var("AWS_SHARED_CREDENTIALS_FILE").unwrap();
    std::fs::write(file, credentials_file("AKIDNEW")).unwrap();
    source.observe(&job()).await.unwrap();
    assert_eq!(signed_with(&server), ["AKIDFILE", "AKIDNEW"]);
}

/// Shared configuration files with one profile, `batch`.
struct Files {
    _folder: tempfile::TempDir,
    config: String,
    credentials: String,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (config, credentials) = (place("config"), place("credentials"));
        std::fs::write(&config, "[profile batch]\nregion = eu-central-1\n").unwrap();
        std::fs::write(&credentials, credentials_file("AKIDFILE")).unwrap();
        Self { _folder: folder, config, credentials }
    }

    fn environment(&self) -> Vec<(&str, &str)> {
        vec![
            ("AWS_CONFIG_FILE", &self.config),
            ("AWS_SHARED_CREDENTIALS_FILE", &self.credentials),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
    }
}

fn credentials_file(access_key_id: &str) -> String {
    format!("[batch]\naws_access_key_id = {access_key_id}\naws_secret_access_key = secret\n")
}
