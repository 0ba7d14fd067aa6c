//! Secrets go to the one who is meant, and nowhere else.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use matchwatch::simulator::Status::Running;

use crate::support::daemon::{Daemon, Home, watch};
use crate::support::proxy::Proxy;
use crate::support::receiver::{Mood, Receiver};
use crate::support::scripted::{Reply, ScriptedServer};
use crate::support::service::Service;
use crate::support::tls::roots_of_a_machine;

const PATH_TOKEN: &str = "planted/path+token";
const QUERY_TOKEN: &str = "planted&query=token";
const USER: &str = "planted-user";
const PASSWORD: &str = "planted:url@password";
const HEADER_OF_ENV: &str = "planted-header-of-env";
const HEADER_OF_FILE: &str = "planted-header-of-file";
const HEADER_IN_CLEAR: &str = "planted-header-in-clear";
const SIGNING_OF_ENV: &str = "cGxhbnRlZC1zaWduaW5nLXNlY3JldC1vZi1lbnY=";
const SIGNING_OF_FILE: &str = "cGxhbnRlZC1zaWduaW5nLXNlY3JldC1vZi1maWxl";
const AWS_SECRET_KEY: &str = "planted/aws+secret/key";
const AWS_SESSION_TOKEN: &str = "planted/aws+session/token==";
const PROFILE_SECRET_KEY: &str = "planted/profile+secret/key";
const PROFILE_SESSION_TOKEN: &str = "planted/profile+session/token==";
const PROXY_PASSWORD: &str = "planted:proxy@password";

/// What nothing may hold that others can see.
const PLANTED: [&str; 14] = [
    PATH_TOKEN,
    QUERY_TOKEN,
    PASSWORD,
    HEADER_OF_ENV,
    HEADER_OF_FILE,
    HEADER_IN_CLEAR,
    SIGNING_OF_ENV,
    SIGNING_OF_FILE,
    AWS_SECRET_KEY,
    AWS_SESSION_TOKEN,
    PROFILE_SECRET_KEY,
    PROFILE_SESSION_TOKEN,
    PROXY_PASSWORD,
    // What basic authentication makes of user and password.
    "planted-user:planted:url@password",
];

/// As a URL has it.
fn url_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => write!(encoded, "%{byte:02X}").unwrap(),
        }
        encoded
    })
}

/// As base64 has it, without padding: what follows shows in it.
fn base64(text: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.as_bytes().chunks_exact(3).flat_map(|bytes| {
        let bits = bytes.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(DIGITS[bits >> shift & 63]))
    });
    digits.collect()
}

/// Panics if `bytes` hold a secret in any form.
fn assert_clean(what: &str, bytes: &[u8]) {
    for secret in PLANTED {
        let json = serde_json::to_string(secret).unwrap();
        let forms = [
            secret.to_owned(),
            json.trim_matches('"').to_owned(),
            url_encoded(secret),
            base64(secret),
        ];
        for form in forms {
            let found = bytes.windows(form.len()).position(|window| window == form.as_bytes());
            let around = found.map(|at| {
                let around = &bytes[at.saturating_sub(300)..bytes.len().min(at + 200)];
                String::from_utf8_lossy(around).into_owned()
            });
            assert_eq!(around, None, "{form} is in {what}");
        }
    }
}

fn assert_clean_lines(what: &str, lines: &[String]) {
    for line in lines {
        assert_clean(what, line.as_bytes());
    }
}

/// `url` with all that may be secret in a URL.
fn secret_url(url: &str) -> String {
    let [user, password, path, query] = [USER, PASSWORD, PATH_TOKEN, QUERY_TOKEN].map(url_encoded);
    url.replace("http://", &format!("http://{user}:{password}@")) + &format!("/{path}?key={query}")
}

