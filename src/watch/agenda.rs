//! What is asked next, and by which operation: all that is decided between two answers. No I/O, no clock: who calls says
//! what time it is. What others tell of time has its place among the instants of this process as soon as it is told.
//!
//! ```text
//! job answered ─▶ interval by its rule ─▶ one by one: its own deadline
//!                                     └─▶ listed: the workflow's deadline, for all its jobs together
//! ```

mod answers;
mod intervals;
mod learning;
mod lists;
mod overheard;
mod prices;
mod spare;
#[cfg(test)]
mod tests;
mod times;
mod turns;

use std::collections::HashMap;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;
use tokio::time::Instant;

use super::follow_up::Record;
use super::price::Demand;
use super::roster::{JobIndex, Roster, Tracked, WorkflowIndex};
use super::seen::Seen;
use super::sightings::Sightings;
use super::{Budgets, Config, Patience, Place, Scheduler, WatchedJob};
use crate::domain::{JobKey, WorkflowKey};

pub(super) use answers::Answered;
pub(super) use lists::Sight;
use prices::Paid;
use spare::Stretched;
pub(super) use turns::Turn;

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
    /// Jobs that were live when some were announced last, and these.
    expected: usize,
    /// Spreads intervals, to keep jobs apart that started together.
    spread: Xoshiro256PlusPlus,
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
    /// What `seed` is given decides how intervals are spread, and nothing else.
    pub(super) fn new(
        config: Config,
        patience: Patience,
        budgets: Budgets,
        seed: u64,
        now: Instant,
    ) -> Self {
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
            expected: 0,
            spread: Xoshiro256PlusPlus::seed_from_u64(seed),
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
        self.expected = self.roster.len() + jobs;
        self.roster.expect(jobs);
        self.gets.reserve(jobs);
    }

    /// Follows a job that has not ended, unless it is followed already.
    pub(super) fn follow(&mut self, job: WatchedJob, seen: Seen) -> Option<Followed> {
        let now = seen.now;
        let key = job.key.workflow();
        let (workflow, is_new) = self.roster.enlist(&key, self.config.backoff);
        let (ask_at, sightings, record) = match job.place {
            Some(place) => (place.ask_at, *place.sightings, place.record),
            None => {
                let known = job.status.zip(job.since);
                let sightings =
                    known.map(|(status, since)| Sightings::resumed(status, seen.place(since)));
                (now, sightings.unwrap_or_default(), Record::default())
            }
        };
        let tracked = Tracked {
            workflow,
            notifiers: job.notifiers,
            terms: job.terms,
            status: job.status,
            submitted_at: sightings.start_time(),
            sightings,
            record,
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
        let rate = self.budgets.gets.pacer().rate();
        let longest = self.limits_of(self.expected, rate).longest;
        let latest = now + longest.max(self.config.backoff.max);
        self.gets.schedule(index, ask_at.min(latest));
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
            (job.key, Place { ask_at, sightings: Box::new(job.sightings), record: job.record })
        };
        roster.into_jobs().map(place).collect()
    }

    /// Demand and price of each operation.
    pub(super) fn load(&self) -> Load {
        let price = [self.get_price(), self.list_price()];
        Load { demand: [self.get_demand.at(price[0]), self.list_demand.at(price[1])], price }
    }
}
