//! Where a command tells how it goes, beside standard output.

use std::io::{self, IsTerminal};

use super::super::Failure;
use super::super::github::GitHub;
use super::args::Following;
use super::progress::Progress;

/// Who is told.
pub(in crate::cli) struct Outlets {
    /// People, on standard error.
    pub(in crate::cli) progress: Progress,
    /// A workflow of GitHub Actions.
    pub(in crate::cli) github: Option<GitHub>,
}

impl Outlets {
    /// Those that the flags ask for. What cannot be written to is told now, before anything is done.
    pub(in crate::cli) fn open(following: &Following) -> Result<Self, Failure> {
        let github = following.github.then(GitHub::open).transpose().map_err(Failure::usage)?;
        let progress = Progress::new(following.quiet, io::stderr().is_terminal());
        Ok(Self { progress, github })
    }
}
