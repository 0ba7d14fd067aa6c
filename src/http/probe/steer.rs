//! The other end of the control pages: for commands that a running daemon carries out.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::{Redelivered, Redelivery};
use crate::http::control::RedeliverBody;

/// Time that the daemon has to answer: much may be asked of it.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Why a daemon did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// It does not answer.
    #[error("no answer from {url}")]
    Silent {
        /// What was asked.
        url: String,
        /// What happened.
        source: reqwest::Error,
    },
    /// It says no.
    #[error("{url} answers {status}: {text}")]
    Refused {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
        /// What it says.
        text: String,
    },
}

/// Asks the daemon that listens on `address` to make deliveries once more.
///
/// # Errors
///
/// It refuses, or does not answer within a minute.
pub async fn ask_redelivery(
    address: SocketAddr,
    request: &Redelivery,
) -> Result<Redelivered, NotDone> {
    post(address, "/-/redeliver", &RedeliverBody::from(request)).await
}

async fn post<T: DeserializeOwned>(
    address: SocketAddr,
    path: &str,
    body: &impl Serialize,
) -> Result<T, NotDone> {
    let url = format!("http://{address}{path}");
    let silent =
        |source: reqwest::Error| NotDone::Silent { url: url.clone(), source: source.without_url() };
    let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().map_err(silent)?;
    let answer = client.post(&url).json(body).send().await.map_err(silent)?;
    let status = answer.status();
    if status.is_success() {
        return answer.json().await.map_err(silent);
    }
    let text = answer.text().await.map_err(silent)?.trim().to_owned();
    Err(NotDone::Refused { url: url.clone(), status: status.as_u16(), text })
}
