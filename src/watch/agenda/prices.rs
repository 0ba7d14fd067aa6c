//! What a question about one job or a list is worth at present, and what follows when that changes.

use std::time::Duration;

use tokio::time::Instant;

use super::Agenda;
use crate::domain::JobStatus;
use crate::watch::cadence::{JITTER, Limits};
use crate::watch::price::{self, Weight};
use crate::watch::roster::{JobIndex, WorkflowIndex};
use crate::watch::workflow::Mode;

/// Where the price has changed by more than this factor, all deadlines are worked out anew.
const WORTH_A_REVIEW: f64 = 1.5;
/// For each answer no more than so many are: the work for an answer does not grow with the number of jobs.
const REVIEWED_PER_ANSWER: usize = 2;

/// The prices that are behind the deadlines.
#[derive(Debug)]
pub(super) struct Paid {
    lowest: f64,
    highest: f64,
    /// Whether more was learned since of how long jobs run.
    learned: bool,
    answers: usize,
}

impl Paid {
    /// All deadlines were worked out at this price.
    pub(super) const fn only(price: f64) -> Self {
        Self { lowest: price, highest: price, learned: false, answers: 0 }
    }

    /// Another deadline was worked out at this price.
    const fn also(&mut self, price: f64) {
        self.lowest = self.lowest.min(price);
        self.highest = self.highest.max(price);
        self.answers += 1;
    }

    /// More was learned of how long jobs run.
    pub(super) const fn learned(&mut self) {
        self.learned = true;
    }

    /// Whether so many deadlines are to be worked out anew, now that this is the price, and `worth` the lowest there is.
    fn is_past(&self, price: f64, worth: f64, deadlines: usize) -> bool {
        let changed = price * WORTH_A_REVIEW < self.highest || price > self.lowest * WORTH_A_REVIEW;
        let was_scarce = self.highest > worth;
        (changed || (self.learned && was_scarce)) && self.answers * REVIEWED_PER_ANSWER >= deadlines
    }
}

impl Agenda {
    /// Where the price has changed much, or more is known of how long jobs run, deadlines are worked out anew: a job whose
    /// last answer came in other times is neither left behind by equals nor put before them.
    pub(super) fn reprice(&mut self) {
        let (price, worth) = (self.get_price(), self.config.call_worth.as_secs_f64());
        if !self.paid.is_past(price, worth, self.get_demand.count()) {
            return;
        }
        self.paid = Paid::only(price);
        let waiting: Vec<_> = self.gets.waiting().map(|(&index, _)| index).collect();
        for index in waiting {
            let Some(job) = self.roster.job(index) else { continue };
            if job.own || job.weight.is_none() || self.is_listed(index) {
                continue;
            }
            let answered_at = job.answered_at;
            if let Some(interval) = self.ask_every(index, price, answered_at) {
                self.gets.reschedule(&index, self.not_at_once(answered_at + interval));
            }
        }
    }

    /// A job is asked about by its rule at this price, by what was known at its last answer, `then`. Returns the interval.
    fn ask_every(&mut self, index: JobIndex, price: f64, then: Instant) -> Option<Duration> {
        let interval = self.interval(index, price, then)?;
        // The longest interval is spread too.
        let longest = self.limits().longest.as_secs_f64() * (1.0 - JITTER);
        self.weigh(index, Some(Weight::new(interval.as_secs_f64(), longest, price)));
        self.roster.job_mut(index)?.interval = interval;
        Some(interval)
    }

    /// The instant, unless it is one that goes before all others.
    pub(super) fn not_at_once(&self, instant: Instant) -> Instant {
        instant.max(self.at_once + Duration::from_nanos(1))
    }

