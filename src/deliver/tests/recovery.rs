//! The worker when a receiver that was away is back.

use tokio::task::yield_now;

use super::*;

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test(start_paused = true)]
async fn when_a_receiver_is_back_what_waits_for_a_retry_goes_out_at_once() {
    let office = Office::open();
    let jobs: Vec<_> = (0..60).map(|job| format!("job{job}")).collect();
    let down: Vec<_> = jobs.iter().map(|job| (job.as_str(), usize::MAX)).collect();
    let receiver = Receiver::new(Duration::from_millis(50), &down);
    for status in [Queued, Running, Succeeded] {
        for job in &jobs {
            office.record(job, status, &["hook"]).await;
        }
    }
    office.hire("hook", &receiver);
    sleep(24 * HOUR).await;
    receiver.failures_left.lock().unwrap().clear();
    receiver.has(180).await;
    let got = receiver.got.lock().unwrap();
    let took = got[179].2.saturating_sub(got[0].2);
    // Four attempts at once, of 50 ms each, and the first few one by one.
    assert!(took < Duration::from_secs(3), "{took:?}");
    for job in &jobs {
        let told = got.iter().filter(|(id, ..)| id == job).map(|(_, sequence, _)| sequence);
        assert!(told.eq(["1", "2", "3"]), "{job}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_always_fails_keeps_to_its_schedule_while_others_get_through() {
    let office = Office::open();
    let receiver = Receiver::new(Duration::from_millis(50), &[("bad", usize::MAX), ("once", 1)]);
    office.hire("hook", &receiver);
    office.record("bad", Queued, &["hook"]).await;
    for job in 0..3_600 {
        sleep(Duration::from_secs(1)).await;
        office.record(&format!("good{job}"), Queued, &["hook"]).await;
    }
    let scheduled = receiver.attempts.lock().unwrap()["bad"];
    // Ten or so until the delays have grown to minutes, and one every few minutes after that.
    assert!((10..40).contains(&scheduled), "{scheduled}");

    // The retry of another gets through, which is a reason to try this one: once.
    office.record("once", Queued, &["hook"]).await;
    receiver.has(3_601).await;
    sleep(Duration::from_secs(10)).await;
    let hurried = receiver.attempts.lock().unwrap()["bad"];
    assert!((1..=2).contains(&(hurried - scheduled)), "{hurried} after {scheduled}");
}

#[tokio::test(start_paused = true)]
async fn a_pause_from_before_a_restart_is_kept_though_another_retry_gets_through() {
    let office = Office::open();
    // The longest that the backoff waits is 10 minutes.
    office.record_failed("paused", 59 * MINUTE).await;
    office.record_failed("waits", 9 * MINUTE).await;
    office.record_failed("first", MINUTE).await;
    let receiver = Receiver::new(Duration::ZERO, &[]);
    office.hire("hook", &receiver);
    receiver.has(3).await;
    let got = receiver.got.lock().unwrap();
    let minutes: Vec<_> = got.iter().map(|(job, _, at)| (&**job, at.as_secs() / 60)).collect();
    assert_eq!(minutes, [("first", 1), ("waits", 1), ("paused", 59)]);
}

#[tokio::test(start_paused = true)]
async fn who_drains_makes_no_early_retries() {
    let office = Office::open();
    for job in 0..20 {
        office.record_failed(&format!("waits{job}"), 9 * MINUTE).await;
    }
    office.record_failed("due", Duration::ZERO).await;
    let receiver = Receiver::new(Duration::from_millis(50), &[]);
    office.stop.drain.cancel();
    let worker = office.hire("hook", &receiver);
    timeout(Duration::from_secs(1), worker).await.expect("drains in time").unwrap();
    assert_eq!(receiver.sequences("due"), ["1"]);
    assert_eq!(office.pending().await, 20);
}

/// A store that takes its time to write. What has waited for that is there the moment somebody asks for more than is due.
struct Slow {
    store: Arc<MemoryStore>,
    clock: SharedClock,
    unwritten: Mutex<Vec<(DeliveryId, Settlement)>>,
}

impl Slow {
    async fn write(&self) {
        let unwritten = std::mem::take(&mut *self.unwritten.lock().unwrap());
        for (delivery, settlement) in unwritten {
            self.store.settle(delivery, &settlement).await.unwrap();
        }
    }
}

#[async_trait]
impl Double for Slow {
    fn behind(&self) -> &MemoryStore {
        &self.store
    }

    async fn due_besides(
        &self,
        held: &[DeliveryId],
        notifier: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        if now > self.clock.now() {
            // Those that have just come to write get so far.
            yield_now().await;
            self.write().await;
        }
        self.store.due_besides(held, notifier, now, limit).await
    }
    async fn settle(&self, id: DeliveryId, settlement: &Settlement) -> Result<(), StoreError> {
        self.unwritten.lock().unwrap().push((id, settlement.clone()));
        sleep(Duration::from_millis(20)).await;
        self.write().await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn what_becomes_due_while_early_retries_are_looked_for_does_not_use_up_their_right() {
    let office = Office::open();
    for job in 0..60 {
        let job = format!("job{job}");
        office.record_failed(&job, 9 * MINUTE).await;
        for status in [Running, Succeeded] {
            office.record(&job, status, &["hook"]).await;
        }
    }
    office.record_failed("first", Duration::ZERO).await;
    let receiver = Receiver::new(Duration::from_millis(50), &[]);
    let (store, clock) = (Arc::clone(&office.store), Arc::clone(&office.clock));
    let slow = Arc::new(Slow { store, clock, unwritten: Mutex::default() });
    office.hire_for(slow, "hook", &receiver);
    timeout(Duration::from_secs(4), receiver.has(181)).await.expect("all of it at once");
}
