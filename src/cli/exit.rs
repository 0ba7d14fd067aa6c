//! Exit codes: an API, documented in README.md.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// All jobs succeeded; the command did what was asked.
    Success = 0,
    /// A job failed; `health`: the daemon does not live, which container runtimes read from this code;
    /// `check --online`: a notifier cannot deliver.
    Failed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// The deadline passed first.
    TimedOut = 3,
    /// Credentials are missing, or do not allow what was asked.
    AccessDenied = 4,
    /// The service knows no such job; `jobs` and `events`: the database knows none.
    NotFound = 5,
    /// The deadline passed and no answer ever came.
    Unreachable = 6,
    /// All jobs succeeded, and one failed a quality gate.
    QualityFailed = 7,
    /// `run`: no job was started, because the workflow is busy or a limit of the account is reached.
    Busy = 8,
    /// `run`: a job may have been started, and nobody can say which.
    Unsure = 9,
    /// Ended by SIGINT.
    Interrupted = 130,
    /// Ended by SIGTERM.
    Terminated = 143,
}

/// From the worst to the best, of those that can come together.
const ORDER: [Exit; 8] = [
    Exit::Usage,
    Exit::AccessDenied,
    Exit::NotFound,
    Exit::Unreachable,
    Exit::TimedOut,
    Exit::Failed,
    Exit::QualityFailed,
    Exit::Success,
];

impl Exit {
    /// The worse of two.
    pub(super) fn worse(self, other: Self) -> Self {
        ORDER.into_iter().find(|exit| *exit == self || *exit == other).unwrap_or(self)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
