//! Which keys there are, and what they mean. docs/configuration.md tells the same to people.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::DeValue;

use super::names::Names;
use super::section::Section;
use super::settings::{Followed, LogFormat, LogSettings, Outbox, Polling, Settings, StoreSettings};
use super::suggest::instead;
use super::value::{
    Read, ca_bundle, duration, listen_address, number, one_of, path, text, whole_number,
};
use super::{accounts, alarms, notifiers, watches};
use crate::backoff::Policy;
use crate::domain::AlarmRules;
use crate::store::SqliteConfig;
use crate::tls::CaBundle;
use crate::{deliver, watch};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Requests a second that may be asked for.
pub(super) const RATES: RangeInclusive<f64> = 0.1..=100.0;

/// Times between two looks for new jobs that may be asked for.
pub(super) const LOOKS: RangeInclusive<Duration> = SECOND..=HOUR;

/// Reads the whole configuration.
pub(super) fn settings(mut root: Section<'_>) -> Settings {
    let log = log(root.section("log", "[log]"));
    let http_listen = http(root.section("http", "[http]"));
    let ca_bundle = tls(root.section("tls", "[tls]"));
    let (store, retain) = store(root.section("store", "[store]"));
    let (watch, request_timeout) = poll(root.section("poll", "[poll]"));
    let alarms = alarms::alarms(root.section("alarms", "[alarms]"));
    let discovery_interval = discovery(root.section("discovery", "[discovery]"));
    let deliver = deliver(root.section("deliver", "[deliver]"));
    let shutdown_grace = serve(root.section("serve", "[serve]"));
    let (accounts, account_names) = accounts::accounts(root.sections("account", "[[account]]"));
    let (notifiers, filters, notifier_names) =
        notifiers::notifiers(root.sections("notifier", "[[notifier]]"), &account_names);
    let watches = watches::watches(
        root.sections("watch", "[[watch]]"),
        &account_names,
        &notifier_names,
        alarms,
    );
    if watches.is_empty() {
        root.warn_of_all("[[watch]]", "there is none: nothing is watched");
    }
    for filter in &filters {
        filter.warn_of_vain(&root, &accounts, &watches);
    }
    root.finish();
    Settings {
        log,
        http_listen,
        ca_bundle,
        store,
        retain,
        watch,
        request_timeout,
        discovery_interval,
        deliver,
        shutdown_grace,
        accounts,
        watches,
        notifiers,
    }
}

/// Reads only what says which jobs are followed, and where: nobody is told, so the notifiers do not matter.
pub(super) fn followed(mut root: Section<'_>) -> Followed {
    let ca_bundle = tls(root.section("tls", "[tls]"));
    let (accounts, account_names) = accounts::accounts(root.sections("account", "[[account]]"));
    let notifiers = Names::not_read("notifier");
    let watches = watches::watches(
        root.sections("watch", "[[watch]]"),
        &account_names,
        &notifiers,
        AlarmRules::NONE,
    );
    Followed { ca_bundle, accounts, watches }
}

/// Reads only where events wait, who works on them and for whom.
pub(super) fn outbox(mut root: Section<'_>) -> Outbox {
    let (store, _) = store(root.section("store", "[store]"));
    let notifiers = notifiers::names(root.sections("notifier", "[[notifier]]"));
    Outbox { store, http_listen: listen(root), notifiers }
}

/// Reads only when jobs are asked about, and where it is kept what was learned of them.
pub(super) fn polling(mut root: Section<'_>) -> Polling {
    let (store, _) = store(root.section("store", "[store]"));
    let (watch, _) = poll(root.section("poll", "[poll]"));
    let (accounts, _) = accounts::accounts(root.sections("account", "[[account]]"));
    Polling { store, watch, accounts }
}

/// Reads only where the daemon listens.
pub(super) fn listen(mut root: Section<'_>) -> Option<SocketAddr> {
    root.section("http", "[http]").get("listen", listen_address).flatten()
}