/// A home that holds secrets of every kind, in every place: `hook` is told, `nobody` never, `sns` refuses.
fn home(service: &str, job: &str, hook: &str, sns: &str) -> Home {
    let dead = "http://127.0.0.1:1";
    let in_clear = secret_url(hook);
    let configuration = watch("customers", &[job])
        + &format!(
            r#"
        [[notifier]]
        name = "lines"
        type = "stdout"
        [[notifier]]
        name = "hook"
        type = "webhook"
        url = {{ env = "HOOK_URL" }}
        secrets = [{{ env = "HOOK_SECRET" }}, {{ file = "hook_secret" }}]
        [notifier.headers]
        X-Env = {{ env = "HOOK_HEADER" }}
        X-File = {{ file = "hook_header" }}
        X-Clear = "{HEADER_IN_CLEAR}"
        [[notifier]]
        name = "clear"
        type = "webhook"
        url = "{in_clear}"
        [[notifier]]
        name = "nobody"
        type = "webhook"
        url = {{ file = "nobody_url" }}
        [[notifier]]
        name = "topic"
        type = "sns"
        topic_arn = "arn:aws:sns:eu-west-1:123456789012:jobs"
        endpoint_url = "{sns}"
        [[notifier]]
        name = "program"
        type = "command"
        command = ["./program"]
        "#
        );
    let home = Home::new(service, &configuration)
        .with("SSL_CERT_FILE", roots_of_a_machine())
        .with("PATH", "/usr/bin:/bin")
        .with("HOOK_URL", &secret_url(hook))
        .with("HOOK_SECRET", &format!("whsec_{SIGNING_OF_ENV}"))
        .with("HOOK_HEADER", &format!("Bearer {HEADER_OF_ENV}"))
        .with("MATCHWATCH__ACCOUNT__0__NO_SIGN_REQUEST", "false")
        .with("AWS_ACCESS_KEY_ID", "AKIDPLANTED")
        .with("AWS_SECRET_ACCESS_KEY", AWS_SECRET_KEY)
        .with("AWS_SESSION_TOKEN", AWS_SESSION_TOKEN)
        .with("AWS_SHARED_CREDENTIALS_FILE", "credentials")
        .with("MATCHWATCH__ACCOUNT__0__PROFILE", "main")
        .with("MATCHWATCH__LOG__FILTER", "trace");
    let keys = format!(
        "[main]\naws_access_key_id = AKIDMAIN\naws_secret_access_key = {PROFILE_SECRET_KEY}\n\
         aws_session_token = {PROFILE_SESSION_TOKEN}\n"
    );
    for (name, value) in [
        ("credentials", keys),
        ("hook_secret", format!("whsec_{SIGNING_OF_FILE}")),
        ("hook_header", HEADER_OF_FILE.to_owned()),
        ("nobody_url", secret_url(dead)),
    ] {
        std::fs::write(home.file(name), value).unwrap();
    }
    let program = home.file("program");
    std::fs::write(
        &program,
        "#!/bin/sh\ncat >/dev/null\ncat /proc/$$/cmdline /proc/$PPID/cmdline >cmdlines\n",
    )
    .unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    home
}

/// Ends the daemon and looks at all that it said and left behind. Returns its database.
async fn assert_left_nothing(home: &Home, daemon: Daemon) -> String {
    for path in ["/metrics", "/healthz", "/readyz", "/nowhere"] {
        assert_clean(path, daemon.page(path).await.1.as_bytes());
    }
    // Killed, so that the log of the database is there to be read as well.
    let ended = daemon.kill().await;
    assert_clean_lines("standard output", &ended.stdout);
    assert_clean_lines("the logs", &ended.stderr);
    let mut database = Vec::new();
    for name in ["jobs.db", "jobs.db-wal"] {
        let bytes = std::fs::read(home.file(name)).unwrap();
        assert_clean(name, &bytes);
        database.extend(bytes);
    }
    String::from_utf8_lossy(&database).into_owned()
}

/// What AWS answers to a wrong signature: all that was signed, the session token too.
fn signature_does_not_match() -> Reply {
    let message = format!(
        "The request signature we calculated does not match the signature you provided.\n\n\
         The Canonical String for this request should have been\n'GET\n/\n\nhost:x\n\
         x-amz-security-token:{AWS_SESSION_TOKEN}\n\nhost;x-amz-security-token'"
    );
    let xml = format!(
        "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type>\
         <Code>SignatureDoesNotMatch</Code><Message>{message}</Message></Error></ErrorResponse>"
    );
    Reply::new(403, &[], &xml)
}

