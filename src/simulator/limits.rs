//! How many requests a second an operation answers: one token bucket per operation.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};
use tokio::time::Instant;

use super::operation::Operation;

/// A limit on requests, in real time: a time factor does not change it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// Everything is answered. Written `"unlimited"`.
    Unlimited,
    /// A token bucket. Written `10`, or `{ rate = 10, capacity = 20 }`.
    Bucket {
        /// Requests a second.
        rate: f64,
        /// Requests at once after a rest. Left out, it is one second of the rate, but at least 1.
        capacity: f64,
    },
}

impl Limit {
    /// A bucket that holds one second of its rate, but at least one request.
    pub const fn per_second(rate: f64) -> Self {
        Self::Bucket { rate, capacity: rate.max(1.0) }
    }
}

/// Limits by operation; an operation that is left out keeps its own.
pub type Limits = BTreeMap<Operation, Limit>;

/// The buckets of all operations.
#[derive(Debug)]
pub(super) struct Buckets(BTreeMap<Operation, Bucket>);

impl Buckets {
    /// Full buckets, with the service's quotas where `limits` says nothing.
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        let mut buckets = Self(BTreeMap::new());
        for operation in Operation::ALL {
            let quota = Limit::per_second(operation.quota());
            buckets.set(operation, *limits.get(&operation).unwrap_or(&quota), now);
        }
        buckets
    }

    /// Replaces an operation's limit; the new bucket is full.
    pub(super) fn set(&mut self, operation: Operation, limit: Limit, now: Instant) {
        self.0.insert(operation, Bucket::new(limit, now));
    }

    /// Whether one more request may be answered now.
    pub(super) fn take(&mut self, operation: Operation, now: Instant) -> bool {
        self.0.get_mut(&operation).is_none_or(|bucket| bucket.take(now))
    }
}

#[derive(Debug)]
struct Bucket {
    limit: Limit,
    tokens: f64,
    filled_at: Instant,
}

impl Bucket {
    fn new(limit: Limit, now: Instant) -> Self {
        let tokens = match limit {
            Limit::Unlimited => 0.0,
            Limit::Bucket { capacity, .. } => capacity,
        };
        Self { limit, tokens, filled_at: now }
    }

    fn take(&mut self, now: Instant) -> bool {
        let Limit::Bucket { rate, capacity } = self.limit else { return true };
        let rested = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + rested * rate).min(capacity);
        self.filled_at = now;
        // Sums of small waits fall short of a whole token by rounding alone.
        let allowed = self.tokens >= 1.0 - 1e-9;
        if allowed {
            self.tokens -= 1.0;
        }
        allowed
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

/// Reads a limit as people write it.
struct Written;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    rate: f64,
    capacity: Option<f64>,
}

fn checked<E: de::Error>(rate: f64, capacity: Option<f64>) -> Result<Limit, E> {
    if !(rate.is_finite() && rate > 0.0) {
        return Err(E::custom(format!("a rate of {rate} answers nothing: write a number above 0")));
    }
    match capacity {
        None => Ok(Limit::per_second(rate)),
        Some(capacity) if capacity.is_finite() && capacity >= 1.0 => {
            Ok(Limit::Bucket { rate, capacity })
        }
        Some(capacity) => Err(E::custom(format!(
            "a capacity of {capacity} never lets a request through: write 1 or more"
        ))),
    }
}

impl<'de> Visitor<'de> for Written {
    type Value = Limit;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("requests a second, { rate = 10, capacity = 20 }, or \"unlimited\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Limit, E> {
        if text == "unlimited" {
            return Ok(Limit::Unlimited);
        }
        Err(E::invalid_value(de::Unexpected::Str(text), &self))
    }

    #[expect(clippy::cast_precision_loss, reason = "nobody counts 2^53 requests a second")]
    fn visit_i64<E: de::Error>(self, rate: i64) -> Result<Limit, E> {
        checked(rate as f64, None)
    }

    #[expect(clippy::cast_precision_loss, reason = "nobody counts 2^53 requests a second")]
    fn visit_u64<E: de::Error>(self, rate: u64) -> Result<Limit, E> {
        checked(rate as f64, None)
    }

    fn visit_f64<E: de::Error>(self, rate: f64) -> Result<Limit, E> {
        checked(rate, None)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Limit, A::Error> {
        let Table { rate, capacity } = Table::deserialize(MapAccessDeserializer::new(map))?;
        checked(rate, capacity)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn answered(bucket: &mut Bucket, now: Instant, asked: usize) -> usize {
        (0..asked).filter(|_| bucket.take(now)).count()
    }

    #[test]
    fn a_rested_bucket_answers_its_capacity_at_once_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Limit::per_second(10.0), start);
        assert_eq!(answered(&mut bucket, start, 50), 10);
        assert_eq!(answered(&mut bucket, start + Duration::from_millis(300), 50), 3);
        assert_eq!(answered(&mut bucket, start + Duration::from_secs(3_600), 50), 10);
    }

    #[test]
    fn a_client_that_keeps_to_the_rate_is_never_refused() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Limit::Bucket { rate: 10.0, capacity: 1.0 }, start);
        assert!((0..1_000_u32).all(|n| bucket.take(start + n * Duration::from_millis(100))));
    }

    #[test]
    fn a_rate_below_one_a_second_still_answers() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Limit::per_second(0.5), start);
        assert!(bucket.take(start));
        assert!(!bucket.take(start + Duration::from_millis(1_900)));
        assert!(bucket.take(start + Duration::from_millis(2_000)));
    }

    #[test]
    fn an_operation_that_the_scenario_leaves_out_has_the_services_quota() {
        let now = Instant::now();
        let limits = Limits::from([(Operation::GetMatchingJob, Limit::Unlimited)]);
        let mut buckets = Buckets::new(&limits, now);
        let mut answered = |operation| (0..50).filter(|_| buckets.take(operation, now)).count();
        assert_eq!(answered(Operation::GetMatchingJob), 50);
        assert_eq!(answered(Operation::GetIdMappingJob), 10);
        assert_eq!(answered(Operation::ListMatchingJobs), 5);
    }
}
