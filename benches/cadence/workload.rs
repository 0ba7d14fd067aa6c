//! How long jobs run: the true distributions, which the judge knows and matchwatch does not.

use std::f64::consts::{LN_2, SQRT_2};

use super::random::Random;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Lognormal01,
    Lognormal03,
    Lognormal06,
    TwoPeaked,
    Weibull2,
    Exponential,
    /// From half the mean to one and a half.
    Uniform,
    /// From nothing to twice the mean.
    UniformFromZero,
    Pareto15,
    /// Lognormal, σ 0.2; over the past runs the durations have doubled or halved.
    Drifting,
    /// Lognormal, σ 0.1, of a workflow never seen.
    ColdStart,
}

impl Shape {
    pub(crate) const ALL: [Self; 11] = [
        Self::Lognormal01,
        Self::Lognormal03,
        Self::Lognormal06,
        Self::TwoPeaked,
        Self::Weibull2,
        Self::Exponential,
        Self::Uniform,
        Self::UniformFromZero,
        Self::Pareto15,
        Self::Drifting,
        Self::ColdStart,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Lognormal01 => "lognormal σ 0.1",
            Self::Lognormal03 => "lognormal σ 0.3",
            Self::Lognormal06 => "lognormal σ 0.6",
            Self::TwoPeaked => "two-peaked",
            Self::Weibull2 => "Weibull 2",
            Self::Exponential => "exponential",
            Self::Uniform => "uniform ½–1½",
            Self::UniformFromZero => "uniform 0–2",
            Self::Pareto15 => "Pareto 1.5",
            Self::Drifting => "drifting",
            Self::ColdStart => "cold start",
        }
    }

    pub(crate) const fn is_stationary(self) -> bool {
        !matches!(self, Self::Drifting | Self::ColdStart)
    }
}

/// A shape with its mean, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Truth {
    pub(crate) shape: Shape,
    pub(crate) mean: f64,
}

impl Truth {
    /// The probability that a job runs longer than `seconds`.
    pub(crate) fn survival(&self, seconds: f64) -> f64 {
        let mean = self.mean;
        match self.shape {
            Shape::Lognormal01 | Shape::ColdStart => lognormal(seconds, mean, 0.1),
            Shape::Drifting => lognormal(seconds, mean, 0.2),
            Shape::Lognormal03 => lognormal(seconds, mean, 0.3),
            Shape::Lognormal06 => lognormal(seconds, mean, 0.6),
            // Seven of ten jobs around one peak, three around its threefold.
            Shape::TwoPeaked => {
                let low = mean / 1.6;
                0.7 * lognormal(seconds, low, 0.1) + 0.3 * lognormal(seconds, 3.0 * low, 0.1)
            }
            // Γ(1.5) = 0.886…
            Shape::Weibull2 => (-(seconds * 0.886_226_925 / mean).powi(2)).exp(),
            Shape::Exponential => (-seconds / mean).exp(),
            Shape::Uniform => (1.5 - seconds / mean).clamp(0.0, 1.0),
            Shape::UniformFromZero => (1.0 - 0.5 * seconds / mean).clamp(0.0, 1.0),
            Shape::Pareto15 => (3.0 * seconds / mean).max(1.0).powf(-1.5),
        }
    }

    /// The run time that a job does not exceed with probability `share`.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let (mut low, mut high) = ((self.mean * 1e-6).ln(), (self.mean * 1e6).ln());
        for _ in 0..48 {
            let middle = 0.5 * (low + high);
            if self.survival(middle.exp()) > 1.0 - share { low = middle } else { high = middle }
        }
        (0.5 * (low + high)).exp()
    }

    /// The last `count` run times before now, oldest first; drift goes up for even seeds, down for odd ones.
    pub(crate) fn past(&self, count: usize, seed: u64, random: &mut Random) -> Vec<f64> {
        let drift = match self.shape {
            Shape::ColdStart => return Vec::new(),
            Shape::Drifting if seed.is_multiple_of(2) => -LN_2 / 30.0,
            Shape::Drifting => LN_2 / 30.0,
            _ => 0.0,
        };
        let run = |age: usize| self.quantile(random.next()) * (drift * age as f64).exp();
        (1..=count).rev().map(run).collect()
    }
}

fn lognormal(seconds: f64, mean: f64, sigma: f64) -> f64 {
    match seconds > 0.0 {
        true => 0.5 * erfc(((seconds / mean).ln() + 0.5 * sigma * sigma) / (sigma * SQRT_2)),
        false => 1.0,
    }
}

/// The complementary error function, to a relative error of 1.2·10⁻⁷ everywhere (a Chebyshev fit; Numerical Recipes).
fn erfc(x: f64) -> f64 {
    const FIT: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let z = x.abs();
    let t = 1.0 / (1.0 + 0.5 * z);
    let fit = FIT.iter().rev().fold(0.0, |sum, factor| sum * t + factor);
    let upper = t * (fit - z * z).exp();
    if x >= 0.0 { upper } else { 2.0 - upper }
}
