//! What came of following the jobs in one way.

use serde_json::{Value, json};

use super::simulator::Counts;

pub(crate) struct Outcome {
    pub(crate) name: String,
    /// From the end of a job until it is told, in seconds, shortest first.
    delays: Vec<f64>,
    early: Counts,
    all: Counts,
    pub(crate) errors: u64,
}

impl Outcome {
    pub(crate) fn new(
        name: &str,
        mut delays: Vec<f64>,
        early: Counts,
        all: Counts,
        errors: u64,
    ) -> Self {
        delays.sort_by(f64::total_cmp);
        Self { name: name.to_owned(), delays, early, all, errors }
    }

    /// What is worked out and not measured.
    pub(crate) fn perfect(name: &str, delays: Vec<f64>) -> Self {
        Self::new(name, delays, Counts::default(), Counts::default(), 0)
    }

    /// The delay that so many of a hundred jobs do not exceed.
    pub(crate) fn percentile(&self, share: usize) -> f64 {
        self.delays[(self.delays.len() * share).div_ceil(100).max(1) - 1]
    }

    pub(crate) const fn requests(&self) -> u64 {
        self.all.requests()
    }

    pub(crate) const fn throttled_early(&self) -> u64 {
        self.early.throttled
    }

    /// The share of requests after the first 30 s that were throttled.
    pub(crate) fn throttled_later(&self) -> f64 {
        let requests = self.all.requests() - self.early.requests();
        (self.all.throttled - self.early.throttled) as f64 / requests.max(1) as f64
    }

    pub(crate) fn row(&self) -> String {
        let [p50, p95, p99] = [50, 95, 99].map(|share| self.percentile(share));
        let delays = format!("{:<26} {p50:>7.2} {p95:>7.2} {p99:>7.2}", self.name);
        let Counts { gets, lists, throttled } = self.all;
        match self.requests() {
            0 => delays,
            _ => format!("{delays} {gets:>7} {lists:>7} {throttled:>10} {:>7}", self.errors),
        }
    }

    pub(crate) fn json(&self) -> Value {
        let [p50, p95, p99] =
            [50, 95, 99].map(|share| (self.percentile(share) * 100.0).round() / 100.0);
        let delays = json!({ "name": self.name, "p50_s": p50, "p95_s": p95, "p99_s": p99 });
        let mut all = delays;
        if self.requests() > 0 {
            all["gets"] = json!(self.all.gets);
            all["lists"] = json!(self.all.lists);
            all["throttled"] = json!(self.all.throttled);
            all["throttled_in_30_s"] = json!(self.early.throttled);
            all["errors"] = json!(self.errors);
        }
        all
    }
}
