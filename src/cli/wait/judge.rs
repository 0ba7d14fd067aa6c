//! What is made of a job that has ended.

use super::super::Exit;
use super::args::Following;
use super::progress::Progress;
use super::verdict;
use crate::config::WatchSettings;
use crate::domain::{Gates, JobKey, JobStatus, Observation};

/// Judges jobs by their status, and by the quality gates of the flags and of the watches that follow them.
pub(super) struct Judge {
    given: Gates,
    watches: Vec<WatchSettings>,
}

impl Judge {
    /// By the flags alone.
    pub(super) fn by(flags: &Following) -> Self {
        Self { given: flags.gates(), watches: Vec::new() }
    }

    /// By these watches besides. Flags win over the watch that follows a job.
    pub(super) fn and_by(&mut self, watches: Vec<WatchSettings>) {
        self.watches = watches;
    }

    /// How a job comes out that has ended so; says which gates it failed.
    pub(super) fn judge(
        &self,
        job: &JobKey,
        status: JobStatus,
        observation: &Observation,
        progress: &Progress,
    ) -> Exit {
        let exit = verdict::of_status(status);
        if exit != Exit::Success {
            return exit;
        }
        let watched = self.watches.iter().find(|watch| watch.follows(job));
        let gates = self.given.or(watched.map(|watch| watch.gates).unwrap_or_default());
        let failures = gates.check(observation.details.metrics.as_deref());
        for failure in &failures {
            progress.say(&format!("matchwatch: job {}: {}", job.job_id, failure.message));
        }
        if failures.is_empty() { exit } else { Exit::QualityFailed }
    }
}
