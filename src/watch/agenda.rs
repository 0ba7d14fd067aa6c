//! What is asked next, and by which operation: all that is decided between two answers. No I/O, no clock: who calls says
//! what time it is.
//!
//! ```text
//! job answered ─▶ interval by its rule ─▶ one by one: its own deadline
//!                                     └─▶ listed: the workflow's deadline, for all its jobs together
//! ```

mod lists;

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::cadence::{Ahead, Eta, JITTER, Limits, queued_delay};
use super::follow_up::Record;
use super::price::{self, Demand, Weight};
use super::roster::{JobIndex, Roster, Tracked, WorkflowIndex};
use super::sightings::Sightings;
use super::workflow::Mode;
use super::{Budgets, Config, Next, Patience, Place, Scheduler, WatchedJob};
use crate::domain::{JobKey, JobStatus, PastRun, WorkflowKey};
use crate::source::SourceError;

pub(super) use lists::Sight;

/// Jobs in the queue that are told apart by how many stand before them; all further ones count as the last of these.
const TOLD_APART: usize = 4;

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
        Self {
            config,
            patience,
            budgets,
            roster: Roster::default(),
            gets: Scheduler::new(),
            lists: Scheduler::new(),
            get_demand: Demand::default(),
            list_demand: Demand::default(),
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
            let listed = || match gets.is_in_flight(&index) {
                true => now,
                false => job.answered_at + job.interval,
            };
            let ask_at = waiting.get(&index).copied().unwrap_or_else(listed);
            (job.key, Place { ask_at, sightings: job.sightings, record: job.record })
        };
        roster.into_jobs().map(place).collect()
    }

    /// The next question about one job.
    pub(super) fn next_job(&mut self, now: Instant) -> Turn<JobIndex> {
        loop {
            let Some((&index, deadline)) = self.gets.first() else { return Turn::Nothing };
            if deadline > now {
                return Turn::Wait(deadline);
            }
            // One that a list answers for since then needs no question of its own, unless that list saw it change.
            if deadline > self.at_once && self.is_listed(index) {
                self.gets.take_due(now);
                self.gets.give_back(&index, None);
                continue;
            }
            if let Err(ready_at) = self.budgets.gets.pacer().acquire(now) {
                return Turn::Wait(ready_at);
            }
            self.gets.take_due(now);
            // One that is asked at once has no time of its own to be late for.
            let since = if deadline == self.at_once { now } else { deadline };
            return Turn::Ask(index, now.duration_since(since));
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
                self.learn(job.workflow, vec![run.clone()], at);
            }
            return Some((next, run));
        }
        let interval = self.stays(index, now, at)?;
        let job = self.roster.job_mut(index)?;
        job.record.answered();
        let workflow = job.workflow;
        let deadline = (!self.is_listed(index)).then(|| now + interval);
        self.gets.give_back(&index, deadline);
        self.review(workflow, now);
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
        self.gets.give_back(&index, Some(now + delay));
    }

    /// How long jobs of a workflow ran. Returns what was new of it.
    pub(super) fn learn(
        &mut self,
        workflow: WorkflowIndex,
        runs: Vec<PastRun>,
        at: Timestamp,
    ) -> Vec<PastRun> {
        let new = self.roster.workflow_mut(workflow).learn(runs);
        if !new.is_empty() {
            let jobs = self.roster.workflow(workflow).jobs.values();
            let running: Vec<_> = jobs
                .filter_map(|&index| self.roster.job(index))
                .filter(|job| job.status == Some(JobStatus::Running))
                .map(|job| job.sightings.age(JobStatus::Running, at))
                .collect();
            self.roster.workflow_mut(workflow).relearn(&running);
        }
        new
    }

    /// The same, for a workflow that is known by its name.
    pub(super) fn remember(&mut self, workflow: &WorkflowKey, runs: Vec<PastRun>, at: Timestamp) {
        if let Some(index) = self.roster.index_of(workflow) {
            self.learn(index, runs, at);
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

    /// A job is where it was, or has moved on and goes on living: works out its interval.
    fn stays(&mut self, index: JobIndex, now: Instant, at: Timestamp) -> Option<Duration> {
        let price = self.get_price();
        let interval = self.interval(index, price, at)?;
        // The longest interval is spread too.
        let longest = self.limits().longest.as_secs_f64() * (1.0 - JITTER);
        self.weigh(index, Some(Weight::new(interval.as_secs_f64(), longest, price)));
        let job = self.roster.job_mut(index)?;
        job.interval = interval;
        job.answered_at = now;
        Some(interval)
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

    /// The clamps of questions about one job. Where so many are followed that asking each at the longest interval breaks
    /// the budget, that stretches too.
    fn limits(&self) -> Limits {
        let rate = self.budgets.gets.pacer().rate();
        self.limits_of(self.get_demand.count() + self.roster.unseen, rate)
    }

    fn limits_of(&self, questions: usize, rate: f64) -> Limits {
        let turn = Duration::from_secs_f64(price::longest_turn(questions, rate));
        Limits { shortest: self.config.min_interval, longest: self.config.max_interval.max(turn) }
    }

    fn get_price(&self) -> f64 {
        let rate = self.budgets.gets.pacer().rate();
        self.get_demand.price(self.roster.unseen, self.config.call_worth.as_secs_f64(), rate)
    }

    fn list_price(&self) -> f64 {
        let rate = self.budgets.lists.pacer().rate();
        self.list_demand.price(0, self.config.call_worth.as_secs_f64(), rate)
    }

    /// Gives a job another weight, wherever that counts.
    fn weigh(&mut self, index: JobIndex, weight: Option<Weight>) {
        let Some(job) = self.roster.job_mut(index) else { return };
        let before = std::mem::replace(&mut job.weight, weight);
        let (workflow, unlisted) = (job.workflow, job.unlisted);
        if before.is_none() && weight.is_some() {
            self.roster.unseen -= 1;
        }
        if before.is_some() && weight.is_none() {
            self.roster.unseen += 1;
        }
        let workflow = self.roster.workflow_mut(workflow);
        if unlisted || workflow.mode == Mode::OneByOne {
            self.get_demand.replace(before, weight);
        }
        if !unlisted {
            workflow.wanted.replace(before, weight);
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
            let workflow = job.workflow;
            if self.is_listed(index) {
                self.lists.schedule(workflow, now);
            } else if index == head {
                self.gets.schedule(index, now);
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

/// How long a job ran that has just been seen to have ended, if that is known.
fn past_run(job: &Tracked, end_time: Option<Timestamp>) -> Option<PastRun> {
    let ended_at = end_time?;
    let run_time = job.sightings.run_time(ended_at).filter(|run_time| !run_time.is_zero())?;
    Some(PastRun { job_id: job.key.job_id.clone(), ended_at, run_time })
}
