use std::time::Duration;

use proptest::prelude::*;

use super::super::chance::Distribution;
use super::super::scenario::RunningAtOnce;
use super::super::spec::{ResolutionType, WorkflowSpec};
use super::*;

const SECOND: Millis = 1_000;

fn seconds(seconds: u64) -> Distribution {
    Distribution::Fixed(Duration::from_secs(seconds))
}

fn scenario(workflows: Vec<WorkflowSpec>) -> Scenario {
    Scenario { workflows, ..Scenario::default() }
}

fn customers(duration: Distribution) -> Scenario {
    scenario(vec![WorkflowSpec::named(Kind::Matching, "customers", duration)])
}

fn world(scenario: &Scenario) -> World {
    World::new(scenario, 7, 0).unwrap()
}

fn start(world: &mut World, at: Millis) -> String {
    world.advance(at);
    world.start(Kind::Matching, "customers", None, None).unwrap().id.clone()
}

fn statuses(world: &mut World, at: Millis) -> Vec<Status> {
    world.advance(at);
    world.jobs().iter().map(|job| job.status).collect()
}

use Status::{Failed, Queued, Running, Succeeded};

#[test]
fn one_job_runs_and_the_others_wait_in_their_order() {
    let mut world = world(&customers(seconds(10)));
    for _ in 0..3 {
        start(&mut world, 0);
    }
    assert_eq!(statuses(&mut world, 9_999), [Running, Queued, Queued]);
    assert_eq!(statuses(&mut world, 10_000), [Succeeded, Running, Queued]);
    assert_eq!(statuses(&mut world, 25_000), [Succeeded, Succeeded, Running]);
    let instants: Vec<_> = world.jobs().iter().map(|job| (job.began_at, job.ended_at)).collect();
    let at = |seconds: Millis| Some(seconds * SECOND);
    assert_eq!(instants, [(at(0), at(10)), (at(10), at(20)), (at(20), None)]);
}

#[test]
fn matching_a_providers_matching_and_id_mapping_do_not_wait_for_each_other() {
    let mut provider = WorkflowSpec::named(Kind::Matching, "provider", seconds(10));
    provider.resolution_type = ResolutionType::Provider;
    let names =
        [(Kind::Matching, "customers"), (Kind::Matching, "provider"), (Kind::IdMapping, "ids")];
    let mut world = world(&scenario(vec![
        WorkflowSpec::named(Kind::Matching, "customers", seconds(10)),
        provider,
        WorkflowSpec::named(Kind::IdMapping, "ids", seconds(10)),
    ]));
    for (kind, name) in names {
        world.start(kind, name, None, None).unwrap();
    }
    assert_eq!(statuses(&mut world, 1), [Running, Running, Running]);
}

#[test]
fn a_job_of_no_length_ends_as_it_begins_and_one_that_never_ends_runs_on() {
    let mut at_once = world(&customers(seconds(0)));
    start(&mut at_once, 5);
    assert_eq!(at_once.jobs()[0].ended_at, Some(5));
    let mut never = world(&customers(Distribution::Never));
    start(&mut never, 0);
    assert_eq!(statuses(&mut never, 1_000 * DAY), [Running]);
}

#[test]
fn initial_jobs_have_a_past_in_which_they_took_their_turns() {
    let mut scenario = customers(seconds(60));
    for ago in [90, 100] {
        let submitted_ago = Duration::from_secs(ago);
        let job = JobSpec { submitted_ago, ..JobSpec::of(Kind::Matching, "customers") };
        scenario.jobs.push(job);
    }
    let world = World::new(&scenario, 7, 1_000 * SECOND).unwrap();
    let first = &world.jobs()[0];
    let second = &world.jobs()[1];
    assert_eq!((first.submitted_at, first.ended_at), (900 * SECOND, Some(960 * SECOND)));
    assert_eq!((second.submitted_at, second.began_at), (910 * SECOND, Some(960 * SECOND)));
    assert_eq!(second.status, Running);
}

#[test]
fn a_job_that_control_ends_makes_room_for_the_next() {
    let mut world = world(&customers(Distribution::Never));
    let first = start(&mut world, 0);
    start(&mut world, 0);
    world.advance(5_000);
    let change = StatusChange {
        error_message: Some("no such table".to_owned()),
        ..StatusChange::from(Failed)
    };
    world.hold(&first, change).unwrap();
    assert_eq!(statuses(&mut world, 5_000), [Failed, Running]);
    assert_eq!(world.jobs()[0].error_message.as_deref(), Some("no such table"));
    assert_eq!(world.jobs()[0].ended_at, Some(5_000));
}

