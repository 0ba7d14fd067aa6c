//! What is asked next, and by which operation: all that is decided between two answers. No I/O, no clock: who calls says
//! what time it is.
//!
//! ```text
//! job answered ─▶ interval by its rule ─▶ one by one: its own deadline
//!                                     └─▶ listed: the workflow's deadline, for all its jobs together
//! ```

mod lists;
mod prices;
mod spare;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::cadence::{Ahead, Eta, queued_delay};
use super::follow_up::Record;
use super::price::Demand;
use super::roster::{JobIndex, Roster, Tracked, WorkflowIndex};
use super::sightings::Sightings;
use super::workflow::Mode;
use super::{Budgets, Config, Next, Patience, Place, Scheduler, WatchedJob};
use crate::domain::{JobKey, JobStatus, PastRun, WorkflowKey};
use crate::source::SourceError;

pub(super) use lists::Sight;
use prices::Paid;
use spare::Stretched;

/// Jobs in the queue that are told apart by how many stand before them; all further ones count as the last of these.
const TOLD_APART: usize = 4;
/// Jobs at work that are looked at to learn from how long they have run: learning costs the same however many there are.
const LEARNED_FROM: usize = 128;
/// So many are searched for them, where several workflows are at work.
const SEARCHED: usize = 1_024;

/// The plan of all questions to one account.
pub(super) struct Agenda {
    config: Config,
    patience: Patience,
    budgets: Budgets,
    roster: Roster,
    /// Questions about one job.
    gets: Scheduler<JobIndex>,
    /// Questions about the jobs of a workflow.
    lists: Scheduler<WorkflowIndex>,
    /// What questions about one job weigh together.
    get_demand: Demand,
    list_demand: Demand,
    paid: Paid,
    stretched: Stretched,
    /// Earlier than every deadline: who is due then goes first.
    at_once: Instant,
}

/// What is to be done now, of one kind of question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn<K> {
    /// This question is sent, so long after its time.
    Ask(K, Duration),
    /// The next one is not sent before this.
    Wait(Instant),
    /// There is none.
    Nothing,
}

/// A job is followed from now on.
#[derive(Debug)]
pub(super) struct Followed {
    /// Its workflow, if no other job of it is followed.
    pub(super) new_workflow: Option<WorkflowKey>,
}

/// How a job stands with its account at present.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Load {
    /// Calls a second that are wanted of each operation: of one job, of lists.
    pub(super) demand: [f64; 2],
    /// Seconds of delay that a call must save.
    pub(super) price: [f64; 2],
}

impl Agenda {
    pub(super) fn new(config: Config, patience: Patience, budgets: Budgets, now: Instant) -> Self {
        let paid = Paid::only(config.call_worth.as_secs_f64());
        Self {
            config,
            patience,
            budgets,
            roster: Roster::default(),
            gets: Scheduler::new(),
            lists: Scheduler::new(),
            get_demand: Demand::default(),
            list_demand: Demand::default(),
            paid,
            stretched: Stretched::default(),
            at_once: now,
        }
    }

    /// Whether no job is left to follow.
    pub(super) fn is_empty(&self) -> bool {
        self.roster.is_empty()
    }

    pub(super) fn job(&self, index: JobIndex) -> Option<&Tracked> {
        self.roster.job(index)
    }

    pub(super) fn job_mut(&mut self, index: JobIndex) -> Option<&mut Tracked> {
        self.roster.job_mut(index)
    }

    pub(super) fn workflow(&self, index: WorkflowIndex) -> &WorkflowKey {
        &self.roster.workflow(index).key
    }

    /// Makes room for so many jobs at once: growing step by step would leave holes in memory.
    pub(super) fn expect(&mut self, jobs: usize) {
        self.roster.expect(jobs);
        self.gets.reserve(jobs);
    }

    /// Follows a job that has not ended, unless it is followed already.
    pub(super) fn follow(&mut self, job: WatchedJob, now: Instant) -> Option<Followed> {
        let key = job.key.workflow();
        let (workflow, is_new) = self.roster.enlist(&key, self.config.backoff);
        let place = job.place.unwrap_or_else(|| {
            let mut sightings = Sightings::default();
            if let (Some(status), Some(since)) = (job.status, job.since) {
                sightings.saw(status, None, since);
            }
            Place { ask_at: now, sightings, record: Record::default() }
        });
        let tracked = Tracked {
            workflow,
            notifiers: job.notifiers,
            status: job.status,
            submitted_at: place.sightings.start_time(),
            sightings: place.sightings,
            record: place.record,
            answered_at: now,
            interval: Duration::ZERO,
            weight: None,
            met_by: 0,
            unlisted: false,
            own: false,
            told: Default::default(),
            key: job.key,
        };
        let index = self.roster.add(tracked)?;
        // Where intervals are shorter now, that counts.
        let latest = now + self.config.max_interval.max(self.config.backoff.max);
        self.gets.schedule(index, place.ask_at.min(latest));
        Some(Followed { new_workflow: is_new.then_some(key) })
    }

