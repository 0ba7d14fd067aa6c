//! The state machine of a job: one pure, total function.

use super::job::{JobStatus, ObservedStatus};

/// An accepted change of a job's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The status known before; `None` when the job is seen for the first time.
    pub from: Option<JobStatus>,
    /// The status observed now.
    pub to: JobStatus,
    /// Statuses that the job must have passed through since, unseen, in their order.
    pub inferred: Vec<JobStatus>,
}

/// What an observation means for a job whose last known status is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The job is where it was.
    Unchanged,
    /// The job moved on.
    Transition(Transition),
    /// An older answer arrived late; it changes nothing.
    Stale,
    /// A status that this version does not know; it changes nothing.
    Unknown,
}

/// Says what `observed` means for a job whose last accepted status is `known`.
///
/// Jobs only move forward, QUEUED → RUNNING → SUCCEEDED or FAILED, and an end is final: whatever is
/// observed, a job has at most one transition into a terminal status and none out of it.
pub fn step(known: Option<JobStatus>, observed: &ObservedStatus) -> Step {
    let ObservedStatus::Known(to) = *observed else {
        return Step::Unknown;
    };
    match known {
        Some(from) if from == to => Step::Unchanged,
        Some(from) if from.rank() >= to.rank() => Step::Stale,
        from => Step::Transition(Transition { from, to, inferred: passed_between(from, to) }),
    }
}

/// The statuses that lie strictly between two others.
fn passed_between(from: Option<JobStatus>, to: JobStatus) -> Vec<JobStatus> {
    let reached = from.map_or(0, JobStatus::rank);
    [JobStatus::Queued, JobStatus::Running]
        .into_iter()
        .filter(|status| (reached + 1..to.rank()).contains(&status.rank()))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use JobStatus::{Failed, Queued, Running, Succeeded};

    fn observed() -> impl Strategy<Value = ObservedStatus> {
        prop_oneof![
            9 => prop::sample::select(&JobStatus::ALL[..]).prop_map(ObservedStatus::Known),
            1 => "[A-Z_]{1,12}".prop_map(|name| ObservedStatus::from(name.as_str())),
        ]
    }

    /// Every transition that a sequence of observations makes.
    fn run(observations: &[ObservedStatus]) -> Vec<Transition> {
        let mut known = None;
        let mut transitions = Vec::new();
        for observation in observations {
            if let Step::Transition(transition) = step(known, observation) {
                known = Some(transition.to);
                transitions.push(transition);
            }
        }
        transitions
    }

    #[test]
    fn the_table_of_the_design_holds_cell_by_cell() {
        let moved = |from, to, inferred: &[JobStatus]| {
            Step::Transition(Transition { from, to, inferred: inferred.to_vec() })
        };
        let table = [
            (None, Queued, moved(None, Queued, &[])),
            (None, Running, moved(None, Running, &[Queued])),
            (None, Succeeded, moved(None, Succeeded, &[Queued, Running])),
            (None, Failed, moved(None, Failed, &[Queued, Running])),
            (Some(Queued), Queued, Step::Unchanged),
            (Some(Queued), Running, moved(Some(Queued), Running, &[])),
            (Some(Queued), Succeeded, moved(Some(Queued), Succeeded, &[Running])),
            (Some(Queued), Failed, moved(Some(Queued), Failed, &[Running])),
            (Some(Running), Queued, Step::Stale),
            (Some(Running), Running, Step::Unchanged),
            (Some(Running), Succeeded, moved(Some(Running), Succeeded, &[])),
            (Some(Running), Failed, moved(Some(Running), Failed, &[])),
            (Some(Succeeded), Queued, Step::Stale),
            (Some(Succeeded), Running, Step::Stale),
            (Some(Succeeded), Succeeded, Step::Unchanged),
            (Some(Succeeded), Failed, Step::Stale),
            (Some(Failed), Queued, Step::Stale),
            (Some(Failed), Running, Step::Stale),
            (Some(Failed), Succeeded, Step::Stale),
            (Some(Failed), Failed, Step::Unchanged),
        ];
        for (known, to, expected) in table {
            assert_eq!(step(known, &ObservedStatus::Known(to)), expected, "{known:?} then {to}");
        }
    }

    #[test]
    fn a_status_of_a_newer_service_changes_nothing_from_any_state() {
        let newer = ObservedStatus::from("CANCELLED");
        for known in [None, Some(Queued), Some(Running), Some(Succeeded), Some(Failed)] {
            assert_eq!(step(known, &newer), Step::Unknown);
        }
    }

    proptest! {
        #[test]
        fn no_sequence_of_observations_ends_a_job_twice_or_moves_it_after_its_end(
            observations in prop::collection::vec(observed(), 0..40),
        ) {
            let transitions = run(&observations);
            let ends = transitions.iter().filter(|t| t.to.is_terminal()).count();
            prop_assert!(ends <= 1);
            prop_assert!(transitions.iter().all(|t| !t.from.is_some_and(JobStatus::is_terminal)));
        }

        #[test]
        fn transitions_chain_and_only_go_forward(
            observations in prop::collection::vec(observed(), 0..40),
        ) {
            let transitions = run(&observations);
            for pair in transitions.windows(2) {
                prop_assert_eq!(pair[1].from, Some(pair[0].to));
                prop_assert!(pair[1].to.rank() > pair[0].to.rank());
            }
        }

        #[test]
        fn told_and_inferred_statuses_together_are_the_whole_path(
            observations in prop::collection::vec(observed(), 0..40),
        ) {
            let path: Vec<u8> = run(&observations)
                .iter()
                .flat_map(|t| t.inferred.iter().copied().chain([t.to]))
                .map(JobStatus::rank)
                .collect();
            let whole: Vec<u8> = (1..=path.last().copied().unwrap_or(0)).collect();
            prop_assert_eq!(path, whole);
        }
    }
}
