//! How fast an account may be asked: a token bucket whose rate adapts.
//!
//! The service's quota is shared with everybody else in the account, so the rate that is really free is found as
//! TCP finds it: additive increase on success, multiplicative decrease on a throttle.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The request budget of one operation in one account.
#[derive(Debug, Clone)]
pub(super) struct Pacer {
    /// Requests a second, at present.
    rate: f64,
    /// The rate never exceeds this.
    max_rate: f64,
    /// Requests that may be sent at once.
    tokens: f64,
    refilled_at: Instant,
    /// Answers to requests sent before this tell of a rate that is cut already.
    cut_at: Option<Instant>,
}

impl Pacer {
    /// The rate never falls below this, in requests a second: one question in 10 s finds out that the service answers again.
    pub(super) const MIN_RATE: f64 = 0.1;
    /// The longest that the service may ask to be left alone.
    pub(super) const MAX_PAUSE: Duration = Duration::from_mins(1);
    /// Successes that it takes to go from nothing to the full rate. Slow, for a throttle is more costly than a wait:
    /// at a stable limit fewer than one request in twenty is throttled.
    const RECOVERY_STEPS: f64 = 200.0;

    /// Seconds of its rate that may be spent at once. The service's bucket holds one: what is left of it makes up for
    /// requests that take different times on their way there.
    const BURST: f64 = 0.8;

    /// Starts at the full rate, in requests a second, with a burst to spend.
    pub(super) fn new(max_rate: f64, now: Instant) -> Self {
        let max_rate = max_rate.max(Self::MIN_RATE);
        let tokens = Self::capacity(max_rate);
        Self { rate: max_rate, max_rate, tokens, refilled_at: now, cut_at: None }
    }

    /// Requests that may be spent at once at this rate.
    const fn capacity(rate: f64) -> f64 {
        (rate * Self::BURST).max(1.0)
    }

    /// Requests a second, at present.
    pub(super) const fn rate(&self) -> f64 {
        self.rate
    }

    /// Changes the maximum. A rate that a throttle has cut stays cut.
    fn set_max_rate(&mut self, max_rate: f64) {
        let max_rate = max_rate.max(Self::MIN_RATE);
        self.rate = if self.rate >= self.max_rate { max_rate } else { self.rate.min(max_rate) };
        self.max_rate = max_rate;
    }

    /// Spends one request.
    ///
    /// # Errors
    ///
    /// None is left: the instant at which one will be.
    pub(super) fn acquire(&mut self, now: Instant) -> Result<(), Instant> {
        self.refill(now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        let missing = Duration::from_secs_f64((1.0 - self.tokens) / self.rate);
        // Rounded up, so that whoever waits that long does find a token.
        Err(self.refilled_at.max(now) + missing + Duration::from_micros(1))
    }

    /// When there is something to spare: half of what may be spent at once is kept for questions that nobody plans.
    pub(super) fn spare_at(&mut self, now: Instant) -> Instant {
        self.refill(now);
        let missing = 0.5 * (Self::capacity(self.rate) + 1.0) - self.tokens;
        if missing <= 0.0 {
            return now;
        }
        let wait = Duration::from_secs_f64(missing / self.rate);
        self.refilled_at.max(now) + wait + Duration::from_micros(1)
    }

    /// A request was answered, and not throttled.
    pub(super) fn succeeded(&mut self) {
        self.rate = (self.rate + self.max_rate / Self::RECOVERY_STEPS).min(self.max_rate);
    }

    /// A request sent at `sent_at` was throttled. Halves the rate, once for all requests under way at that time.
    pub(super) fn throttled(
        &mut self,
        sent_at: Instant,
        now: Instant,
        retry_after: Option<Duration>,
    ) {
        self.refill(now);
        if self.cut_at.is_none_or(|cut_at| sent_at > cut_at) {
            self.rate = (self.rate / 2.0).max(Self::MIN_RATE);
            self.cut_at = Some(now);
            self.tokens = 0.0;
        }
        if let Some(pause) = retry_after {
            let pause_ends = now + pause.min(Self::MAX_PAUSE);
            self.refilled_at = self.refilled_at.max(pause_ends);
            self.tokens = 0.0;
        }
    }

    /// Adds what has come in since the last time. A pause lies in the future: until then nothing comes in.
    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.refilled_at);
        let capacity = Self::capacity(self.rate);
        self.tokens = (self.tokens + elapsed.as_secs_f64() * self.rate).min(capacity);
        self.refilled_at = self.refilled_at.max(now);
    }
}

