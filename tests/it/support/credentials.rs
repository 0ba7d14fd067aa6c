//! A service that hands out credentials, as a container's does.

use serde_json::json;

use super::scripted::{Reply, ScriptedServer};

/// The variable that names it.
pub(crate) const URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";

/// Starts one that answers so.
pub(crate) async fn service(script: impl IntoIterator<Item = Reply>) -> ScriptedServer {
    ScriptedServer::start(script).await
}

/// Keys that do not expire soon.
pub(crate) fn keys(access_key_id: &str) -> Reply {
    let keys = json!({
        "AccessKeyId": access_key_id,
        "SecretAccessKey": "secret",
        "Token": "token",
        "Expiration": "2100-01-01T00:00:00Z",
    });
    Reply::json(200, &keys)
}
