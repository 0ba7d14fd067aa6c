//! Which alarms are wanted.

use std::time::Duration;

use super::alarm::AlarmName;

/// Which alarms there are, and from when on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlarmRules {
    /// A job may be in the queue for so long. `None` is for ever, here and below.
    pub queued_longer_than: Option<Duration>,
    /// A job may be at work for so long.
    pub running_longer_than: Option<Duration>,
    /// A job may be at work for so many times what 95 of 100 jobs of its workflow take at most.
    pub running_longer_than_usual: Option<f64>,
    /// So many past runs say what is usual; with fewer nothing is.
    pub usual_needs_runs: usize,
    /// Whether a job that the service does not know is one.
    pub lost: bool,
    /// Whether a workflow or an account that denies access is one.
    pub access_denied: bool,
    /// Whether a question that the service calls wrong is one.
    pub watch_broken: bool,
}

impl AlarmRules {
    /// None at all.
    pub const NONE: Self = Self {
        queued_longer_than: None,
        running_longer_than: None,
        running_longer_than_usual: None,
        usual_needs_runs: 10,
        lost: false,
        access_denied: false,
        watch_broken: false,
    };

    /// What a daemon goes by where it is not told otherwise: what nobody has to set a limit for.
    pub const OF_DAEMON: Self =
        Self { lost: true, access_denied: true, watch_broken: true, ..Self::NONE };

    /// Whether this alarm is wanted.
    pub const fn want(&self, alarm: AlarmName) -> bool {
        match alarm {
            AlarmName::QueuedTooLong => self.queued_longer_than.is_some(),
            AlarmName::RunningTooLong => self.running_longer_than.is_some(),
            AlarmName::RunningLongerThanUsual => self.running_longer_than_usual.is_some(),
            AlarmName::Lost => self.lost,
            AlarmName::AccessDenied => self.access_denied,
            AlarmName::WatchBroken => self.watch_broken,
        }
    }

    /// Whether a job's time matters at all.
    pub const fn have_limits(&self) -> bool {
        self.queued_longer_than.is_some()
            || self.running_longer_than.is_some()
            || self.running_longer_than_usual.is_some()
    }
}

impl Default for AlarmRules {
    fn default() -> Self {
        Self::NONE
    }
}
