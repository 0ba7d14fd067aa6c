//! A Security Token Service that gives sessions in roles, and a guard that lets nobody else pass to a service.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::soon;

/// How a role is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Lets everybody in.
    Granted,
    /// Lets nobody in.
    Denied,
    /// STS is out of order for it.
    Away,
}

/// A session that somebody asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The fields of the request.
    pub(crate) fields: BTreeMap<String, String>,
    /// The access key that signed it.
    pub(crate) key: String,
}

/// The service. It ends when it is dropped.
pub(crate) struct Sts {
    url: String,
    desk: Arc<Desk>,
    serving: JoinSet<()>,
}

struct Desk {
    book: Mutex<Book>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Book {
    trust: HashMap<String, Trust>,
    asked: Vec<Asked>,
    valid: HashSet<String>,
    expired: usize,
}

/// The ARN of a role.
pub(crate) fn role(name: &str) -> String {
    format!("arn:aws:iam::123456789012:role/{name}")
}

impl Sts {
    /// Starts on a free port of the loopback interface, where all roles let everybody in.
    pub(crate) async fn start() -> Self {
        let desk = Arc::new(Desk { book: Mutex::default(), changed: watch::channel(()).0 });
        let mut serving = JoinSet::new();
        let url = serve(Router::new().fallback(give).with_state(Arc::clone(&desk)), &mut serving);
        Self { url: url.await, desk, serving }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Starts a guard before `service`: who comes with a token that is not valid is told that it has expired.
    /// Returns the guard's URL.
    pub(crate) async fn guard(&mut self, service: &str) -> String {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let gate = Arc::new((Arc::clone(&self.desk), client, service.to_owned()));
        serve(Router::new().fallback(pass).with_state(gate), &mut self.serving).await
    }

    /// Changes how the role of this name is.
    pub(crate) fn set(&self, name: &str, trust: Trust) {
        self.desk.book.lock().unwrap().trust.insert(role(name), trust);
    }

    /// Lets all sessions be over.
    pub(crate) fn end_sessions(&self) {
        self.desk.book.lock().unwrap().valid.clear();
    }

    /// How often the guard met a session that is over.
    pub(crate) fn expired(&self) -> usize {
        self.desk.book.lock().unwrap().expired
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.desk.book.lock().unwrap().asked.clone()
    }

    /// Waits until it was asked so often.
    pub(crate) async fn until_asked(&self, times: usize) {
        let mut changed = self.desk.changed.subscribe();
        let enough = changed.wait_for(|()| self.asked().len() >= times);
        soon(&format!("{times} questions to STS"), enough).await.unwrap();
    }
}

async fn serve(router: Router, serving: &mut JoinSet<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

async fn give(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: String) -> Response {
    let form = reqwest::Url::parse(&format!("http://sts/?{body}")).unwrap();
    let fields: BTreeMap<_, _> = form.query_pairs().into_owned().collect();
    assert_eq!(fields["Action"], "AssumeRole");
    let signed = headers["authorization"].to_str().unwrap();
    let key = signed.split_once("Credential=").unwrap().1.split('/').next().unwrap().to_owned();
    let answer = {
        let mut book = desk.book.lock().unwrap();
        let role = fields["RoleArn"].clone();
        let trust = book.trust.get(&role).copied().unwrap_or(Trust::Granted);
        book.asked.push(Asked { fields, key });
        let number = book.asked.len();
        match trust {
            Trust::Granted => {
                book.valid.insert(format!("token-{number}"));
                (StatusCode::OK, session(number))
            }
            Trust::Denied => (
                StatusCode::FORBIDDEN,
                refusal(
                    "AccessDenied",
                    &format!(
                        "User: arn:aws:iam::210987654321:user/base is not authorized to perform: \
                         sts:AssumeRole on resource: {role}"
                    ),
                ),
            ),
            Trust::Away => {
                (StatusCode::SERVICE_UNAVAILABLE, refusal("ServiceUnavailable", "try again later"))
            }
        }
    };
    desk.changed.send_replace(());
    answer.into_response()
}

fn session(number: usize) -> String {
    format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
         <Credentials><AccessKeyId>ASIA{number}</AccessKeyId>\
         <SecretAccessKey>planted-session-secret</SecretAccessKey>\
         <SessionToken>token-{number}</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration>\
         </Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )
}

fn refusal(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
         <Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    )
}

type Gate = Arc<(Arc<Desk>, reqwest::Client, String)>;

async fn pass(
    State(gate): State<Gate>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let (desk, client, service) = &*gate;
    {
        let mut book = desk.book.lock().unwrap();
        let token = headers.get("x-amz-security-token").map(|token| token.to_str().unwrap());
        if !token.is_some_and(|token| book.valid.contains(token)) {
            book.expired += 1;
            let code = [("x-amzn-errortype", "ExpiredTokenException")];
            let words = "{\"message\": \"The security token included in the request is expired\"}";
            return (StatusCode::FORBIDDEN, code, words).into_response();
        }
    }
    let answer = client.request(method, format!("{service}{uri}")).body(body).send().await.unwrap();
    let status = answer.status();
    let code = answer.headers().get("x-amzn-errortype").cloned();
    let text = answer.text().await.unwrap();
    match code {
        Some(code) => (status, [("x-amzn-errortype", code)], text).into_response(),
        None => (status, text).into_response(),
    }
}
