//! How a running daemon takes up another configuration.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::{Broken, StartError};
use crate::config::{Loaded, Problems, Settings, StoreSettings};
use crate::http::Refusal;

/// Reads the configuration anew.
pub type ReadSettings = Arc<dyn Fn() -> Result<Loaded, Problems> + Send + Sync>;

/// Why the configuration that runs is still the one before.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The new one is wrong.
    #[error("{0}")]
    Config(Problems),
    /// What it asks for cannot be had.
    #[error("{}", chain(.0))]
    Start(StartError),
    /// It changes what a running process cannot.
    #[error("{} cannot change while the daemon runs: restart it, or take the change back", .0.join(" and "))]
    NeedsRestart(Vec<&'static str>),
    /// The daemon ends.
    #[error("the daemon is stopping")]
    Stopping,
}

impl From<ReloadError> for Refusal {
    fn from(error: ReloadError) -> Self {
        match error {
            ReloadError::Config(problems) => Self::Problems {
                summary: problems.summary(),
                problems: problems.list().iter().map(ToString::to_string).collect(),
            },
            ReloadError::Start(_) | ReloadError::NeedsRestart(_) => {
                Self::Invalid(error.to_string())
            }
            ReloadError::Stopping => Self::Unavailable(error.to_string()),
        }
    }
}

/// What came of a reload, or that the daemon is broken.
pub(super) type Outcome = Result<Result<(), ReloadError>, Broken>;
/// Somebody who waits for a reload.
pub(super) type Request = oneshot::Sender<Result<(), ReloadError>>;

/// Asks a running daemon to read its configuration again.
#[derive(Debug, Clone)]
pub struct Reloader(pub(super) mpsc::UnboundedSender<Request>);

impl Reloader {
    /// Has the configuration read again, and waits until the new one runs.
    ///
    /// # Errors
    ///
    /// The one before runs on.
    pub async fn reload(&self) -> Result<(), ReloadError> {
        let (reply, answer) = oneshot::channel();
        self.0.send(reply).map_err(|_| ReloadError::Stopping)?;
        answer.await.unwrap_or(Err(ReloadError::Stopping))
    }
}

/// What differs, and is read at the start alone.
pub(super) fn needs_restart(running: &Settings, new: &Settings) -> Result<(), ReloadError> {
    let differing = [
        ("[log]", running.log != new.log),
        ("[http] listen", running.http_listen != new.http_listen),
        ("[store] type and path", file(running) != file(new)),
    ];
    let differing: Vec<_> =
        differing.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect();
    if differing.is_empty() { Ok(()) } else { Err(ReloadError::NeedsRestart(differing)) }
}

/// The database; none in memory.
const fn file(settings: &Settings) -> Option<&PathBuf> {
    match &settings.store {
        StoreSettings::Memory => None,
        StoreSettings::Sqlite(config) => Some(&config.path),
    }
}

/// An error with its causes, on one line.
fn chain(error: &StartError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        text += &format!(": {source}");
        cause = source.source();
    }
    text
}
