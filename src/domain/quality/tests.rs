use proptest::prelude::*;
use serde_json::json;

use super::*;

fn metrics(input: i64, unprocessed: i64, match_ids: i64) -> JobMetrics {
    JobMetrics {
        input_records: Some(input),
        total_records_processed: Some(input - unprocessed),
        records_not_processed: Some(unprocessed),
        match_ids: Some(match_ids),
        ..JobMetrics::default()
    }
}

fn at_most(amount: &str) -> Gates {
    Gates { max_unprocessed: Some(amount.parse().unwrap()), ..Gates::default() }
}

/// What the failures say.
fn told(failures: Vec<GateFailure>) -> Vec<String> {
    failures.into_iter().map(|failure| failure.message).collect()
}

#[test]
fn a_job_within_its_gates_passes_and_one_beyond_them_is_told_by_how_much() {
    let gates = Gates { min_match_ids: Some(100), min_processed: Some(500), ..at_most("5%") };
    assert_eq!(gates.check(Some(&metrics(1_000, 50, 100))), []);
    assert_eq!(
        told(gates.check(Some(&metrics(1_000, 600, 99)))),
        [
            "600 of 1000 records (60%) were not processed, and max_unprocessed is 5%",
            "99 match ids were generated, and min_match_ids is 100",
            "400 records were processed, and min_processed is 500",
        ]
    );
}

#[test]
fn a_number_of_records_needs_no_input_records() {
    let metrics = JobMetrics { records_not_processed: Some(13), ..JobMetrics::default() };
    assert_eq!(at_most("13").check(Some(&metrics)), []);
    assert_eq!(
        told(at_most("12").check(Some(&metrics))),
        ["13 records were not processed, and max_unprocessed is 12"]
    );
}

#[test]
fn what_the_service_did_not_say_fails_the_gate_that_needs_it_and_no_other() {
    let all = Gates { min_match_ids: Some(1), min_processed: Some(0), ..at_most("5%") };
    let unknown = [
        "the service did not say recordsNotProcessed, and max_unprocessed is 5%",
        "the service did not say matchIDs, and min_match_ids is 1",
        "the service did not say totalRecordsProcessed, and min_processed is 0",
    ];
    assert_eq!(told(all.check(None)), unknown);
    assert_eq!(told(all.check(Some(&JobMetrics::default()))), unknown);
    assert_eq!(all.check(None)[0].actual, None);
    let no_input = JobMetrics { input_records: None, ..metrics(100, 1, 1) };
    assert_eq!(
        told(all.check(Some(&no_input))),
        ["the service did not say inputRecords, and max_unprocessed is 5%"]
    );
    let none_at_all = JobMetrics { input_records: None, ..metrics(100, 0, 1) };
    assert_eq!(all.check(Some(&none_at_all)), [], "0 is within every share of whatever");
    let nonsense = JobMetrics { match_ids: Some(-1), ..metrics(100, 0, 1) };
    assert_eq!(told(all.check(Some(&nonsense))), unknown[1..2]);
}

#[test]
fn a_job_without_input_has_left_nothing_unprocessed() {
    assert_eq!(at_most("0%").check(Some(&metrics(0, 0, 0))), []);
    let odd = at_most("100%").check(Some(&metrics(0, 3, 0)));
    assert_eq!(told(odd), ["3 of 0 records were not processed, and max_unprocessed is 100%"]);
}

#[test]
fn the_flags_that_are_given_go_before_what_the_watch_says() {
    let watch = Gates { min_match_ids: Some(1), ..at_most("5%") };
    let both = at_most("10%").or(watch);
    assert_eq!(both, Gates { min_match_ids: Some(1), ..at_most("10%") });
    assert!(Gates::default().is_empty() && !both.is_empty());
}