fn log(mut section: Section<'_>) -> LogSettings {
    let formats = [("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json)];
    let log = LogSettings {
        filter: section.get("filter", log_filter).unwrap_or_else(|| "info".to_owned()),
        format: section.get("format", one_of(&formats)).unwrap_or(LogFormat::Auto),
    };
    section.finish();
    log
}

/// A level, or `target=level`, separated by commas.
fn log_filter(value: &DeValue<'_>) -> Read<String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let filter = text(value)?;
    // Directives on spans have a grammar of their own.
    if !filter.contains('[') {
        for directive in filter.split(',') {
            let level = directive.rsplit('=').next().unwrap_or_default().trim();
            if !LEVELS.contains(&level.to_lowercase().as_str()) {
                let instead = instead(level, &LEVELS, "known are");
                return Err(format!(
                    "unknown level `{level}`{instead} (for one part of the program: `target=level`)"
                ));
            }
        }
    }
    match tracing_subscriber::EnvFilter::try_new(filter) {
        Ok(_) => Ok(filter.to_owned()),
        Err(error) => Err(format!("is no filter: {error}; write a level, as in \"info\"")),
    }
}

fn http(mut section: Section<'_>) -> Option<SocketAddr> {
    let listen = section.get("listen", listen_address).flatten();
    section.finish();
    listen
}

fn tls(mut section: Section<'_>) -> Option<CaBundle> {
    let ca_bundle = section.get("ca_bundle", ca_bundle);
    section.finish();
    ca_bundle
}

fn store(mut section: Section<'_>) -> (StoreSettings, Duration) {
    #[derive(Clone, Copy, PartialEq)]
    enum Type {
        Memory,
        Sqlite,
    }
    let types = [("sqlite", Type::Sqlite), ("memory", Type::Memory)];
    let store_type = section.get("type", one_of(&types)).unwrap_or(Type::Sqlite);
    let sqlite = SqliteConfig {
        path: section.get("path", path).unwrap_or_else(|| "matchwatch.db".into()),
        lock_timeout: section
            .get("lock_timeout", duration(Duration::ZERO..=DAY))
            .unwrap_or(30 * SECOND),
    };
    let retain = section.get("retain", duration(HOUR..=100 * YEAR)).unwrap_or(90 * DAY);
    if store_type == Type::Memory {
        for key in ["path", "lock_timeout"].into_iter().filter(|key| section.has(key)) {
            section.warn(&section.span_of(key), key, "has no effect with `type = \"memory\"`");
        }
    }
    section.finish();
    let store = match store_type {
        Type::Memory => StoreSettings::Memory,
        Type::Sqlite => StoreSettings::Sqlite(sqlite),
    };
    (store, retain)
}

fn poll(mut section: Section<'_>) -> (watch::Config, Duration) {
    let interval = || duration(SECOND..=10 * MINUTE);
    let watch = watch::Config {
        call_worth: section.get("call_worth", duration(MILLISECOND..=HOUR)).unwrap_or(SECOND),
        min_interval: section.get("min_interval", interval()).unwrap_or(SECOND),
        max_interval: section.get("max_interval", interval()).unwrap_or(10 * MINUTE),
        backoff: backoff(&mut section, SECOND, 2 * MINUTE),
        get_rate: section.get("get_rate", number(RATES)).unwrap_or(5.0),
        list_rate: section.get("list_rate", number(RATES)).unwrap_or(2.5),
        concurrency: section.get("concurrency", whole_number(1..=1_000)).unwrap_or(32),
        not_found_grace: section
            .get("not_found_grace", duration(Duration::ZERO..=YEAR))
            .unwrap_or(10 * MINUTE),
    };
    let request_timeout = section
        .get("request_timeout", duration(MILLISECOND..=10 * MINUTE))
        .unwrap_or(crate::source::Config::DEFAULT_REQUEST_TIMEOUT);
    if watch.min_interval > watch.max_interval {
        let key = if section.has("max_interval") { "max_interval" } else { "min_interval" };
        let text = "`max_interval` is shorter than `min_interval`; make it at least as long";
        section.does_not_fit(&section.span_of(key), key, text);
    }
    section.finish();
    (watch, request_timeout)
}

fn discovery(mut section: Section<'_>) -> Duration {
    let interval = section.get("interval", duration(LOOKS)).unwrap_or(30 * SECOND);
    section.finish();
    interval
}

fn deliver(mut section: Section<'_>) -> deliver::Config {
    let deliver = deliver::Config {
        backoff: backoff(&mut section, SECOND, 10 * MINUTE),
        max_retry_after: section.get("max_retry_after", duration(SECOND..=YEAR)).unwrap_or(HOUR),
        give_up_after: section.get("give_up_after", duration(SECOND..=YEAR)).unwrap_or(3 * DAY),
        concurrency: section.get("concurrency", whole_number(1..=1_000)).unwrap_or(8),
    };
    section.finish();
    deliver
}

fn backoff(section: &mut Section<'_>, initial: Duration, max: Duration) -> Policy {
    let read = || duration(MILLISECOND..=DAY);
    let policy = Policy {
        initial: section.get("backoff_initial", read()).unwrap_or(initial),
        max: section.get("backoff_max", read()).unwrap_or(max),
    };
    if policy.initial > policy.max {
        let key = if section.has("backoff_max") { "backoff_max" } else { "backoff_initial" };
        let text = "`backoff_max` is shorter than `backoff_initial`; make it at least as long";
        section.does_not_fit(&section.span_of(key), key, text);
    }
    policy
}

fn serve(mut section: Section<'_>) -> Duration {
    let grace =
        section.get("shutdown_grace", duration(Duration::ZERO..=HOUR)).unwrap_or(10 * SECOND);
    section.finish();
    grace
}
