//! Each of these would break the house; the checker must say so, and say which.

use super::*;

/// What the checker says of a file that holds `text`, in a crate that has one adapter a port.
fn checked(name: &str, text: &str) -> Vec<String> {
    let mut sources: Vec<(String, String)> = [
        ("notify/sns.rs", "impl super::Notifier for Sns {}"),
        ("source/entity_resolution.rs", "impl<'a> JobSource for EntityResolution<'a> {}"),
        ("store/sqlite.rs", "impl crate::store::Store for sql::SqliteStore {}"),
    ]
    .map(|(name, text)| (name.to_owned(), text.to_owned()))
    .to_vec();
    sources.push((name.to_owned(), text.to_owned()));
    let foreign = ["backoff", "jiff", "reqwest", "sqlx", "tokio", "uuid"];
    violations(&sources, &foreign.map(str::to_owned).into())
}

fn is_caught(name: &str, text: &str, named: &str) {
    let found = checked(name, text);
    assert_eq!(found.len(), 1, "{name}: {text}: {found:?}");
    assert!(found[0].contains(named), "{named} is not in {found:?}");
    assert!(found[0].starts_with(&format!("src/{name}:")), "{found:?}");
}

fn is_granted(name: &str, text: &str) {
    assert_eq!(checked(name, text), Vec::<String>::new(), "{name}: {text}");
}

#[test]
fn an_edge_between_ports_is_caught_however_it_is_written() {
    for text in [
        "use crate::notify::Outcome;",
        "use crate::{domain::JobKey, notify::{Notifier, Outcome as O}};",
        "use super::super::super::notify::Outcome;",
        "fn f() -> crate::notify::Outcome { todo!() }",
        "#[serde(deserialize_with = \"crate::notify::read\")] struct S;",
        "macro_rules! m { () => { $crate::notify::Outcome } }",
        "pub(in crate::notify) struct S;",
    ] {
        let found = checked("store/sqlite/rows.rs", text);
        assert!(!found.is_empty(), "{text}");
        assert!(found.iter().all(|why| why.contains("store may not import notify")), "{found:?}");
    }
}

#[test]
fn the_halves_do_not_know_each_other() {
    is_caught("watch/poller.rs", "use crate::deliver::Config;", "deliver::Config");
    is_caught("watch/poller.rs", "use crate::notify::Notifier;", "notify::Notifier");
    is_caught("deliver/worker.rs", "use crate::watch::Config;", "watch::Config");
    is_caught("deliver/worker.rs", "use crate::source::JobSource;", "source::JobSource");
    is_granted("deliver/worker.rs", "use crate::{backoff, notify::Notifier, store::Store};");
}

#[test]
fn a_leaf_imports_leaves_alone() {
    is_caught("secret.rs", "use crate::domain::JobKey;", "domain::JobKey");
    is_granted("metrics.rs", "use crate::duration::display;");
}

#[test]
fn only_app_names_an_adapter() {
    is_caught("watch/poller.rs", "use crate::store::SqliteStore;", "SqliteStore");
    is_caught("watch/poller.rs", "use crate::store; fn f(_: store::SqliteStore) {}", "SqliteStore");
    is_caught("cli/wait.rs", "use crate::source::EntityResolution as Source;", "EntityResolution");
    is_caught("deliver/worker.rs", "use crate::notify::*;", "notify::*");
    is_granted("app.rs", "use crate::{source::EntityResolution, notify::{Notifier, Sns}};");
    is_granted("cli/wait.rs", "use crate::source::SourceError;");
}

#[test]
fn config_takes_config_types_and_nothing_else_from_a_port() {
    is_granted("config/read.rs", "use crate::notify; type A = notify::SnsConfig;");
    is_caught("config/read.rs", "use crate::notify; type A = notify::Outcome;", "Outcome");
    is_caught("config/read.rs", "use crate::app::run;", "app::run");
}

#[test]
fn only_the_command_line_uses_app() {
    is_caught("http/server.rs", "use crate::app::App;", "app::App");
    is_caught("main.rs", "use matchwatch::app::App;", "app::App");
    is_granted("cli/serve.rs", "use crate::app::App;");
}

#[test]
fn nothing_gets_a_second_name_at_the_crate_root() {
    is_caught("lib.rs", "pub use domain::JobKey; mod domain;", "domain::JobKey");
    is_caught("watch/poller.rs", "use crate::JobKey;", "JobKey");
}

#[test]
fn a_module_that_is_not_on_the_map_is_caught() {
    let found = checked("helpers/mod.rs", "");
    assert_eq!(found, ["src/helpers/mod.rs: module helpers is not on the map"]);
}

#[test]
fn a_foreign_crate_outside_its_file_is_caught_and_a_module_of_its_name_is_not() {
    is_caught("watch/poller.rs", "use ::backoff::ExponentialBackoff;", "crate backoff");
    is_caught("watch/poller.rs", "fn f(_: backoff::ExponentialBackoff) {}", "crate backoff");
    is_granted("watch/poller.rs", "use crate::backoff; fn f(_: backoff::Policy) {}");
    is_caught("source/mod.rs", "use sqlx;", "crate sqlx");
    is_caught("http/server.rs", "async fn f() { reqwest::get(\"u\").await }", "crate reqwest");
    is_granted("notify/webhook/client.rs", "use reqwest::Client;");
    is_caught("notify/webhooks.rs", "use reqwest::Client;", "crate reqwest");
}

#[test]
fn the_domain_knows_no_runtime() {
    is_caught("domain/job.rs", "use tokio::time::Instant;", "crate tokio");
    is_caught("domain/job.rs", "#[tokio::main] async fn f() {}", "crate tokio");
    is_granted("domain/job.rs", "use jiff::Timestamp; use std::fmt; use uuid::Uuid;");
}

#[test]
fn tests_may_use_adapters_and_other_crates_and_end_where_they_end() {
    let tests = "#[cfg(test)] mod tests { use crate::store::SqliteStore; use reqwest::Client; }";
    is_granted("watch/poller.rs", tests);
    let after = format!("{tests}\nuse crate::store::SqliteStore;");
    is_caught("watch/poller.rs", &after, "src/watch/poller.rs:2: ");
    let text = "#[cfg(test)] mod tests { use crate::deliver::Config; }";
    is_caught("watch/poller.rs", text, "deliver::Config");
}

#[test]
fn a_test_module_in_a_file_of_its_own_is_a_test_too() {
    let sources = [
        ("store/mod.rs", "#[cfg(test)] #[path = \"x\"] mod conformance; impl Store for Memory {}"),
        ("store/conformance.rs", "use reqwest::Client;"),
    ]
    .map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(violations(&sources, &["reqwest".to_owned()].into()), Vec::<String>::new());
}

#[test]
fn comments_and_literals_import_nothing() {
    is_granted(
        "domain/job.rs",
        r####"
        //! [`crate::deliver`] /* crate::a */
        /* crate::notify /* crate::watch */ crate::app */
        fn f<'a>(_: &'a str) -> char { g("see crate::app \" crate::x", r#"crate::a " crate::b"#, b'\'', '"') }
        const C: [char; 2] = ['\u{41}', '\\'];
        "####,
    );
    is_caught("domain/job.rs", "const Q: char = '\"'; use crate::app::App;", "app::App");
}
