//! What a job's next question keeps to, whatever happens around it: a reload, or trouble.

use super::play::{Answer, JOBS, Page, Play, job_key};
use super::*;
use crate::domain::JobStatus;

const SECOND: Duration = Duration::from_secs(1);

impl Play {
    /// Follows a job that is not due before `ask_at`.
    fn take_over(&mut self, number: usize, ask_at: Instant) {
        let place = Place { ask_at, sightings: Box::default(), record: Record::default() };
        let job = WatchedJob {
            key: job_key(number),
            status: None,
            since: None,
            notifiers: Arc::default(),
            terms: Arc::default(),
            place: Some(place),
        };
        self.agenda.follow(job, self.seen());
    }

    /// What the next list shows, if every job is in this status.
    fn all_are(status: JobStatus) -> Page {
        Page { shows: vec![Some(status); JOBS], goes_on: false }
    }

    /// All questions are answered by RUNNING, until the workflow is asked about by lists.
    pub(super) fn run_until_listed(&mut self, workflow: WorkflowIndex) {
        while self.agenda.roster.workflow(workflow).mode != Mode::Listed {
            assert!(self.now < self.started + Duration::from_mins(10), "lists are cheaper");
            self.answer(|_| true, &Ok(Self::all_are(JobStatus::Running)));
        }
    }

    /// Questions under way are answered, about jobs by RUNNING; then it is sent what is due next. Returns how many jobs
    /// answered.
    pub(super) fn answer(
        &mut self,
        which: impl Fn(JobIndex) -> bool,
        page: &Result<Page, Answer>,
    ) -> usize {
        let (answered, silent): (Vec<_>, _) =
            std::mem::take(&mut self.jobs).into_iter().partition(|job| which(*job));
        self.jobs = silent;
        for job in &answered {
            self.answer_job(*job, Answer::Status(JobStatus::Running));
        }
        for workflow in std::mem::take(&mut self.pages) {
            self.answer_page(workflow, page.clone());
        }
        self.now = self.send().unwrap().max(self.now);
        answered.len()
    }
}

#[test]
fn a_place_is_held_to_the_new_intervals_and_to_the_turn_of_all_that_were_announced() {
    let next_question = |announced: usize| {
        let backoff = backoff::Policy { initial: SECOND, max: 2 * SECOND };
        let config = Config { max_interval: 5 * SECOND, backoff, ..Play::config() };
        let mut play = Play::by(config);
        play.agenda.expect(announced);
        play.take_over(0, play.now + Duration::from_mins(10));
        play.send().unwrap() - play.now
    };
    assert_eq!(next_question(1), 5 * SECOND, "not after ten minutes, as by the intervals before");
    // At two a second it takes a thousand longer than that: all at once would be a storm.
    assert_eq!(next_question(1_000), Duration::from_mins(10));
}

#[test]
fn jobs_that_have_ended_lengthen_no_turn() {
    let backoff = backoff::Policy { initial: SECOND, max: 2 * SECOND };
    let config = Config { max_interval: 5 * SECOND, backoff, ..Play::config() };
    let mut play = Play::by(config);
    // A thousand come and go, one after the other, as where they are found.
    for number in 1..=1_000 {
        play.agenda.expect(1);
        play.follow(number);
        while play.jobs.is_empty() {
            play.now = play.send().unwrap_or(play.now).max(play.now);
        }
        let job = play.jobs.remove(0);
        play.answer_job(job, Answer::Status(JobStatus::Succeeded));
    }
    play.agenda.expect(1);
    let ask_at = play.now + Duration::from_mins(10);
    play.take_over(0, ask_at);
    assert_eq!(play.agenda.gets.next_deadline(), Some(play.now + 5 * SECOND));
}

#[test]
fn a_job_in_trouble_keeps_its_own_time_when_its_workflow_is_listed_no_longer() {
    let mut play = Play::new();
    (0..JOBS).step_by(2).for_each(|number| play.follow(number));
    let workflow = play.agenda.roster.index_of(&job_key(0).workflow()).unwrap();
    play.run_until_listed(workflow);
    // A list shows that one has ended, but access to the job itself is denied: it is asked about again in a minute.
    let key = job_key(4);
    let troubled = play.agenda.roster.workflow(workflow).jobs[&key.job_id];
    let mut shows = Play::all_are(JobStatus::Running);
    shows.shows[4] = Some(JobStatus::Succeeded);
    let others = |job| job != troubled;
    while !play.jobs.contains(&troubled) {
        play.answer(others, &Ok(shows.clone()));
    }
    play.jobs.retain(|job| others(*job));
    play.answer_job(troubled, Answer::Denied);
    let denied_at = play.now;
    // Lists are denied, too: now each is asked about by itself.
    while play.agenda.roster.workflow(workflow).mode == Mode::Listed {
        assert!(!play.jobs.contains(&troubled) && play.now < denied_at + 30 * SECOND);
        play.answer(others, &Err(Answer::Denied));
    }
    let mut answers = 0;
    while !play.jobs.contains(&troubled) {
        answers += play.answer(others, &Err(Answer::Denied));
    }
    assert!(answers > 20, "the others are asked about meanwhile: {answers}");
    let waited = play.now - denied_at;
    assert!((60 * SECOND..66 * SECOND).contains(&waited), "{waited:?}");
}