#[test]
fn control_holds_a_job_where_it_wants_even_backwards() {
    let mut world = world(&customers(seconds(10)));
    let id = start(&mut world, 0);
    world.advance(20_000);
    for status in [Running, Queued, Succeeded] {
        world.hold(&id, status.into()).unwrap();
        assert_eq!(statuses(&mut world, 60_000), [status]);
        assert_eq!(world.jobs()[0].ended_at.is_some(), status.is_terminal());
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let mut world = world(&customers(seconds(10)));
    let id = start(&mut world, 0);
    assert!(world.start(Kind::IdMapping, "customers", None, None).is_err());
    assert!(world.hold("none", Running.into()).is_err());
    let again = JobSpec { job_id: Some(id), ..JobSpec::of(Kind::Matching, "customers") };
    assert!(world.add(&again).is_err());
    let submitted_ago = Duration::from_secs(1);
    let late = JobSpec { submitted_ago, ..JobSpec::of(Kind::Matching, "customers") };
    assert!(world.add(&late).is_err());
    assert!(world.add(&JobSpec { status: Some(Running), ..late }).is_ok());
}

#[test]
fn the_share_of_jobs_that_fail_is_the_one_that_was_asked_for() {
    let mut scenario = customers(seconds(0));
    scenario.workflows[0].failure_rate = 0.3.try_into().unwrap();
    let mut world = world(&scenario);
    for _ in 0..10_000 {
        start(&mut world, 0);
    }
    let failed = world.jobs().iter().filter(|job| job.status == Failed).count();
    assert!((2_850..=3_150).contains(&failed), "{failed}");
}

#[test]
fn what_another_workflow_does_changes_nothing_about_a_job() {
    let duration = Distribution::Exponential { mean: Duration::from_secs(60) };
    let both = scenario(vec![
        WorkflowSpec::named(Kind::Matching, "customers", duration),
        WorkflowSpec::named(Kind::Matching, "suppliers", duration),
    ]);
    let (mut alone, mut busy) = (world(&both), world(&both));
    busy.start(Kind::Matching, "suppliers", None, None).unwrap();
    let id = start(&mut alone, 0);
    assert_eq!(start(&mut busy, 0), id);
    let runs_for = |world: &World| world.any_job(&id).unwrap().fate.runs_for;
    assert_eq!(runs_for(&alone), runs_for(&busy));
}

/// Job starts at non-decreasing instants, in milliseconds.
fn arrivals() -> impl Strategy<Value = Vec<Millis>> {
    prop::collection::vec(0..120_000_i64, 1..40).prop_map(|mut instants| {
        instants.sort_unstable();
        instants
    })
}

fn busy_scenario(at_once: usize) -> Scenario {
    let mut scenario =
        customers(Distribution::Lognormal { median: Duration::from_secs(8), sigma: 1.0 });
    scenario.workflows[0].failure_rate = 0.5.try_into().unwrap();
    scenario.running_at_once = RunningAtOnce::new(at_once);
    scenario
}

/// Everything that a job's history is.
fn history(world: &World) -> Vec<(String, Option<Millis>, Option<Millis>, Status)> {
    let of = |job: &Job| (job.id.clone(), job.began_at, job.ended_at, job.status);
    world.jobs().iter().map(of).collect()
}

proptest! {
    #[test]
    fn a_history_is_the_same_however_often_somebody_looks(
        arrivals in arrivals(),
        at_once in 1..4_usize,
        looks in prop::collection::vec(0..600_000_i64, 0..60),
    ) {
        let scenario = busy_scenario(at_once);
        let (mut watched, mut left_alone) = (world(&scenario), world(&scenario));
        let mut looks = looks;
        looks.sort_unstable();
        let mut looks = looks.into_iter().peekable();
        for at in arrivals {
            while let Some(look) = looks.next_if(|look| *look <= at) {
                watched.advance(look);
            }
            start(&mut watched, at);
            start(&mut left_alone, at);
        }
        for look in looks {
            watched.advance(look);
        }
        watched.advance(600_000);
        left_alone.advance(600_000);
        prop_assert_eq!(history(&watched), history(&left_alone));
    }

    #[test]
    fn no_more_jobs_run_than_may_and_none_waits_while_there_is_room(
        arrivals in arrivals(),
        at_once in 1..4_usize,
    ) {
        let mut world = world(&busy_scenario(at_once));
        for at in arrivals {
            start(&mut world, at);
            let statuses = statuses(&mut world, at);
            let count = |status| statuses.iter().filter(|found| **found == status).count();
            prop_assert!(count(Running) <= at_once);
            prop_assert!(count(Queued) == 0 || count(Running) == at_once);
        }
    }

    #[test]
    fn statuses_only_go_forward_and_jobs_begin_in_the_order_of_their_submission(
        arrivals in arrivals(),
        at_once in 1..4_usize,
    ) {
        let mut world = world(&busy_scenario(at_once));
        for at in arrivals {
            start(&mut world, at);
        }
        let mut before = statuses(&mut world, 0);
        for at in (0..600_000).step_by(500) {
            let now = statuses(&mut world, at);
            for (earlier, later) in before.iter().zip(&now) {
                prop_assert!(earlier == later || (earlier < later && !earlier.is_terminal()));
            }
            before = now;
        }
        let begun: Vec<_> = world.jobs().iter().filter_map(|job| job.began_at).collect();
        prop_assert!(begun.is_sorted());
    }
}

/// A workflow whose jobs others start, a minute apart on average, for an hour.
fn started_by_others() -> Scenario {
    let mut customers = WorkflowSpec::named(Kind::Matching, "customers", seconds(10));
    customers.starts_every = Some(Distribution::Exponential { mean: Duration::from_secs(60) });
    let mut suppliers = WorkflowSpec::named(Kind::Matching, "suppliers", seconds(20));
    suppliers.starts_every = Some(Distribution::Fixed(Duration::from_secs(90)));
    let starts_for = Some(Duration::from_secs(3_600));
    Scenario { starts_for, ..scenario(vec![customers, suppliers]) }
}

#[test]
fn others_start_jobs_at_their_times_and_cease_at_the_end() {
    let mut world = world(&started_by_others());
    world.advance(7_200 * SECOND);
    let started = |name: &str| -> Vec<_> {
        let workflow = world.find(Kind::Matching, name).unwrap();
        let jobs = world.workflows()[workflow].jobs.iter();
        jobs.map(|index| world.jobs()[*index].submitted_at / SECOND).collect()
    };
    let every_90_s: Vec<_> = (1..=40).map(|number| number * 90).collect();
    assert_eq!(started("suppliers"), every_90_s);
    let at_random = started("customers");
    assert!((40..80).contains(&at_random.len()), "{at_random:?}");
    assert!(at_random.is_sorted() && at_random.iter().all(|at| *at <= 3_600), "{at_random:?}");
    assert!(world.jobs().iter().all(|job| job.status == Succeeded));
}

proptest! {
    #[test]
    fn what_others_start_does_not_depend_on_who_looks_when(looks in prop::collection::vec(0..400_000i64, 0..40)) {
        let lives = |world: &World| -> Vec<_> {
            let life = |job: &Job| (job.id.clone(), job.submitted_at, job.began_at, job.ended_at);
            world.jobs().iter().map(life).collect()
        };
        let (mut seldom, mut often) = (world(&started_by_others()), world(&started_by_others()));
        seldom.advance(7_200 * SECOND);
        let mut at = 0;
        for look in looks {
            at += look;
            often.advance(at.min(7_200 * SECOND));
        }
        often.advance(7_200 * SECOND);
        prop_assert_eq!(lives(&seldom), lives(&often));
    }
}

#[test]
fn others_start_no_job_of_a_workflow_that_is_gone() {
    let mut scenario = customers(seconds(1));
    scenario.workflows[0].starts_every = Some(seconds(10));
    let mut world = world(&scenario);
    world.advance(15_000);
    world.remove_workflow(Kind::Matching, "customers").unwrap();
    world.advance(100_000);
    assert_eq!(world.jobs().len(), 1);
    world.add_workflow(&scenario.workflows[0]).unwrap();
    world.advance(115_000);
    assert_eq!(world.jobs().len(), 2);
    assert_ne!(world.jobs()[0].id, world.jobs()[1].id);
}
