//! The configuration: the bytes of a file and, behind a NUL each, `NAME=value` of the environment.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use matchwatch::config::{self, Loaded, NotifierAdapter, Problem, Problems};
use tempfile::NamedTempFile;
use toml::{Table, Value};

/// Stands for a secret wherever it is written.
const PLANTED: &str = "whsec_pLANTED";

pub(crate) fn check(input: &[u8]) {
    let mut parts = input.split(|byte| *byte == 0);
    let text = parts.next().unwrap_or_default();
    let environment = environment(parts);
    let file = NamedTempFile::new().expect("a temporary file");
    fs::write(&file, text).expect("a file that can be written");
    let path = file.path();
    let loaded = config::load(path, environment.clone());
    assert_eq!(loaded, config::load(path, environment.clone()), "read twice, it says two things");
    let shows_no_secret = |shown: String| {
        let planted = || shown.contains(PLANTED) && !shown_by_right(text, &environment);
        assert!(!planted(), "the secret is shown: {shown}");
    };
    match &loaded {
        Ok(loaded) => {
            holds_together(loaded);
            parts_agree(loaded, path, &environment);
            shows_no_secret(format!("{loaded:?}"));
            told_in_lines(&loaded.warnings, text, path, &environment);
        }
        Err(problems) => {
            told_whole(problems);
            told_in_lines(problems.list(), text, path, &environment);
            shows_no_secret(format!("{problems} {problems:?}"));
            // What reads only a part may accept it, or refuse it for fewer reasons.
            let parts = [
                config::load_followed(path, environment.clone()).err(),
                config::load_listen(path, environment.clone()).err(),
                config::load_outbox(path, environment.clone()).err(),
            ];
            for refused in parts.iter().flatten() {
                told_whole(refused);
                shows_no_secret(format!("{refused} {refused:?}"));
            }
        }
    }
}

