//! An agenda that is played on: questions go out, and whatever comes back is up to the test.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::super::*;
use crate::domain::{JobKind, JobStatus, JobSummary, ObservedStatus, PastRun, Step, step};
use crate::source::{JobPage, PageToken, Scope, SourceError};
use crate::watch::{ReadPage, backoff};

pub(super) const WORKFLOWS: usize = 2;
pub(super) const JOBS: usize = 40;

/// What came back of a question.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    Status(JobStatus),
    Throttled(Option<Duration>),
    Unavailable,
    NotFound,
    Denied,
    NotRecorded,
}

/// What a page shows: of each job a status, or nothing.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pub(super) shows: Vec<Option<JobStatus>>,
    pub(super) goes_on: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Action {
    Wait(Duration),
    /// Sends as many questions as may be sent.
    Send,
    AnswerJob(usize, Answer),
    AnswerPage(usize, Result<Page, Answer>),
    /// Somebody else has read a page of the workflow, so long ago: of a reading that began then, or of the one before.
    Overhear(usize, Page, Duration, bool),
    Follow(usize),
    /// The workflow's past is read.
    Remember(usize, Vec<u64>),
}

fn status() -> impl Strategy<Value = JobStatus> {
    use JobStatus::{Failed, Queued, Running, Succeeded};
    prop_oneof![4 => Just(Queued), 12 => Just(Running), 1 => Just(Succeeded), 1 => Just(Failed)]
}

fn trouble() -> impl Strategy<Value = Answer> {
    prop_oneof![
        prop::option::of((0..90u64).prop_map(Duration::from_secs)).prop_map(Answer::Throttled),
        Just(Answer::Unavailable),
        Just(Answer::NotFound),
        Just(Answer::Denied),
        Just(Answer::NotRecorded),
    ]
}

fn page() -> impl Strategy<Value = Page> {
    let shows = prop::collection::vec(prop::option::weighted(0.8, status()), JOBS);
    (shows, any::<bool>()).prop_map(|(shows, goes_on)| Page { shows, goes_on })
}

pub(super) fn action() -> impl Strategy<Value = Action> {
    let answer = prop_oneof![5 => status().prop_map(Answer::Status), 1 => trouble()];
    let pages = prop_oneof![5 => page().prop_map(Ok), 1 => trouble().prop_map(Err)];
    prop_oneof![
        2 => (0..20_000u64).prop_map(|millis| Action::Wait(Duration::from_millis(millis))),
        6 => Just(Action::Send),
        8 => (any::<usize>(), answer).prop_map(|(which, answer)| Action::AnswerJob(which, answer)),
        5 => (any::<usize>(), pages).prop_map(|(which, page)| Action::AnswerPage(which, page)),
        3 => (0..WORKFLOWS, page(), 0..2_000u64, any::<bool>()).prop_map(
            |(workflow, page, millis, is_next)| {
                Action::Overhear(workflow, page, Duration::from_millis(millis), is_next)
            }
        ),
        2 => (0..JOBS).prop_map(Action::Follow),
        1 => (0..WORKFLOWS, prop::collection::vec(1..500u64, 0..9))
            .prop_map(|(workflow, runs)| Action::Remember(workflow, runs)),
    ]
}

pub(super) fn job_key(number: usize) -> JobKey {
    JobKey {
        account: "default".into(),
        kind: JobKind::Matching,
        workflow_name: format!("workflow-{}", number % WORKFLOWS).into(),
        job_id: format!("{number:032x}").into(),
    }
}

fn error_of(answer: Answer) -> SourceError {
    let message = String::new();
    match answer {
        Answer::Throttled(retry_after) => SourceError::Throttled { retry_after, message },
        Answer::NotFound => SourceError::NotFound { message },
        Answer::Denied => SourceError::AccessDenied { scope: Scope::Question, message },
        Answer::Status(_) | Answer::Unavailable | Answer::NotRecorded => {
            SourceError::Unavailable { message }
        }
    }
}

/// An agenda, and the questions that are under way.
pub(super) struct Play {
    pub(super) agenda: Agenda,
    pub(super) now: Instant,
    pub(super) started: Instant,
    pub(super) jobs: Vec<JobIndex>,
    pub(super) pages: Vec<WorkflowIndex>,
    /// When somebody else began to read a list.
    reading_since: Instant,
}

