use proptest::prelude::*;

use super::*;

const UNSPREAD: f64 = 0.5;
const SECOND: Duration = Duration::from_secs(1);
const FREE: Limits = Limits { shortest: Duration::ZERO, longest: Duration::MAX };

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// `count` run times around `middle` seconds, scattered over `spread` e-folds.
fn around(middle: f64, spread: f64, count: usize) -> Vec<Duration> {
    let mut state = 7_u64;
    let mut scattered = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    (0..count).map(|_| seconds(middle * (spread * scattered()).exp())).collect()
}

fn next(run_times: &RunTimes, elapsed: f64) -> f64 {
    run_times.next_delay(seconds(elapsed), SECOND, Limits::default(), UNSPREAD).as_secs_f64()
}

/// Ages at which a job of `run_time` is asked about, until it is known to have ended.
fn asked(run_times: &RunTimes, run_time: f64) -> Vec<f64> {
    let mut asked = Vec::new();
    let mut age = 0.0;
    while age < run_time {
        age += next(run_times, age);
        asked.push(age);
    }
    asked
}

fn cost(run_times: &RunTimes, run_time: f64) -> f64 {
    let asked = asked(run_times, run_time);
    asked[asked.len() - 1] - run_time + asked.len() as f64
}

#[test]
fn constant_hazard_is_asked_at_the_interval_of_the_square_root() {
    // Over a cell of a thousandth of an e-fold the hazard is all but constant.
    for (age, rate) in [(900.0, 1.0 / 900.0), (3_600.0, 1.0 / 200.0), (60.0, 0.2)] {
        let hazard = hazard::Hazard::new(f64::ln(age), 10.0, 0.1, vec![(rate * age) as f32].into());
        let (elapsed, worth) = (age * 1.000_001, 1e-6 * age);
        let wait = hazard.balance(elapsed, worth, 600.0);
        let keller = (2.0 * worth / rate).sqrt();
        assert!((wait / keller - 1.0).abs() < 2e-3, "{wait} against {keller}");
    }
}

#[test]
fn a_job_of_a_workflow_never_seen_is_asked_at_squares_of_a_steadily_growing_root() {
    let never_seen = RunTimes::default();
    let roots: Vec<f64> = asked(&never_seen, 3_600.0).iter().map(|age| age.sqrt()).collect();
    for pair in roots.windows(2) {
        let step = pair[1] - pair[0];
        assert!((0.9..1.05).contains(&step), "{roots:?}");
    }
    assert!((55..=62).contains(&roots.len()), "{}", roots.len());
}

#[test]
fn with_regular_jobs_nothing_is_asked_until_one_may_have_ended() {
    let run_times = RunTimes::learn(&around(480.0, 0.2, 30), &[]);
    let asked = asked(&run_times, 480.0);
    let early = asked.iter().filter(|age| **age < 400.0).count();
    assert!(early <= 2 && asked.len() <= 9, "{asked:?}");
    assert!(cost(&run_times, 480.0) < 0.5 * cost(&RunTimes::default(), 480.0));
}

#[test]
fn between_the_peaks_of_a_two_peaked_workflow_hardly_anything_is_asked() {
    let (short, long) = (around(300.0, 0.1, 40), around(1_200.0, 0.1, 40));
    let either = |run: usize| if run * run % 7 < 4 { short[run] } else { long[run] };
    let run_times = RunTimes::learn(&(0..40).map(either).collect::<Vec<_>>(), &[]);
    let asked = asked(&run_times, 1_200.0);
    let count = |from: f64, to: f64| asked.iter().filter(|age| (from..to).contains(*age)).count();
    assert!(count(400.0, 1_000.0) <= 2 && count(250.0, 400.0) >= 3, "{asked:?}");
}

#[test]
fn one_stray_run_changes_little() {
    let usual = around(600.0, 0.3, 29);
    let with = |stray: f64| {
        let mut past = usual.clone();
        past.insert(20, seconds(stray));
        RunTimes::learn(&past, &[])
    };
    let (plain, longer, shorter) = (RunTimes::learn(&usual, &[]), with(86_400.0), with(2.0));
    for run_time in [550.0, 600.0, 660.0] {
        for strayed in [&longer, &shorter] {
            let (strayed, plain) = (cost(strayed, run_time), cost(&plain, run_time));
            assert!(strayed < 1.25 * plain + 2.0, "{strayed} against {plain}");
        }
    }
}

