//! The poller while somebody sets the clock.

use super::*;
use crate::clock::SettableClock;

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
