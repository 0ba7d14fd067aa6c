//! Holds docs/operations.md and docs/alerts.yml to the metrics that the program has.

use std::collections::BTreeSet;

const SOURCE: &str = include_str!("../src/metrics.rs");
const OPERATIONS: &str = include_str!("../docs/operations.md");
const ALERTS: &str = include_str!("../docs/alerts.yml");

/// The names that `Metrics::new` registers, with the prefix of its registry.
fn registered() -> BTreeSet<String> {
    let names = SOURCE.split("&registry,").skip(1).filter_map(|call| {
        let name = call.trim_start().strip_prefix('"')?;
        Some(format!("matchwatch_{}", name.split('"').next()?))
    });
    names.collect()
}

#[test]
fn every_metric_has_its_row_in_operations_and_every_row_its_metric() {
    let documented: BTreeSet<String> = OPERATIONS
        .lines()
        .filter_map(|line| line.strip_prefix("| `matchwatch_"))
        .filter_map(|row| Some(format!("matchwatch_{}", row.split('`').next()?)))
        .collect();
    assert_eq!(documented, registered());
    assert!(documented.contains("matchwatch_requests_total"), "the names are not read any more");
}

#[test]
fn alerts_speak_of_metrics_that_exist() {
    let registered = registered();
    let words = ALERTS.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let named: BTreeSet<&str> = words.filter(|word| word.starts_with("matchwatch_")).collect();
    assert!(named.len() > 4, "the rules name hardly any metric: {named:?}");
    for metric in named {
        assert!(registered.contains(metric), "{metric} is not registered in src/metrics.rs");
    }
}
