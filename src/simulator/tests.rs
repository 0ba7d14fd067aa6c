//! The simulator over real HTTP.

mod lost;
mod workflows;

use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;

const SCENARIO: &str = r#"
    seed = 7
    clock_starts_at = "2026-01-01T00:00:00Z"
    [[workflows]]
    name = "customers"
    duration = "never"
    failure_message = "no such table"
    metrics = { inputRecords = 10, matchIDs = 4 }
    [[workflows]]
    name = "households"
    kind = "id-mapping"
"#;

const GET: Operation = Operation::GetMatchingJob;

/// A simulator that is served, and a client of it.
struct Served {
    simulator: Simulator,
    client: Client,
    url: String,
    stop: CancellationToken,
    server: JoinHandle<io::Result<()>>,
}

async fn serve(scenario: &str) -> Served {
    let simulator = Simulator::new(Scenario::parse(scenario, "test.toml").unwrap()).unwrap();
    simulator.set_limits(&Operation::ALL.map(|operation| (operation, Limit::Unlimited)).into());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let told = stop.clone().cancelled_owned();
    let server = tokio::spawn(simulator.clone().serve(listener, told));
    Served { simulator, client: Client::new(), url, stop, server }
}

impl Served {
    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        self.try_send(method, path, body).await.unwrap()
    }

    async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> reqwest::Result<Response> {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        self.client.request(method, format!("{}{path}", self.url)).body(body).send().await
    }

    async fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, None).await.json().await.unwrap()
    }

    async fn control(&self, method: Method, path: &str, body: Value) -> Value {
        let answer = self.send(method, &format!("/_simulator/{path}"), Some(body)).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.unwrap()
    }

    /// A running job, and its path.
    fn job(&self) -> (String, String) {
        let id = self.simulator.start_job(Kind::Matching, "customers").unwrap();
        let path = format!("/matchingworkflows/customers/jobs/{id}");
        (id, path)
    }

    fn script(&self, operation: Operation, answer: Answer) {
        self.simulator.script(Script { operation, answer, times: 1 });
    }
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_an_error_names_its_code_in_a_header() {
    let served = serve(SCENARIO).await;
    let (_, path) = served.job();
    for (path, status, code) in [
        (path.as_str(), 200, None),
        ("/matchingworkflows/customers/jobs/1", 400, Some("ValidationException")),
        ("/matchingworkflows/a%20b/jobs", 400, Some("ValidationException")),
        ("/matchingworkflows/others/jobs", 404, Some("ResourceNotFoundException")),
        ("/matchingworkflows/households/jobs", 404, Some("ResourceNotFoundException")),
        ("/schemas", 404, Some("UnknownOperationException")),
    ] {
        let answer = served.send(Method::GET, path, None).await;
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(
            answer.headers().get("x-amzn-errortype").map(|code| code.to_str().unwrap()),
            code
        );
        assert!(answer.headers().contains_key("x-amzn-requestid"));
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["message"].is_string(), code.is_some(), "{body}");
    }
}

