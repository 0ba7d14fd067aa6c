//! The best that anybody could do who knew the true distribution: optimal inspection, by dynamic programming.
//!
//! With S the probability that a job runs longer, the cost of what is still to come at age t, times S(t), is
//!
//! ```text
//! W(t) = min over Δ of  λ·S(t) + ∫ₜ^(t+Δ) (S(t) − S(x)) dx + W(t + Δ)
//! ```
//!
//! The middle is the expected detection delay of jobs that end before the next question.

use super::workload::Truth;
use super::{LONGEST, SHORTEST, WORTH};

/// For every age the best wait.
pub(crate) struct Optimum {
    ages: Vec<f64>,
    waits: Vec<f64>,
    /// The cost of a job, in seconds.
    pub(crate) cost: f64,
}

/// What is known at the grid's ages, and in between by straight lines.
struct Grid {
    ages: Vec<f64>,
    survival: Vec<f64>,
    /// ∫₀ᵗ S.
    area: Vec<f64>,
}

impl Grid {
    fn of(truth: &Truth) -> Self {
        // Beyond six hundred thousand seconds every policy is at the longest interval.
        let last = truth.quantile(1.0 - 1e-7).min(f64::max(6e5, 4.0 * truth.mean));
        let mut ages = vec![0.0];
        let mut age: f64 = 0.0;
        while age < last {
            age += (truth.mean / 1e3).max(age / 1e3).min(100.0);
            ages.push(age);
        }
        let survival: Vec<f64> = ages.iter().map(|age| truth.survival(*age)).collect();
        let mut area = vec![0.0];
        for i in 1..ages.len() {
            let middle = truth.survival(0.5 * (ages[i] + ages[i - 1]));
            let mean = (survival[i - 1] + 4.0 * middle + survival[i]) / 6.0;
            area.push(area[i - 1] + (ages[i] - ages[i - 1]) * mean);
        }
        Self { ages, survival, area }
    }

    /// The grid's place just below `age`, not before `from`, and how far `age` is on the way to the next.
    fn place(&self, age: f64, from: usize) -> (usize, f64) {
        let (mut low, mut reach) = (from, 1);
        while low + reach + 1 < self.ages.len() && self.ages[low + reach] <= age {
            low += reach;
            reach *= 2;
        }
        let mut high = (low + reach).min(self.ages.len() - 1);
        while high - low > 1 {
            let middle = usize::midpoint(low, high);
            if self.ages[middle] <= age { low = middle } else { high = middle }
        }
        (low, ((age - self.ages[low]) / (self.ages[high] - self.ages[low])).min(1.0))
    }
}

fn between(values: &[f64], (place, share): (usize, f64)) -> f64 {
    values[place] + share * (values[place + 1] - values[place])
}

impl Optimum {
    pub(crate) fn of(truth: &Truth) -> Self {
        const COARSE: i32 = 48;
        let grid = Grid::of(truth);
        let last = grid.ages.len() - 1;
        let mut to_come = vec![0.0; last + 1];
        let mut waits = vec![LONGEST; last + 1];
        to_come[last] = at_the_longest_interval(truth, grid.ages[last]);
        for i in (0..last).rev() {
            let survival = grid.survival[i];
            let shortest = SHORTEST.max(grid.ages[i + 1] - grid.ages[i]);
            let cost = |wait: f64, to_come: &[f64]| {
                let place = grid.place(grid.ages[i] + wait, i.min(last - 1));
                let lived = between(&grid.area, place) - grid.area[i];
                WORTH * survival + wait * survival - lived + between(to_come, place)
            };
            let ratio = (LONGEST / shortest).powf(1.0 / f64::from(COARSE));
            let (mut best, mut wait) = (f64::INFINITY, shortest);
            for n in 0..=COARSE {
                let tried = shortest * ratio.powi(n);
                let cost = cost(tried, &to_come);
                if cost < best {
                    (best, wait) = (cost, tried);
                }
            }
            let (mut low, mut high) = ((wait / ratio).max(shortest), (wait * ratio).min(LONGEST));
            for _ in 0..18 {
                let (left, right) = (low + 0.382 * (high - low), low + 0.618 * (high - low));
                if cost(left, &to_come) < cost(right, &to_come) { high = right } else { low = left }
            }
            let tried = 0.5 * (low + high);
            let refined = cost(tried, &to_come);
            if refined < best {
                (best, wait) = (refined, tried);
            }
            (to_come[i], waits[i]) = (best, wait);
        }
        Self { cost: to_come[0], ages: grid.ages, waits }
    }

    /// The best wait at `age`.
    pub(crate) fn wait(&self, age: f64) -> f64 {
        let next = self.ages.partition_point(|known| *known <= age);
        let Some(above) = self.ages.get(next) else { return LONGEST };
        let below = self.ages[next - 1];
        self.waits[if age - below < above - age { next - 1 } else { next }]
    }
}

/// What is still to come where every wait is the longest one.
fn at_the_longest_interval(truth: &Truth, from: f64) -> f64 {
    let survival = truth.survival(from);
    let (mut age, mut step, mut lived) = (from, 60.0, 0.0);
    while truth.survival(age) > 1e-14 && survival > 1e-9 {
        lived += 0.5 * step * (truth.survival(age) + truth.survival(age + step));
        age += step;
        step *= 1.01;
    }
    WORTH * (lived / LONGEST + 0.5 * survival) + 0.5 * LONGEST * survival
}
