//! The control path: how tests steer the simulator and read what it saw. Not part of the AWS API.
//!
//! Bodies are JSON with the scenario's own keys (`config/simulator.toml`). A refused request is answered
//! 400 with a sentence; what changes something and has nothing to say is answered 200 with `{}`.
//! A time is in seconds of real time since the Unix epoch. Control requests are never limited, delayed or counted.
//!
//! | request | body | does |
//! |---|---|---|
//! | `GET /_simulator/jobs` | | lists `{kind, workflow, job_id, status, held}`, in the order in which they were added |
//! | `POST /_simulator/jobs` | an entry of `[[jobs]]` | adds jobs now; answers `{"job_ids": […]}` |
//! | `POST /_simulator/workflows` | an entry of `[[workflows]]` | makes a workflow now, as CreateMatchingWorkflow does, which cannot say how its jobs go |
//! | `POST /_simulator/jobs/{job_id}/status` | `{"status": "FAILED", "error_message"?: …, "metrics"?: {…}}` | sets the status, even backwards; from then on only this path moves the job, and it takes no turn from others |
//! | `PUT /_simulator/limits` | as `[limits]` | replaces the limits of the operations that are named; their buckets are full |
//! | `PUT /_simulator/faults` | as `[faults]` | replaces all shares; one that is left out is 0 |
//! | `PUT /_simulator/denials` | a list of `[[denials]]` | replaces all denials |
//! | `PUT /_simulator/latency` | as `latency` | replaces the latency |
//! | `POST /_simulator/answers` | an entry of `[[answers]]` | scripts the next `times` (1) requests of an operation, behind those in line |
//! | `DELETE /_simulator/answers` | | drops all scripted answers |
//! | `GET /_simulator/requests` | | counts requests by operation and outcome |
//! | `GET /_simulator/endings` | | lists `{kind, workflow, job_id, status, reached_at, first_served_at, delay_seconds}` of jobs that ended; the last two are null until an answer told it |
//!
//! Scripted answers (see [`Answer`](super::Answer)): `genuine`, `throttled`, `throttled-html`, `throttled-empty`,
//! `{"throttled-retry-after": {"millis": 1500}}`, `{"throttled-retry-after-seconds": {"seconds": 2}}`, `empty`,
//! `without-status`, `unknown-status`, `metric-overflow`, `iso-times`, `malformed`, `error-500`, `error-503`,
//! `access-denied`, `expired-token`, `not-found`, `invalid`, `conflict`, `exceeds-limit`, `reset`, `stall`,
//! `lost`, `lost-500`, `lost-stall`: the request is served, and its answer is a reset, an error or none;
//! `{"raw": {"status": 418, "headers": {…}, "body": "…"}}`.
//!
//! Outcomes: `ok`, the code of a modelled error such as `ThrottlingException`, or the name of one of the
//! unmodelled answers above. A stalled request is counted when the stall begins.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::{get, post, put};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::chance::Distribution;
use super::faults::{Denial, Faults};
use super::job::StatusChange;
use super::limits::Limits;
use super::spec::{JobSpec, WorkflowSpec};
use super::{Ended, Script, Simulator};

/// An answer of the control path.
type Answered = Result<Json<Value>, (StatusCode, String)>;

pub(super) fn routes(simulator: Simulator) -> Router {
    Router::new()
        .route("/_simulator/jobs", get(jobs).post(add_job))
        .route("/_simulator/workflows", post(add_workflow))
        .route("/_simulator/jobs/{job_id}/status", post(set_status))
        .route("/_simulator/limits", put(set_limits))
        .route("/_simulator/faults", put(set_faults))
        .route("/_simulator/denials", put(set_denials))
        .route("/_simulator/latency", put(set_latency))
        .route("/_simulator/answers", post(add_answers).delete(clear_answers))
        .route("/_simulator/requests", get(requests))
        .route("/_simulator/endings", get(endings))
        .with_state(simulator)
}

/// Reads a body whatever its content type, so that `curl -d` works.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, (StatusCode, String)> {
    serde_json::from_slice(body).map_err(refuse)
}

fn refuse(error: impl std::fmt::Display) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, error.to_string())
}

const DONE: fn() -> Answered = || Ok(Json(json!({})));

async fn jobs(State(simulator): State<Simulator>) -> Json<Value> {
    let jobs = simulator.jobs().into_iter().map(|(kind, workflow, job)| {
        json!({
            "kind": kind,
            "workflow": workflow,
            "job_id": job.id,
            "status": job.status,
            "held": job.held,
        })
    });
    Json(jobs.collect())
}

async fn add_job(State(simulator): State<Simulator>, body: Bytes) -> Answered {
    let spec: JobSpec = read(&body)?;
    let job_ids = simulator.add_jobs(&spec).map_err(refuse)?;
    Ok(Json(json!({ "job_ids": job_ids })))
}

async fn add_workflow(State(simulator): State<Simulator>, body: Bytes) -> Answered {
    let spec: WorkflowSpec = read(&body)?;
    simulator.add_workflow(&spec).map_err(refuse)?;
    DONE()
}

async fn set_status(
    State(simulator): State<Simulator>,
    Path(job_id): Path<String>,
    body: Bytes,
) -> Answered {
    let change: StatusChange = read(&body)?;
    simulator.set_status(&job_id, change).map_err(refuse)?;
    DONE()
}

async fn set_limits(State(simulator): State<Simulator>, body: Bytes) -> Answered {
    let limits: Limits = read(&body)?;
    simulator.set_limits(&limits);
    DONE()
}

async fn set_faults(State(simulator): State<Simulator>, body: Bytes) -> Answered {
    let faults: Faults = read(&body)?;
    simulator.set_faults(faults);
    DONE()
}

async fn set_denials(State(simulator): State<Simulator>, body: Bytes) -> Answered {
    let denials: Vec<Denial> = read(&body)?;
    simulator.set_denials(denials);
    DONE()
}

async fn set_latency(State(simulator): State<Simulator>, body: Bytes) -> Answered {
    let latency: Distribution = read(&body)?;
    simulator.set_latency(latency);
    DONE()
}

async fn add_answers(State(simulator): State<Simulator>, body: Bytes) -> Answered {
    let script: Script = read(&body)?;
    simulator.script(script);
    DONE()
}

async fn clear_answers(State(simulator): State<Simulator>) -> Answered {
    simulator.clear_scripts();
    DONE()
}

async fn requests(State(simulator): State<Simulator>) -> Json<Value> {
    Json(json!(simulator.counts()))
}

async fn endings(State(simulator): State<Simulator>) -> Json<Value> {
    let ended = simulator.endings().into_iter().map(|ended| {
        let Ended { kind, ref workflow, ref job_id, status, reached, first_served } = ended;
        let epoch_seconds = |at: Instant| simulator.epoch_seconds(at);
        json!({
            "kind": kind,
            "workflow": workflow,
            "job_id": job_id,
            "status": status,
            "reached_at": epoch_seconds(reached),
            "first_served_at": first_served.map(epoch_seconds),
            "delay_seconds": ended.delay().map(|delay| delay.as_secs_f64()),
        })
    });
    Json(ended.collect())
}