/// The environment of a process: each name once, all of it text.
fn environment<'a>(variables: impl Iterator<Item = &'a [u8]>) -> Vec<(String, String)> {
    let mut names = BTreeSet::new();
    variables
        .filter_map(|variable| std::str::from_utf8(variable).ok()?.split_once('='))
        .filter(|(name, _)| names.insert(name.to_owned()))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A refusal has a reason, and each reason has its line.
fn told_whole(problems: &Problems) {
    let count = problems.list().len();
    assert!(count > 0, "refused without a reason");
    let shown = problems.to_string();
    assert_eq!(shown.lines().count(), count + 1, "a problem is not one line: {shown:?}");
    assert!(shown.ends_with(&problems.summary()));
    assert!(problems.summary().starts_with(&count.to_string()));
}

/// Each is one line that names a place which there is.
fn told_in_lines(told: &[Problem], text: &[u8], path: &Path, environment: &[(String, String)]) {
    let lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
    for problem in told {
        let shown = problem.to_string();
        assert!(!shown.contains(char::is_control), "a problem is not one clean line: {shown:?}");
        let Some(place) = shown.strip_prefix(&path.display().to_string()) else {
            let named = |(name, _): &(String, String)| shown.contains(clean(name).as_str());
            assert!(environment.iter().any(named), "no such place: {shown}");
            continue;
        };
        let mut numbers = place.trim_start_matches(':').split(':').map(str::parse::<usize>);
        if let (Some(Ok(line)), Some(Ok(column))) = (numbers.next(), numbers.next()) {
            assert!((1..=lines.len()).contains(&line), "no such line: {shown}");
            let characters = String::from_utf8_lossy(lines[line - 1]).chars().count();
            assert!((1..=characters + 1).contains(&column), "no such column: {shown}");
        }
    }
}

/// As a line shows it.
fn clean(name: &str) -> String {
    name.chars().take_while(|c| !c.is_control()).collect()
}

/// What is accepted can be run: names are found, numbers are within their bounds.
fn holds_together(loaded: &Loaded) {
    let settings = &loaded.settings;
    let rates = 0.1..=100.0;
    let of_accounts = settings.accounts.iter().flat_map(|a| [a.get_rate, a.list_rate]).flatten();
    for rate in of_accounts.chain([settings.watch.get_rate, settings.watch.list_rate]) {
        assert!(rates.contains(&rate), "a rate out of bounds: {rate}");
    }
    for backoff in [settings.watch.backoff, settings.deliver.backoff] {
        assert!(!backoff.initial.is_zero() && backoff.initial <= backoff.max, "{backoff:?}");
    }
    assert!(settings.watch.concurrency > 0 && settings.deliver.concurrency > 0);
    let watch = &settings.watch;
    assert!(!watch.min_interval.is_zero() && watch.min_interval <= watch.max_interval);
    assert!(!watch.call_worth.is_zero() && !settings.request_timeout.is_zero());
    let accounts: BTreeSet<_> = settings.accounts.iter().map(|account| &account.name).collect();
    let notifiers: BTreeSet<_> = settings.notifiers.iter().map(|notifier| &notifier.name).collect();
    assert_eq!(accounts.len(), settings.accounts.len(), "two accounts of one name");
    assert_eq!(notifiers.len(), settings.notifiers.len(), "two notifiers of one name");
    assert!(!accounts.is_empty() && !notifiers.is_empty());
    let mut followed = BTreeSet::new();
    for watch in &settings.watches {
        assert!(accounts.contains(&watch.account), "a watch of no account");
        assert!(watch.notifiers.iter().all(|name| notifiers.contains(name)), "no such notifier");
        assert!(watch.job_ids.is_empty() == watch.discovery.is_some(), "nothing to follow");
        assert!(!watch.workflow_name.is_empty());
        for id in &watch.job_ids {
            assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
            let job = (&watch.account, watch.kind, &watch.workflow_name, id);
            assert!(followed.insert(job), "one job, two watches");
        }
    }
    for notifier in &settings.notifiers {
        let timeout = match &notifier.adapter {
            NotifierAdapter::Stdout => continue,
            NotifierAdapter::Webhook(webhook) => webhook.timeout,
            NotifierAdapter::Sns(sns) => sns.aws.timeout,
            NotifierAdapter::Sqs(sqs) => sqs.aws.timeout,
            NotifierAdapter::EventBridge(bridge) => bridge.aws.timeout,
            NotifierAdapter::Command(command) => command.timeout,
        };
        assert!(!timeout.is_zero(), "no time for an attempt");
    }
}

/// What `serve` accepts, the commands beside it accept, and they understand the same.
fn parts_agree(loaded: &Loaded, path: &Path, environment: &[(String, String)]) {
    let settings = &loaded.settings;
    let followed = config::load_followed(path, environment.to_vec()).expect("accepted by serve");
    assert_eq!(followed.accounts, settings.accounts);
    // Who waits for a job raises no alarms.
    let mut watches = settings.watches.clone();
    for (watch, followed) in watches.iter_mut().zip(&followed.watches) {
        watch.alarms = followed.alarms;
    }
    assert_eq!(followed.watches, watches);
    assert_eq!(followed.ca_bundle, settings.ca_bundle);
    let listen = config::load_listen(path, environment.to_vec()).expect("accepted by serve");
    assert_eq!(listen, settings.http_listen);
    let outbox = config::load_outbox(path, environment.to_vec()).expect("accepted by serve");
    assert_eq!(outbox.store, settings.store);
    assert_eq!(outbox.http_listen, settings.http_listen);
    let names: Vec<_> = settings.notifiers.iter().map(|notifier| &notifier.name).collect();
    assert_eq!(outbox.notifiers.iter().collect::<Vec<_>>(), names);
}

/// Whether the planted secret stands, in part at least, where no secret belongs, or where it cannot be told.
fn shown_by_right(text: &[u8], environment: &[(String, String)]) -> bool {
    let text = String::from_utf8_lossy(text);
    if !text.contains(PLANTED) && !environment.iter().any(|(_, value)| value.contains(PLANTED)) {
        return true;
    }
    let hidden_in_file = match text.parse::<Table>() {
        Ok(table) => notifiers(&table).map(of_notifier).sum(),
        Err(_) => 0,
    };
    let all_hidden = hidden_in_file == text.matches(PLANTED).count()
        && environment.iter().all(|(name, value)| {
            let all = name.matches(PLANTED).count() + value.matches(PLANTED).count();
            all == 0 || all == of_variable(name, value)
        });
    !all_hidden
}

fn notifiers(table: &Table) -> impl Iterator<Item = &Table> {
    match table.get("notifier") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_table).collect(),
        Some(Value::Table(table)) => vec![table],
        _ => Vec::new(),
    }
    .into_iter()
}

fn of_notifier(notifier: &Table) -> usize {
    notifier.iter().filter(|(key, _)| is_secret(key)).map(|(_, value)| hidden(value)).sum()
}

fn is_secret(key: &str) -> bool {
    matches!(key, "url" | "secrets" | "headers" | "template_secrets")
}

/// How often the secret is hidden in the values of what is written under a secret key. The path of a file is shown.
fn hidden(value: &Value) -> usize {
    match value {
        Value::String(text) => text.matches(PLANTED).count(),
        Value::Array(list) => list.iter().map(hidden).sum(),
        Value::Table(table) => {
            table.iter().filter(|(key, _)| *key != "file").map(|(_, value)| hidden(value)).sum()
        }
        _ => 0,
    }
}

fn of_variable(name: &str, value: &str) -> usize {
    let name = name.to_lowercase();
    let parts: Vec<_> = name.split("__").collect();
    match parts.as_slice() {
        ["matchwatch", "notifier", index, key, rest @ ..]
            if index.parse::<usize>().is_ok() && is_secret(key) && !rest.contains(&"file") =>
        {
            match format!("value = {value}").parse::<Table>() {
                Ok(table) => table.values().map(hidden).sum(),
                Err(_) => value.matches(PLANTED).count(),
            }
        }
        _ => 0,
    }
}
