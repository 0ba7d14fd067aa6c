//! Holds docs/operations.md and docs/alerts.yml to the metrics that the program has, and docs/guarantees.md to tests that
//! there are.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io};

const SOURCE: &str = include_str!("../src/metrics.rs");
const OPERATIONS: &str = include_str!("../docs/operations.md");
const ALERTS: &str = include_str!("../docs/alerts.yml");
const GUARANTEES: &str = include_str!("../docs/guarantees.md");

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
        let metric = metric.trim_end_matches("_bucket");
        assert!(registered.contains(metric), "{metric} is not registered in src/metrics.rs");
    }
}

#[test]
fn every_test_that_a_guarantee_names_is_there() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = BTreeSet::new();
    for folder in ["src", "tests"] {
        collect_functions(&root.join(folder), &mut tests)?;
    }
    let code = GUARANTEES.split('`').skip(1).step_by(2);
    let named: Vec<&str> = code
        .filter_map(|name| name.rsplit("::").next())
        .filter(|name| name.matches('_').count() > 3)
        .collect();
    assert!(named.len() > 20, "the names are not read any more: {named:?}");
    for name in named {
        assert!(tests.contains(name), "docs/guarantees.md names {name}, which is no test");
    }
    Ok(())
}

/// The names of all functions in the Rust files of a folder and those below it.
fn collect_functions(folder: &Path, names: &mut BTreeSet<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect_functions(&path, names)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)?;
            let functions = text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next());
            names.extend(functions.map(str::to_owned));
        }
    }
    Ok(())
}
