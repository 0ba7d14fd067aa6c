//! placeholder until config lands
use super::Failure;
use crate::config::Settings;
use std::path::{Path, PathBuf};
#[derive(Debug, clap::Args)]
pub(super) struct ConfigArgs {
    #[arg(
        long,
        value_name = "PATH",
        env = "MATCHWATCH_CONFIG",
        default_value = "config/matchwatch.toml"
    )]
    pub(super) config: PathBuf,
}
pub(super) fn load(_path: &Path) -> Result<Settings, Failure> {
    Err(Failure::usage(anyhow::anyhow!("x")))
}
