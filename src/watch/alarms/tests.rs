use proptest::prelude::*;

use super::*;
use crate::domain::JobKey;
use JobStatus::{Failed, Queued, Running, Succeeded};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn rules() -> AlarmRules {
    AlarmRules {
        queued_longer_than: Some(secs(3_600)),
        running_longer_than: Some(secs(7_200)),
        running_longer_than_usual: Some(1.5),
        usual_needs_runs: 10,
        ..AlarmRules::NONE
    }
}

fn timed(status: JobStatus, usual: Option<Usual>) -> Timed {
    let (elapsed, counted_from) = (Duration::ZERO, CountedFrom::FirstSeen);
    Timed { status, elapsed, since: at(0), counted_from, usual }
}

/// The job after so many seconds.
fn after(job: Timed, seconds: u64) -> Timed {
    Timed { elapsed: secs(seconds), ..job }
}

const fn usual(p95: u64, runs: usize) -> Option<Usual> {
    Some(Usual { p95: secs(p95), runs })
}

/// The names of what is overdue at this second, and when to look again.
fn judged(rules: &AlarmRules, job: Timed, second: u64) -> (Vec<AlarmName>, Option<Duration>) {
    let judged = judge(rules, after(job, second));
    (judged.overdue.into_iter().map(|overdue| overdue.name).collect(), judged.again_in)
}

#[test]
fn a_job_is_overdue_from_its_limit_on_and_not_a_moment_before() {
    let job = timed(Queued, None);
    assert_eq!(judged(&rules(), job, 0), (vec![], Some(secs(3_600))));
    assert_eq!(judged(&rules(), job, 3_599), (vec![], Some(secs(1))));
    assert_eq!(judged(&rules(), job, 3_600), (vec![AlarmName::QueuedTooLong], None));
}

#[test]
fn each_limit_of_a_job_at_work_counts_for_itself() {
    let job = timed(Running, usual(600, 10));
    assert_eq!(judged(&rules(), job, 100), (vec![], Some(secs(800))));
    let unusual = AlarmName::RunningLongerThanUsual;
    assert_eq!(judged(&rules(), job, 900), (vec![unusual], Some(secs(6_300))));
    assert_eq!(judged(&rules(), job, 7_200), (vec![AlarmName::RunningTooLong, unusual], None));
}

#[test]
fn few_runs_say_nothing_of_what_is_usual() {
    let job = timed(Running, usual(600, 9));
    assert_eq!(judged(&rules(), job, 5_000), (vec![], Some(secs(2_200))));
    assert_eq!(judged(&rules(), timed(Running, None), 5_000), (vec![], Some(secs(2_200))));
}

#[test]
fn who_sets_no_limit_is_told_of_none() {
    for status in JobStatus::ALL {
        for rules in [AlarmRules::NONE, AlarmRules::OF_DAEMON] {
            assert_eq!(
                judge(&rules, after(timed(status, usual(1, 99)), 1_000_000)),
                Judged::default()
            );
        }
    }
    for status in [Succeeded, Failed] {
        assert_eq!(
            judge(&rules(), after(timed(status, usual(1, 99)), 1_000_000)),
            Judged::default()
        );
    }
}

#[test]
fn what_is_overdue_says_by_how_much_and_since_when() {
    let overdue = judge(&rules(), after(timed(Queued, None), 3_725)).overdue.remove(0);
    assert_eq!(overdue.message, "queued for 1h 2m 5s, and 1h is allowed");
    assert_eq!(
        overdue.facts,
        AlarmFacts {
            status: Some(Queued),
            since: Some(at(0)),
            counted_from: Some(CountedFrom::FirstSeen),
            elapsed_seconds: Some(3_725.0),
            limit_seconds: Some(3_600.0),
            ..AlarmFacts::default()
        }
    );
    let overdue = judge(&rules(), after(timed(Running, usual(600, 12)), 901)).overdue.remove(0);
    assert_eq!(
        overdue.message,
        "running for 15m 1s, and 15m is allowed: 1.5 times the 10m within which 95 of 100 jobs of the workflow end, by 12 \
         past runs"
    );
    let facts = overdue.facts;
    assert_eq!(
        (facts.usual_seconds, facts.factor, facts.past_runs),
        (Some(600.0), Some(1.5), Some(12))
    );
    assert_eq!(facts.limit_seconds, Some(900.0));
}

proptest! {
    #[test]
    fn the_next_look_finds_what_this_one_did_not(
        queued in prop::option::of(1_u64..10_000),
        running in prop::option::of(1_u64..10_000),
        factor in prop::option::of(1.0..10.0_f64),
        p95 in 1_u64..10_000,
        is_queued in any::<bool>(),
        second in 0..20_000_u64,
    ) {
        let rules = AlarmRules {
            queued_longer_than: queued.map(secs),
            running_longer_than: running.map(secs),
            running_longer_than_usual: factor,
            ..AlarmRules::NONE
        };
        let job = timed(if is_queued { Queued } else { Running }, usual(p95, 50));
        let now = judge(&rules, after(job, second));
        if let Some(again_in) = now.again_in {
            let at = |elapsed| judge(&rules, Timed { elapsed, ..job });
            let then = at(secs(second) + again_in);
            prop_assert!(then.overdue.len() > now.overdue.len());
            let before = again_in.saturating_sub(Duration::from_millis(1));
            prop_assert_eq!(at(secs(second) + before).overdue.len(), now.overdue.len());
        }
        let limits = if is_queued { [queued.is_some(), false] } else { [running.is_some(), factor.is_some()] };
        let limits = limits.into_iter().filter(|set| *set).count();
        prop_assert!(now.overdue.len() == limits || now.again_in.is_some());
    }
}

fn alarm(name: AlarmName, second: i64) -> Alarm {
    let job = JobKey {
        account: "main".into(),
        kind: crate::domain::JobKind::Matching,
        workflow_name: "customers".into(),
        job_id: "0123".into(),
    };
    let key = AlarmKey { name, subject: job.into() };
    Alarm::new(key, "eu-west-1".to_owned(), at(second), "so".to_owned(), AlarmFacts::default())
}

#[test]
fn an_alarm_is_written_down_once_however_often_it_is_found() {
    let mut alarms = Alarms::new(vec![alarm(AlarmName::Lost, 0)]);
    assert!(alarms.raise(alarm(AlarmName::Lost, 5)).is_none(), "open before the start");
    let long = alarm(AlarmName::QueuedTooLong, 5);
    assert_eq!(alarms.raise(long.clone()).unwrap().alarm, long);
    assert!(alarms.raise(alarm(AlarmName::QueuedTooLong, 6)).is_none());

    let mut resolve = |name, second| {
        let subject = || long.key.subject.clone();
        alarms.resolve(name, subject, (at(second), "over"))
    };
    let entry = resolve(AlarmName::QueuedTooLong, 9).unwrap();
    assert_eq!((entry.alarm, entry.resolved), (long.clone(), Some((at(9), "over".to_owned()))));
    assert!(resolve(AlarmName::QueuedTooLong, 10).is_none());
    // The occurrence that was open before the start is the one that is over, and not before it began.
    let entry = resolve(AlarmName::Lost, -7).unwrap();
    assert_eq!((entry.alarm.raised_at, entry.resolved.unwrap().0), (at(0), at(0)));
}
