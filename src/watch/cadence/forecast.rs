//! What a cadence costs: for people who choose a price, and for benches.

use std::time::Duration;

use super::{Limits, RunTimes, duration};

/// Run times that a forecast is made over, at even steps of probability.
const STEPS: usize = 200;
/// No plan goes on after so many questions.
const MOST_QUESTIONS: usize = 10_000;

/// When a job would be asked about, if each delay came out in the middle of its spread: ages, the shortest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The ages at which it is asked about; the last is no younger than the longest run that is planned for.
    pub asked_at: Vec<Duration>,
}

/// What a plan costs, in the mean over the run times that are known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    /// From a job's end until it is known.
    pub delay: Duration,
    /// The same, exceeded by one job in twenty.
    pub delay_p95: Duration,
    /// Questions about a job, the last one included.
    pub calls: f64,
}

impl Forecast {
    /// What the rule makes small, in seconds: the delay, and for each call what it is worth.
    #[must_use]
    pub fn cost(&self, call_worth: Duration) -> f64 {
        self.delay.as_secs_f64() + self.calls * call_worth.as_secs_f64()
    }
}

impl Plan {
    /// By the rule, for jobs that run no longer than `until`.
    #[must_use]
    pub fn learned(
        run_times: &RunTimes,
        call_worth: Duration,
        limits: Limits,
        until: Duration,
    ) -> Self {
        Self::by(until, |age| run_times.next_delay(age, call_worth, limits, 0.5))
    }

    /// At a fixed interval, for jobs that run no longer than `until`.
    #[must_use]
    pub fn fixed(interval: Duration, until: Duration) -> Self {
        Self::by(until, |_| interval)
    }

    fn by(until: Duration, mut next: impl FnMut(Duration) -> Duration) -> Self {
        let mut asked_at = Vec::new();
        let mut age = Duration::ZERO;
        while age < until && asked_at.len() < MOST_QUESTIONS {
            age = age.saturating_add(next(age));
            asked_at.push(age);
        }
        Self { asked_at }
    }

    /// What this costs on jobs with these run times; none where no run is known.
    #[must_use]
    pub fn forecast(&self, run_times: &RunTimes) -> Option<Forecast> {
        let known = run_times.known()?;
        let (mut delays, mut calls) = (Vec::with_capacity(known.len()), 0);
        for run_time in known {
            let asked = self.asked_at.partition_point(|asked_at| *asked_at < run_time);
            let known_at = self.asked_at.get(asked)?;
            delays.push(known_at.saturating_sub(run_time));
            calls += asked + 1;
        }
        delays.sort_unstable();
        let count = delays.len();
        let delay_p95 = *delays.get(count * 95 / 100)?;
        let sum: f64 = delays.iter().map(Duration::as_secs_f64).sum();
        Some(Forecast {
            delay: duration(sum / count as f64),
            delay_p95,
            calls: calls as f64 / count as f64,
        })
    }
}

impl RunTimes {
    /// The age that is planned up to: no known run is longer, whatever its kernel adds; none where no run is known.
    #[must_use]
    pub fn longest_known(&self) -> Option<Duration> {
        (self.runs() > 0).then(|| duration(self.hazard().span().1))
    }

    /// The run time that one known run in a hundred exceeds; none where no run is known.
    #[must_use]
    pub fn longest_usual(&self) -> Option<Duration> {
        self.known()?.get(STEPS * 99 / 100).copied()
    }

    /// Run times at even steps of probability, given that they lie where runs are known to lie.
    fn known(&self) -> Option<Vec<Duration>> {
        let longest = self.longest_known()?;
        let (start, end) = self.hazard().span();
        let all = self.hazard().ends_before(start, end);
        let step = |step: usize| {
            let share = all * (step as f64 + 0.5) / STEPS as f64;
            duration(self.hazard().quantile(start, share)).min(longest)
        };
        Some((0..STEPS).map(step).collect())
    }
}
