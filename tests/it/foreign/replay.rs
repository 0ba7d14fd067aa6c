//! Tries again what was tried before.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::{fs, panic};

use super::{answers, configuration, database, receivers, requests};

const TARGETS: [&str; 5] = ["answers", "configuration", "database", "receivers", "requests"];

#[test]
fn whatever_the_configuration_says_it_is_refused_with_reasons_or_holds_together() {
    replay("configuration", configuration::check);
}

#[test]
fn whatever_the_service_answers_no_status_is_made_up_and_none_is_lost() {
    replay("answers", answers::check);
}

#[test]
fn whatever_the_daemon_is_asked_it_does_what_was_asked_or_says_why_not() {
    replay("requests", requests::check);
}

#[test]
fn whatever_the_database_holds_sound_events_get_through_and_damage_is_told() {
    replay("database", database::check);
}

#[test]
fn whatever_a_receiver_answers_it_is_judged_by_its_status_and_shows_no_secret() {
    replay("receivers", receivers::check);
}

#[test]
fn every_kind_of_input_has_its_corpus_and_its_fuzz_target() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpora = fs::read_dir(package.join("tests/corpus")).unwrap();
    let corpora: BTreeSet<_> = corpora.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(corpora, TARGETS.map(OsString::from).into());
    // It is no part of what is published.
    let Ok(manifest) = fs::read_to_string(package.join("fuzz/Cargo.toml")) else { return };
    let manifest: toml::Table = manifest.parse().unwrap();
    let bins = manifest["bin"].as_array().unwrap().iter();
    let bins: BTreeSet<_> = bins.map(|bin| OsString::from(bin["name"].as_str().unwrap())).collect();
    assert_eq!(bins, corpora);
}

/// Tries everything that tests/corpus holds for `target`, and names what breaks the property.
fn replay(target: &str, check: fn(&[u8])) {
    assert!(TARGETS.contains(&target));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target);
    let mut inputs = Vec::new();
    // `grown` holds what fuzzing found besides; the others have names that tell what they are about.
    for folder in [folder.join("grown"), folder] {
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        inputs.extend(files.filter(|path| path.is_file()));
    }
    inputs.retain(|input| {
        let input = fs::read(input).unwrap();
        panic::catch_unwind(|| check(&input)).is_err()
    });
    assert!(inputs.is_empty(), "what these hold is not borne: {inputs:#?}");
}
