//! Where a command tells how it goes, beside standard output.

use std::io::{self, IsTerminal};

use super::super::github::GitHub;
use super::super::{Exit, Failure, tell};
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

    /// The command has come to this: tells GitHub. Outputs that cannot be written make a success none; what is worse
    /// than that stays as it is.
    pub(in crate::cli) fn close(&mut self, over: Result<Exit, Failure>) -> Result<Exit, Failure> {
        let Some(github) = &mut self.github else { return over };
        let exit = over.as_ref().map_or_else(|failure| failure.exit, |exit| *exit);
        match (over, github.finish(exit)) {
            (Ok(Exit::Success), Err(error)) => Err(Failure::usage(error)),
            (over, Err(error)) => {
                tell(format_args!("matchwatch: {error:#}"));
                over
            }
            (over, Ok(())) => over,
        }
    }
}
