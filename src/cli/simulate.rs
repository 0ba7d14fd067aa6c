//! `matchwatch simulate`

use super::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) async fn run(_args: Args) -> Result<Exit, Failure> {
    Err(Failure::usage(anyhow::anyhow!("not built yet")))
}
