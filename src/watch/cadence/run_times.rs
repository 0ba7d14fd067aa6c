//! How long a workflow's jobs run, learned from those that ended and those that still run.

use std::time::Duration;

use super::hazard::{Hazard, PRIOR};
use super::{JITTER, Limits, duration, kernel};

/// The prior's weight beside past runs: a quarter of one of them.
const PRIOR_WEIGHT: f64 = 0.25;
/// What an older run weighs less than the next newer one.
const MEMORY: f64 = 0.99;
/// Cells that run times are counted in: a few kilobytes for each workflow, whatever its history.
const CELLS: usize = 192;
/// The cells reach beyond the shortest and longest run by this many kernel widths.
const MARGIN: f64 = 3.5;
/// Jobs that run weigh at most so much together, in past runs: that a job ended is seen late, and that others still run
/// must not make it look rare.
const MOST_RUNNING: f64 = 3.0;
/// No run is taken to be shorter, in seconds.
const SHORTEST_RUN: f64 = 1.0;

/// How long the jobs of a workflow run. The default is a workflow never seen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunTimes {
    hazard: Hazard,
    runs: usize,
}

/// When a job that runs will have ended, counted from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eta {
    /// One job in ten ends sooner.
    pub p10: Duration,
    /// As many end sooner as later.
    pub p50: Duration,
    /// One job in ten ends later.
    pub p90: Duration,
}

impl RunTimes {
    /// Only the newest so many runs are learned from.
    pub const MOST_RUNS: usize = 64;

