//! `matchwatch check`

pub(super) mod online;

use std::borrow::Cow;
use std::io::Write as _;

use super::config_args::ConfigArgs;
use super::{Exit, Failure};
use crate::aws::Aws;
use crate::config::{
    AccountSettings, NotifierAdapter, NotifierSettings, Settings, StoreSettings, WatchSettings,
};
use crate::domain::{JobKind, Start};
use crate::duration;

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Try it out besides: look at the database, ask AWS about each account and each watched job, and send each
    /// notifier a test event (type dev.matchwatch.test.v1). Without this, nothing is sent anywhere
    #[arg(long)]
    online: bool,
}

const AFTER_HELP: &str = "\
Exit codes:
  0    all is well
  1    a notifier cannot deliver (--online)
  2    the configuration is wrong, or the database cannot be used (--online)
  4    credentials or access (--online)
  5    a watched job is not there (--online)
  6    AWS gives no answer (--online)
With several the worst counts: 2, 4, 5, 6, 1.

MATCHWATCH_LOG=debug in the environment shows each request on standard error (--online).";

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let loaded = args.config.load()?;
    for warning in &loaded.warnings {
        super::tell(format_args!("warning: {warning}"));
    }
    if let Some(warning) = warning_about_disk(&loaded.settings.store) {
        super::tell(format_args!("warning: {warning}"));
    }
    Aws::trusting(loaded.settings.ca_bundle.as_ref()).map_err(Failure::usage)?;
    let summary = summary(&args.config.path.display().to_string(), &loaded.settings);
    std::io::stdout().write_all(summary.as_bytes()).map_err(Failure::usage)?;
    if !args.online {
        return Ok(Exit::Success);
    }
    super::logging::start_from_environment().map_err(Failure::usage)?;
    online::report(&loaded.settings).await
}

/// What may keep the database from working on this machine, which need not be the one that it is for.
fn warning_about_disk(store: &StoreSettings) -> Option<String> {
    let StoreSettings::Sqlite(sqlite) = store else {
        return None;
    };
    if sqlite.folder().is_dir() {
        return sqlite.disk_warning();
    }
    Some(format!("[store] path: there is no folder {} here", sqlite.folder().display()))
}

/// What would run.
fn summary(file: &str, settings: &Settings) -> String {
    let mut lines = vec![format!("{file} is fine. `serve` would run:")];
    lines.extend(settings.accounts.iter().map(account));
    lines.extend(settings.watches.iter().map(watch));
    lines.extend(settings.notifiers.iter().map(notifier));
    lines.push(match &settings.store {
        StoreSettings::Memory => "  store     memory: nothing survives a restart".to_owned(),
        StoreSettings::Sqlite(sqlite) => format!("  store     {}", sqlite.path.display()),
    });
    lines.push(match settings.http_listen {
        Some(address) => format!("  http      {address}"),
        None => "  http      off".to_owned(),
    });
    lines.join("\n") + "\n"
}

fn account(account: &AccountSettings) -> String {
    let region = account.access.region.as_deref().unwrap_or("the Region of the AWS environment");
    let role = account.access.role.as_ref().map(|role| format!(", as {}", role.arn));
    format!("  account   {} in {region}{}", account.name, role.unwrap_or_default())
}

fn watch(watch: &WatchSettings) -> String {
    let job = match watch.kind {
        JobKind::Matching => "job",
        JobKind::IdMapping => "ID mapping job",
    };
    let followed = match &watch.discovery {
        None => format!("{} of {}", counted(watch.job_ids.len(), job), watch.workflow_name),
        Some(discovery) => {
            let workflows = match discovery.workflows.as_str() {
                "*" => "all workflows",
                names => names,
            };
            match discovery.start {
                Start::New => format!("new {job}s of {workflows}"),
                Start::Running => format!("running and new {job}s of {workflows}"),
                Start::Ago(age) => {
                    let age = duration::display(age);
                    format!("{job}s of {workflows} since {age} before its first sight")
                }
                Start::At(instant) => format!("{job}s of {workflows} since {instant}"),
            }
        }
    };
    let told = match watch.notifiers.as_slice() {
        [] => "all notifiers".to_owned(),
        names => names.join(", "),
    };
    format!("  watch     {followed} in {}, told to {told}", watch.account)
}

fn notifier(notifier: &NotifierSettings) -> String {
    let adapter: Cow<'_, str> = match &notifier.adapter {
        NotifierAdapter::Stdout => "standard output".into(),
        NotifierAdapter::Webhook(webhook) => match webhook.template {
            Some(template) => format!("a webhook, by the template {}", template.name()).into(),
            None if webhook.template_file.is_some() || webhook.template_text.is_some() => {
                "a webhook, by a template".into()
            }
            None => "a webhook".into(),
        },
        NotifierAdapter::Sns(sns) => sns.topic_arn.as_str().into(),
        NotifierAdapter::Sqs(sqs) => sqs.queue_url.as_str().into(),
        NotifierAdapter::EventBridge(bridge) => bridge.event_bus.as_str().into(),
        NotifierAdapter::Command(command) => {
            command.command.first().map_or("", String::as_str).into()
        }
    };
    let filter = &notifier.filter;
    let statuses = match listed(&filter.statuses) {
        none if none.is_empty() && filter.events.is_empty() => "every event".to_owned(),
        none if none.is_empty() => listed(&filter.events),
        statuses => statuses,
    };
    let events = if filter.statuses.is_empty() { String::new() } else { listed(&filter.events) };
    let narrowed = [
        ("events", events),
        ("workflows", listed(&filter.workflows)),
        ("accounts", filter.accounts.join(", ")),
        ("regions", filter.regions.join(", ")),
        ("kinds", listed(&filter.kinds)),
    ];
    let narrowed: String = narrowed
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!(", {what} {names}"))
        .collect();
    format!("  notifier  {} tells {adapter}: {statuses}{narrowed}", notifier.name)
}

fn listed(values: &[impl ToString]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
