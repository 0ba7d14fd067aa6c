//! Whatever comes back, no job is forgotten, and none waits much longer than its equals.

mod overheard;
mod places;
mod play;

use std::sync::Arc;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::domain::{JobStatus, JobSummary, ObservedStatus};
use crate::source::PageToken;
use crate::watch::workflow::Mode;
use crate::watch::{ReadPage, backoff};
use play::{Action, Answer, Play, action};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn whatever_comes_back_every_live_job_has_a_next_question_and_is_asked_it(
        actions in prop::collection::vec(action(), 0..400),
    ) {
        let mut play = Play::new();
        (0..10).for_each(|number| play.follow(number));
        for action in actions {
            play.act(action);
            play.check()?;
        }
        // The longest interval is ten minutes; a pause, a backoff or a rate at its floor may add to that.
        prop_assert!(play.end() <= Duration::from_mins(20));
    }
}

/// Jobs of many ages, of a workflow whose runs are known and of one never seen, many more than the budget allows for.
#[test]
fn at_a_price_that_all_pay_no_job_waits_twice_as_long_as_its_rule_says() {
    const MANY: usize = 400;
    let mut play = Play::new();
    play.follow(0);
    play.act(Action::Remember(0, (1..60).map(|number| 3_000 + 20 * number).collect()));
    (1..MANY).for_each(|number| play.follow(number));
    let settled = play.started + Duration::from_mins(30);
    let (mut judged, mut late) = (0, 0);
    while play.now < play.started + Duration::from_mins(90) {
        let look_again = play.send().unwrap();
        let (now, at) = (play.now, play.at());
        for page in std::mem::take(&mut play.pages) {
            play.answer_page(page, Err(Answer::Denied));
        }
        for index in std::mem::take(&mut play.jobs) {
            // From a second to three hours, and never over.
            let age = SignedDuration::from_secs(1 + (index.0 as i64 * 7_919) % 10_800);
            let start_time = Some(at - SignedDuration::try_from(now - play.started).unwrap() - age);
            let job = play.agenda.job(index).unwrap();
            if job.answered_at > settled {
                let (waited, by_rule) = (now - job.answered_at, job.interval);
                judged += 1;
                late += usize::from(waited > 2 * by_rule);
            }
            let told = Answered { start_time, end_time: None, seen: play.seen() };
            play.agenda.answered(index, Some(JobStatus::Running), told);
        }
        play.now = look_again.max(play.now + Duration::from_millis(1));
    }
    // The budget is too short, and used up: two a second.
    assert!(judged > 6_000, "{judged}");
    assert_eq!(late, 0, "of {judged}");
}
