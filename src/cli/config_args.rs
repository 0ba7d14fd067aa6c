//! `--config`, for every command that runs on a configuration.

use std::path::{Path, PathBuf};

use super::Failure;
use crate::config::{self, Loaded};

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
        load(&self.path)
    }
}

/// The same for a file that is named otherwise.
pub(super) fn load(path: &Path) -> Result<Loaded, Failure> {
    // A variable that is not Unicode cannot be one of ours.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    config::load(path, environment).map_err(|problems| {
        for problem in problems.list() {
            super::tell(format_args!("{problem}"));
        }
        Failure::usage(anyhow::Error::msg(problems.summary()))
    })
}
