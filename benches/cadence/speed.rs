//! What the cadence itself costs.

use std::fmt;
use std::hint::black_box;
use std::time::Duration;

use matchwatch::watch::cadence::RunTimes;
use serde_json::json;
use tokio::time::Instant;

use super::judge::{learn, shipped, thousandths};
use super::random::Random;
use super::workload::{Shape, Truth};

/// Medians.
pub(crate) struct Speed {
    learn_30: Duration,
    learn_64: Duration,
    delay: Duration,
}

pub(crate) fn measure() -> Speed {
    let truth = Truth { shape: Shape::Lognormal03, mean: 900.0 };
    let past = truth.past(RunTimes::MOST_RUNS, 0, &mut Random::of(0));
    let learned = learn(&past);
    let delays = |_| {
        (0..1_000).for_each(|age| {
            black_box(shipped(&learned, black_box(f64::from(age) * 1.5), 0.5));
        });
    };
    Speed {
        learn_30: median(|_| drop(black_box(learn(black_box(&past[..30]))))),
        learn_64: median(|_| drop(black_box(learn(black_box(&past))))),
        delay: median(delays) / 1_000,
    }
}

fn median(work: impl Fn(usize)) -> Duration {
    let mut times: Vec<Duration> = (0..101)
        .map(|n| {
            let started = Instant::now();
            work(n);
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "learning from 30 runs takes {:?}, from {} {:?}; one delay {:?}",
            self.learn_30,
            RunTimes::MOST_RUNS,
            self.learn_64,
            self.delay
        )
    }
}

impl Speed {
    pub(crate) fn json(&self) -> serde_json::Value {
        let micros = |time: Duration| thousandths(time.as_secs_f64() * 1e6);
        json!({
            "learn_30_us": micros(self.learn_30),
            "learn_64_us": micros(self.learn_64),
            "delay_us": micros(self.delay),
        })
    }
}