    /// Where each job stands; one whose question was dropped is to be asked about at once.
    pub(super) fn into_places(self, now: Instant) -> HashMap<JobKey, Place> {
        let waiting: HashMap<_, _> = self.gets.waiting().map(|(job, at)| (*job, at)).collect();
        let (gets, roster) = (self.gets, self.roster);
        let place = |(index, job): (JobIndex, Tracked)| {
            // It is due, or a list answers for it.
            let otherwise = || match gets.is_in_flight(&index) || job.own {
                true => now,
                false => job.answered_at + job.interval,
            };
            let ask_at = waiting.get(&index).copied().unwrap_or_else(otherwise);
            (job.key, Place { ask_at, sightings: job.sightings, record: job.record })
        };
        roster.into_jobs().map(place).collect()
    }

    /// The next question about one job.
    pub(super) fn next_job(&mut self, now: Instant) -> Turn<JobIndex> {
        loop {
            let (roster, at_once) = (&self.roster, self.at_once);
            self.gets
                .line_up(now, |index, deadline| too_late_at(roster.job(*index), deadline, at_once));
            let Some(&index) = self.gets.first_due() else {
                return match self.gets.next_deadline() {
                    Some(deadline) => self.ask_early(now, deadline),
                    None => Turn::Nothing,
                };
            };
            // One that a list answers for since then needs no question of its own, unless it is to answer by itself.
            if self.is_listed(index) && self.roster.job(index).is_some_and(|job| !job.own) {
                self.gets.take(&index);
                self.gets.give_back(&index, None);
                continue;
            }
            if let Err(ready_at) = self.budgets.gets.pacer().acquire(now) {
                return Turn::Wait(ready_at);
            }
            self.gets.take(&index);
            let Some(job) = self.roster.job_mut(index) else { continue };
            // One that is to answer by itself has no time of its own to be late for.
            let late = match std::mem::take(&mut job.own) {
                true => Duration::ZERO,
                false => now.saturating_duration_since(job.answered_at + job.interval),
            };
            return Turn::Ask(index, late);
        }
    }

    /// A job answered: it has this status now, which is recorded. Returns what happens next with it, and how long it ran
    /// if it ended and that is known.
    pub(super) fn answered(
        &mut self,
        index: JobIndex,
        status: Option<JobStatus>,
        told: Answered,
    ) -> Option<(Next, Option<PastRun>)> {
        let Answered { start_time, end_time, now, at } = told;
        let job = self.roster.job_mut(index)?;
        let before = job.status;
        if let Some(status) = status {
            job.sightings.saw(status, start_time, at);
        }
        let run = status.is_some_and(JobStatus::is_terminal).then(|| past_run(job, end_time));
        self.roster.move_to(index, status);
        if let Some(run) = run {
            let job = self.leave(index)?;
            let next = Next::Ended(status?);
            if before == Some(JobStatus::Running) {
                self.call_up_next(&job.key, end_time.unwrap_or(at), now, at);
            }
            if let Some(run) = &run {
                self.learn(job.workflow, vec![run.clone()], now, at);
            }
            return Some((next, run));
        }
        let interval = self.stays(index, now, at)?;
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
        self.reprice(now, at);
        Some((Next::AskIn(interval), None))
    }

