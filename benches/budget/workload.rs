//! The jobs that everybody follows, and the best that anybody could do with them.

use std::collections::VecDeque;
use std::fmt::Write;

pub(crate) const WORKFLOW: &str = "bench";
const JOBS: u64 = 200;
/// Run times, in milliseconds: evenly drawn between these.
const SHORTEST: u64 = 20_000;
const LONGEST: u64 = 120_000;
/// The service's quotas, in requests a second.
pub(crate) const GET_RATE: f64 = 10.0;
pub(crate) const LIST_RATE: f64 = 5.0;
/// Jobs on a page of a list.
const PAGE: usize = 25;

/// Two hundred jobs that start together.
pub(crate) struct Workload {
    /// Id and run time in milliseconds, in the order in which they are submitted.
    jobs: Vec<(String, u64)>,
}

impl Workload {
    /// Another one for each number.
    pub(crate) fn new(number: u64) -> Self {
        let first = number * JOBS + 1;
        let job = |number: u64| {
            let drawn = mix(number);
            let millis = SHORTEST + drawn % (LONGEST - SHORTEST);
            (format!("{:016x}{drawn:016x}", mix(drawn)), millis)
        };
        Self { jobs: (first..first + JOBS).map(job).collect() }
    }

    pub(crate) fn ids(&self) -> Vec<&str> {
        self.jobs.iter().map(|(id, _)| id.as_str()).collect()
    }

    /// The scenario of a simulator with the service's quotas, whose jobs all run at once.
    pub(crate) fn scenario(&self, may_list: bool) -> String {
        let mut text = format!(
            "running_at_once = \"unlimited\"\n\
             limits = {{ GetMatchingJob = {GET_RATE}, ListMatchingJobs = {LIST_RATE} }}\n\
             [[workflows]]\nname = {WORKFLOW:?}\n"
        );
        if !may_list {
            text += "[[denials]]\noperation = \"ListMatchingJobs\"\n";
        }
        for (id, millis) in &self.jobs {
            // Writing to a string does not fail.
            let _ = write!(
                text,
                "[[jobs]]\nworkflow = {WORKFLOW:?}\njob_id = {id:?}\nduration = \"{millis}ms\"\n"
            );
        }
        text
    }

    /// Delays, in seconds, where each live job is asked about in turn, and no call is left unused.
    pub(crate) fn perfect_turns(&self) -> Vec<f64> {
        let mut delays = Vec::new();
        let mut waiting: VecDeque<f64> = self.ends().collect();
        let mut now = 0.0;
        while let Some(ends_at) = waiting.pop_front() {
            if now < ends_at {
                waiting.push_back(ends_at);
            } else {
                delays.push(now - ends_at);
            }
            now += 1.0 / GET_RATE;
        }
        delays
    }

    /// Delays, in seconds, where the pages of the list are read in turn.
    pub(crate) fn perfect_sweeps(&self) -> Vec<f64> {
        let pages = self.jobs.len().div_ceil(PAGE);
        let sweep = pages as f64 / LIST_RATE;
        let newest_first = self.ends().rev().enumerate();
        newest_first
            .map(|(place, ends_at)| {
                let first_read_at = (place / PAGE) as f64 / LIST_RATE;
                let sweeps = ((ends_at - first_read_at) / sweep).ceil().max(0.0);
                first_read_at + sweeps * sweep - ends_at
            })
            .collect()
    }

    fn ends(&self) -> impl DoubleEndedIterator<Item = f64> {
        self.jobs.iter().map(|&(_, millis)| millis as f64 / 1_000.0)
    }
}

/// Looks random, and is the same in each run (splitmix64).
const fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
