//! All policies on the same jobs.

use std::time::Duration;

use matchwatch::watch::cadence::{Limits, RunTimes};
use serde_json::json;

use super::optimum::Optimum;
use super::random::Random;
use super::tally::Tally;
use super::workload::{Shape, Truth};
use super::{JOBS, PAST_RUNS, SEEDS, WORTH};

/// What the policies cost on one workload.
pub(crate) struct Row {
    pub(crate) truth: Truth,
    pub(crate) ours: Tally,
    pub(crate) optimum: Tally,
    /// What dynamic programming says that the optimum costs.
    pub(crate) optimum_cost: f64,
    pub(crate) best_fixed: (f64, Tally),
    pub(crate) others: [(&'static str, Tally); 6],
}

/// matchwatch's wait, as shipped.
pub(crate) fn shipped(run_times: &RunTimes, age: f64, random: f64) -> f64 {
    let (age, worth) = (Duration::from_secs_f64(age), Duration::from_secs_f64(WORTH));
    run_times.next_delay(age, worth, Limits::default(), random).as_secs_f64()
}

pub(crate) fn learn(past: &[f64]) -> RunTimes {
    let past: Vec<Duration> = past.iter().copied().map(Duration::from_secs_f64).collect();
    RunTimes::learn(&past, &[])
}

/// The waiter of the AWS SDKs, with its defaults: 2 s and 120 s.
fn smithy(attempt: u32, random: f64) -> f64 {
    let ceiling = (2.0 * 2_f64.powi(attempt.min(32).cast_signed() - 1)).min(120.0);
    2.0 + random * (ceiling - 2.0)
}

/// Run times of the jobs of one seed: one of each of `count` equal shares of the distribution. Over all seeds each share is
/// again divided evenly, so that the long tails weigh what they truly weigh.
pub(crate) fn jobs(truth: &Truth, count: usize, seed: u64, random: &mut Random) -> Vec<f64> {
    let place = |n: usize| {
        let part = (seed + 37 * n as u64) % SEEDS;
        (n as f64 + (part as f64 + random.next()) / SEEDS as f64) / count as f64
    };
    let places: Vec<f64> = (0..count).map(place).collect();
    places.into_iter().map(|place| truth.quantile(place)).collect()
}

pub(crate) fn row(truth: &Truth) -> Row {
    let best = Optimum::of(truth);
    let (mut ours, mut optimum) = (Tally::default(), Tally::default());
    let (mut waiter, mut exponential) = (Tally::default(), Tally::default());
    let mut run_times = Vec::new();
    for seed in 0..SEEDS {
        let mut random = Random::of(seed);
        let learned = learn(&truth.past(PAST_RUNS, seed, &mut random));
        for run_time in jobs(truth, JOBS, seed, &mut random) {
            ours.follow(run_time, |age, _| shipped(&learned, age, random.next()));
            optimum.follow(run_time, |age, _| best.wait(age));
            waiter.follow(run_time, |_, attempt| smithy(attempt, random.next()));
            exponential.follow(run_time, |_, attempt| 2_f64.powi(attempt.cast_signed()));
            run_times.push(run_time);
        }
    }
    let fixed = |interval| Tally::fixed(&run_times, interval);
    Row {
        truth: *truth,
        ours,
        optimum,
        optimum_cost: best.cost,
        best_fixed: Tally::best_fixed(&run_times),
        others: [
            ("fixed 5 s", fixed(5.0)),
            ("fixed 15 s", fixed(15.0)),
            ("fixed 30 s", fixed(30.0)),
            ("fixed 60 s", fixed(60.0)),
            ("Smithy waiter", waiter),
            ("exponential", exponential),
        ],
    }
}

impl Row {
    pub(crate) fn over_optimum(&self) -> f64 {
        self.ours.cost() / self.optimum.cost()
    }

    pub(crate) fn over_best_fixed(&self) -> f64 {
        self.ours.cost() / self.best_fixed.1.cost()
    }

    /// Our cost over that of the policy with this name.
    pub(crate) fn over(&self, name: &str) -> f64 {
        let other = self.others.iter().find(|(other, _)| *other == name);
        other.map_or(f64::NAN, |(_, tally)| self.ours.cost() / tally.cost())
    }

    pub(crate) fn print(&self) {
        println!(
            "{:<16} {:>6} │ {:>7.1} {:>7.1} {:>7.1} {:>7.1} │ {:>7.2}× {:>7.2}× {:>7.2}× {:>7.2}× {:>7.2}× {:>7.2}×",
            self.truth.shape.name(),
            self.truth.mean,
            self.ours.delay(),
            self.ours.delay_p95(),
            self.ours.calls(),
            self.ours.cost(),
            self.over_optimum(),
            self.over_best_fixed(),
            self.over("fixed 5 s"),
            self.over("fixed 30 s"),
            self.over("Smithy waiter"),
            self.over("exponential"),
        );
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        let mut row = json!({
            "run_times": self.truth.shape.name(),
            "mean_s": self.truth.mean,
            "over_optimum": thousandths(self.over_optimum()),
            "over_best_fixed": thousandths(self.over_best_fixed()),
            "over_fixed_30s": thousandths(self.over("fixed 30 s")),
            "matchwatch": self.ours.json(),
            "optimum": self.optimum.json(),
            "optimum_by_dynamic_programming": thousandths(self.optimum_cost),
            "best_fixed_s": thousandths(self.best_fixed.0),
            "best_fixed": self.best_fixed.1.json(),
        });
        for (name, tally) in &self.others {
            row[*name] = tally.json();
        }
        row
    }
}

/// What a workflow costs whose durations tripled overnight.
pub(crate) struct Change {
    pub(crate) old: Truth,
    /// After so many jobs since: the cost over the optimum.
    pub(crate) since: Vec<(usize, f64)>,
}

/// The change of regular and of middling workflows.
pub(crate) fn changed() -> Vec<Change> {
    [Shape::Lognormal01, Shape::Lognormal03]
        .iter()
        .flat_map(|shape| MEANS_BEFORE.map(|mean| change(&Truth { shape: *shape, mean })))
        .collect()
}

const MEANS_BEFORE: [f64; 3] = [120.0, 900.0, 3_600.0];

fn change(old: &Truth) -> Change {
    let new = Truth { mean: 3.0 * old.mean, ..*old };
    let best = Optimum::of(&new);
    let after = |count: usize| {
        let (mut ours, mut optimum) = (Tally::default(), Tally::default());
        for seed in 0..SEEDS {
            let mut random = Random::of(seed);
            let mut past = old.past(PAST_RUNS, seed, &mut random);
            past.extend(new.past(count, seed, &mut random));
            let learned = learn(&past);
            for run_time in jobs(&new, 20, seed, &mut random) {
                ours.follow(run_time, |age, _| shipped(&learned, age, random.next()));
                optimum.follow(run_time, |age, _| best.wait(age));
            }
        }
        (count, ours.cost() / optimum.cost())
    };
    Change { old: *old, since: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map(after).to_vec() }
}

impl Change {
    pub(crate) fn print(&self) {
        print!("{:<16} {:>6}", self.old.shape.name(), self.old.mean);
        for (count, over) in &self.since {
            print!("  {count}: {over:.2}");
        }
        println!();
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        let since: Vec<f64> = self.since.iter().map(|(_, over)| thousandths(*over)).collect();
        json!({
            "run_times": self.old.shape.name(),
            "mean_before_s": self.old.mean,
            "over_optimum_by_jobs_since": since,
        })
    }
}

pub(crate) fn thousandths(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}