#[test]
fn amounts_are_written_as_they_are_read() {
    for text in ["5%", "0%", "100%", "0.25%", "33.3333%", "0", "1200", "18446744073709551615"] {
        let amount: Amount = text.parse().unwrap();
        assert_eq!(amount.to_string(), text);
        let json = serde_json::to_value(amount).unwrap();
        assert_eq!(json.is_string(), text.ends_with('%'));
        assert_eq!(serde_json::from_value::<Amount>(json).unwrap(), amount);
    }
    assert_eq!(" 2.50 % ".parse::<Amount>().unwrap().to_string(), "2.5%");
    for text in [
        "",
        "%",
        "-1",
        "-5%",
        "1.5",
        "100.0001%",
        "1e2%",
        ".5%",
        "5.%",
        "0.00001%",
        "+5%",
        "5 records",
    ] {
        assert_eq!(text.parse::<Amount>(), Err(NoAmount), "{text}");
    }
}

#[test]
fn a_failure_is_told_with_limit_and_actual_value() {
    let failures = at_most("0.5%").check(Some(&metrics(3, 1, 0)));
    assert_eq!(
        serde_json::to_value(failures).unwrap(),
        json!([{
            "gate": "max_unprocessed",
            "limit": "0.5%",
            "actual": "33.3334%",
            "message": "1 of 3 records (33.3334%) were not processed, and max_unprocessed is 0.5%",
        }])
    );
}

fn count() -> impl Strategy<Value = i64> {
    prop_oneof![0..20_i64, 0..=i64::MAX]
}

fn share() -> impl Strategy<Value = Share> {
    (0..=Share::WHOLE.millionths).prop_map(|millionths| Share { millionths })
}

proptest! {
    #[test]
    fn a_share_fails_exactly_where_more_than_it_is_left(
        share in share(), input in count(), unprocessed in count(),
    ) {
        let gates = Gates { max_unprocessed: Some(Amount::Share(share)), ..Gates::default() };
        let metrics = JobMetrics {
            input_records: Some(input),
            records_not_processed: Some(unprocessed),
            ..JobMetrics::default()
        };
        let failures = gates.check(Some(&metrics));
        // Whole numbers on both sides: no rounding.
        let allowed = i128::from(share.millionths) * i128::from(input);
        let is_more = i128::from(unprocessed) * 1_000_000 > allowed;
        prop_assert_eq!(!failures.is_empty(), is_more);
        // What is told never looks as if it were allowed.
        if let Some(Amount::Share(actual)) = failures.first().and_then(|failure| failure.actual) {
            prop_assert!(actual > share, "{} is told as {}", share, actual);
        }
    }

    #[test]
    fn more_unprocessed_never_passes_where_less_fails(
        limit in prop_oneof![share().prop_map(Amount::Share), any::<u64>().prop_map(Amount::Records)],
        input in count(), less in count(), more in count(),
    ) {
        prop_assume!(less <= more);
        let gates = Gates { max_unprocessed: Some(limit), ..Gates::default() };
        let fails = |unprocessed| {
            let records_not_processed = Some(unprocessed);
            let metrics =
                JobMetrics { input_records: Some(input), records_not_processed, ..JobMetrics::default() };
            !gates.check(Some(&metrics)).is_empty()
        };
        prop_assert!(fails(more) || !fails(less));
    }

    #[test]
    fn a_minimum_fails_exactly_below_it(limit in any::<u64>(), actual in count()) {
        let gates = Gates { min_match_ids: Some(limit), min_processed: Some(limit), ..Gates::default() };
        let metrics = JobMetrics {
            total_records_processed: Some(actual),
            match_ids: Some(actual),
            ..JobMetrics::default()
        };
        let expected = if i128::from(actual) < i128::from(limit) { 2 } else { 0 };
        prop_assert_eq!(gates.check(Some(&metrics)).len(), expected);
    }

    #[test]
    fn no_gate_means_no_failure(input in count(), unprocessed in count(), ids in count()) {
        prop_assert_eq!(Gates::default().check(Some(&metrics(input, unprocessed.min(input), ids))), []);
    }

    #[test]
    fn every_share_is_read_back(share in share()) {
        prop_assert_eq!(share.to_string().parse::<Share>(), Ok(share));
    }
}
