//! What a policy cost on many jobs.

use super::WORTH;

#[derive(Debug, Default, Clone)]
pub(crate) struct Tally {
    delays: Vec<f64>,
    calls: u64,
}

impl Tally {
    /// Follows a job of `run_time` seconds: `wait` says how long to wait, given the age and the number of the question.
    pub(crate) fn follow(&mut self, run_time: f64, mut wait: impl FnMut(f64, u32) -> f64) {
        let (mut age, mut calls) = (0.0, 0);
        while age < run_time {
            calls += 1;
            age += wait(age, calls);
        }
        self.delays.push(age - run_time);
        self.calls += u64::from(calls);
    }

    /// Jobs of `run_times`, each asked about every `interval` seconds.
    pub(crate) fn fixed(run_times: &[f64], interval: f64) -> Self {
        let mut tally = Self::default();
        for run_time in run_times {
            let calls = (run_time / interval).ceil().max(1.0);
            tally.delays.push(calls * interval - run_time);
            tally.calls += calls as u64;
        }
        tally
    }

    /// The fixed interval that costs least on `run_times`, chosen with hindsight.
    pub(crate) fn best_fixed(run_times: &[f64]) -> (f64, Self) {
        let intervals = (0..=216).map(|n| 1.03_f64.powi(n)).filter(|interval| *interval <= 600.0);
        let costs = intervals.map(|interval| (interval, Self::fixed(run_times, interval)));
        costs.min_by(|(_, a), (_, b)| a.cost().total_cmp(&b.cost())).unwrap_or_default()
    }

    pub(crate) fn jobs(&self) -> usize {
        self.delays.len()
    }

    pub(crate) fn delay(&self) -> f64 {
        self.delays.iter().sum::<f64>() / self.delays.len() as f64
    }

    pub(crate) fn delay_p95(&self) -> f64 {
        let mut sorted = self.delays.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() * 95 / 100]
    }

    pub(crate) fn calls(&self) -> f64 {
        self.calls as f64 / self.delays.len() as f64
    }

    /// Seconds a job.
    pub(crate) fn cost(&self) -> f64 {
        self.delay() + WORTH * self.calls()
    }

    /// Mean delay, its 95th percentile, calls, cost.
    pub(crate) fn json(&self) -> serde_json::Value {
        let round = |value: f64| (value * 100.0).round() / 100.0;
        serde_json::json!([self.delay(), self.delay_p95(), self.calls(), self.cost()].map(round))
    }
}