#[tokio::test]
async fn each_scripted_answer_is_what_it_says_and_the_next_one_is_genuine() {
    let served = serve(SCENARIO).await;
    let (_, path) = served.job();
    for (answer, status, content) in [
        (json!("throttled"), 429, "Rate exceeded"),
        (json!("throttled-html"), 429, "<html>"),
        (json!("throttled-empty"), 429, ""),
        (json!({"throttled-retry-after": {"millis": 1500}}), 429, "Rate exceeded"),
        (json!({"throttled-retry-after-seconds": {"seconds": 2}}), 429, "<html>"),
        (json!("empty"), 200, ""),
        (json!("unknown-status"), 200, r#""status":"PAUSED""#),
        (json!("metric-overflow"), 200, r#""inputRecords":3000000000"#),
        (json!("iso-times"), 200, r#""startTime":"2026-01-01T00:00:00"#),
        (json!("malformed"), 200, r#"{"jobId":""#),
        (json!("error-500"), 500, "failed"),
        (json!("error-503"), 503, "<html>"),
        (
            json!("access-denied"),
            403,
            "not authorized to perform: entityresolution:GetMatchingJob on resource: arn:aws:entityresolution:us-east-1:123456789012:matchingworkflow/customers",
        ),
        (json!("expired-token"), 403, "token"),
        (json!("not-found"), 404, "script"),
        (json!("invalid"), 400, "script"),
        (json!("conflict"), 400, "running"),
        (json!("exceeds-limit"), 402, "quotaName"),
        (
            json!({"raw": {"status": 418, "headers": {"x-tea": "green"}, "body": "short"}}),
            418,
            "short",
        ),
    ] {
        let script = json!({"operation": "GetMatchingJob", "answer": answer});
        served.control(Method::POST, "answers", script).await;
        let found = served.send(Method::GET, &path, None).await;
        assert_eq!(found.status(), status, "{answer}");
        let text = found.text().await.unwrap();
        assert!(
            text.contains(content) && text.is_empty() == content.is_empty(),
            "{answer}: {text}"
        );
        let next = served.get(&path).await;
        assert_eq!(next["status"], "RUNNING", "after {answer}");
    }
}

#[tokio::test]
async fn retry_headers_tell_milliseconds_or_seconds() {
    let served = serve(SCENARIO).await;
    let (_, path) = served.job();
    served.script(GET, Answer::ThrottledRetryAfter { millis: 1_500 });
    served.script(GET, Answer::ThrottledRetryAfterSeconds { seconds: 2 });
    let first = served.send(Method::GET, &path, None).await;
    assert_eq!(first.headers()["x-amz-retry-after"], "1500");
    assert_eq!(first.headers()["x-amzn-errortype"], "ThrottlingException");
    let second = served.send(Method::GET, &path, None).await;
    assert_eq!(second.headers()["retry-after"], "2");
    assert!(!second.headers().contains_key("x-amzn-errortype"));
}

#[tokio::test]
async fn a_status_can_be_left_out_of_a_job_and_of_a_list() {
    let served = serve(SCENARIO).await;
    let (_, path) = served.job();
    served.script(GET, Answer::WithoutStatus);
    served.script(Operation::ListMatchingJobs, Answer::WithoutStatus);
    let job = served.get(&path).await;
    assert!(job["jobId"].is_string() && job.get("status").is_none());
    let list = served.get("/matchingworkflows/customers/jobs").await;
    assert!(list["jobs"][0]["jobId"].is_string() && list["jobs"][0].get("status").is_none());
}

#[tokio::test]
async fn a_reset_closes_the_connection_without_a_byte_and_the_next_request_is_answered() {
    let served = serve(SCENARIO).await;
    let (_, path) = served.job();
    served.script(GET, Answer::Reset);
    let error = served.try_send(Method::GET, &path, None).await.unwrap_err();
    assert!(!error.is_timeout() && error.status().is_none());
    assert!(format!("{error:?}").contains("ConnectionReset"), "{error:?}");
    assert_eq!(served.get(&path).await["status"], "RUNNING");
    assert_eq!(served.simulator.counts().of(GET, "reset"), 1);
}

#[tokio::test]
async fn a_stalled_request_gets_no_answer_until_the_simulator_ends() {
    let served = serve(SCENARIO).await;
    let (_, path) = served.job();
    served.script(GET, Answer::Stall);
    let stalled = served.try_send(Method::GET, &path, None);
    let others = async {
        served.simulator.until(|counts| counts.of(GET, "stall") == 1).await;
        assert_eq!(served.get(&path).await["status"], "RUNNING");
        served.stop.cancel();
    };
    let (stalled, ()) = tokio::join!(stalled, others);
    assert!(stalled.is_err());
    served.server.await.unwrap().unwrap();
}

#[tokio::test]
async fn shutdown_ends_the_server_while_a_client_keeps_its_connection_open() {
    let mut served = serve(SCENARIO).await;
    let (_, path) = served.job();
    served.get(&path).await;
    served.stop.cancel();
    (&mut served.server).await.unwrap().unwrap();
    assert!(served.try_send(Method::GET, &path, None).await.is_err());
}

#[tokio::test]
async fn a_hidden_job_is_not_found_nor_listed_until_it_is_shown_again() {
    let served = serve(SCENARIO).await;
    let (id, path) = served.job();
    served.simulator.set_hidden(&id, true).unwrap();
    assert_eq!(served.send(Method::GET, &path, None).await.status(), 404);
    assert_eq!(served.get("/matchingworkflows/customers/jobs").await["jobs"], json!([]));
    let status = served.simulator.job(&id).unwrap().status;
    assert_eq!(served.simulator.first_served(&id, status), None);
    served.simulator.set_hidden(&id, false).unwrap();
    assert_eq!(served.get(&path).await["jobId"], id);
    assert!(served.simulator.first_served(&id, status).is_some());
}

#[tokio::test]
async fn a_status_set_by_control_is_served_with_what_belongs_to_it() {
    let served = serve(SCENARIO).await;
    let (id, path) = served.job();
    let set = format!("jobs/{id}/status");
    served.control(Method::POST, &set, json!({"status": "SUCCEEDED"})).await;
    let job = served.get(&path).await;
    assert_eq!(job["metrics"], json!({"inputRecords": 10, "matchIDs": 4}));
    assert!(job["endTime"].is_number() && job.get("errorDetails").is_none());
    let change =
        json!({"status": "FAILED", "error_message": "disk full", "metrics": {"inputRecords": 3}});
    served.control(Method::POST, &set, change).await;
    let job = served.get(&path).await;
    assert_eq!(job["errorDetails"]["errorMessage"], "disk full");
    assert_eq!(job["metrics"], json!({"inputRecords": 3}));
    served.control(Method::POST, &set, json!({"status": "FAILED"})).await;
    assert_eq!(served.get(&path).await["errorDetails"]["errorMessage"], "no such table");
}

#[tokio::test]
async fn the_first_genuine_answer_with_a_terminal_status_is_noted() {
    let served = serve(SCENARIO).await;
    let (id, path) = served.job();
    served.simulator.set_status(&id, Status::Succeeded).unwrap();
    served.script(GET, Answer::UnknownStatus);
    served.get(&path).await;
    let ended = served.control(Method::GET, "endings", json!({})).await;
    assert_eq!(ended[0]["job_id"], id.as_str());
    assert!(ended[0]["reached_at"].is_number());
    assert_eq!(ended[0]["first_served_at"], Value::Null, "a tampered answer tells nothing");
    served.get("/matchingworkflows/customers/jobs").await;
    let first = served.simulator.endings();
    assert!(first[0].delay().is_some());
    served.get(&path).await;
    assert_eq!(served.simulator.endings(), first);
}

#[tokio::test]
async fn requests_are_counted_by_operation_and_outcome_and_control_requests_are_not() {
    let served = serve(SCENARIO).await;
    let (_, path) = served.job();
    served.get(&path).await;
    served.get("/matchingworkflows/customers/jobs/1").await;
    served.script(Operation::ListIdMappingWorkflows, Answer::Throttled);
    served.get("/idmappingworkflows").await;
    let counts = served.control(Method::GET, "requests", json!({})).await;
    let wanted = json!({
        "GetMatchingJob": {"ValidationException": 1, "ok": 1},
        "ListIdMappingWorkflows": {"ThrottlingException": 1},
    });
    assert_eq!(counts, wanted);
    assert_eq!(served.simulator.counts().total(GET), 2);
}

#[tokio::test]
async fn limits_faults_denials_and_latency_change_at_run_time() {
    let served = serve(SCENARIO).await;
    let (_, path) = served.job();
    let limits = json!({"GetMatchingJob": {"rate": 0.0001, "capacity": 1}});
    served.control(Method::PUT, "limits", limits).await;
    let status = async || served.send(Method::GET, &path, None).await.status();
    assert_eq!((status().await.as_u16(), status().await.as_u16()), (200, 429));
    served.control(Method::PUT, "limits", json!({"GetMatchingJob": "unlimited"})).await;
    served.control(Method::PUT, "faults", json!({"error_500": 1})).await;
    assert_eq!(status().await, 500);
    served.control(Method::PUT, "faults", json!({})).await;
    served.control(Method::PUT, "denials", json!([{"workflow": "customers"}])).await;
    assert_eq!(status().await, 403);
    served.control(Method::PUT, "denials", json!([])).await;
    served.control(Method::PUT, "latency", json!("50ms")).await;
    let asked = Instant::now();
    assert_eq!(status().await, 200);
    assert!(asked.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn control_refuses_what_it_does_not_understand_and_says_why() {
    let served = serve(SCENARIO).await;
    for (method, path, body, wanted) in [
        (
            Method::POST,
            "answers",
            json!({"operation": "GetMatchingJob", "answer": "shrug"}),
            "shrug",
        ),
        (
            Method::POST,
            "answers",
            json!({"operation": "GetMatchingJob", "answer": {"raw": {"status": 9}}}),
            "status",
        ),
        (Method::POST, "jobs/1/status", json!({"status": "FAILED"}), "no job"),
        (Method::POST, "jobs", json!({"workflow": "others"}), "no workflow"),
        (Method::PUT, "limits", json!({"GetJob": 1}), "GetJob"),
        (Method::PUT, "faults", json!({"reset": 2}), "not a share"),
    ] {
        let answer = served.send(method, &format!("/_simulator/{path}"), Some(body)).await;
        assert_eq!(answer.status(), 400);
        let text = answer.text().await.unwrap();
        assert!(text.contains(wanted), "{text}");
    }
}

#[tokio::test]
async fn pages_neither_repeat_nor_lose_a_job_while_others_start() {
    let served = serve(SCENARIO).await;
    let body = json!({"workflow": "customers", "count": 60});
    let added = served.control(Method::POST, "jobs", body).await;
    let mut wanted: Vec<String> = serde_json::from_value(added["job_ids"].clone()).unwrap();
    wanted.reverse();
    let (mut found, mut query) = (Vec::new(), String::new());
    loop {
        let page = served.get(&format!("/matchingworkflows/customers/jobs{query}")).await;
        let jobs = page["jobs"].as_array().unwrap();
        found.extend(jobs.iter().map(|job| job["jobId"].as_str().unwrap().to_owned()));
        served.job();
        let Some(token) = page["nextToken"].as_str() else { break };
        query = format!("?nextToken={token}");
    }
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn start_time_means_what_the_scenario_says() {
    for (means, moves) in [("submitted", false), ("running", true)] {
        let served =
            serve(&format!("time_factor = 1000\nstart_time_means = {means:?}\n{SCENARIO}")).await;
        let (first, _) = served.job();
        let (_, waiting) = served.job();
        let queued = served.get(&waiting).await;
        assert_eq!(queued["status"], "QUEUED");
        // At factor 1000 a simulated second passes meanwhile.
        served.simulator.set_latency(Distribution::Fixed(Duration::from_millis(5)));
        served.get(&waiting).await;
        served.simulator.set_status(&first, Status::Succeeded).unwrap();
        let running = served.get(&waiting).await;
        assert_eq!(running["status"], "RUNNING");
        assert_eq!(running["startTime"] != queued["startTime"], moves, "{means}");
    }
}

#[test]
fn the_same_seed_starts_the_same_jobs_and_without_one_each_run_draws_its_own() {
    let simulator =
        |scenario: &str| Simulator::new(Scenario::parse(scenario, "test.toml").unwrap()).unwrap();
    let first_job =
        |simulator: &Simulator| simulator.start_job(Kind::Matching, "customers").unwrap();
    assert_eq!(first_job(&simulator(SCENARIO)), first_job(&simulator(SCENARIO)));
    let unseeded = simulator(&SCENARIO.replace("seed = 7", ""));
    let drawn = SCENARIO.replace("seed = 7", &format!("seed = {}", unseeded.seed()));
    assert_ne!(unseeded.seed(), simulator(&SCENARIO.replace("seed = 7", "")).seed());
    assert_eq!(first_job(&unseeded), first_job(&simulator(&drawn)), "a drawn seed can be given");
}

#[tokio::test(start_paused = true)]
async fn a_job_goes_its_course_in_paused_time_without_a_socket() {
    let scenario = SCENARIO.replace("\"never\"", "\"30s\"");
    let simulator = Simulator::new(Scenario::parse(&scenario, "test.toml").unwrap()).unwrap();
    let id = simulator.start_job(Kind::Matching, "customers").unwrap();
    assert_eq!(simulator.job(&id).unwrap().status, Status::Running);
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(simulator.job(&id).unwrap().status, Status::Succeeded);
    let ended = &simulator.endings()[0];
    assert_eq!(ended.reached.elapsed(), Duration::from_secs(1));
    assert_eq!(ended.first_served, None);
}
