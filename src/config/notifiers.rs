//! `[[notifier]]`: the keys that all have, and a check of what an adapter's own keys say.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::accounts::check_role_is_there;
use super::adapter;
use super::filters::WrittenFilter;
use super::names::Names;
use super::section::Section;
use super::settings::{NotifierAdapter, NotifierSettings};
use super::value::{checked_text, external_id, name, one_of, role_arn, session_name};
use crate::domain::Filter;
use crate::notify;
use crate::secret::{Secret, SecretError};
use crate::url::{parse_endpoint, parse_http};

#[derive(Clone, Copy)]
enum Type {
    Stdout,
    Webhook,
    Sns,
    Sqs,
    EventBridge,
    Command,
}

const TYPES: [(&str, Type); 6] = [
    ("stdout", Type::Stdout),
    ("webhook", Type::Webhook),
    ("sns", Type::Sns),
    ("sqs", Type::Sqs),
    ("eventbridge", Type::EventBridge),
    ("command", Type::Command),
];

/// What to write for the keys that an adapter cannot do without.
const EXAMPLES: [(&str, &str); 2] =
    [("url", "\"https://example.com/hook\""), ("command", "[\"/usr/local/bin/notify\"]")];

/// The notifier where none is configured.
const DEFAULT_NAME: &str = "stdout";

/// Reads the names of the notifiers and nothing else.
pub(super) fn names(sections: Vec<Section<'_>>) -> Vec<Arc<str>> {
    if sections.is_empty() {
        return vec![DEFAULT_NAME.into()];
    }
    sections.into_iter().filter_map(|mut section| section.get("name", name)).collect()
}

/// Reads the notifiers, and their filters as they are written; where there is none, events go to standard output.
pub(super) fn notifiers(
    sections: Vec<Section<'_>>,
    accounts: &Names,
) -> (Vec<NotifierSettings>, Vec<WrittenFilter>, Names) {
    let mut names = Names::of("notifier");
    if sections.is_empty() {
        let stdout = NotifierSettings {
            name: DEFAULT_NAME.into(),
            filter: Filter::default(),
            adapter: NotifierAdapter::Stdout,
        };
        names.known.push(stdout.name.clone());
        return (vec![stdout], Vec::new(), names);
    }
    let mut filters = Vec::new();
    let notifiers = sections
        .into_iter()
        .filter_map(|mut section| {
            let name = section.require("name", "name = \"ops\"", name);
            let name = names.add(&section, name);
            let written = WrittenFilter::read(&mut section, Arc::clone(&name), accounts);
            let filter = written.filter();
            filters.push(written);
            let notifier_type = section.require("type", "type = \"webhook\"", one_of(&TYPES))?;
            let adapter = adapter(&mut section, notifier_type.into_inner());
            section.finish();
            Some(NotifierSettings { name, filter, adapter: adapter? })
        })
        .collect();
    (notifiers, filters, names)
}

fn adapter(section: &mut Section<'_>, notifier_type: Type) -> Option<NotifierAdapter> {
    match notifier_type {
        Type::Stdout => Some(NotifierAdapter::Stdout),
        Type::Webhook => {
            let config = adapter::fit(section, &EXAMPLES)?;
            check_webhook(section, &config);
            Some(NotifierAdapter::Webhook(config))
        }
        Type::Sns => {
            let example = "topic_arn = \"arn:aws:sns:eu-west-1:123456789012:my-topic\"";
            let reader = checked_text(notify::SnsConfig::check_topic_arn);
            let topic_arn = section.require("topic_arn", example, reader);
            let aws = aws(section)?;
            Some(NotifierAdapter::Sns(notify::SnsConfig {
                topic_arn: topic_arn?.into_inner(),
                aws,
            }))
        }
        Type::Sqs => {
            let example =
                "queue_url = \"https://sqs.eu-west-1.amazonaws.com/123456789012/my-queue\"";
            let reader = checked_text(notify::SqsConfig::check_queue_url);
            let queue_url = section.require("queue_url", example, reader);
            let aws = aws(section)?;
            Some(NotifierAdapter::Sqs(notify::SqsConfig {
                queue_url: queue_url?.into_inner(),
                aws,
            }))
        }
        Type::EventBridge => {
            let reader = checked_text(notify::EventBridgeConfig::check_event_bus);
            let event_bus = section.get("event_bus", reader);
            let event_bus =
                event_bus.unwrap_or_else(|| notify::EventBridgeConfig::DEFAULT_BUS.to_owned());
            let aws = aws(section)?;
            Some(NotifierAdapter::EventBridge(notify::EventBridgeConfig { event_bus, aws }))
        }
        Type::Command => {
            let config = adapter::fit(section, &EXAMPLES)?;
            check_command(section, &config);
            Some(NotifierAdapter::Command(config))
        }
    }
}