    /// A job is where it was, or has moved on and goes on living: works out its interval.
    pub(super) fn stays(&mut self, index: JobIndex, now: Instant) -> Option<Duration> {
        let price = self.get_price();
        let interval = self.ask_every(index, price, now)?;
        self.paid.also(price);
        let job = self.roster.job_mut(index)?;
        job.answered_at = now;
        if job.status == Some(JobStatus::Running) {
            self.note_company(index);
        }
        if price > self.config.call_worth.as_secs_f64() && !self.is_listed(index) {
            self.is_stretched(index, now);
        }
        Some(interval)
    }

    /// The clamps of questions about one job. Where so many are followed that asking each at the longest interval breaks
    /// the budget, that stretches too.
    pub(super) fn limits(&self) -> Limits {
        let rate = self.budgets.gets.pacer().rate();
        self.limits_of(self.get_demand.count() + self.roster.unseen, rate)
    }

    pub(super) fn limits_of(&self, questions: usize, rate: f64) -> Limits {
        let turn = Duration::from_secs_f64(price::longest_turn(questions, rate));
        Limits { shortest: self.config.min_interval, longest: self.config.max_interval.max(turn) }
    }

    pub(super) fn get_price(&self) -> f64 {
        let rate = self.budgets.gets.pacer().rate();
        self.get_demand.price(self.roster.unseen, self.config.call_worth.as_secs_f64(), rate)
    }

    pub(super) fn list_price(&self) -> f64 {
        let rate = self.budgets.lists.pacer().rate();
        self.list_demand.price(0, self.config.call_worth.as_secs_f64(), rate)
    }

    /// Gives a job another weight, wherever that counts.
    pub(super) fn weigh(&mut self, index: JobIndex, weight: Option<Weight>) {
        let Some(job) = self.roster.job_mut(index) else { return };
        let before = std::mem::replace(&mut job.weight, weight);
        let (workflow, unlisted) = (job.workflow, job.unlisted);
        if before.is_none() && weight.is_some() {
            self.roster.unseen -= 1;
        }
        if before.is_some() && weight.is_none() {
            self.roster.unseen += 1;
        }
        self.count_unmet(index, before.is_some(), weight.is_some());
        let workflow = self.roster.workflow_mut(workflow);
        if unlisted || workflow.mode == Mode::OneByOne {
            self.get_demand.replace(before, weight);
        }
        if !unlisted {
            workflow.wanted.replace(before, weight);
        }
    }

    /// Keeps a sweep's count of those that it has not met: one that goes is not waited for, and one that comes while it
    /// goes on is left to the next.
    fn count_unmet(&mut self, index: JobIndex, was_listable: bool, is_listable: bool) {
        let Some(job) = self.roster.job(index) else { return };
        let (workflow, met_by, unlisted) = (job.workflow, job.met_by, job.unlisted);
        let Some(sweep) = &mut self.roster.workflow_mut(workflow).sweep else { return };
        let number = sweep.number;
        if unlisted || was_listable == is_listable || met_by == number {
            return;
        }
        if was_listable {
            sweep.unmet = sweep.unmet.saturating_sub(1);
        } else if let Some(job) = self.roster.job_mut(index) {
            job.met_by = number;
        }
    }

    /// The way to ask about a workflow's jobs that is the cheaper one, each way at the price that it would lead to.
    ///
    /// What is taken now must not count: the price would fall with a way's end, and make it look cheap again.
    pub(super) fn cheaper_mode(&self, index: WorkflowIndex, now: Instant) -> Mode {
        let workflow = self.roster.workflow(index);
        let (mut gets, mut lists) = (self.get_demand, self.list_demand);
        match workflow.mode {
            Mode::OneByOne => {
                lists.replace(None, Some(Weight::elastic(workflow.weight_of_lists())));
            }
            Mode::Listed => gets.join(&workflow.wanted.demand),
        }
        let worth = self.config.call_worth.as_secs_f64();
        let (get_rate, list_rate) =
            (self.budgets.gets.pacer().rate(), self.budgets.lists.pacer().rate());
        let get_price = gets.price(self.roster.unseen, worth, get_rate);
        workflow.cheaper_mode(get_price, lists.price(0, worth, list_rate), now)
    }
}
