//! The API's paths: from an HTTP request to the gate, through the service, to the wire.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Path, RawQuery, State};
use axum::http::Response;
use axum::routing::{delete, get};
use tokio::time::Instant;

use super::Simulator;
use super::answer::{self, Delivery, Reply};
use super::connection::Connection;
use super::gate::Passage;
use super::operation::Kind;
use super::refusal::Refusal;
use super::service::{self, Call, Request};

/// The paths of both families, and the answer to all others.
pub(super) fn routes(simulator: &Simulator) -> Router {
    let refuse = || async { answer::refusal(&Refusal::unknown_operation()) };
    Kind::ALL
        .into_iter()
        .fold(Router::new(), |router, kind| router.merge(family(simulator.clone(), kind)))
        .fallback(refuse)
        .method_not_allowed_fallback(refuse)
}

/// The state of one family's routes.
#[derive(Clone)]
struct Family {
    simulator: Simulator,
    kind: Kind,
}

fn family(simulator: Simulator, kind: Kind) -> Router {
    let root = kind.collection();
    Router::new()
        .route(&format!("/{root}"), get(list_workflows).post(create_workflow))
        .route(&format!("/{root}/{{workflow}}"), delete(delete_workflow))
        .route(&format!("/{root}/{{workflow}}/jobs"), get(list_jobs).post(start_job))
        .route(&format!("/{root}/{{workflow}}/jobs/{{job_id}}"), get(get_job))
        .with_state(Family { simulator, kind })
}

type Caller = ConnectInfo<Connection>;

async fn get_job(
    State(family): State<Family>,
    ConnectInfo(connection): Caller,
    Path((workflow, job_id)): Path<(String, String)>,
) -> Response<Body> {
    family.answer(connection, Call::GetJob { workflow, job_id }).await
}

async fn list_jobs(
    State(family): State<Family>,
    ConnectInfo(connection): Caller,
    Path(workflow): Path<String>,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    family.answer(connection, Call::ListJobs { workflow, query }).await
}

async fn start_job(
    State(family): State<Family>,
    ConnectInfo(connection): Caller,
    Path(workflow): Path<String>,
    body: Bytes,
) -> Response<Body> {
    family.answer(connection, Call::StartJob { workflow, body: body.to_vec() }).await
}

async fn list_workflows(
    State(family): State<Family>,
    ConnectInfo(connection): Caller,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    family.answer(connection, Call::ListWorkflows { query }).await
}

async fn create_workflow(
    State(family): State<Family>,
    ConnectInfo(connection): Caller,
    body: Bytes,
) -> Response<Body> {
    family.answer(connection, Call::CreateWorkflow { body: body.to_vec() }).await
}

async fn delete_workflow(
    State(family): State<Family>,
    ConnectInfo(connection): Caller,
    Path(workflow): Path<String>,
) -> Response<Body> {
    family.answer(connection, Call::DeleteWorkflow { workflow }).await
}

impl Family {
    async fn answer(self, connection: Connection, call: Call) -> Response<Body> {
        let Self { simulator, kind } = self;
        let request = Request { kind, call };
        let Passage { latency, answer } = simulator.pass(&request);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let Reply { outcome, delivery } = simulator.reply(&request, answer);
        simulator.count(request.operation(), outcome);
        match delivery {
            Delivery::Http(response) => return response,
            Delivery::Reset => {}
            Delivery::Stall => connection.closing().await,
        }
        connection.reset();
        // Never goes out: the connection refuses to write.
        Response::new(Body::empty())
    }
}

impl Simulator {
    fn pass(&self, request: &Request) -> Passage {
        self.state().gate.pass(request.operation(), request.workflow(), Instant::now())
    }

    fn reply(&self, request: &Request, answer: super::Answer) -> Reply {
        let state = &mut *self.present();
        let (world, ledger) = (&mut state.world, &mut state.ledger);
        let resource = request.resource(world);
        let account_id = world.account_id().to_owned();
        let denied = || Refusal::access_denied(request.operation(), &account_id, &resource);
        answer::reply(answer, denied, |untouched| {
            let served = service::serve(request, world, self.start_time_means())?;
            if untouched {
                served.note(world, ledger, Instant::now());
            }
            Ok(served.shape)
        })
    }
}