#[tokio::test]
async fn no_secret_is_in_any_log_page_event_process_or_database_whatever_receivers_echo() {
    let service = Service::start().await;
    let job = service.job("customers");
    let mut receiver = Receiver::start(Mood::Bad(500)).await;
    let sns =
        ScriptedServer::start(std::iter::repeat_with(signature_does_not_match).take(200)).await;
    let home = home(service.url(), &job, receiver.url(), &sns.url());
    let mut daemon = home.serve().await;
    daemon.event().await;
    // Refused for the time being, then for good, then with success.
    for _ in 0..4 {
        receiver.next().await;
    }
    receiver.set(Mood::Bad(410));
    daemon.log("delivery given up").await;
    daemon.log("delivery given up").await;
    receiver.set(Mood::Good);
    service.set(&job, Running);
    daemon.event().await;
    while daemon.log("delivered").await["notifier"] != "program" {}
    assert!(!sns.requests().is_empty());
    assert_clean("command lines", &std::fs::read(home.file("cmdlines")).unwrap());
    let database = assert_left_nothing(&home, daemon).await;
    assert!(database.contains("answered 500") && database.contains("answered 410"));
    assert!(database.contains("[redacted]"), "the receiver echoes what it was sent");
    assert!(database.contains("SignatureDoesNotMatch"));
}

#[tokio::test]
async fn no_credential_of_a_proxy_is_told_whether_it_works_or_not() {
    for works in [true, false] {
        let service = Service::start().await;
        let job = service.job("customers");
        let mut receiver = Receiver::start(Mood::Good).await;
        let proxy = Proxy::start().await;
        let at = if works { proxy.address().to_string() } else { "127.0.0.1:1".to_owned() };
        let through = format!("http://{USER}:{}@{at}", url_encoded(PROXY_PASSWORD));
        let elsewhere = |url: &str| url.replace("127.0.0.1", "here.test");
        let (endpoint, hook) = (elsewhere(service.url()), elsewhere(receiver.url()));
        let home = home(&endpoint, &job, &hook, "https://here.test:1")
            .with("HTTP_PROXY", &through)
            .with("HTTPS_PROXY", &through);
        let mut daemon = home.serve().await;
        if works {
            receiver.next().await;
            daemon.log("delivery failed; trying again").await;
        } else {
            daemon.log("no answer about the job; asking again").await;
        }
        assert_left_nothing(&home, daemon).await;
    }
}

#[tokio::test]
async fn no_command_tells_a_secret_of_a_good_or_a_bad_configuration() {
    let dead = "http://127.0.0.1:1";
    let good = || home(dead, &"0".repeat(32), dead, dead);
    let key_in_place_of =
        |key: &str, value: &str| good().with(&format!("MATCHWATCH__NOTIFIER__{key}"), value);
    let homes = [
        good(),
        key_in_place_of("1__URL", &secret_url("ftp://127.0.0.1")),
        key_in_place_of("1__URL", &secret_url("http://127.0.0.1:port")),
        key_in_place_of("1__SECRETS", &format!("['whsec_{SIGNING_OF_ENV}']")),
        key_in_place_of("1__SECRETS", &format!("[{{ env = '{AWS_SECRET_KEY}' }}]")),
        key_in_place_of("1__HEADERS__AUTHORIZATION", &format!("Bearer {HEADER_OF_ENV}\u{7f}")),
        key_in_place_of("4__ENDPOINT_URL", &secret_url("http://127.0.0.1")),
        good().with("MATCHWATCH__ACCOUNT__0__ENDPOINT_URL", &secret_url("http://127.0.0.1")),
        good().with("HOOK_SECRET", SIGNING_OF_ENV),
        good().with("HOOK_URL", &format!("127.0.0.1/{PATH_TOKEN}")),
    ];
    for (number, home) in homes.iter().enumerate() {
        for command in ["check", "health", "serve"] {
            if number == 0 && command == "serve" {
                continue;
            }
            let ended = home.run(&[command]).await;
            let expected = if number == 0 && command == "check" { 0 } else { 2 };
            let said = [ended.stdout, ended.stderr].concat();
            let what = format!("what {command} says of home {number}");
            assert_clean(&what, &said);
            if command != "health" {
                let said = String::from_utf8_lossy(&said);
                assert_eq!(ended.status.code(), Some(expected), "{what}: {said}");
            }
        }
    }
}

#[test]
fn no_debug_print_of_a_configuration_shows_a_value_that_may_be_secret() {
    let url = secret_url("http://127.0.0.1");
    let text = format!(
        "[[notifier]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"{url}\"\n\
         headers = {{ X-Clear = \"{HEADER_IN_CLEAR}\" }}\n"
    );
    let loaded = matchwatch::config::parse("test.toml", &text, []).unwrap();
    let shown = format!("{loaded:?} {:#?}", loaded.settings);
    assert!(shown.contains("X-Clear"), "{shown}");
    assert_clean("the debug print", shown.as_bytes());
}
