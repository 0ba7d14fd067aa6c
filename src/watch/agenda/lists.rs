//! Lists: when a workflow's jobs are listed, and what a page of them means.

use std::time::Duration;

use rand::RngExt as _;
use tokio::time::Instant;

use super::{Agenda, Turn};
use crate::domain::{JobSummary, PastRun, Step, step};
use crate::source::{JobPage, PageToken, SourceError};
use crate::watch::cadence::JITTER;
use crate::watch::listing::After;
use crate::watch::price::Weight;
use crate::watch::roster::{JobIndex, Tracked, WorkflowIndex};
use crate::watch::seen::Seen;
use crate::watch::sightings;
use crate::watch::sweep::Sweep;
use crate::watch::workflow::Mode;

/// A job that no page showed is looked for again after this: a list may lag behind.
const LOOK_AGAIN: Duration = Duration::from_mins(10);

/// What a list showed of a job that is followed.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::watch) struct Sight {
    pub(in crate::watch) job: JobIndex,
    pub(in crate::watch) summary: JobSummary,
    pub(in crate::watch) step: Step,
}

impl Agenda {
    /// The next page that is asked for.
    pub(in crate::watch) fn next_list(&mut self, now: Instant) -> Turn<WorkflowIndex> {
        let (index, deadline) = loop {
            let Some((&index, deadline)) = self.lists.first() else { return Turn::Nothing };
            if deadline > now {
                return Turn::Wait(deadline);
            }
            if self.roster.workflow(index).wants_a_page() {
                break (index, deadline);
            }
            // Somebody else has read what it was for.
            self.lists.take(&index);
            self.lists.give_back(&index, None);
        };
        if let Err(ready_at) = self.budgets.lists.pacer().acquire(now) {
            return Turn::Wait(ready_at);
        }
        self.lists.take_due(now);
        let workflow = self.roster.workflow_mut(index);
        if workflow.sweep.as_ref().is_none_or(|sweep| !sweep.is_own) {
            workflow.sweeps += 1;
            let (number, listable) = (workflow.sweeps, workflow.wanted.demand.count());
            workflow.sweep = Some(Sweep::new(number, now, !workflow.looked_back, listable));
            workflow.looked_back = true;
        }
        Turn::Ask(index, now.duration_since(deadline))
    }

    /// Where the page begins that is asked for.
    pub(in crate::watch) fn page_token(&self, index: WorkflowIndex) -> Option<PageToken> {
        self.roster.workflow(index).sweep.as_ref()?.next.clone()
    }

    /// A page was answered. Returns what it shows of jobs that are followed, and past runs that are new.
    pub(in crate::watch) fn page_answered(
        &mut self,
        index: WorkflowIndex,
        page: JobPage,
        seen: Seen,
    ) -> (Vec<Sight>, Vec<PastRun>) {
        let backoff = self.config.backoff;
        let workflow = self.roster.workflow_mut(index);
        workflow.listing.answered(backoff);
        let Some(mut sweep) = workflow.sweep.take() else { return Default::default() };
        sweep.pages += 1;
        sweep.next = page.next;
        let (sights, others) = self.meet_all(index, page.jobs, &mut sweep, seen);
        sweep.past.iter_mut().for_each(|past| past.extend_from_slice(&others));
        sweep.note_whether_all_are_met();
        if sweep.goes_on(self.roster.workflow(index).mode == Mode::Listed) {
            // Other workflows' pages come in between: none waits for the end of a long list.
            self.lists.give_back(&index, Some(seen.now));
            self.roster.workflow_mut(index).sweep = Some(sweep);
            return (sights, Vec::new());
        }
        let runs = sweep.past.take().map_or_else(Vec::new, |past| sightings::past_runs(&past));
        let new = self.learn(index, runs);
        self.sweep_ended(index, &sweep, seen.now);
        (sights, new)
    }

    /// A page was not answered. Says whether the workflow is let be for a while.
    pub(in crate::watch) fn page_failed(
        &mut self,
        index: WorkflowIndex,
        error: &SourceError,
        now: Instant,
    ) -> bool {
        let workflow = self.roster.workflow_mut(index);
        let after = match error {
            SourceError::NotFound { .. }
            | SourceError::AccessDenied { .. }
            | SourceError::Invalid { .. } => {
                workflow.listing.refused(now);
                workflow.sweep = None;
                After::Rest
            }
            SourceError::Throttled { .. }
            | SourceError::Unavailable { .. }
            | SourceError::CredentialsExpired { .. } => workflow.listing.failed(now),
        };
        match after {
            // For the same page: what was read is not read again.
            After::AskAgainIn(delay) => self.lists.give_back(&index, Some(now + delay)),
            After::Rest => {
                if workflow.sweep.take().is_some_and(|sweep| sweep.past.is_some()) {
                    // The past is looked for again when there is a list again.
                    workflow.looked_back = false;
                }
                self.lists.give_back(&index, None);
                self.review(index, now);
            }
        }
        after == After::Rest
    }

