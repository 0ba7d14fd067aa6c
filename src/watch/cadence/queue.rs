//! When to ask about a job that waits in the queue.

use std::time::Duration;

use super::{Limits, RunTimes};

/// What is known of the jobs that a queued job waits for. One job runs at a time for an account in a Region.
#[derive(Debug, Clone, Copy)]
pub enum Ahead<'a> {
    /// A job runs that is asked about for its own sake: when it is seen to end, the queued job is asked about at once.
    Runner {
        /// Of the runner's workflow.
        run_times: &'a RunTimes,
        /// How long it has run.
        elapsed: Duration,
        /// Jobs that are known to wait between the runner and this one.
        between: usize,
        /// Whether it is certain that this one waits for the runner: the service works on jobs of some workflows side by
        /// side, and does not say of which.
        surely: bool,
    },
    /// The one that runs, if any, is nobody's that is watched.
    Unseen,
}

/// One queued job in so many is taken not to wait for the runner that is seen, where that is not certain: the prior's
/// hazard is smaller by this factor then, and a call has to save that much more.
const BESIDE: u32 = 20;

/// The delay until a queued job is asked about again.
///
/// Behind a runner it costs next to nothing: the questions about the runner tell when the queue moves, and this one is a
/// guard, for when nine runners in ten have ended and those between have had their time. Where it is not certain that this
/// one waits for the runner, it is looked now and then whether it has begun beside it. Where no runner is seen the start
/// is a matter of the time queued alone: the prior speaks. `random` is evenly drawn from 0..1.
#[must_use]
pub fn queued_delay(
    queued_for: Duration,
    ahead: Ahead<'_>,
    call_worth: Duration,
    limits: Limits,
    random: f64,
) -> Duration {
    let unseen = RunTimes::default().next_delay(queued_for, call_worth, limits, random);
    match ahead {
        Ahead::Unseen => unseen,
        Ahead::Runner { run_times, elapsed, between, surely } => {
            let runner = run_times.remaining(elapsed, 0.9).as_secs_f64();
            let each = run_times.remaining(Duration::ZERO, 0.5).as_secs_f64();
            let guard = limits.hold(runner + each * between as f64, random).max(unseen);
            match surely {
                true => guard,
                false => {
                    let worth = call_worth.saturating_mul(BESIDE);
                    guard.min(RunTimes::default().next_delay(queued_for, worth, limits, random))
                }
            }
        }
    }
}
