//! Questions that get no answer, or only a part of one.

use matchwatch::domain::JobKey;
use matchwatch::source::{JobSource, SourceError};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::{LONG, Reply, SHORT, ScriptedServer, job, keys, observe, observe_within, source};

const HALF_AN_ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"jobId\":\"job-1\",";

fn unavailable(error: SourceError) -> String {
    assert_eq!(error.reason(), "unavailable", "{error:?}");
    let message = error.to_string();
    assert!(!message.contains('\n'), "one line: {message}");
    message
}

#[tokio::test]
async fn a_refused_connection_is_told_with_its_cause() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = source(&url, LONG, keys("AKID")).await.observe(&job()).await.unwrap_err();
    assert!(unavailable(error).contains("Connection refused"));
}

#[tokio::test]
async fn a_connection_that_is_reset_before_the_answer_is_unavailable() {
    unavailable(observe(Reply::Reset(Vec::new())).await.unwrap_err());
}

#[tokio::test]
async fn a_connection_that_is_reset_in_the_middle_of_the_answer_is_unavailable() {
    unavailable(observe(Reply::Reset(HALF_AN_ANSWER.to_vec())).await.unwrap_err());
}

#[tokio::test]
async fn a_connection_that_is_closed_before_the_answer_is_unavailable() {
    unavailable(observe(Reply::Close(Vec::new())).await.unwrap_err());
}

#[tokio::test]
async fn an_answer_that_ends_early_is_unavailable() {
    unavailable(observe(Reply::Close(HALF_AN_ANSWER.to_vec())).await.unwrap_err());
}

#[tokio::test]
async fn bytes_that_are_not_http_are_unavailable() {
    unavailable(observe(Reply::Close(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())).await.unwrap_err());
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_after_the_request_timeout() {
    let error = observe_within(SHORT, Reply::Silence).await.unwrap_err();
    assert!(unavailable(error).contains("200ms"));
}

#[tokio::test]
async fn a_server_that_never_accepts_is_given_up_after_the_request_timeout() {
    // A full queue of connections that nobody takes: the next one is not even refused.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let _queued = TcpStream::connect(address).await.unwrap();
    let source = source(&format!("http://{address}"), SHORT, keys("AKID")).await;
    assert!(unavailable(source.observe(&job()).await.unwrap_err()).contains("200ms"));
}

#[tokio::test]
async fn an_answer_that_drips_without_end_is_given_up_after_the_request_timeout() {
    let error = observe_within(SHORT, Reply::Drip(HALF_AN_ANSWER.to_vec())).await.unwrap_err();
    assert!(unavailable(error).contains("200ms"));
}

#[tokio::test]
async fn after_a_failure_the_next_question_gets_its_answer() {
    let server = ScriptedServer::start([Reply::Reset(Vec::new()), super::running()]).await;
    let source = source(&server.url(), LONG, keys("AKID")).await;
    unavailable(source.observe(&job()).await.unwrap_err());
    source.observe(&job()).await.unwrap();
}

#[tokio::test]
async fn an_id_that_no_request_can_carry_is_invalid() {
    let server = ScriptedServer::start([]).await;
    let source = source(&server.url(), LONG, keys("AKID")).await;
    let job = JobKey { job_id: "".into(), ..job() };
    let error = source.observe(&job).await.unwrap_err();
    assert_eq!(error.reason(), "invalid");
    assert!(error.to_string().contains("job_id"), "{error}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn an_endpoint_that_is_no_url_is_invalid() {
    for url in ["not a url", "127.0.0.1:8080", "localhost:8080", "http://"] {
        let error = source(url, LONG, keys("AKID")).await.observe(&job()).await.unwrap_err();
        assert_eq!(error.reason(), "invalid", "{url}: {error}");
        assert!(error.to_string().contains("the endpoint cannot be used: endpoint"), "{error}");
        assert!(!error.to_string().contains("Request"), "no debug print: {error}");
    }
}
