//! The worker while somebody sets the clock.

use jiff::SignedDuration;

use super::*;
use crate::clock::SettableClock;

const MINUTE: Duration = Duration::from_mins(1);
const AN_HOUR: i64 = 3_600;

fn origin() -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 50)
}

fn office() -> (Office, Arc<SettableClock>) {
    let clock = Arc::new(SettableClock::starting_at(origin()));
    (Office::with_clock(Arc::clone(&clock) as SharedClock), clock)
}

#[tokio::test(start_paused = true)]
async fn a_retry_comes_at_its_time_though_the_clock_is_set_back_by_an_hour() {
    let (office, clock) = office();
    let receiver = Receiver::new(Duration::ZERO, &[("a", 2)]);
    office.hire("hook", &receiver);
    office.record("a", Queued, &["hook"]).await;
    sleep(Duration::from_millis(100)).await;
    clock.jump(-AN_HOUR);
    timeout(MINUTE, receiver.has(1)).await.expect("within the backoff");
    assert_eq!(receiver.attempts(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_was_recorded_before_the_clock_was_set_back_is_told_at_once() {
    let (office, clock) = office();
    let receiver = Receiver::new(Duration::ZERO, &[]);
    for status in [Queued, Running, Succeeded] {
        office.record("a", status, &["hook"]).await;
    }
    clock.jump(-AN_HOUR);
    office.hire("hook", &receiver);
    timeout(MINUTE, receiver.has(3)).await.expect("soon");
    assert_eq!(receiver.sequences("a"), ["1", "2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_makes_no_storm_and_the_backoff_goes_on() {
    for seconds in [-AN_HOUR, AN_HOUR] {
        let (office, clock) = office();
        let jobs: Vec<String> = (0..20).map(|number| format!("job{number}")).collect();
        let failures: Vec<_> = jobs.iter().map(|job| (job.as_str(), usize::MAX)).collect();
        let receiver = Receiver::new(Duration::ZERO, &failures);
        for job in &jobs {
            office.record(job, Queued, &["hook"]).await;
        }
        office.hire("hook", &receiver);
        // By then the delays are between 200 and 600 s.
        sleep(HOUR).await;
        let before = receiver.attempts();
        clock.jump(seconds);
        sleep(10 * MINUTE).await;
        let made = receiver.attempts() - before;
        assert!((20..=20 * 4).contains(&made), "{made} attempts for 20 jobs in 10 minutes");
    }
}

#[tokio::test(start_paused = true)]
async fn a_due_time_that_is_further_away_than_any_delay_is_not_waited_for_after_a_restart() {
    let (office, clock) = office();
    let receiver = Receiver::new(Duration::ZERO, &[("a", 1)]);
    let worker = office.hire("hook", &receiver);
    office.record("a", Queued, &["hook"]).await;
    sleep(Duration::from_millis(100)).await;
    office.stop.now.cancel();
    worker.await.unwrap();
    assert_eq!((receiver.attempts(), office.pending().await), (1, 1));

    // The clock had been a year ahead.
    clock.jump(-365 * 24 * AN_HOUR);
    let office = Office { stop: Stop::default(), ..office };
    office.hire("hook", &receiver);
    timeout(MINUTE, receiver.has(1)).await.expect("soon");
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_a_receiver_asked_for_is_kept_over_a_restart() {
    let (office, _) = office();
    office.record("a", Queued, &["hook"]).await;
    let delivery = office.store.due("hook", office.clock.now(), 1).await.unwrap().remove(0);
    let due_at = office.clock.now() + SignedDuration::from_mins(59);
    let retry = Settlement::Retry { due_at, reason: "429".into() };
    office.store.settle(delivery.id, &retry).await.unwrap();
    let receiver = Receiver::new(Duration::ZERO, &[]);
    office.hire("hook", &receiver);
    timeout(2 * HOUR, receiver.has(1)).await.expect("when the pause is over");
    assert!(receiver.started.elapsed() >= 59 * MINUTE, "{:?}", receiver.started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_given_up_just_because_the_clock_was_set_forward() {
    let (office, clock) = office();
    let receiver = Receiver::new(Duration::ZERO, &[("a", usize::MAX)]);
    office.record("a", Queued, &["hook"]).await;
    office.hire("hook", &receiver);
    sleep(MINUTE).await;
    clock.jump(365 * 24 * AN_HOUR);
    // The receiver comes back in time.
    sleep(15 * MINUTE).await;
    receiver.failures_left.lock().unwrap().clear();
    timeout(11 * MINUTE, receiver.has(1)).await.expect("at the next retry");
}

#[tokio::test(start_paused = true)]
async fn what_waited_while_nothing_ran_gets_its_chance_before_it_is_given_up() {
    let (office, clock) = office();
    let receiver = Receiver::new(Duration::ZERO, &[("a", 3)]);
    office.record("a", Queued, &["hook"]).await;
    clock.jump(5 * 24 * AN_HOUR);
    office.hire("hook", &receiver);
    timeout(MINUTE, receiver.has(1)).await.expect("after the failures");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_stays_away_is_given_up_in_the_end_however_the_clock_is_set() {
    for days in [-1, 1] {
        let (office, clock) = office();
        let receiver = Receiver::new(Duration::ZERO, &[("a", usize::MAX)]);
        office.record("a", Queued, &["hook"]).await;
        office.hire("hook", &receiver);
        sleep(MINUTE).await;
        clock.jump(days * 24 * AN_HOUR);
        sleep(30 * HOUR).await;
        assert_eq!(office.pending().await, 1, "set by {days} days");
        sleep((72 + 24) * HOUR).await;
        assert_eq!(office.pending().await, 0, "set by {days} days");
    }
}
