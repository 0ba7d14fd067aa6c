//! Seeded chance: every random thing has a stream of its own, so that one does not disturb another.

use std::f64::consts::TAU;
use std::fmt;
use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};
use uuid::Uuid;

/// The generator of all streams. Its output is fixed by its definition, on every machine.
pub(super) type Stream = Xoshiro256PlusPlus;

/// The stream that belongs to `name` under `seed`.
pub(super) fn stream(seed: u64, name: &str) -> Stream {
    let named = Uuid::new_v5(&Uuid::from_u128(seed.into()), name.as_bytes());
    Stream::seed_from_u64(named.as_u64_pair().0)
}

/// A share between 0 and 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Deserialize)]
#[serde(try_from = "f64")]
pub struct Share(f64);

impl Share {
    /// The share, between 0 and 1.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// Whether chance takes this share.
    pub(super) fn hits(self, chance: &mut Stream) -> bool {
        chance.random::<f64>() < self.0
    }
}

impl TryFrom<f64> for Share {
    type Error = String;

    fn try_from(share: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&share) {
            Ok(Self(share))
        } else {
            Err(format!("{share} is not a share: write a number from 0 to 1"))
        }
    }
}

/// How long something takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distribution {
    /// It does not end by itself. Written `"never"`.
    Never,
    /// Always the same. Written `"30s"`.
    Fixed(Duration),
    /// Anything between two bounds, evenly. Written `{ uniform = { min = "10s", max = "1m" } }`.
    Uniform {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// Skewed, as real run times are. Written `{ lognormal = { median = "5m", sigma = 0.4 } }`.
    Lognormal {
        /// Half are shorter.
        median: Duration,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
    /// Without memory. Written `{ exponential = { mean = "2m" } }`.
    Exponential {
        /// The mean.
        mean: Duration,
    },
}

impl Distribution {
    /// One sample; none if it never ends.
    pub(super) fn sample(&self, chance: &mut Stream) -> Option<Duration> {
        let seconds = match *self {
            Self::Never => return None,
            Self::Fixed(duration) => return Some(duration),
            Self::Uniform { min, max } => {
                min.as_secs_f64() + (max - min).as_secs_f64() * chance.random::<f64>()
            }
            Self::Lognormal { median, sigma } => {
                median.as_secs_f64() * (sigma * standard_normal(chance)).exp()
            }
            Self::Exponential { mean } => -mean.as_secs_f64() * (1.0 - chance.random::<f64>()).ln(),
        };
        Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }
}

/// Box and Muller's transform. The argument of the logarithm is never 0.
fn standard_normal(chance: &mut Stream) -> f64 {
    let (radius, angle) = (1.0 - chance.random::<f64>(), chance.random::<f64>());
    (-2.0 * radius.ln()).sqrt() * (TAU * angle).cos()
}

impl<'de> Deserialize<'de> for Distribution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

/// Reads a distribution as people write it.
struct Written;

#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Shape {
    Uniform {
        #[serde(deserialize_with = "crate::duration::deserialize")]
        min: Duration,
        #[serde(deserialize_with = "crate::duration::deserialize")]
        max: Duration,
    },
    Lognormal {
        #[serde(deserialize_with = "crate::duration::deserialize")]
        median: Duration,
        sigma: f64,
    },
    Exponential {
        #[serde(deserialize_with = "crate::duration::deserialize")]
        mean: Duration,
    },
}

impl<'de> Visitor<'de> for Written {
    type Value = Distribution;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a duration such as \"30s\", or \"never\", or a table { uniform = … }, { lognormal = … } or { exponential = … }",
        )
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Distribution, E> {
        if text == "never" {
            return Ok(Distribution::Never);
        }
        crate::duration::parse(text).map(Distribution::Fixed).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Distribution, A::Error> {
        match Shape::deserialize(MapAccessDeserializer::new(map))? {
            Shape::Uniform { min, max } if min > max => {
                Err(de::Error::custom("uniform.min is longer than uniform.max"))
            }
            Shape::Lognormal { sigma, .. } if !(0.0..=10.0).contains(&sigma) => {
                Err(de::Error::custom("lognormal.sigma is not between 0 and 10"))
            }
            Shape::Uniform { min, max } => Ok(Distribution::Uniform { min, max }),
            Shape::Lognormal { median, sigma } => Ok(Distribution::Lognormal { median, sigma }),
            Shape::Exponential { mean } => Ok(Distribution::Exponential { mean }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn samples(distribution: &Distribution) -> Vec<f64> {
        let mut chance = stream(7, "samples");
        let mut all: Vec<f64> =
            (0..20_001).map(|_| distribution.sample(&mut chance).unwrap().as_secs_f64()).collect();
        all.sort_by(f64::total_cmp);
        all
    }

    fn near(found: f64, wanted: f64) -> bool {
        (found / wanted - 1.0).abs() < 0.05
    }

    #[test]
    fn a_uniform_distribution_stays_between_its_bounds_and_fills_them() {
        let all = samples(&Distribution::Uniform { min: MINUTE, max: 2 * MINUTE });
        assert!(all[0] >= 60.0 && all[20_000] <= 120.0);
        assert!(near(all[5_000], 75.0) && near(all[15_000], 105.0));
    }

    #[test]
    fn a_lognormal_distribution_has_the_median_and_the_spread_that_were_asked_for() {
        let all = samples(&Distribution::Lognormal { median: MINUTE, sigma: 0.5 });
        assert!(near(all[10_000], 60.0));
        // One standard deviation above the median lie 84.1 %.
        assert!(near(all[16_827], 60.0 * 0.5_f64.exp()));
    }

    #[test]
    fn an_exponential_distribution_has_the_mean_that_was_asked_for() {
        let all = samples(&Distribution::Exponential { mean: MINUTE });
        assert!(near(all.iter().sum::<f64>() / 20_001.0, 60.0));
        assert!(near(all[10_000], 60.0 * 2.0_f64.ln()));
    }

    #[test]
    fn streams_of_one_seed_differ_by_name_and_repeat() {
        let first = |seed, name| stream(seed, name).random::<u64>();
        assert_eq!(first(1, "a"), first(1, "a"));
        assert_ne!(first(1, "a"), first(1, "b"));
        assert_ne!(first(1, "a"), first(2, "a"));
    }
}