fn check_webhook(section: &Section<'_>, config: &notify::WebhookConfig) {
    if let Err(text) = resolved(config.url.resolve()).and_then(|url| parse_http(url.expose())) {
        section.wrong(&section.span_of("url"), "url", text);
    }
    for (index, secret) in config.secrets.iter().enumerate() {
        if let Err(text) = resolved(secret.resolve())
            .and_then(|secret| notify::WebhookConfig::check_signing_secret(&secret))
        {
            section.wrong(&section.span_of_entry("secrets", index), "secrets", text);
        }
    }
    for (name, value) in &config.headers {
        let value = resolved(value.resolve());
        if let Err(text) =
            value.and_then(|value| notify::WebhookConfig::check_header(name, value.expose()))
        {
            let key = format!("headers.{name}");
            section.wrong(&section.span_of_child("headers", name), &key, text);
        }
    }
    for (name, secret) in &config.template_secrets {
        if let Err(text) = resolved(secret.resolve())
            .and_then(|secret| config.check_template_secret(name, &secret))
        {
            let key = format!("template_secrets.{name}");
            section.wrong(&section.span_of_child("template_secrets", name), &key, text);
        }
    }
    if let Err((key, text)) = config.check_template() {
        section.wrong(&section.span_of(key), key, text);
    }
    check_timeout(section, config.timeout);
}

/// The keys that the notifiers have in common that are services of AWS.
fn aws(section: &mut Section<'_>) -> Option<notify::AwsConfig> {
    let config: notify::AwsConfig = adapter::fit(section, &[])?;
    let checked = [
        ("role_arn", config.role_arn.as_deref().map(role_arn)),
        ("external_id", config.external_id.as_deref().map(external_id)),
        ("session_name", config.session_name.as_deref().map(session_name)),
        ("endpoint_url", config.endpoint_url.as_deref().map(|url| parse_endpoint(url).map(drop))),
    ];
    for (key, checked) in checked {
        if let Some(Err(text)) = checked {
            section.wrong(&section.span_of(key), key, text);
        }
    }
    check_role_is_there(section, &["external_id", "session_name"]);
    check_timeout(section, config.timeout);
    Some(config)
}

fn check_command(section: &Section<'_>, config: &notify::CommandConfig) {
    if config.command.first().is_none_or(|program| program.trim().is_empty()) {
        let text = "names no program; write it and its arguments, as in \
                    [\"/usr/local/bin/notify\", \"--fast\"]";
        section.wrong(&section.span_of("command"), "command", text);
    } else if !config.command.first().is_some_and(|program| is_here(program)) {
        // It may come later, as a mounted volume does: deliveries are tried again until then.
        let text = "there is no such program on this machine; deliveries fail until there is";
        section.warn(&section.span_of("command"), "command", text);
    }
    check_timeout(section, config.timeout);
}

/// Whether a program is found as the system finds it: by its path, or by its name on the `PATH`.
fn is_here(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn check_timeout(section: &Section<'_>, timeout: Duration) {
    if timeout.is_zero() {
        let text = "leaves no time for an attempt; write a duration above zero, as in \"20s\"";
        section.wrong(&section.span_of("timeout"), "timeout", text);
    }
}

/// A secret, or why there is none. What should be the name of a place may be the secret itself, by mistake:
/// it is shown only where it looks like a name.
fn resolved(secret: Result<Secret, SecretError>) -> Result<Secret, String> {
    secret.map_err(|error| match &error {
        SecretError::NotSet { name } if !looks_like_variable(name) => {
            "the environment variable that is named here is not set".to_owned()
        }
        SecretError::Unreadable { path, source } if !path.has_root() => {
            format!("the file that is named here cannot be read: {source}")
        }
        _ => error.to_string(),
    })
}

fn looks_like_variable(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}