    /// A job did not answer. The second value says whether this is the first error for its reason in a row.
    pub(super) fn failed(
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
    pub(super) fn not_recorded(&mut self, index: JobIndex, now: Instant) {
        let Some(job) = self.roster.job_mut(index) else { return };
        let delay = job.record.not_recorded(&self.config);
        job.own = true;
        self.gets.give_back(&index, Some(now + delay));
    }

    /// How long jobs of a workflow ran. Returns what was new of it.
    pub(super) fn learn(
        &mut self,
        workflow: WorkflowIndex,
        runs: Vec<PastRun>,
        now: Instant,
        at: Timestamp,
    ) -> Vec<PastRun> {
        let new = self.roster.workflow_mut(workflow).learn(runs);
        if !new.is_empty() {
            let kind = self.roster.workflow(workflow).key.kind;
            let at_work = self.roster.queue(kind).at_work().take(SEARCHED);
            let running: Vec<_> = at_work
                .filter_map(|index| self.roster.job(index))
                .filter(|job| job.workflow == workflow)
                // They ran when they last answered; and only those count that would be learned from had they ended then.
                // Else it would seem that few end.
                .filter_map(|job| {
                    let seen_at = before(at, now.saturating_duration_since(job.answered_at));
                    job.sightings.run_time(seen_at).filter(|run_time| !run_time.is_zero())
                })
                .take(LEARNED_FROM)
                .collect();
            self.roster.workflow_mut(workflow).relearn(&running);
            self.paid.learned();
        }
        new
    }

    /// The same, for a workflow that is known by its name.
    pub(super) fn remember(
        &mut self,
        workflow: &WorkflowKey,
        runs: Vec<PastRun>,
        now: Instant,
        at: Timestamp,
    ) {
        if let Some(index) = self.roster.index_of(workflow) {
            self.learn(index, runs, now, at);
        }
    }

    /// When a job at work will have ended, if its workflow has a past.
    pub(super) fn eta(&self, index: JobIndex, at: Timestamp) -> Option<Eta> {
        let job = self.roster.job(index).filter(|job| job.status == Some(JobStatus::Running))?;
        let elapsed = job.sightings.age(JobStatus::Running, at);
        self.roster.workflow(job.workflow).run_times.eta(elapsed)
    }

    /// Demand and price of each operation.
    pub(super) fn load(&self) -> Load {
        let price = [self.get_price(), self.list_price()];
        Load { demand: [self.get_demand.at(price[0]), self.list_demand.at(price[1])], price }
    }

    /// Takes a job out.
    fn leave(&mut self, index: JobIndex) -> Option<Tracked> {
        self.weigh(index, None);
        self.gets.give_back(&index, None);
        self.roster.remove(index)
    }

    /// The time until the next question about a live job, by its rule, at this price.
    fn interval(&self, index: JobIndex, price: f64, at: Timestamp) -> Option<Duration> {
        let job = self.roster.job(index)?;
        let (limits, random) = (self.limits(), rand::random());
        let price = Duration::try_from_secs_f64(price).unwrap_or(Duration::MAX);
        let age = |job: &Tracked, status| job.sightings.age(status, at);
        if job.status == Some(JobStatus::Queued) {
            let waited = age(job, JobStatus::Queued);
            return Some(queued_delay(
                waited,
                self.ahead_of(index, job, at),
                price,
                limits,
                random,
            ));
        }
        let run_times = &self.roster.workflow(job.workflow).run_times;
        Some(run_times.next_delay(age(job, JobStatus::Running), price, limits, random))
    }

    /// What a queued job waits for.
    fn ahead_of(&self, index: JobIndex, job: &Tracked, at: Timestamp) -> Ahead<'_> {
        let queue = self.roster.queue(job.key.kind);
        match queue.runner().and_then(|runner| self.roster.job(runner)) {
            Some(runner) => Ahead::Runner {
                run_times: &self.roster.workflow(runner.workflow).run_times,
                elapsed: runner.sightings.age(JobStatus::Running, at),
                between: queue.ahead_of(index, TOLD_APART),
            },
            None => Ahead::Unseen,
        }
    }

    /// Whether a list answers for the job.
    fn is_listed(&self, index: JobIndex) -> bool {
        self.roster.job(index).is_some_and(|job| {
            let listed = self.roster.workflow(job.workflow).mode == Mode::Listed;
            listed && !job.unlisted && job.weight.is_some()
        })
    }

    /// A job's work is over: it is the next one's turn.
    fn call_up_next(&mut self, ended: &JobKey, ended_at: Timestamp, now: Instant, at: Timestamp) {
        let queue = self.roster.queue(ended.kind);
        let Some(head) = queue.head() else { return };
        let waiting: Vec<_> = queue.waiting().take(TOLD_APART).collect();
        for index in waiting {
            let Some(job) = self.roster.job_mut(index) else { continue };
            job.sightings.predecessor_ended(ended_at);
            if index == head {
                // One call tells: a list would take as many, or more.
                job.own = true;
                self.gets.schedule(index, self.at_once);
            } else if self.is_listed(index) {
                // Its list is due anyhow.
            } else if let Some(interval) = self.interval(index, self.get_price(), at) {
                // Its own turn has come nearer.
                self.gets.schedule(index, now + interval);
            }
        }
    }
}

/// What an answer says beside the status, and when it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered {
    pub(super) start_time: Option<Timestamp>,
    pub(super) end_time: Option<Timestamp>,
    pub(super) now: Instant,
    pub(super) at: Timestamp,
}

/// Of jobs that are due, when it is too late for one: no job is to wait twice as long as its rule says, so that those that
/// are asked about often go before those that can wait.
fn too_late_at(job: Option<&Tracked>, deadline: Instant, at_once: Instant) -> Instant {
    match job {
        Some(job) if !job.own && job.weight.is_some() && deadline > at_once => {
            deadline + job.interval
        }
        _ => deadline,
    }
}

/// So long before an instant.
fn before(at: Timestamp, earlier: Duration) -> Timestamp {
    SignedDuration::try_from(earlier)
        .ok()
        .and_then(|earlier| at.checked_sub(earlier).ok())
        .unwrap_or(at)
}

/// How long a job ran that has just been seen to have ended, if that is known.
fn past_run(job: &Tracked, end_time: Option<Timestamp>) -> Option<PastRun> {
    let ended_at = end_time?;
    let run_time = job.sightings.run_time(ended_at).filter(|run_time| !run_time.is_zero())?;
    Some(PastRun { job_id: job.key.job_id.clone(), ended_at, run_time })
}
