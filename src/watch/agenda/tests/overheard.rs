//! What somebody else has read is not asked for again.

use super::play::{Answer, JOBS, Page, Play, job_key};
use super::*;
use crate::domain::JobStatus::{self, Queued, Running, Succeeded};

const SECOND: Duration = Duration::from_secs(1);

/// What a list shows, if every job is in this status.
fn all_are(status: JobStatus) -> Page {
    Page { shows: vec![Some(status); JOBS], goes_on: false }
}

impl Play {
    /// Somebody else has just read the whole list.
    fn overhear_now(&mut self, page: &Page) {
        let workflow = 0;
        self.act(Action::Overhear(workflow, page.clone(), Duration::ZERO, false));
    }

    /// Goes on to the next question about a job.
    fn ask(&mut self) {
        while self.jobs.is_empty() {
            let look_again = self.send();
            self.now = look_again.filter(|_| self.jobs.is_empty()).unwrap_or(self.now);
        }
    }

    /// A job that has just answered RUNNING, alone in its workflow.
    fn one_at_work(&mut self) -> JobIndex {
        self.follow(0);
        self.ask();
        let index = self.jobs.remove(0);
        self.answer_job(index, Answer::Status(Running));
        index
    }

    fn workflow(&self) -> WorkflowIndex {
        self.agenda.roster.index_of(&job_key(0).workflow()).unwrap()
    }
}

#[test]
fn a_job_that_a_page_shows_where_it_was_is_asked_about_an_interval_later() {
    let mut play = Play::new();
    let job = play.one_at_work();
    let due = play.agenda.gets.next_deadline().unwrap();
    play.now = due - SECOND / 10;
    play.overhear_now(&all_are(Running));
    let interval = play.agenda.job(job).unwrap().interval;
    assert_eq!(play.agenda.gets.next_deadline(), Some(play.now + interval));
    play.now = due;
    play.send();
    assert_eq!(play.jobs, []);
}

#[test]
fn a_job_that_a_page_shows_to_have_moved_on_is_asked_about_at_once() {
    let mut play = Play::new();
    let job = play.one_at_work();
    play.now += SECOND / 10;
    play.overhear_now(&all_are(Succeeded));
    // An older page that comes later changes nothing.
    play.act(Action::Overhear(0, all_are(Running), SECOND / 20, false));
    play.act(Action::Overhear(0, all_are(Running), Duration::ZERO, false));
    play.act(Action::Overhear(0, all_are(Queued), Duration::ZERO, false));
    assert_eq!(play.agenda.gets.next_deadline(), Some(play.agenda.at_once));
    assert_eq!(play.agenda.job(job).unwrap().status, Some(Running));
}

#[test]
fn a_page_that_was_read_before_the_last_answer_puts_nothing_off() {
    let mut play = Play::new();
    let job = play.one_at_work();
    let (answered_at, due) = (play.now, play.agenda.gets.next_deadline());
    play.now += SECOND / 2;
    play.act(Action::Overhear(0, all_are(Running), SECOND, false));
    assert_eq!(play.agenda.gets.next_deadline(), due);
    assert_eq!(play.agenda.job(job).unwrap().answered_at, answered_at);
}

#[test]
fn a_job_that_denies_access_is_not_asked_sooner_for_being_listed() {
    let mut play = Play::new();
    let job = play.one_at_work();
    play.ask();
    assert_eq!(play.jobs, [job]);
    play.jobs.clear();
    play.answer_job(job, Answer::Denied);
    // Nothing is read here meanwhile.
    for page in std::mem::take(&mut play.pages) {
        play.answer_page(page, Err(Answer::Denied));
    }
    let due = play.agenda.gets.next_deadline().unwrap();
    assert!(due - play.now >= Duration::from_mins(1));
    for _ in 0..3 {
        play.now += SECOND;
        play.overhear_now(&all_are(Running));
        assert_eq!(play.agenda.gets.next_deadline(), Some(due));
        assert!(play.agenda.job(job).unwrap().record.is_in_trouble());
    }
}

#[test]
fn a_list_that_showed_all_jobs_is_not_asked_for_before_its_interval_is_over() {
    let mut play = Play::new();
    (0..JOBS).step_by(2).for_each(|number| play.follow(number));
    let workflow = play.workflow();
    play.run_until_listed(workflow);
    while play.agenda.lists.is_in_flight(&workflow) {
        play.answer(|_| true, &Ok(all_are(Running)));
    }
    let until = play.now + Duration::from_mins(5);
    let mut own = 0;
    while play.now < until {
        play.now += SECOND;
        play.overhear_now(&all_are(Running));
        play.send();
        own += std::mem::take(&mut play.pages).len();
        for job in std::mem::take(&mut play.jobs) {
            play.answer_job(job, Answer::Status(Running));
        }
    }
    assert_eq!(own, 0);
    // A part of them is not enough.
    let mut part = all_are(Running);
    part.shows.truncate(JOBS / 2);
    let until = play.now + Duration::from_mins(5);
    while play.now < until && play.pages.is_empty() {
        play.now += SECOND;
        play.overhear_now(&part);
        play.send();
    }
    assert_eq!(play.pages, [workflow]);
}

#[test]
fn where_a_page_shows_how_long_jobs_ran_the_list_is_not_asked_for_that() {
    let past = |play: &Play| {
        let ended = (1..=8).map(|number| {
            let at = |second: i64| play.at() - SignedDuration::from_secs(10_000 - second);
            JobSummary {
                job_id: format!("past-{number}"),
                status: ObservedStatus::Known(Succeeded),
                start_time: Some(at(number * 100)),
                end_time: Some(at(number * 100 + 60)),
            }
        });
        ended.collect()
    };
    let mut play = Play::new();
    play.follow(0);
    let (workflow, jobs) = (job_key(0).workflow(), past(&play));
    let (began_at, seen) = (play.now, play.seen());
    let page = ReadPage { workflow, jobs, next: Some(PageToken("next".into())), began_at, seen };
    let (_, runs) = play.agenda.overheard(page);
    assert_eq!(runs.len(), 8);
    play.send();
    let job = play.jobs.remove(0);
    play.answer_job(job, Answer::Status(Running));
    play.send();
    assert_eq!(play.pages, [], "the past is known");
}
