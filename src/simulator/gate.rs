//! What a request meets before it is served: script, limit, denial and chance, in this order.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::chance::{self, Distribution, Stream};
use super::faults::{Answer, Denial, Faults, Script};
use super::limits::Buckets;
use super::operation::Operation;
use super::scenario::Scenario;

/// What happens to a request.
#[derive(Debug)]
pub(super) struct Passage {
    /// Real time that passes before the answer is made.
    pub(super) latency: Duration,
    /// The answer; [`Answer::Genuine`] if nothing stands in the way.
    pub(super) answer: Answer,
}

/// The state of everything that can stand in a request's way. All of it can be changed at run time.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) buckets: Buckets,
    pub(super) faults: Faults,
    pub(super) denials: Vec<Denial>,
    pub(super) latency: Distribution,
    scripts: BTreeMap<Operation, VecDeque<Script>>,
    fault_chance: Stream,
    latency_chance: Stream,
}

impl Gate {
    pub(super) fn new(scenario: &Scenario, seed: u64, now: Instant) -> Self {
        let mut gate = Self {
            buckets: Buckets::new(&scenario.limits, now),
            faults: scenario.faults,
            denials: scenario.denials.clone(),
            latency: scenario.latency,
            scripts: BTreeMap::new(),
            fault_chance: chance::stream(seed, "faults"),
            latency_chance: chance::stream(seed, "latency"),
        };
        for script in &scenario.answers {
            gate.script(script.clone());
        }
        gate
    }

    /// Adds answers behind those that the operation has in line.
    pub(super) fn script(&mut self, script: Script) {
        self.scripts.entry(script.operation).or_default().push_back(script);
    }

    /// Drops all answers that are still in line.
    pub(super) fn clear_scripts(&mut self) {
        self.scripts.clear();
    }

    /// Decides about one request. A scripted answer costs no token and throws no dice.
    pub(super) fn pass(
        &mut self,
        operation: Operation,
        workflow: Option<&str>,
        now: Instant,
    ) -> Passage {
        let latency = self.latency.sample(&mut self.latency_chance);
        let answer = match self.scripted(operation) {
            Answer::Genuine => self.usual(operation, workflow, now),
            scripted => scripted,
        };
        match latency {
            Some(latency) => Passage { latency, answer },
            None => Passage { latency: Duration::ZERO, answer: Answer::Stall },
        }
    }

    fn scripted(&mut self, operation: Operation) -> Answer {
        let Some(line) = self.scripts.get_mut(&operation) else { return Answer::Genuine };
        while let Some(script) = line.front_mut() {
            if script.times > 0 {
                script.times -= 1;
                return script.answer.clone();
            }
            line.pop_front();
        }
        Answer::Genuine
    }

    fn usual(&mut self, operation: Operation, workflow: Option<&str>, now: Instant) -> Answer {
        if !self.buckets.take(operation, now) {
            return Answer::Throttled;
        }
        if self.denials.iter().any(|denial| denial.covers(operation, workflow)) {
            return Answer::AccessDenied;
        }
        self.faults.throw(&mut self.fault_chance).unwrap_or(Answer::Genuine)
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::{Limit, Limits};
    use super::*;

    const GET: Operation = Operation::GetMatchingJob;

    fn gate(toml: &str) -> Gate {
        let mut scenario = Scenario::parse(toml, "test.toml").unwrap();
        let unlimited = Operation::ALL.map(|operation| (operation, Limit::Unlimited));
        scenario.limits = Limits::from(unlimited);
        Gate::new(&scenario, 7, Instant::now())
    }

    fn answers(gate: &mut Gate, asked: usize) -> Vec<Answer> {
        (0..asked).map(|_| gate.pass(GET, Some("customers"), Instant::now()).answer).collect()
    }

    #[test]
    fn scripted_answers_come_in_their_order_and_then_the_usual_ones() {
        let mut gate = gate(
            "[[answers]]\noperation = \"GetMatchingJob\"\nanswer = \"throttled\"\ntimes = 2\n\
             [[answers]]\noperation = \"GetMatchingJob\"\nanswer = \"genuine\"\n\
             [[answers]]\noperation = \"GetMatchingJob\"\nanswer = { throttled-retry-after = { millis = 5 } }",
        );
        use Answer::{Genuine, Throttled, ThrottledRetryAfter};
        let wanted = [Throttled, Throttled, Genuine, ThrottledRetryAfter { millis: 5 }, Genuine];
        assert_eq!(answers(&mut gate, 5), wanted);
    }

    #[test]
    fn a_script_for_one_operation_leaves_the_others_alone() {
        let mut gate =
            gate("[[answers]]\noperation = \"ListMatchingJobs\"\nanswer = \"empty\"\ntimes = 1");
        assert_eq!(answers(&mut gate, 1), [Answer::Genuine]);
    }

    #[test]
    fn each_fault_strikes_its_share_of_requests() {
        let mut gate = gate(
            "[faults]\nerror_500 = 0.1\nreset = 0.2\nstall = 0.05\nmalformed = 0.15\nlost = 0.1",
        );
        let all = answers(&mut gate, 20_000);
        for (answer, share) in [
            (Answer::Error500, 0.1),
            (Answer::Reset, 0.2),
            (Answer::Stall, 0.05),
            (Answer::Malformed, 0.15),
            (Answer::Lost, 0.1),
            (Answer::Genuine, 0.4),
        ] {
            let count = all.iter().filter(|found| **found == answer).count();
            let found = f64::from(u32::try_from(count).unwrap()) / 20_000.0;
            assert!((found - share).abs() < 0.01, "{answer:?}: {found}");
        }
    }

    #[test]
    fn a_denial_covers_what_it_names_and_no_more() {
        let mut gate =
            gate("[[denials]]\noperation = \"GetMatchingJob\"\nworkflow = \"customers\"");
        let mut answer =
            |operation, workflow| gate.pass(operation, workflow, Instant::now()).answer;
        assert_eq!(answer(GET, Some("customers")), Answer::AccessDenied);
        assert_eq!(answer(GET, Some("suppliers")), Answer::Genuine);
        assert_eq!(answer(Operation::ListMatchingJobs, Some("customers")), Answer::Genuine);
    }
}
