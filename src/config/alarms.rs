//! `[alarms]`, and what a `[[watch]]` says otherwise.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::DeValue;

use super::section::Section;
use super::value::{Read, duration, flag, number, whole_number};
use crate::domain::AlarmRules;

/// What switches a limit off.
const NEVER: &str = "never";
/// How long may be allowed.
const TIMES: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(365 * 24 * 60 * 60);
/// How many times what is usual.
const FACTORS: RangeInclusive<f64> = 1.0..=100.0;

/// Reads the rules for all watches.
pub(super) fn alarms(mut section: Section<'_>) -> AlarmRules {
    let mut rules = overridden(&mut section, AlarmRules::OF_DAEMON);
    if let Some(runs) = section.get("usual_needs_runs", whole_number(2..=100)) {
        rules.usual_needs_runs = runs;
    }
    section.finish();
    rules
}

/// `rules`, but where the section says otherwise.
pub(super) fn overridden(section: &mut Section<'_>, rules: AlarmRules) -> AlarmRules {
    let time = |section: &mut Section<'_>, key, otherwise| {
        section.get(key, or_never(duration(TIMES))).unwrap_or(otherwise)
    };
    let flag =
        |section: &mut Section<'_>, key, otherwise| section.get(key, flag).unwrap_or(otherwise);
    AlarmRules {
        queued_longer_than: time(section, "queued_longer_than", rules.queued_longer_than),
        running_longer_than: time(section, "running_longer_than", rules.running_longer_than),
        running_longer_than_usual: section
            .get("running_longer_than_usual", or_never(number(FACTORS)))
            .unwrap_or(rules.running_longer_than_usual),
        usual_needs_runs: rules.usual_needs_runs,
        lost: flag(section, "lost", rules.lost),
        access_denied: flag(section, "access_denied", rules.access_denied),
        watch_broken: flag(section, "watch_broken", rules.watch_broken),
    }
}

/// `"never"`, or what `read` reads.
fn or_never<T>(read: impl Fn(&DeValue<'_>) -> Read<T>) -> impl Fn(&DeValue<'_>) -> Read<Option<T>> {
    move |value| match value {
        DeValue::String(text) if text == NEVER => Ok(None),
        value => read(value).map(Some).map_err(|error| format!("{error}, or \"{NEVER}\"")),
    }
}