    /// A page showed these jobs. Returns what it shows of those that are followed, and the others.
    pub(super) fn meet_all(
        &mut self,
        index: WorkflowIndex,
        jobs: Vec<JobSummary>,
        sweep: &mut Sweep,
        seen: Seen,
    ) -> (Vec<Sight>, Vec<JobSummary>) {
        let (mut sights, mut others) = (Vec::new(), Vec::new());
        for summary in jobs {
            match self.roster.workflow(index).jobs.get(&*summary.job_id) {
                Some(&job) => sights.extend(self.meet(job, summary, sweep, seen)),
                None => others.push(summary),
            }
        }
        (sights, others)
    }

    /// A list showed a job that is followed.
    fn meet(
        &mut self,
        index: JobIndex,
        summary: JobSummary,
        sweep: &mut Sweep,
        seen: Seen,
    ) -> Option<Sight> {
        let job = self.roster.job_mut(index)?;
        let step = step(job.status, &summary.status);
        // Its first answer is one that tells everything; that it has ended makes it urgent.
        if job.status.is_none() && !ends(&step) {
            return None;
        }
        if job.weight.is_some()
            && std::mem::replace(&mut job.met_by, sweep.number) != sweep.number
            && !job.unlisted
        {
            sweep.unmet = sweep.unmet.saturating_sub(1);
        }
        self.list_shows(index);
        let is_in_flight = self.gets.is_in_flight(&index);
        let workflow = self.roster.job(index)?.workflow;
        let lists_answer = self.roster.workflow(workflow).mode == Mode::Listed;
        let job = self.roster.job_mut(index)?;
        match &step {
            // One that is in trouble has a time of its own, which is not to be hurried.
            Step::Transition(_) if is_in_flight || !job.record.is_in_trouble() => {
                job.own = true;
                self.gets.schedule(index, self.at_once);
            }
            Step::Unchanged if !is_in_flight && is_news_of(job, lists_answer, seen) => {
                job.record.answered();
                job.own = false;
                if let Some(status) = job.status {
                    job.sightings.saw(status, summary.start_time, seen);
                }
                let interval = self.stays(index, seen.now)?;
                // A list that is asked for here while no list answers for jobs is asked for their past, and puts nothing off.
                if !lists_answer && !sweep.is_own {
                    self.gets.reschedule(&index, self.not_at_once(seen.now + interval));
                }
            }
            Step::Transition(_) | Step::Unchanged | Step::Stale | Step::Unknown => {}
        }
        Some(Sight { job: index, summary, step })
    }

    /// The list shows the job after all, or may show it by now.
    fn list_shows(&mut self, index: JobIndex) {
        let weight = self.roster.job(index).and_then(|job| job.weight);
        if self.roster.job(index).is_some_and(|job| job.unlisted) {
            self.weigh(index, None);
            self.roster.job_mut(index).into_iter().for_each(|job| job.unlisted = false);
            self.weigh(index, weight);
        }
    }

    /// All pages that are worth it were read.
    pub(super) fn sweep_ended(&mut self, index: WorkflowIndex, sweep: &Sweep, now: Instant) {
        let workflow = self.roster.workflow_mut(index);
        let all_met = sweep.all_met_after;
        if let Some(pages) = all_met {
            workflow.listing.took(pages);
        } else if workflow.mode == Mode::Listed {
            workflow.listing.took(sweep.pages);
            self.ask_about_unmet(index, sweep.number, now);
        }
        self.weigh_list(index);
        self.lists.give_back(&index, None);
        self.choose_mode(index, now);
        let workflow = self.roster.workflow(index);
        if workflow.mode == Mode::Listed && workflow.wanted.demand.count() > 0 {
            let spread = 1.0 + JITTER * (2.0 * self.spread.random::<f64>() - 1.0);
            let interval = self.list_interval(index).mul_f64(spread);
            let due = (sweep.started_at + interval).max(now);
            self.lists.schedule(index, due);
            // It may have waited for an earlier time.
            self.lists.reschedule(&index, due);
        }
    }

