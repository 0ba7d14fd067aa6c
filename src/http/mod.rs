//! What people and probes look at: health, readiness, metrics. And where a running daemon is steered.

mod control;
mod probe;

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

pub use control::{Control, Refusal};
pub use probe::{NotDone, Unhealthy, ask_health, ask_redelivery};

/// What the pages show; the running program provides it.
#[async_trait]
pub trait Status: Send + Sync {
    /// Whether the process lives: its loops go round. Says nothing of AWS.
    fn is_alive(&self) -> bool;

    /// Whether work can be done: the store can write, and an account works or has not been tried yet.
    async fn is_ready(&self) -> bool;

    /// All metrics in the Prometheus text format; `None` if they cannot be had.
    async fn metrics(&self) -> Option<Vec<u8>>;
}

/// Serves the pages on `listener` until `shutdown` ends.
///
/// # Errors
///
/// The listener broke.
pub async fn serve(
    listener: TcpListener,
    status: Arc<dyn Status>,
    control: Arc<dyn Control>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, pages(status, control)).with_graceful_shutdown(shutdown).await
}

/// All pages, wherever the requests come from.
pub fn pages(status: Arc<dyn Status>, control: Arc<dyn Control>) -> Router {
    router(status).merge(control::router(control))
}

fn router(status: Arc<dyn Status>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(status)
}

type Shown = State<Arc<dyn Status>>;

async fn healthz(State(status): Shown) -> Response {
    answer(status.is_alive(), "alive", "a loop is stuck")
}

async fn readyz(State(status): Shown) -> Response {
    answer(status.is_ready().await, "ready", "not ready")
}

fn answer(good: bool, yes: &'static str, no: &'static str) -> Response {
    if good {
        (StatusCode::OK, format!("{yes}\n")).into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("{no}\n")).into_response()
    }
}

async fn metrics(State(status): Shown) -> Response {
    const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
    match status.metrics().await {
        Some(text) => ([(header::CONTENT_TYPE, TEXT_FORMAT)], text).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