    /// Learns from run times that are over, oldest first, and from how long other jobs have run that still do.
    ///
    /// A run time counts from the start of work: time in the queue is none of it.
    #[must_use]
    pub fn learn(past: &[Duration], running: &[Duration]) -> Self {
        let newest = &past[past.len().saturating_sub(Self::MOST_RUNS)..];
        let logs: Vec<f64> = newest.iter().rev().copied().map(log).collect();
        let running: Vec<f64> = running.iter().copied().map(log).collect();
        let weights: Vec<f64> = std::iter::successors(Some(1.0), |weight| Some(weight * MEMORY))
            .take(logs.len())
            .collect();
        let choices = match logs.is_empty() {
            true => Vec::new(),
            false => kernel::choices(&logs, &weights, PRIOR_WEIGHT),
        };
        // What is not over is blurred as what is over: else, just above the age of many that run, nobody would seem to be
        // left but the blurred ends of those below.
        let blur: f64 = choices.iter().map(|choice| choice.likelihood * choice.width).sum();
        let ends = choices.iter().flat_map(|choice| {
            let margin = MARGIN * choice.width;
            choice.centres.iter().flat_map(move |centre| [centre - margin, centre + margin])
        });
        let blurred = running.iter().flat_map(|log| [log - MARGIN * blur, log + MARGIN * blur]);
        let (first, last) =
            ends.chain(blurred).fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| {
                (low.min(at), high.max(at))
            });
        if first > last {
            return Self::default();
        }
        let step = ((last - first) / CELLS as f64).max(1e-3);
        let mut ended = [0.0; CELLS];
        for choice in &choices {
            let all: f64 = weights[..choice.centres.len()].iter().sum();
            for (centre, weight) in choice.centres.iter().zip(&weights) {
                let mass = choice.likelihood * weight / all;
                kernel::spread(&mut ended, first, step, *centre, choice.width, mass);
            }
        }
        let runs: f64 = weights.iter().sum();
        let each = match logs.is_empty() {
            true => 1.0,
            false => (MOST_RUNNING * runs / running.len() as f64).min(1.0),
        };
        let mut running_to = [0.0; CELLS];
        for log in &running {
            kernel::spread(&mut running_to, first, step, *log, blur, each);
        }
        let all_running = each * running.len() as f64;
        let hazard = hazard(first, step, runs, &ended, all_running, &running_to);
        Self { hazard, runs: logs.len() }
    }

    /// How many past runs this was learned from.
    pub const fn runs(&self) -> usize {
        self.runs
    }

    /// The delay until a running job is asked about again: the Δ after which the expected delay that a call ends is worth
    /// the call, ∫₀^Δ h(elapsed + u)(Δ − u) du = `call_worth`.
    ///
    /// `random` is evenly drawn from 0..1. It moves the price, not the delay: constant hazard then spreads by a twelfth to
    /// either side, while a question that waits for a sharp peak still comes at its foot.
    #[must_use]
    pub fn next_delay(
        &self,
        elapsed: Duration,
        call_worth: Duration,
        limits: Limits,
        random: f64,
    ) -> Duration {
        let worth = call_worth.as_secs_f64() * (1.0 + 2.0 * JITTER * (2.0 * random - 1.0));
        let longest = limits.longest.as_secs_f64();
        limits.hold(self.hazard.balance(elapsed.as_secs_f64(), worth, longest), random)
    }

    /// How long until a job that has run for `elapsed` will have ended with probability `share` (0..1).
    ///
    /// For a workflow never seen this is a guess from the age alone, and a wide one: see [`Self::eta`]. Where runs are
    /// known it is taken for granted that the job does not end long before any of them did: the rule watches for that,
    /// an estimate had better not.
    #[must_use]
    pub fn remaining(&self, elapsed: Duration, share: f64) -> Duration {
        let from = self.foreseen_from(elapsed);
        duration(self.hazard.quantile(from, share) - elapsed.as_secs_f64())
    }

    /// When a job that has run for `elapsed` will have ended; none where no run is known.
    #[must_use]
    pub fn eta(&self, elapsed: Duration) -> Option<Eta> {
        let at = |share| self.remaining(elapsed, share);
        (self.runs > 0).then(|| Eta { p10: at(0.1), p50: at(0.5), p90: at(0.9) })
    }

    /// The run time that a job exceeds with probability 1 − `share` (0..1); none where no run is known.
    #[must_use]
    pub fn usually_within(&self, share: f64) -> Option<Duration> {
        (self.runs > 0).then(|| self.remaining(Duration::ZERO, share))
    }

    /// The probability (0..1) that a job runs no longer than `run_time`; as little foreseen as by [`Self::remaining`].
    #[must_use]
    pub fn share_within(&self, run_time: Duration) -> f64 {
        self.hazard.ends_before(self.foreseen_from(Duration::ZERO), run_time.as_secs_f64())
    }

    /// The age, in seconds, from which on an end is foreseen.
    fn foreseen_from(&self, elapsed: Duration) -> f64 {
        let (start, _) = self.hazard.span();
        let first = if start.is_finite() { start } else { SHORTEST_RUN };
        elapsed.as_secs_f64().max(first)
    }

    pub(super) const fn hazard(&self) -> &Hazard {
        &self.hazard
    }
}

fn log(run_time: Duration) -> f64 {
    run_time.as_secs_f64().max(SHORTEST_RUN).ln()
}

/// Who ends in a cell, over who is still there to end: past runs that came so far, jobs that run and have come so far, and
/// the prior, which never ends. `runs` past runs end by the shares of `ended`; those `running` have come to `running_to`.
fn hazard(
    first: f64,
    step: f64,
    runs: f64,
    ended: &[f64; CELLS],
    running: f64,
    running_to: &[f64; CELLS],
) -> Hazard {
    let all: f64 = ended.iter().sum();
    let scale = if all > 0.0 { runs / all } else { 0.0 };
    let (mut left, mut left_running) = (runs, running);
    let cells = ended.iter().zip(running_to).map(|(ended, running_to)| {
        let ended = ended * scale;
        let there = (left - 0.5 * ended).max(0.0)
            + (left_running - 0.5 * running_to).max(0.0)
            + PRIOR_WEIGHT;
        left -= ended;
        left_running -= running_to;
        ((ended / step + PRIOR_WEIGHT * PRIOR) / there) as f32
    });
    let cells = cells.collect();
    let before = PRIOR_WEIGHT * PRIOR / (runs + running + PRIOR_WEIGHT);
    Hazard::new(first, step, before, cells)
}
