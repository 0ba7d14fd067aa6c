//! The file that we ship, and the documentation, have every key and its default.

use std::collections::BTreeSet;
use std::path::Path;

use matchwatch::config::{Loaded, Settings, StoreSettings};
use matchwatch::store::SqliteConfig;

use super::{SHIPPED, parse, problems, secs, settings};

const DOCUMENTED: &str = include_str!("../../../docs/configuration.md");

/// The shipped file with every key in effect: a `#` without a space after it hides a key, not a comment.
fn uncommented(text: &str) -> String {
    let hidden = |line: &str| {
        line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).map(str::to_owned)
    };
    text.lines().map(|line| hidden(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
}

/// The keys that each section knows, as the message about an unknown one lists them.
fn known_keys() -> Vec<(String, String)> {
    let sections = [
        ("[log]", ""),
        ("[http]", ""),
        ("[tls]", ""),
        ("[store]", ""),
        ("[poll]", ""),
        ("[alarms]", ""),
        ("[discovery]", ""),
        ("[deliver]", ""),
        ("[serve]", ""),
        ("[[account]]", ""),
        ("[[watch]]", ""),
        ("[[notifier]]", "type = 'stdout'"),
        ("[[notifier]]", "type = 'webhook'\nurl = 'https://example.com'"),
        ("[[notifier]]", "type = 'sns'\ntopic_arn = 'arn:aws:sns:eu-west-1:123456789012:jobs'"),
        (
            "[[notifier]]",
            "type = 'sqs'\nqueue_url = 'https://sqs.eu-west-1.amazonaws.com/123456789012/jobs'",
        ),
        ("[[notifier]]", "type = 'eventbridge'"),
        ("[[notifier]]", "type = 'command'\ncommand = ['true']"),
    ];
    let mut keys = Vec::new();
    for (section, others) in sections {
        let told = problems(&format!("{section}\nqqqqqqqq = 1\n{others}\n"), &[]);
        let listed = told.iter().find_map(|told| told.split_once("known here are ")).unwrap().1;
        for key in listed.split(", ") {
            keys.push((section.to_owned(), key.trim_matches('`').to_owned()));
        }
    }
    keys
}

#[test]
fn the_shipped_file_is_right_as_it_is() {
    let Loaded { settings, warnings } = parse(SHIPPED).unwrap();
    assert_eq!(settings.http_listen, Some("127.0.0.1:9464".parse().unwrap()));
    let StoreSettings::Sqlite(sqlite) = settings.store else { panic!("{:?}", settings.store) };
    assert_eq!(sqlite.path, Path::new("/var/lib/matchwatch/matchwatch.db"));
    let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings, ["test.toml: [[watch]]: there is none: nothing is watched"]);
}

#[test]
fn what_the_shipped_file_shows_as_a_default_is_the_default() {
    let (sections, _examples) = SHIPPED.split_once("#[[account]]").unwrap();
    let shown = settings(&uncommented(sections), &[]);
    let defaults = settings("", &[]);
    let changed = Settings {
        http_listen: shown.http_listen,
        store: StoreSettings::Sqlite(SqliteConfig {
            path: "/var/lib/matchwatch/matchwatch.db".into(),
            lock_timeout: secs(30),
        }),
        ..defaults
    };
    assert_eq!(shown, changed);
}

#[test]
fn the_examples_of_the_shipped_file_lack_only_their_secrets() {
    for problem in problems(&uncommented(SHIPPED), &[]) {
        let is_missing_secret =
            problem.ends_with(" is not set") || problem.contains(" cannot be read: ");
        assert!(is_missing_secret, "{problem}");
    }
}

#[test]
fn the_shipped_file_and_the_documentation_have_every_key() {
    let tree: toml::Table = uncommented(SHIPPED).parse().unwrap();
    for (section, key) in known_keys() {
        let name = section.trim_matches(['[', ']']);
        let is_shipped = match &tree[name] {
            toml::Value::Array(entries) => entries.iter().any(|entry| entry.get(&key).is_some()),
            table => table.get(&key).is_some(),
        };
        assert!(is_shipped, "config/matchwatch.toml lacks {section} {key}");
        let index = if section.starts_with("[[") { "0__" } else { "" };
        let variable = format!("MATCHWATCH__{name}__{index}{key}").to_uppercase();
        let is_documented = DOCUMENTED.lines().any(|line| {
            line.starts_with(&format!("| `{key}` |")) && line.ends_with(&format!("`{variable}` |"))
        });
        assert!(is_documented, "docs/configuration.md lacks {section} {key}, {variable}");
    }
}

#[test]
fn the_documentation_has_no_key_that_there_is_not() {
    let known: BTreeSet<_> = known_keys()
        .into_iter()
        .map(|(section, key)| {
            let index = if section.starts_with("[[") { "0__" } else { "" };
            format!("MATCHWATCH__{}__{index}{key}", section.trim_matches(['[', ']'])).to_uppercase()
        })
        .collect();
    for line in DOCUMENTED.lines().filter(|line| line.ends_with("` |")) {
        let variable = line.trim_end_matches("` |").rsplit('`').next().unwrap();
        assert!(known.contains(variable), "{variable}");
    }
}