#[test]
fn newer_runs_count_more_than_older_ones() {
    let (short, long) = (around(300.0, 0.3, 5), around(1_200.0, 0.3, 5));
    let now_long = RunTimes::learn(&[short.clone(), long.clone()].concat(), &[]);
    let now_short = RunTimes::learn(&[long, short].concat(), &[]);
    let median = |run_times: &RunTimes| run_times.usually_within(0.5).unwrap();
    assert!(median(&now_long) > median(&now_short));
}

#[test]
fn ten_jobs_after_their_durations_tripled_the_old_ones_are_all_but_forgotten() {
    let mut past = around(300.0, 0.4, 30);
    past.extend(around(900.0, 0.4, 10));
    let run_times = RunTimes::learn(&past, &[]);
    let settled = RunTimes::learn(&around(900.0, 0.4, 40), &[]);
    assert!(cost(&run_times, 900.0) < 1.5 * cost(&settled, 900.0));
    assert!((600.0..1_100.0).contains(&run_times.usually_within(0.5).unwrap().as_secs_f64()));
}

#[test]
fn a_job_that_runs_longer_than_all_before_makes_longer_jobs_expected() {
    let past = around(600.0, 0.5, 12);
    let (alone, beside) = (RunTimes::learn(&past, &[]), RunTimes::learn(&past, &[seconds(900.0)]));
    for elapsed in [0.0, 300.0, 550.0, 700.0] {
        assert!(next(&beside, elapsed) >= next(&alone, elapsed), "at {elapsed}");
        assert!(
            beside.remaining(seconds(elapsed), 0.5) > alone.remaining(seconds(elapsed), 0.5),
            "at {elapsed}"
        );
    }
}

#[test]
fn jobs_that_run_are_learned_from_before_any_has_ended() {
    let run_times = RunTimes::learn(&[], &[seconds(3_000.0), seconds(4_000.0)]);
    assert!(next(&run_times, 500.0) > 2.0 * next(&RunTimes::default(), 500.0));
    assert_eq!(run_times.eta(seconds(500.0)), None);
}

#[test]
fn a_job_older_than_all_that_is_known_is_asked_about_as_if_never_seen() {
    let run_times = RunTimes::learn(&around(300.0, 0.3, 30), &[]);
    assert!((next(&run_times, 20_000.0) - next(&RunTimes::default(), 20_000.0)).abs() < 0.01);
}

#[test]
fn an_eta_is_told_with_its_spread_and_only_where_runs_are_known() {
    let run_times = RunTimes::learn(&around(600.0, 0.4, 30), &[]);
    let eta = run_times.eta(seconds(120.0)).unwrap();
    let (p10, p50, p90) = (eta.p10.as_secs(), eta.p50.as_secs(), eta.p90.as_secs());
    assert!((370..430).contains(&p10) && (450..510).contains(&p50), "{eta:?}");
    assert!((540..640).contains(&p90), "{eta:?}");
    assert_eq!(RunTimes::default().eta(seconds(120.0)), None);
    assert_eq!(RunTimes::default().usually_within(0.95), None);
}

#[test]
fn a_queued_job_behind_a_runner_costs_almost_no_calls() {
    let run_times = RunTimes::learn(&around(3_600.0, 0.4, 30), &[]);
    let mut age = Duration::ZERO;
    let mut calls = 0;
    while age < seconds(3_600.0) {
        let ahead = Ahead::Runner { run_times: &run_times, elapsed: age, between: 0, surely: true };
        age += queued_delay(age, ahead, SECOND, Limits::default(), UNSPREAD);
        calls += 1;
    }
    assert!(calls <= 8, "{calls}");
}

