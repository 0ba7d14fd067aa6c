//! The other end of the health page: for a container's health check.

mod steer;

use std::net::SocketAddr;
use std::time::Duration;

pub use steer::{NotDone, ask_redelivery};

/// Time that the daemon has to answer.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Why a daemon does not count as alive.
#[derive(Debug, thiserror::Error)]
pub enum Unhealthy {
    /// It does not answer.
    #[error("no answer from {url}")]
    Silent {
        /// What was asked.
        url: String,
        /// What happened.
        source: reqwest::Error,
    },
    /// It says so itself.
    #[error("{url} answers {status}: {text}")]
    Unwell {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
        /// The page.
        text: String,
    },
}

/// Asks the daemon that listens on `address` whether it lives.
///
/// # Errors
///
/// It does not, or does not answer within three seconds.
pub async fn ask_health(address: SocketAddr) -> Result<(), Unhealthy> {
    let url = format!("http://{address}/healthz");
    let silent = |source: reqwest::Error| Unhealthy::Silent {
        url: url.clone(),
        source: source.without_url(),
    };
    let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().map_err(silent)?;
    let answer = client.get(&url).send().await.map_err(silent)?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let text = answer.text().await.map_err(silent)?.trim().to_owned();
    Err(Unhealthy::Unwell { url: url.clone(), status: status.as_u16(), text })
}
