//! Tries again what was tried before.

use std::path::Path;
use std::{fs, panic};

use super::{answers, configuration, database, receivers, requests};

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

/// Tries everything that tests/corpus holds for `target`, and names what breaks the property.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target);
    let mut inputs: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "{} is empty", folder.display());
    inputs.retain(|input| {
        let input = fs::read(input).unwrap();
        panic::catch_unwind(|| check(&input)).is_err()
    });
    assert!(inputs.is_empty(), "what these hold is not borne: {inputs:#?}");
}
