//! What tests share.

pub(crate) mod credentials;
pub(crate) mod daemon;
pub(crate) mod disk;
pub(crate) mod environment;
pub(crate) mod proxy;
pub(crate) mod receiver;
pub(crate) mod schema;
pub(crate) mod scripted;
pub(crate) mod service;
pub(crate) mod sts;
pub(crate) mod tls;

use std::future::Future;
use std::time::Duration;

/// Longer than anything takes on a busy machine: a test that hangs ends with a word of what it waits for.
const GUARD: Duration = Duration::from_secs(60);

/// Waits for `future`, which ends soon unless the program is broken.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(GUARD, future)
        .await
        .unwrap_or_else(|_| panic!("still waiting for {what} after {GUARD:?}"))
}