    /// Jobs that no page showed are asked about one by one.
    fn ask_about_unmet(&mut self, index: WorkflowIndex, sweep: u32, now: Instant) {
        self.roster.workflow_mut(index).looks_again_at.get_or_insert(now + LOOK_AGAIN);
        let jobs: Vec<_> = self.roster.workflow(index).jobs.values().copied().collect();
        for job in jobs {
            let Some(tracked) = self.roster.job(job) else { continue };
            if tracked.met_by == sweep || tracked.unlisted || tracked.weight.is_none() {
                continue;
            }
            let (weight, due) = (tracked.weight, tracked.answered_at + tracked.interval);
            self.weigh(job, None);
            self.roster.job_mut(job).into_iter().for_each(|job| job.unlisted = true);
            self.weigh(job, weight);
            self.gets.schedule(job, self.not_at_once(due));
        }
    }

    /// Looks again which way of asking about a workflow's jobs is the cheaper one, and when its list is due.
    pub(super) fn review(&mut self, index: WorkflowIndex, now: Instant) {
        let workflow = self.roster.workflow_mut(index);
        if workflow.looks_again_at.take_if(|again_at| *again_at <= now).is_some() {
            let jobs: Vec<_> = workflow.jobs.values().copied().collect();
            jobs.into_iter().for_each(|job| self.list_shows(job));
        }
        self.choose_mode(index, now);
        let workflow = self.roster.workflow(index);
        if workflow.mode == Mode::Listed {
            self.weigh_list(index);
            let due = now + self.list_interval(index);
            self.lists.schedule(index, due);
        } else if !workflow.looked_back
            && workflow.listing.is_possible(now)
            && !workflow.jobs.is_empty()
        {
            self.lists.schedule(index, now);
        }
    }

    fn choose_mode(&mut self, index: WorkflowIndex, now: Instant) {
        let mode = self.cheaper_mode(index, now);
        if mode != self.roster.workflow(index).mode {
            self.change_mode(index, mode);
        }
    }

    fn change_mode(&mut self, index: WorkflowIndex, mode: Mode) {
        let workflow = self.roster.workflow_mut(index);
        workflow.mode = mode;
        let wanted = workflow.wanted.demand;
        match mode {
            Mode::Listed => self.get_demand.take_away(&wanted),
            Mode::OneByOne => {
                self.get_demand.join(&wanted);
                let jobs: Vec<_> = workflow.jobs.values().copied().collect();
                for job in jobs {
                    // One that is to answer by itself, as after an error, has a time of its own.
                    if let Some(tracked) = self.roster.job(job)
                        && !tracked.own
                        && !self.gets.is_in_flight(&job)
                    {
                        let due = tracked.answered_at + tracked.interval;
                        self.gets.schedule(job, self.not_at_once(due));
                    }
                }
            }
        }
        self.weigh_list(index);
    }

    /// Brings what listing the workflow weighs up to date.
    fn weigh_list(&mut self, index: WorkflowIndex) {
        let workflow = self.roster.workflow_mut(index);
        let weight = (workflow.mode == Mode::Listed && workflow.wanted.demand.count() > 0)
            .then(|| Weight::elastic(workflow.weight_of_lists()));
        let before = std::mem::replace(&mut workflow.list_weight, weight);
        self.list_demand.replace(before, weight);
    }

    /// The time between the beginnings of two sweeps.
    fn list_interval(&self, index: WorkflowIndex) -> Duration {
        let seconds = self.roster.workflow(index).list_interval(self.list_price());
        let rate = self.budgets.lists.pacer().rate();
        let limits = self.limits_of(self.list_demand.count(), rate);
        let interval = Duration::try_from_secs_f64(seconds).unwrap_or(limits.longest);
        interval.clamp(limits.shortest, limits.longest)
    }
}

/// Whether it counts as an answer of the job that a list shows it where it was known to be.
fn is_news_of(job: &Tracked, lists_answer: bool, seen: Seen) -> bool {
    // Not if the job has answered since, nor if a list showed later that it has moved on. One that is in trouble keeps its
    // own time, unless lists answer for it.
    seen.now >= job.answered_at && if job.record.is_in_trouble() { lists_answer } else { !job.own }
}

/// Whether a job's life is over with it.
const fn ends(step: &Step) -> bool {
    matches!(step, Step::Transition(transition) if transition.to.is_terminal())
}