#[test]
fn whether_a_queued_job_has_begun_beside_the_runner_is_looked_now_and_then() {
    let run_times = RunTimes::learn(&around(14_400.0, 0.1, 30), &[]);
    let mut asked_at = vec![Duration::ZERO];
    while let Some(&age) = asked_at.last().filter(|age| age.as_secs() < 3_600) {
        let ahead =
            Ahead::Runner { run_times: &run_times, elapsed: age, between: 0, surely: false };
        asked_at.push(age + queued_delay(age, ahead, SECOND, Limits::default(), UNSPREAD));
    }
    assert!((10..=20).contains(&asked_at.len()), "{asked_at:?}");
    // One that has waited for ten minutes, and begins then, is seen to have within four.
    let gaps = asked_at.windows(2).filter(|pair| pair[0].as_secs() < 600);
    assert!(gaps.map(|pair| pair[1] - pair[0]).all(|gap| gap < seconds(240.0)), "{asked_at:?}");
}

#[test]
fn a_queued_job_is_asked_about_later_the_more_wait_before_it_and_by_the_prior_where_none_is_seen() {
    let run_times = RunTimes::learn(&around(60.0, 0.2, 30), &[]);
    let behind = |between| {
        let ahead =
            Ahead::Runner { run_times: &run_times, elapsed: seconds(30.0), between, surely: true };
        queued_delay(seconds(10.0), ahead, SECOND, Limits::default(), UNSPREAD)
    };
    assert!(behind(0) < behind(1) && behind(1) < behind(4));
    assert!((25..60).contains(&behind(0).as_secs()), "{:?}", behind(0));
    let unseen = queued_delay(seconds(10.0), Ahead::Unseen, SECOND, Limits::default(), UNSPREAD);
    assert_eq!(unseen.as_secs_f64(), next(&RunTimes::default(), 10.0));
}

#[test]
fn a_forecast_tells_what_the_plan_costs_beside_a_fixed_interval() {
    let run_times = RunTimes::learn(&around(900.0, 0.4, 30), &[]);
    let until = run_times.longest_known().unwrap();
    let forecast = |plan: Plan| plan.forecast(&run_times).unwrap();
    let ours = forecast(Plan::learned(&run_times, SECOND, Limits::default(), until));
    let fixed = forecast(Plan::fixed(seconds(30.0), until));
    assert!((fixed.delay.as_secs_f64() - 15.0).abs() < 1.0, "{fixed:?}");
    assert!((fixed.calls - 30.5).abs() < 1.5, "{fixed:?}");
    assert!(ours.cost(SECOND) < 0.75 * fixed.cost(SECOND), "{ours:?} {fixed:?}");
    assert!(ours.delay < ours.delay_p95, "{ours:?}");
    let dear = forecast(Plan::learned(&run_times, seconds(20.0), Limits::default(), until));
    assert!(dear.calls < 0.5 * ours.calls && dear.delay > ours.delay, "{dear:?}");
    assert_eq!(Plan::fixed(SECOND, until).forecast(&RunTimes::default()), None);
}

#[test]
fn runs_of_one_length_or_none_at_all_are_no_trouble() {
    for past in [vec![Duration::ZERO; 40], vec![seconds(77.0); 40], vec![Duration::MAX; 3]] {
        let run_times = RunTimes::learn(&past, &[Duration::MAX, Duration::ZERO]);
        for elapsed in [Duration::ZERO, seconds(77.0), Duration::MAX] {
            let delay = run_times.next_delay(elapsed, SECOND, Limits::default(), UNSPREAD);
            assert!((MIN_INTERVAL..=MAX_INTERVAL).contains(&delay));
            assert!(run_times.remaining(elapsed, 0.5) <= Duration::MAX);
        }
    }
}

/// Any duration, as often tiny as huge.
fn any_duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::MAX),
        (-7.0..19.0_f64).prop_map(|power| seconds(10_f64.powf(power))),
    ]
}

fn usual_duration() -> impl Strategy<Value = Duration> {
    (0.5..4.5_f64).prop_map(|power| seconds(10_f64.powf(power)))
}

fn any_run_times() -> impl Strategy<Value = RunTimes> {
    let past =
        prop_oneof![
            prop::collection::vec(any_duration(), 0..80),
            prop::collection::vec(usual_duration(), 0..80),
            (usual_duration(), 0.001..1.0_f64, 1..80_usize)
                .prop_map(|(middle, spread, count)| around(middle.as_secs_f64(), spread, count)),
        ];
    (past, prop::collection::vec(usual_duration(), 0..3))
        .prop_map(|(past, running)| RunTimes::learn(&past, &running))
}