impl Play {
    pub(super) fn new() -> Self {
        Self::by(Self::config())
    }

    pub(super) fn config() -> Config {
        let second = Duration::from_secs(1);
        Config {
            call_worth: second,
            min_interval: second,
            max_interval: Duration::from_mins(10),
            backoff: backoff::Policy { initial: second, max: Duration::from_mins(1) },
            get_rate: 2.0,
            list_rate: 1.0,
            concurrency: 8,
            not_found_grace: Duration::from_mins(10),
        }
    }

    pub(super) fn by(config: Config) -> Self {
        let patience = Patience::of_daemon(config.not_found_grace);
        let (budgets, now) = (Budgets::new(config.get_rate, config.list_rate), Instant::now());
        let agenda = Agenda::new(config, patience, budgets, 1, now);
        let (jobs, pages) = (Vec::new(), Vec::new());
        Self { agenda, now, started: now, jobs, pages, reading_since: now }
    }

    pub(super) fn at(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.now - self.started).unwrap();
        Timestamp::from_second(1_700_000_000).unwrap() + elapsed
    }

    pub(super) fn seen(&self) -> Seen {
        Seen { now: self.now, at: self.at() }
    }

    pub(super) fn follow(&mut self, number: usize) {
        let job = WatchedJob {
            key: job_key(number),
            // Every third is known from an earlier run, up to three hours ago.
            status: number.is_multiple_of(3).then_some(JobStatus::Running),
            since: number
                .is_multiple_of(3)
                .then(|| self.at() - SignedDuration::from_secs(number as i64 * 7_919 % 10_800)),
            notifiers: Arc::default(),
            terms: Arc::default(),
            place: None,
        };
        self.agenda.follow(job, self.seen());
    }

    /// Returns when to look again.
    pub(super) fn send(&mut self) -> Option<Instant> {
        let lists = loop {
            match self.agenda.next_list(self.now) {
                Turn::Ask(workflow, _) => self.pages.push(workflow),
                Turn::Wait(until) => break Some(until),
                Turn::Nothing => break None,
            }
        };
        let gets = loop {
            match self.agenda.next_job(self.now) {
                Turn::Ask(job, _) => self.jobs.push(job),
                Turn::Wait(until) => break Some(until),
                Turn::Nothing => break None,
            }
        };
        lists.into_iter().chain(gets).min()
    }

    pub(super) fn answer_job(&mut self, index: JobIndex, answer: Answer) {
        let (now, at) = (self.now, self.at());
        let Answer::Status(observed) = answer else {
            if let Answer::Throttled(retry_after) = answer {
                self.agenda.budgets.gets.pacer().throttled(now, now, retry_after);
            }
            match answer {
                Answer::NotRecorded => self.agenda.not_recorded(index, now),
                _ => drop(self.agenda.failed(index, &error_of(answer), now)),
            }
            return;
        };
        self.agenda.budgets.gets.pacer().succeeded();
        let known = self.agenda.job(index).unwrap().status;
        let status = match step(known, &ObservedStatus::Known(observed)) {
            Step::Transition(transition) => Some(transition.to),
            Step::Unchanged | Step::Stale | Step::Unknown => known,
        };
        let told = Answered { start_time: None, end_time: Some(at), seen: self.seen() };
        self.agenda.answered(index, status, told);
    }

    pub(super) fn answer_page(&mut self, index: WorkflowIndex, page: Result<Page, Answer>) {
        let now = self.now;
        let page = match page {
            Ok(page) => page,
            Err(answer) => {
                self.agenda.page_failed(index, &error_of(answer), now);
                return;
            }
        };
        let jobs = self.shown(self.agenda.workflow(index), &page);
        let next = page.goes_on.then(|| PageToken("next".into()));
        self.agenda.page_answered(index, JobPage { jobs, next }, self.seen());
    }

    /// What a page shows of a workflow.
    fn shown(&self, workflow: &WorkflowKey, page: &Page) -> Vec<JobSummary> {
        let at = self.at();
        let shown = page.shows.iter().enumerate().filter_map(|(number, status)| {
            let (key, status) = (job_key(number), (*status)?);
            (key.workflow() == *workflow).then(|| JobSummary {
                job_id: key.job_id.to_string(),
                status: ObservedStatus::Known(status),
                start_time: None,
                end_time: status.is_terminal().then_some(at),
            })
        });
        shown.collect()
    }

    /// Somebody else has read a page, so long ago.
    pub(super) fn overhear(&mut self, workflow: usize, page: &Page, ago: Duration) {
        let workflow = job_key(workflow).workflow();
        let seen = Seen { now: self.now - ago, ..self.seen() };
        let jobs = self.shown(&workflow, page);
        let next = page.goes_on.then(|| PageToken("next".into()));
        let began_at = self.reading_since;
        self.agenda.overheard(ReadPage { workflow, jobs, next, began_at, seen });
    }

    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::Wait(time) => self.now += time,
            Action::Send => drop(self.send()),
            Action::AnswerJob(which, answer) if !self.jobs.is_empty() => {
                let index = self.jobs.swap_remove(which % self.jobs.len());
                self.answer_job(index, answer);
            }
            Action::AnswerPage(which, page) if !self.pages.is_empty() => {
                let index = self.pages.swap_remove(which % self.pages.len());
                self.answer_page(index, page);
            }
            Action::AnswerJob(..) | Action::AnswerPage(..) => {}
            Action::Overhear(workflow, page, ago, is_next) => {
                if !is_next {
                    self.reading_since = self.now - ago;
                }
                self.overhear(workflow, &page, ago);
            }
            Action::Follow(number) => self.follow(number),
            Action::Remember(workflow, runs) => {
                let at = self.at();
                let run = |seconds: &u64| PastRun {
                    job_id: format!("past-{seconds}").into(),
                    ended_at: at,
                    run_time: Duration::from_secs(*seconds),
                };
                let runs = runs.iter().map(run).collect();
                self.agenda.remember(&job_key(workflow).workflow(), runs);
            }
        }
    }

    pub(super) fn live(&self) -> Vec<JobIndex> {
        let workflows = (0..WORKFLOWS).map(|number| job_key(number).workflow());
        workflows
            .filter_map(|key| self.agenda.roster.index_of(&key))
            .flat_map(|index| self.agenda.roster.workflow(index).jobs.values().copied())
            .collect()
    }

    /// Every live job has a question that is due some day, is under way, or is asked with its workflow's list.
    pub(super) fn check(&self) -> Result<(), TestCaseError> {
        let (mut one_by_one, mut unseen) = (0, 0);
        for index in self.live() {
            let job = self.agenda.job(index).unwrap();
            let by_itself =
                self.agenda.gets.is_waiting(&index) || self.agenda.gets.is_in_flight(&index);
            let lists = &self.agenda.lists;
            let listed = self.agenda.is_listed(index)
                && (lists.is_waiting(&job.workflow) || lists.is_in_flight(&job.workflow));
            prop_assert!(by_itself || listed, "{} is forgotten", job.key);
            prop_assert!(by_itself || !job.own, "{} is to answer by itself", job.key);
            unseen += usize::from(job.weight.is_none());
            let listed = self.agenda.is_listed(index);
            one_by_one += usize::from(job.weight.is_some() && !listed);
        }
        prop_assert_eq!(self.agenda.roster.unseen, unseen);
        prop_assert_eq!(self.agenda.get_demand.count(), one_by_one);
        for price in self.agenda.load().price {
            prop_assert!(price.is_finite() && price >= 1.0);
        }
        Ok(())
    }

    /// From now on everything is answered at once, and every job has ended. Returns how long it takes to find that out.
    pub(super) fn end(&mut self) -> Duration {
        let from = self.now;
        while !self.agenda.is_empty() {
            for job in std::mem::take(&mut self.jobs) {
                self.answer_job(job, Answer::Status(JobStatus::Succeeded));
            }
            for workflow in std::mem::take(&mut self.pages) {
                let shows = vec![Some(JobStatus::Succeeded); JOBS];
                self.answer_page(workflow, Ok(Page { shows, goes_on: false }));
            }
            if let Some(until) = self.send()
                && self.jobs.is_empty()
                && self.pages.is_empty()
            {
                assert!(until > self.now, "who waits gets on");
                self.now = until;
            }
            assert!(self.now - from < Duration::from_hours(24), "somebody is forgotten");
        }
        self.now - from
    }
}