/// A pacer that several parts of the program share, as they share the account.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Mutex<Pacer>>);

impl Budget {
    /// A budget of this many requests a second.
    pub fn new(max_rate: f64) -> Self {
        Self(Arc::new(Mutex::new(Pacer::new(max_rate, Instant::now()))))
    }

    /// Changes the most requests a second, and keeps what was learned of the service's limits.
    pub fn set_max_rate(&self, max_rate: f64) {
        self.pacer().set_max_rate(max_rate);
    }

    /// Requests a second at present, and at the most.
    pub fn rates(&self) -> (f64, f64) {
        let pacer = self.pacer();
        (pacer.rate, pacer.max_rate)
    }

    /// The pacer itself, for a moment.
    pub(super) fn pacer(&self) -> MutexGuard<'_, Pacer> {
        // A pacer is whole after every call: a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a request may be sent, and spends it.
    pub async fn spend_one(&self) {
        loop {
            let answer = self.pacer().acquire(Instant::now());
            match answer {
                Ok(()) => return,
                Err(ready_at) => sleep_until(ready_at).await,
            }
        }
    }
}

/// What may be asked of an account about jobs of one kind: a budget for each kind of question.
#[derive(Debug, Clone)]
pub struct Budgets {
    /// Questions about one job.
    pub gets: Budget,
    /// Questions about the jobs of a workflow, or the workflows of an account.
    pub lists: Budget,
}

