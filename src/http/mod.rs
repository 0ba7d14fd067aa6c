//! What people and probes look at: health, readiness, metrics, accounts. And where a running daemon is steered.

mod accounts;
mod control;
mod page;
mod probe;

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;

pub use accounts::{AccountState, AccountView, BudgetView, DiscoveryView, JobsView};
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

    /// How the accounts do, in the order of the configuration.
    async fn accounts(&self) -> Vec<AccountView>;
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
        .route("/", get(status_page))
        .route("/api/accounts", get(accounts))
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

async fn accounts(State(status): Shown) -> Response {
    let accounts = json!({ "accounts": status.accounts().await });
    ([(header::CACHE_CONTROL, "no-store")], Json(accounts)).into_response()
}

async fn status_page(State(status): Shown) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, page::CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, page::page(&status.accounts().await)).into_response()
}
