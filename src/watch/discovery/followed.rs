//! What is known of one workflow whose jobs are followed.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;

use super::Rule;
use super::judgement::{Judgement, Verdict};
use super::rounds::Round;
use super::walk::Order;
use crate::domain::{FollowedWorkflow, JobSummary, WorkflowKey};

/// One workflow.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) key: WorkflowKey,
    /// The rule that follows it.
    pub(super) rule: Arc<Rule>,
    pub(super) round: Round,
    pub(super) order: Order,
    /// What the store remembers; `None` until it was asked.
    pub(super) remembered: Option<Remembered>,
    /// Jobs that were met and are followed, were followed once, or are named by a watch.
    known: HashSet<Arc<str>>,
    /// Jobs that are passed over, by the look that goes on, if it is the first.
    passing_over: HashSet<Arc<str>>,
}

/// What the store remembers of a workflow.
#[derive(Debug)]
pub(super) struct Remembered {
    judgement: Judgement,
    /// The jobs that were there at first were judged by the rule that there is.
    is_judged: bool,
    passed_over: HashSet<Arc<str>>,
}

impl Followed {
    pub(super) fn new(key: WorkflowKey, rule: Arc<Rule>, round: Round) -> Self {
        Self {
            key,
            rule,
            round,
            order: Order::default(),
            remembered: None,
            known: HashSet::new(),
            passing_over: HashSet::new(),
        }
    }

    /// Takes in what the store remembers.
    pub(super) fn remember(&mut self, stored: FollowedWorkflow) {
        let start = self.rule.start;
        self.remembered = Some(Remembered {
            judgement: Judgement::new(start, stored.since),
            is_judged: stored.judged_by.is_some_and(|rule| rule == start.to_string()),
            passed_over: stored.passed_over.into_iter().collect(),
        });
    }

    /// Whether the jobs that were there at first are still to be judged.
    pub(super) fn is_judged(&self) -> bool {
        self.remembered.as_ref().is_some_and(|remembered| remembered.is_judged)
    }

    /// Whether a look that begins now is likely to end with its first page.
    pub(super) fn may_look_short(&self, now: Instant) -> bool {
        self.is_judged() && self.order.is_short(now)
    }

    /// The jobs of a page that the rule follows and that were not met before; a store may have forgotten those that ended
    /// before this instant.
    pub(super) fn candidates(
        &mut self,
        jobs: &[JobSummary],
        forgotten_before: Timestamp,
    ) -> Vec<JobSummary> {
        let Some(remembered) = &self.remembered else { return Vec::new() };
        let mut candidates = Vec::new();
        for job in jobs.iter().filter(|job| !self.known.contains(&*job.job_id)) {
            let verdict = match remembered.is_judged {
                true => {
                    let was_passed_over = remembered.passed_over.contains(&*job.job_id);
                    remembered.judgement.later(job, was_passed_over, forgotten_before)
                }
                false => remembered.judgement.at_first(job, forgotten_before),
            };
            match verdict {
                Verdict::Follow => candidates.push(job.clone()),
                Verdict::PassOver if !remembered.is_judged => {
                    self.passing_over.insert(job.job_id.as_str().into());
                }
                Verdict::PassOver | Verdict::TooOld => {}
            }
        }
        candidates
    }

    /// The job is not met for the first time any more.
    pub(super) fn know(&mut self, job_id: &str) {
        self.known.insert(job_id.into());
    }

    /// A look went through the whole list, and met these jobs: what is not in the list any more is not kept in mind. Returns
    /// the jobs that are passed over for good, where these are judged now.
    pub(super) fn saw_all(&mut self, met: &HashSet<String>) -> Option<Vec<Arc<str>>> {
        self.known.retain(|job_id| met.contains(&**job_id));
        let passed_over = std::mem::take(&mut self.passing_over);
        (!self.is_judged()).then(|| passed_over.into_iter().collect())
    }

    /// The jobs that were there at first are judged, and the store knows.
    pub(super) fn judged(&mut self, passed_over: Vec<Arc<str>>) {
        if let Some(remembered) = &mut self.remembered {
            remembered.is_judged = true;
            remembered.passed_over = passed_over.into_iter().collect();
        }
    }
}