impl Budgets {
    /// Budgets of so many requests a second.
    pub fn new(get_rate: f64, list_rate: f64) -> Self {
        Self { gets: Budget::new(get_rate), lists: Budget::new(list_rate) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Requests sent in each second by somebody who always wants more.
    fn greedy(pacer: &mut Pacer, start: Instant, seconds: u32) -> usize {
        let end = start + Duration::from_secs(seconds.into());
        let (mut now, mut sent) = (start, 0);
        while now < end {
            match pacer.acquire(now) {
                Ok(()) => sent += 1,
                Err(ready_at) => now = ready_at,
            }
        }
        sent
    }

    #[test]
    fn a_greedy_caller_gets_its_rate_and_less_than_a_second_of_burst() {
        let start = Instant::now();
        let mut pacer = Pacer::new(5.0, start);
        let sent = greedy(&mut pacer, start, 60);
        assert!((300..=305).contains(&sent), "{sent}");
    }

    #[test]
    fn throttles_of_requests_under_way_together_halve_the_rate_once() {
        let start = Instant::now();
        let mut pacer = Pacer::new(8.0, start);
        for _ in 0..5 {
            pacer.throttled(start, start + Duration::from_millis(50), None);
        }
        assert!((pacer.rate() - 4.0).abs() < 1e-9);
        pacer.throttled(start + Duration::from_secs(1), start + Duration::from_secs(2), None);
        assert!((pacer.rate() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn the_rate_falls_to_the_floor_and_climbs_back_to_the_full_rate() {
        let start = Instant::now();
        let mut pacer = Pacer::new(5.0, start);
        for second in 1..100 {
            let sent_at = start + Duration::from_secs(second);
            pacer.throttled(sent_at, sent_at, None);
        }
        assert!((pacer.rate() - Pacer::MIN_RATE).abs() < 1e-9);
        for _ in 0..200 {
            pacer.succeeded();
        }
        assert!((pacer.rate() - 5.0).abs() < 1e-9);
    }

    #[test]
    fn another_maximum_lifts_a_rate_that_was_never_cut_and_no_other() {
        let start = Instant::now();
        let mut pacer = Pacer::new(4.0, start);
        pacer.set_max_rate(8.0);
        assert!((pacer.rate() - 8.0).abs() < 1e-9);
        pacer.throttled(start, start, None);
        pacer.set_max_rate(100.0);
        assert!((pacer.rate() - 4.0).abs() < 1e-9, "{}", pacer.rate());
        pacer.set_max_rate(2.0);
        assert!((pacer.rate() - 2.0).abs() < 1e-9, "{}", pacer.rate());
    }

    #[test]
    fn there_is_something_to_spare_while_half_of_the_burst_is_left() {
        let start = Instant::now();
        let mut pacer = Pacer::new(10.0, start);
        let mut sent = 0;
        while pacer.spare_at(start) == start {
            pacer.acquire(start).unwrap();
            sent += 1;
        }
        assert_eq!(sent, 4);
        let from = pacer.spare_at(start);
        assert!(from > start && pacer.spare_at(from) == from);
        let mut slow = Pacer::new(0.1, start);
        assert_eq!(slow.spare_at(start), start, "the smallest burst is one");
    }

    #[test]
    fn nothing_is_sent_before_the_service_asked_to_be_asked_again() {
        let start = Instant::now();
        let mut pacer = Pacer::new(5.0, start);
        pacer.throttled(start, start, Some(Duration::from_secs(7)));
        let ready_at = pacer.acquire(start + Duration::from_secs(1)).unwrap_err();
        assert!(ready_at >= start + Duration::from_secs(7));
        assert!(pacer.acquire(ready_at).is_ok());
    }

    #[test]
    fn at_a_stable_limit_fewer_than_one_request_in_twenty_is_throttled() {
        let start = Instant::now();
        let mut pacer = Pacer::new(5.0, start);
        // The service: 2 requests a second, with one second of burst.
        let (mut service_tokens, mut service_at) = (2.0_f64, start);
        let (mut now, mut sent, mut throttled) = (start, 0, 0);
        while now < start + Duration::from_mins(10) {
            if let Err(ready_at) = pacer.acquire(now) {
                now = ready_at;
                continue;
            }
            service_tokens = (service_tokens + (now - service_at).as_secs_f64() * 2.0).min(2.0);
            service_at = now;
            let after_first_minute = now > start + Duration::from_mins(1);
            sent += usize::from(after_first_minute);
            if service_tokens >= 1.0 {
                service_tokens -= 1.0;
                pacer.succeeded();
            } else {
                throttled += usize::from(after_first_minute);
                pacer.throttled(now, now, None);
            }
        }
        assert!(throttled * 20 < sent, "{throttled} of {sent}");
        // and most of what the service allows is used
        assert!(sent > 540 * 3 / 2, "{sent}");
    }

    proptest! {
        #[test]
        fn the_rate_stays_between_floor_and_maximum_and_whoever_waits_is_served(
            max_rate in 0.05..100.0_f64,
            answers in prop::collection::vec((any::<bool>(), 0..5_000u64), 0..200),
        ) {
            let mut now = Instant::now();
            let mut pacer = Pacer::new(max_rate, now);
            for (throttle, millis) in answers {
                let sent_at = now;
                now += Duration::from_millis(millis);
                if throttle { pacer.throttled(sent_at, now, None) } else { pacer.succeeded() }
                prop_assert!(pacer.rate() >= Pacer::MIN_RATE - 1e-9);
                prop_assert!(pacer.rate() <= max_rate.max(Pacer::MIN_RATE) + 1e-9);
                if let Err(ready_at) = pacer.acquire(now) {
                    prop_assert!(ready_at > now);
                    prop_assert!(pacer.acquire(ready_at).is_ok());
                    now = ready_at;
                }
            }
        }
    }
}
