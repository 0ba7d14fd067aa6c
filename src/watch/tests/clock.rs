//! The poller while somebody sets the clock.

use jiff::SignedDuration;

use super::*;
use crate::clock::SettableClock;
use crate::domain::PastRun;

const AN_HOUR: i64 = 3_600;

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_by_an_hour_misses_no_poll_and_makes_no_storm() {
    for seconds in [-AN_HOUR, AN_HOUR] {
        let service = Arc::new(Service::new((0..20).map(|number| (key(number), life(300, 900)))));
        let store = memory();
        let clock = Arc::new(SettableClock::starting_at(Timestamp::UNIX_EPOCH));
        clock.jump(24 * AN_HOUR);
        let (mut poller, _) = poller(&service, &store, config(15));
        poller.clock = Arc::clone(&clock) as Arc<_>;
        let running =
            tokio::spawn(poller.run(given((0..20).map(watched)), CancellationToken::new()));
        for _ in 0..3 {
            sleep(2 * MINUTE).await;
            clock.jump(seconds);
        }
        running.await.unwrap();

        // 20 jobs, one question each 13.5 to 16.5 s, and a second's worth of the pacer's at the start.
        for minute in 1..14 {
            let (sent, _) = service.requests_between(minute * MINUTE, (minute + 1) * MINUTE);
            assert!((20 * 3..=20 * 5).contains(&sent), "{sent} in minute {minute}");
        }
        let told = events(&*store).await;
        assert_eq!(told.len(), 20 * 3);
        for job in 0..20 {
            let of_job = told.iter().filter(|event| event.subject == *key(job).job_id);
            let sequence: Vec<_> = of_job.map(|event| event.sequence.as_deref().unwrap()).collect();
            assert_eq!(sequence, ["1", "2", "3"]);
        }
    }
}

/// The rule as it is shipped.
fn shipped() -> Config {
    let second = Duration::from_secs(1);
    Config { call_worth: second, min_interval: second, max_interval: 10 * MINUTE, ..config(1) }
}

/// What was asked when, and how long jobs are taken to have run.
#[derive(Debug, PartialEq)]
struct Course {
    questions: Vec<(Duration, JobKey)>,
    run_times: Vec<Duration>,
}

/// Six jobs, one after the other, of a workflow whose jobs run for ten minutes or so, while the clock is set by so many
/// seconds now and then: some wait in the queue then, some have just begun, some are about to end.
async fn course(set_by: i64) -> Course {
    let turn = |n: u64| life(630 * n, 630 * (n + 1));
    let service = Arc::new(Service::new((0..6).map(|n| (key(n), turn(n as u64)))));
    let store = memory();
    let past = (0..20).map(|number| PastRun {
        job_id: format!("past-{number}").into(),
        ended_at: Timestamp::UNIX_EPOCH - SignedDuration::from_hours(40 - number),
        run_time: Duration::from_secs(560 + 7 * number.unsigned_abs()),
    });
    let past: Vec<_> = past.collect();
    store.learn(&key(0).workflow(), &past).await.unwrap();
    let clock = Arc::new(SettableClock::starting_at(Timestamp::UNIX_EPOCH));
    let (mut poller, _) = poller(&service, &store, shipped());
    poller.clock = Arc::clone(&clock) as Arc<_>;
    let running = tokio::spawn(poller.run(given((0..6).map(watched)), CancellationToken::new()));
    for _ in 0..12 {
        sleep(Duration::from_secs(317)).await;
        clock.jump(set_by);
    }
    running.await.unwrap();
    let learned = store.past_runs(&key(0).workflow()).await.unwrap();
    let requests = std::mem::take(&mut service.log.lock().unwrap().requests);
    Course {
        questions: requests.into_iter().map(|(at, job, _)| (at, job)).collect(),
        run_times: learned.iter().skip(past.len()).map(|run| run.run_time).collect(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_moves_no_question_and_no_run_time_that_is_learned() {
    let undisturbed = course(0).await;
    assert!(undisturbed.questions.len() > 40 && undisturbed.run_times.len() > 3, "{undisturbed:?}");
    for set_by in [-AN_HOUR, AN_HOUR, 90, 24 * AN_HOUR] {
        assert_eq!(course(set_by).await, undisturbed, "set by {set_by} s now and then");
    }
}
