//! `--config`, for every command that runs on a configuration.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Failure;
use crate::app::{self, ReadSettings};
use crate::config::{self, Followed, Loaded, Outbox, Polling, Problems};
use crate::store::SqliteView;

#[derive(Debug, clap::Args)]
pub(super) struct ConfigArgs {
    /// Configuration file
    #[arg(
        long = "config",
        value_name = "PATH",
        env = "MATCHWATCH_CONFIG",
        default_value = "config/matchwatch.toml"
    )]
    pub(super) path: PathBuf,
}

impl ConfigArgs {
    /// Reads the file and the environment. What is wrong is told on stderr, one line each, before this returns.
    pub(super) fn load(&self) -> Result<Loaded, Failure> {
        config::load(&self.path, environment()?).map_err(tell_problems)
    }

    /// Reads the same again, whenever it is asked to. The environment is that of the start.
    pub(super) fn reader(&self) -> Result<ReadSettings, Failure> {
        let (path, environment) = (self.path.clone(), environment()?);
        Ok(Arc::new(move || config::load(&path, environment.clone())))
    }

    /// Reads only where the daemon listens.
    pub(super) fn load_listen(&self) -> Result<Option<SocketAddr>, Failure> {
        config::load_listen(&self.path, environment()?).map_err(tell_problems)
    }

    /// Reads only where events wait, who works on them and for whom: no secret is needed for that.
    pub(super) fn load_outbox(&self) -> Result<Outbox, Failure> {
        config::load_outbox(&self.path, environment()?).map_err(tell_problems)
    }

    /// Reads only when jobs are asked about, and where it is kept what was learned of them.
    pub(super) fn load_polling(&self) -> Result<Polling, Failure> {
        config::load_polling(&self.path, environment()?).map_err(tell_problems)
    }

    /// Opens the database to read it, beside the daemon if one runs.
    pub(super) async fn look_inside(&self) -> Result<SqliteView, Failure> {
        app::look_inside(&self.load_outbox()?.store).await.map_err(Failure::usage)
    }
}

/// Which jobs the file at `path` speaks of, and where they run.
pub(super) fn load_followed(path: &Path) -> Result<Followed, Failure> {
    config::load_followed(path, environment()?).map_err(tell_problems)
}

/// Says what is wrong, one line each.
fn tell_problems(problems: Problems) -> Failure {
    for problem in problems.list() {
        super::tell(format_args!("{problem}"));
    }
    Failure::usage(anyhow::Error::msg(problems.summary()))
}

/// The environment, as far as it can concern the configuration.
fn environment() -> Result<Vec<(String, String)>, Failure> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.starts_with(config::ENVIRONMENT_PREFIX))
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(Failure::usage(anyhow::anyhow!("{name}: the value is not Unicode"))),
        })
        .collect()
}
