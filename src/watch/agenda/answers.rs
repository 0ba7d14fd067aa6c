//! What an answer about one job means for its next question.

use jiff::Timestamp;
use tokio::time::Instant;

use super::Agenda;
use crate::domain::{JobStatus, PastRun};
use crate::source::SourceError;
use crate::watch::Next;
use crate::watch::roster::{JobIndex, Tracked};
use crate::watch::seen::Seen;

/// What an answer says beside the status, and when it came.
#[derive(Debug, Clone, Copy)]
pub(in crate::watch) struct Answered {
    pub(in crate::watch) start_time: Option<Timestamp>,
    pub(in crate::watch) end_time: Option<Timestamp>,
    pub(in crate::watch) seen: Seen,
}

impl Agenda {
    /// A job answered: it has this status now, which is recorded. Returns what happens next with it, and how long it ran
    /// if it ended and that is known.
    pub(in crate::watch) fn answered(
        &mut self,
        index: JobIndex,
        status: Option<JobStatus>,
        told: Answered,
    ) -> Option<(Next, Option<PastRun>)> {
        let Answered { start_time, end_time, seen } = told;
        let now = seen.now;
        let job = self.roster.job_mut(index)?;
        let before = job.status;
        if let Some(status) = status {
            job.sightings.saw(status, start_time, seen);
        }
        let ended = end_time.map_or(now, |end_time| ended(job, end_time, seen));
        let run =
            status.is_some_and(JobStatus::is_terminal).then(|| past_run(job, end_time, ended));
        self.roster.move_to(index, status);
        if let Some(run) = run {
            let job = self.leave(index)?;
            let next = Next::Ended(status?);
            if before.is_some() {
                self.call_up_next(&job.key, ended, now);
            }
            match &run {
                Some(run) => drop(self.learn(job.workflow, vec![run.clone()])),
                None => self.roster.workflow_mut(job.workflow).look_back_if_little_is_known(),
            }
            return Some((next, run));
        }
        let interval = self.stays(index, now)?;
        let job = self.roster.job_mut(index)?;
        job.record.answered();
        let (workflow, own) = (job.workflow, job.own);
        let deadline = match own {
            // While the question was under way, something else told that there is more to know.
            true => Some(self.at_once),
            false => (!self.is_listed(index)).then(|| now + interval),
        };
        self.gets.give_back(&index, deadline);
        self.review(workflow, now);
        self.reprice();
        Some((Next::AskIn(interval), None))
    }

    /// A job did not answer. The second value says whether this is the first error for its reason in a row.
    pub(in crate::watch) fn failed(
        &mut self,
        index: JobIndex,
        error: &SourceError,
        now: Instant,
    ) -> Option<(Next, bool)> {
        let (config, patience) = (&self.config, &self.patience);
        let job = self.roster.job_mut(index)?;
        let (next, first) = job.record.failed(error, config, patience, now);
        job.own = true;
        match &next {
            Next::AskIn(delay) => self.gets.give_back(&index, Some(now + *delay)),
            Next::GiveUp(_) | Next::Ended(_) => drop(self.leave(index)),
        }
        Some((next, first))
    }

    /// A job answered, but the store did not take what follows: it is where it was.
    pub(in crate::watch) fn not_recorded(&mut self, index: JobIndex, now: Instant) {
        let Some(job) = self.roster.job_mut(index) else { return };
        let delay = job.record.not_recorded(&self.config);
        job.own = true;
        self.gets.give_back(&index, Some(now + delay));
    }

    /// Takes a job out.
    fn leave(&mut self, index: JobIndex) -> Option<Tracked> {
        self.weigh(index, None);
        self.gets.give_back(&index, None);
        self.roster.remove(index)
    }
}

/// When a job ended, of which the service tells this: not before it last showed itself alive, whatever clocks say.
fn ended(job: &Tracked, end_time: Timestamp, seen: Seen) -> Instant {
    let told = job.sightings.place(end_time, seen);
    if job.weight.is_some() { told.max(job.answered_at) } else { told }
}

/// How long a job ran that has just been seen to have ended, if that is known.
fn past_run(job: &Tracked, end_time: Option<Timestamp>, ended: Instant) -> Option<PastRun> {
    let ended_at = end_time?;
    let run_time = job.sightings.run_time(ended).filter(|run_time| !run_time.is_zero())?;
    Some(PastRun { job_id: job.key.job_id.clone(), ended_at, run_time })
}