proptest! {
    #[test]
    fn every_delay_lies_within_the_limits_whatever_is_known_and_asked(
        run_times in any_run_times(),
        elapsed in any_duration(),
        call_worth in any_duration(),
        shortest in any_duration(),
        longest in any_duration(),
        random in 0.0..=1.0_f64,
        between in 0..1_000_usize,
    ) {
        let limits = Limits { shortest: shortest.min(longest), longest: shortest.max(longest) };
        let delay = run_times.next_delay(elapsed, call_worth, limits, random);
        prop_assert!((limits.shortest..=limits.longest).contains(&delay));
        let behind = |surely| Ahead::Runner { run_times: &run_times, elapsed, between, surely };
        for ahead in [Ahead::Unseen, behind(true), behind(false)] {
            let delay = queued_delay(elapsed, ahead, call_worth, limits, random);
            prop_assert!((limits.shortest..=limits.longest).contains(&delay));
        }
    }

    #[test]
    fn a_dearer_call_never_shortens_a_delay_and_neither_does_a_higher_draw(
        run_times in any_run_times(),
        elapsed in usual_duration(),
        cheap in 0.001..1e4_f64,
        dearer in 1.0..10.0_f64,
        random in 0.0..1.0_f64,
    ) {
        let delay = |worth, random| {
            run_times.next_delay(elapsed, seconds(worth), Limits::default(), random).as_secs_f64()
        };
        let slack = 1.0 + 1e-4;
        prop_assert!(delay(cheap, random) <= slack * delay(cheap * dearer, random));
        prop_assert!(delay(cheap, 0.0) <= slack * delay(cheap, random));
        prop_assert!(delay(cheap, random) <= slack * delay(cheap, 1.0));
    }

    #[test]
    fn a_moment_later_the_next_question_is_put_no_earlier_by_more_than_that_moment_allows(
        run_times in any_run_times(),
        elapsed in 1.0..1e5_f64,
    ) {
        // Continuous: a thousandth of the age moves the delay by little, up to where hazard itself jumps.
        let (now, later) = (next(&run_times, elapsed), next(&run_times, elapsed * 1.001));
        prop_assert!((later - now).abs() <= 0.1 * now + 0.05 * elapsed.min(600.0) + 0.5, "{now} {later}");
    }

    #[test]
    fn a_workflow_never_seen_knows_no_unit_of_time(
        elapsed in 0.0..1e5_f64,
        worth in 0.01..100.0_f64,
        scale in 0.01..100.0_f64,
    ) {
        let delay = |elapsed: f64, worth: f64| {
            RunTimes::default().next_delay(seconds(elapsed), seconds(worth), FREE, UNSPREAD)
        };
        let scaled = delay(elapsed * scale, worth * scale).as_secs_f64();
        prop_assert!((scaled / (scale * delay(elapsed, worth).as_secs_f64()) - 1.0).abs() < 1e-4);
    }

    #[test]
    fn what_is_left_of_a_job_grows_with_the_probability_asked_for(
        run_times in any_run_times(),
        elapsed in any_duration(),
        share in 0.01..0.5_f64,
    ) {
        let remaining = |share| run_times.remaining(elapsed, share);
        prop_assert!(remaining(share) <= remaining(2.0 * share));
    }

    #[test]
    fn the_delay_is_the_one_at_which_the_expected_delay_saved_is_worth_the_call(
        run_times in any_run_times(),
        elapsed in 1.0..1e4_f64,
        worth in 0.1..10.0_f64,
    ) {
        let wait = run_times.hazard().balance(elapsed, worth, 1e6);
        // ∫₀^Δ h(t + u)(Δ − u) du = ∫₀^Δ H(t, t + v) dv, by small steps.
        const STEPS: u32 = 4_000;
        let risk = |upto: f64| -(-run_times.hazard().ends_before(elapsed, elapsed + upto)).ln_1p();
        let step = wait / f64::from(STEPS);
        let saved: f64 = (0..STEPS).map(|n| step * risk((f64::from(n) + 0.5) * step)).sum();
        if wait < 1e6 && elapsed > worth {
            prop_assert!((saved / worth - 1.0).abs() < 1e-2, "{saved} {worth}");
        }
    }
}
