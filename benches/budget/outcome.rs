//! What came of following jobs in one way.

use serde_json::{Value, json};

use super::figures::quantile;
use super::simulator::Counts;

/// What came of one workload.
pub(crate) struct Outcome {
    /// From the end of a job until it is told, in seconds, shortest first.
    delays: Vec<f64>,
    early: Counts,
    all: Counts,
    errors: u64,
}

impl Outcome {
    pub(crate) fn new(mut delays: Vec<f64>, early: Counts, all: Counts, errors: u64) -> Self {
        delays.sort_by(f64::total_cmp);
        Self { delays, early, all, errors }
    }

    /// What is worked out and not measured.
    pub(crate) fn perfect(delays: Vec<f64>) -> Self {
        Self::new(delays, Counts::default(), Counts::default(), 0)
    }

    /// The delay that so many of a hundred jobs do not exceed.
    fn percentile(&self, share: usize) -> f64 {
        self.delays[(self.delays.len() * share).div_ceil(100).max(1) - 1]
    }

    /// The share of requests after the first 30 s that were throttled.
    fn throttled_later(&self) -> f64 {
        let requests = self.all.requests() - self.early.requests();
        (self.all.throttled - self.early.throttled) as f64 / requests.max(1) as f64
    }
}

/// What came of all workloads, followed in one way. Delays and requests are medians, what must not be is the worst.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    outcomes: Vec<Outcome>,
}

impl Row {
    pub(crate) const fn new(name: &'static str, outcomes: Vec<Outcome>) -> Self {
        Self { name, outcomes }
    }

    pub(crate) fn percentile(&self, share: usize) -> f64 {
        self.median(|outcome| outcome.percentile(share))
    }

    pub(crate) fn requests(&self) -> f64 {
        self.median(|outcome| outcome.all.requests() as f64)
    }

    pub(crate) fn throttled_early(&self) -> u64 {
        self.worst(|outcome| outcome.early.throttled)
    }

    pub(crate) fn throttled_later(&self) -> f64 {
        self.outcomes.iter().map(Outcome::throttled_later).fold(0.0, f64::max)
    }

    pub(crate) fn errors(&self) -> u64 {
        self.worst(|outcome| outcome.errors)
    }

    fn median(&self, figure: impl Fn(&Outcome) -> f64) -> f64 {
        quantile(self.outcomes.iter().map(figure).collect(), 0.5)
    }

    fn worst(&self, figure: impl Fn(&Outcome) -> u64) -> u64 {
        self.outcomes.iter().map(figure).max().unwrap_or(0)
    }

    pub(crate) fn text(&self) -> String {
        let [p50, p95, p99] = [50, 95, 99].map(|share| self.percentile(share));
        let delays = format!("{:<26} {p50:>7.2} {p95:>7.2} {p99:>7.2}", self.name);
        if self.requests() < 1.0 {
            return delays;
        }
        let gets = self.median(|outcome| outcome.all.gets as f64);
        let lists = self.median(|outcome| outcome.all.lists as f64);
        let throttled = self.worst(|outcome| outcome.all.throttled);
        format!("{delays} {gets:>7.0} {lists:>7.0} {throttled:>10} {:>7}", self.errors())
    }

    pub(crate) fn json(&self) -> Value {
        let rounded = |value: f64| (value * 100.0).round() / 100.0;
        let of_each = |share: usize| {
            let percentile = |outcome: &Outcome| rounded(outcome.percentile(share));
            self.outcomes.iter().map(percentile).collect::<Vec<_>>()
        };
        let [p50, p95, p99] = [50, 95, 99].map(|share| rounded(self.percentile(share)));
        let mut all = json!({
            "name": self.name, "p50_s": p50, "p95_s": p95, "p99_s": p99,
            "p95_s_of_each": of_each(95), "p99_s_of_each": of_each(99),
        });
        if self.requests() > 0.0 {
            all["gets"] = json!(self.median(|outcome| outcome.all.gets as f64));
            all["lists"] = json!(self.median(|outcome| outcome.all.lists as f64));
            all["throttled"] = json!(self.worst(|outcome| outcome.all.throttled));
            all["throttled_in_30_s"] = json!(self.throttled_early());
            all["errors"] = json!(self.errors());
        }
        all
    }
}
