//! What is known of one workflow: its live jobs, how long its jobs run, and which way of asking about them is cheaper.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::alarms::Usual;
use super::cadence::RunTimes;
use super::listing::Listing;
use super::price::{Demand, Weight};
use super::roster::JobIndex;
use super::sweep::Sweep;
use crate::backoff;
use crate::domain::{PastRun, WorkflowKey};

/// Past runs that are learned from: as many as a store keeps.
const RUNS: usize = 100;
/// With fewer, the service's list is looked through for more.
const ENOUGH: usize = 5;
/// The other way must be cheaper by this factor before it is taken: changing one's mind costs calls too.
const WORTH_A_CHANGE: f64 = 1.25;

/// One workflow.
#[derive(Debug)]
pub(super) struct Workflow {
    pub(super) key: WorkflowKey,
    /// Its live jobs by id.
    pub(super) jobs: HashMap<Arc<str>, JobIndex>,
    pub(super) run_times: RunTimes,
    /// In the order in which they began.
    past: Vec<PastRun>,
    known: HashSet<Arc<str>>,
    /// Whether the service's list was looked through for past runs, or need not be.
    pub(super) looked_back: bool,
    pub(super) mode: Mode,
    pub(super) listing: Listing,
    pub(super) sweep: Option<Sweep>,
    pub(super) sweeps: u32,
    /// When jobs that lists did not show are looked for in a list again, if there are any.
    pub(super) looks_again_at: Option<Instant>,
    /// What the jobs want that a list can answer.
    pub(super) wanted: Wanted,
    /// What listing them weighs at present, where they are listed.
    pub(super) list_weight: Option<Weight>,
}

/// How the live jobs are asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Each by itself.
    OneByOne,
    /// All that a list shows by listing them.
    Listed,
}

impl Workflow {
    pub(super) fn new(key: WorkflowKey, backoff: backoff::Policy) -> Self {
        Self {
            key,
            jobs: HashMap::new(),
            run_times: RunTimes::default(),
            past: Vec::new(),
            known: HashSet::new(),
            looked_back: false,
            mode: Mode::OneByOne,
            listing: Listing::new(backoff),
            sweep: None,
            sweeps: 0,
            looks_again_at: None,
            wanted: Wanted::default(),
            list_weight: None,
        }
    }

    /// Takes in how long jobs ran. Returns those that are new.
    pub(super) fn learn(&mut self, runs: Vec<PastRun>) -> Vec<PastRun> {
        let new: Vec<_> =
            runs.into_iter().filter(|run| !self.known.contains(&run.job_id)).collect();
        if new.is_empty() {
            return new;
        }
        self.known.extend(new.iter().map(|run| Arc::clone(&run.job_id)));
        self.past.extend(new.iter().cloned());
        // Of jobs that began together the short ones end first: in the order of their ends they would seem to grow longer
        // and longer.
        self.past.sort_by_cached_key(|run| (began(run), Arc::clone(&run.job_id)));
        let too_many = self.past.len().saturating_sub(RUNS);
        for run in self.past.drain(..too_many) {
            self.known.remove(&run.job_id);
        }
        self.looked_back |= self.past.len() >= ENOUGH;
        new
    }

    /// The time that 95 of 100 past runs did not exceed: by them alone, so that a job that still runs does not move what it is
    /// measured by.
    pub(super) fn usual(&self) -> Option<Usual> {
        let mut run_times: Vec<Duration> = self.past.iter().map(|run| run.run_time).collect();
        run_times.sort_unstable();
        let runs = run_times.len();
        let rank = (runs * 95).div_ceil(100);
        let p95 = *run_times.get(rank.checked_sub(1)?)?;
        Some(Usual { p95, runs })
    }

    /// A job ended and taught nothing: where little is known, the list is looked through once more.
    pub(super) fn look_back_if_little_is_known(&mut self) {
        self.looked_back &= self.past.len() >= ENOUGH;
    }

    /// Learns anew from all past runs, and from those that still go on, for so long by now.
    pub(super) fn relearn(&mut self, running: &[Duration]) {
        let past: Vec<Duration> = self.past.iter().map(|run| run.run_time).collect();
        self.run_times = RunTimes::learn(&past, running);
    }

    /// Whether there is something that only a list tells.
    pub(super) fn wants_a_page(&self) -> bool {
        self.mode == Mode::Listed
            || !self.looked_back
            || self.sweep.as_ref().is_some_and(|sweep| sweep.is_own)
    }

    /// The interval, in seconds, at which the listed jobs are worth their calls, at this price of a list call.
    ///
    /// A job that by itself would be asked about every Δᵢ at the price λ changes as if at the constant rate 2λ/Δᵢ².
    /// All together change at the sum of these rates, and a list of so many pages is worth asking for whenever it saves
    /// that many calls: the same rule, for one that answers many questions.
    pub(super) fn list_interval(&self, price: f64) -> f64 {
        (self.listing.pages() * price).sqrt() / self.wanted.squares.sqrt()
    }

    /// Calls a second that listing takes at the price 1, in the terms of [`Demand`].
    pub(super) fn weight_of_lists(&self) -> f64 {
        (self.listing.pages() * self.wanted.squares).sqrt()
    }

    /// The way to ask from now on, at these prices of a call for one job and for a list.
    pub(super) fn cheaper_mode(&self, get_price: f64, list_price: f64, now: Instant) -> Mode {
        if self.wanted.demand.count() < 2 || !self.listing.is_possible(now) {
            return Mode::OneByOne;
        }
        // What a way costs is its calls and the delay that it leaves; at the best interval the two are equal.
        let listed = list_price.sqrt() * self.weight_of_lists();
        let one_by_one = get_price * self.wanted.demand.at(get_price);
        match self.mode {
            Mode::OneByOne if listed * WORTH_A_CHANGE < one_by_one => Mode::Listed,
            Mode::Listed if one_by_one * WORTH_A_CHANGE < listed => Mode::OneByOne,
            mode => mode,
        }
    }
}

fn began(run: &PastRun) -> Timestamp {
    let run_time = SignedDuration::try_from(run.run_time).unwrap_or(SignedDuration::MAX);
    run.ended_at.checked_sub(run_time).unwrap_or(Timestamp::MIN)
}

/// How much the jobs of a workflow want to be asked about that a list can answer for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wanted {
    pub(super) demand: Demand,
    /// The sum of the squares of the weights.
    squares: f64,
}

impl Wanted {
    /// Puts another weight in the place of one.
    pub(super) fn replace(&mut self, before: Option<Weight>, after: Option<Weight>) {
        let square = |weight: Option<Weight>| weight.map_or(0.0, |weight| weight.at(1.0).powi(2));
        self.demand.replace(before, after);
        self.squares = (self.squares - square(before) + square(after)).max(0.0);
        if self.demand.count() == 0 {
            self.squares = 0.0;
        }
    }
}
