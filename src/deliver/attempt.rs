//! What an attempt's outcome means for its delivery.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Config, FAIR_CHANCE};
use crate::backoff::Backoff;
use crate::notify::Outcome;
use crate::store::{Delivery, Settlement};

/// An attempt that is over.
pub(super) struct Ended {
    /// What is to be written down.
    pub(super) settlement: Settlement,
    /// An earlier attempt at the same delivery had failed.
    pub(super) was_retry: bool,
    /// The time that the receiver asked for, within bounds.
    pub(super) asked: Option<Duration>,
}

/// How an attempt ended, and its name as a metric label. `even_for` says how long the clock is known to have gone on
/// without a leap ahead.
pub(super) fn settle(
    delivery: &Delivery,
    outcome: Outcome,
    config: &Config,
    now: Timestamp,
    even_for: Duration,
) -> (Settlement, &'static str) {
    match outcome {
        Outcome::Delivered => (Settlement::Delivered { at: now }, "delivered"),
        Outcome::Reject { reason } => (Settlement::Dead { at: now, reason }, "rejected"),
        Outcome::Retry { reason, after } => {
            let asked = after.unwrap_or_default().min(config.max_retry_after);
            let delay = Backoff::resume(config.backoff, delivery.attempts).next_delay().max(asked);
            let due_at = later(now, delay);
            let had_its_chance = even_for + delay >= config.give_up_after.min(FAIR_CHANCE);
            if had_its_chance && due_at >= later(delivery.created_at, config.give_up_after) {
                let attempts = delivery.attempts.saturating_add(1);
                let reason = format!("given up after {attempts} attempts: {reason}");
                (Settlement::Dead { at: now, reason }, "gave_up")
            } else {
                (Settlement::Retry { due_at, reason }, "retry")
            }
        }
    }
}

pub(super) fn later(instant: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by)
        .ok()
        .and_then(|by| instant.checked_add(by).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backoff;
    use crate::domain::{Event, JobDetails, JobKey, JobKind, JobStatus, Message, Transition};
    use crate::store::DeliveryId;

    const HOUR: Duration = Duration::from_hours(1);

    fn config() -> Config {
        Config {
            backoff: backoff::Policy {
                initial: Duration::from_secs(1),
                max: Duration::from_mins(10),
            },
            max_retry_after: HOUR,
            give_up_after: 72 * HOUR,
            concurrency: 8,
        }
    }

    fn delivery(attempts: u32) -> Delivery {
        let key = JobKey {
            account: "default".into(),
            kind: JobKind::Matching,
            workflow_name: "customers".into(),
            job_id: "0123".into(),
        };
        let transition = Transition { from: None, to: JobStatus::Queued, inferred: Vec::new() };
        let created_at = Timestamp::UNIX_EPOCH;
        let event = Event::of_transition(
            &key,
            "eu-west-1",
            &transition,
            &JobDetails::default(),
            created_at,
        );
        let message = Message::encode(event).unwrap();
        Delivery { id: DeliveryId(1), attempts, created_at, message }
    }

    fn failed(after: Option<Duration>) -> Outcome {
        Outcome::Retry { reason: "503".into(), after }
    }

    fn delay(attempts: u32, after: Option<Duration>) -> f64 {
        let now = Timestamp::UNIX_EPOCH;
        match settle(&delivery(attempts), failed(after), &config(), now, HOUR).0 {
            Settlement::Retry { due_at, .. } => due_at.duration_since(now).as_secs_f64(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn retries_come_later_and_later_up_to_the_maximum() {
        assert!((0.5..=1.5).contains(&delay(0, None)));
        assert!((4.0..=12.0).contains(&delay(3, None)));
        assert!((200.0..=600.0).contains(&delay(1_000, None)));
    }

    #[test]
    fn a_receiver_that_asks_for_peace_gets_it_within_bounds() {
        assert!((delay(0, Some(Duration::from_secs(90))) - 90.0).abs() < 1e-9);
        assert!((delay(0, Some(24 * HOUR)) - 3_600.0).abs() < 1e-9);
        assert!(delay(3, Some(Duration::ZERO)) >= 4.0);
    }

    #[test]
    fn a_delivery_that_would_be_due_after_its_time_is_given_up_with_the_reason() {
        let now = later(Timestamp::UNIX_EPOCH, 72 * HOUR);
        let (settlement, label) = settle(&delivery(20), failed(None), &config(), now, HOUR);
        let reason = "given up after 21 attempts: 503".to_owned();
        assert_eq!(settlement, Settlement::Dead { at: now, reason });
        assert_eq!(label, "gave_up");
    }

    #[test]
    fn nothing_is_given_up_for_its_age_before_it_had_a_fair_chance() {
        let now = later(Timestamp::UNIX_EPOCH, 100 * HOUR);
        let after = |even_for| settle(&delivery(0), failed(None), &config(), now, even_for).1;
        assert_eq!(after(FAIR_CHANCE / 2), "retry");
        assert_eq!(after(FAIR_CHANCE), "gave_up");
        let short = Config { give_up_after: Duration::from_secs(10), ..config() };
        let after = |even_for| settle(&delivery(0), failed(None), &short, now, even_for).1;
        assert_eq!(after(Duration::from_secs(2)), "retry");
        assert_eq!(after(Duration::from_secs(10)), "gave_up");
    }

    #[test]
    fn attempts_beyond_all_counting_are_counted_no_further() {
        let now = later(Timestamp::UNIX_EPOCH, 72 * HOUR);
        let (settlement, _) =
            settle(&delivery(u32::MAX), failed(None), &config(), now, FAIR_CHANCE);
        let reason = "given up after 4294967295 attempts: 503".to_owned();
        assert_eq!(settlement, Settlement::Dead { at: now, reason });
    }

    #[test]
    fn a_rejected_delivery_is_dead_at_once() {
        let now = Timestamp::UNIX_EPOCH;
        let outcome = Outcome::Reject { reason: "410 Gone".into() };
        let (settlement, _) = settle(&delivery(0), outcome, &config(), now, HOUR);
        assert_eq!(settlement, Settlement::Dead { at: now, reason: "410 Gone".into() });
    }
}
