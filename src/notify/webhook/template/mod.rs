//! The body of a webhook made from a template: Jinja's language, as the crate minijinja reads it. The templates that
//! we bring are made of nothing that an operator's own could not use.

mod built_in;
mod context;
mod examples;
mod filters;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error, OutputSpan, UndefinedBehavior};
use reqwest::header::HeaderValue;

pub use built_in::BuiltIn;
pub(super) use context::Context;

use super::Config;
use crate::notify::ConfigError;
use crate::secret::{Secret, SecretRef};

/// The media type of a body, where the configuration names none.
const JSON: &str = "application/json";

/// A template that makes bodies.
pub(super) struct Template {
    environment: Environment<'static>,
    /// What messages call it: a template that we bring, the path of a file, or the key that holds the text.
    name: String,
    /// What it makes must be JSON.
    makes_json: bool,
    secrets: Value,
}

/// What is wrong with a template, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}:{line}: {problem}")]
pub(super) struct TemplateError {
    name: String,
    line: usize,
    problem: String,
}

/// What is wrong with what the configuration says of templates: the key, and what to tell.
pub(super) type Misfit = (&'static str, String);

impl Template {
    /// The template that `config` asks for, if it asks for one. `secrets` are what `template_secrets` names.
    pub(super) fn of(
        config: &Config,
        secrets: &BTreeMap<String, Secret>,
    ) -> Result<Option<Self>, Misfit> {
        let makes_json = config.content_type.as_deref().is_none_or(is_json);
        let Some((key, name, source)) = source(config)? else {
            let useless = [
                ("content_type", config.content_type.is_some()),
                ("template_secrets", !config.template_secrets.is_empty()),
            ];
            return match useless.into_iter().find(|(_, is_there)| *is_there) {
                Some((key, _)) => {
                    Err((key, "is there for a template; name one, or leave it out".to_owned()))
                }
                None => Ok(None),
            };
        };
        if let Some(built_in) = config.template {
            if config.content_type.is_some() {
                let text = "is what the template of that name makes; leave it out".to_owned();
                return Err(("content_type", text));
            }
            built_in.check_secrets(secrets)?;
        }
        let exposed =
            secrets.iter().map(|(name, secret)| (name.clone(), Value::from(secret.expose())));
        let secrets = exposed.collect::<BTreeMap<_, _>>().into();
        Self::new(name, source, makes_json, secrets)
            .map(Some)
            .map_err(|error| (key, error.to_string()))
    }

    fn new(
        name: String,
        source: String,
        makes_json: bool,
        secrets: Value,
    ) -> Result<Self, TemplateError> {
        let refused = |error: Error| TemplateError::new(&name, &error);
        let mut environment = Environment::new();
        environment.set_debug(true);
        // A field that an event may lack can be asked for, and not be printed unasked.
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        let escape = if makes_json { AutoEscape::Json } else { AutoEscape::None };
        environment.set_auto_escape_callback(move |_| escape.clone());
        let mut syntax = SyntaxConfig::builder();
        syntax.trim_blocks(true).lstrip_blocks(true);
        environment.set_syntax(syntax.build().map_err(refused)?);
        filters::add_to(&mut environment);
        environment.add_template_owned(name.clone(), source).map_err(refused)?;
        Ok(Self { environment, name, makes_json, secrets })
    }

    /// The body for an event.
    pub(super) fn render(&self, context: &Context) -> Result<String, TemplateError> {
        let refused = |error: Error| TemplateError::new(&self.name, &error);
        let template = self.environment.get_template(&self.name).map_err(refused)?;
        let values = context.values(self.secrets.clone());
        let (made, spans) = template.render_with_spans(values).map_err(refused)?;
        if !self.makes_json {
            return Ok(made);
        }
        // Written anew, for what is indented in a template need not be so on the wire.
        match serde_json::from_str::<serde_json::Value>(&made) {
            Ok(json) => Ok(json.to_string()),
            Err(error) => Err(TemplateError {
                name: self.name.clone(),
                line: line_of(&made, &spans, &error),
                problem: format!("what it makes is no JSON: {}", without_place(&error)),
            }),
        }
    }

    /// Makes bodies for example events of every type.
    pub(super) fn try_all(&self) -> Result<(), TemplateError> {
        examples::all().try_for_each(|(what, context)| {
            self.render(&context).map(|_| ()).map_err(|error| TemplateError {
                problem: format!("{} (for example {what})", error.problem),
                ..error
            })
        })
    }
}

impl TemplateError {
    fn new(name: &str, error: &Error) -> Self {
        let mut problem = error.kind().to_string();
        if let Some(detail) = error.detail() {
            problem = format!("{problem}: {detail}");
        }
        let place = error.template_source().zip(error.range());
        let part = place.and_then(|(source, range)| source.get(range)).map(str::trim);
        if let Some(part) = part.filter(|part| !problem.contains(part)) {
            problem = format!("{problem}: `{part}`");
        }
        Self { name: name.to_owned(), line: error.line().unwrap_or(1), problem }
    }
}

/// Without the secrets.
impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Fetches the secrets of a template.
pub(super) fn secrets(
    places: &BTreeMap<String, SecretRef>,
) -> Result<BTreeMap<String, Secret>, ConfigError> {
    let fetch = |(name, place): (&String, &SecretRef)| match place.resolve() {
        Ok(secret) => Ok((name.clone(), secret)),
        Err(error) => Err(ConfigError(format!("template_secrets.{name}: {error}"))),
    };
    places.iter().map(fetch).collect()
}

/// The header that names what the template makes.
pub(super) fn content_type(config: &Config) -> Result<HeaderValue, Misfit> {
    let Some(given) = &config.content_type else {
        return Ok(HeaderValue::from_static(JSON));
    };
    let value = HeaderValue::from_str(given).ok().filter(|_| given.contains('/'));
    value.ok_or_else(|| {
        let text = "is no media type; write one as in \"text/plain; charset=utf-8\"".to_owned();
        ("content_type", text)
    })
}

/// Whether a body of this media type is JSON.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_lowercase();
    essence.ends_with("/json") || essence.ends_with("+json")
}

/// Tries the template of `config`, if there is one, with stand-ins for its secrets.
pub(super) fn check(config: &Config) -> Result<(), Misfit> {
    let stand_in = |name: &String| (name.clone(), Secret::new("x".repeat(32)));
    let secrets = config.template_secrets.keys().map(stand_in).collect();
    let Some(template) = Template::of(config, &secrets)? else {
        return Ok(());
    };
    content_type(config)?;
    let key = key_of(config).unwrap_or("template");
    template.try_all().map_err(|error| (key, error.to_string()))
}

/// The key that names the template.
fn key_of(config: &Config) -> Option<&'static str> {
    match (config.template, &config.template_file, &config.template_text) {
        (Some(_), ..) => Some("template"),
        (_, Some(_), _) => Some("template_file"),
        (.., Some(_)) => Some("template_text"),
        (None, None, None) => None,
    }
}

/// The key that names the template, what messages call it, and its text.
fn source(config: &Config) -> Result<Option<(&'static str, String, String)>, Misfit> {
    let asked = [
        ("template", config.template.is_some()),
        ("template_file", config.template_file.is_some()),
        ("template_text", config.template_text.is_some()),
    ];
    let mut asked = asked.into_iter().filter(|(_, is_there)| *is_there).map(|(key, _)| key);
    if let (Some(first), Some(second)) = (asked.next(), asked.next()) {
        return Err((second, format!("there is `{first}` already; keep one of them")));
    }
    if let Some(built_in) = config.template {
        let text = built_in.source().to_owned();
        return Ok(Some(("template", format!("template {}", built_in.name()), text)));
    }
    if let Some(path) = &config.template_file {
        let text = std::fs::read_to_string(path).map_err(|error| {
            ("template_file", format!("{} cannot be read: {error}", path.display()))
        })?;
        return Ok(Some(("template_file", path.display().to_string(), text)));
    }
    let text = config.template_text.clone();
    Ok(text.map(|text| ("template_text", "template_text".to_owned(), text)))
}

/// The line of the template that made what is no JSON.
fn line_of(made: &str, spans: &[OutputSpan], error: &serde_json::Error) -> usize {
    let before = made.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len);
    let offset = before.sum::<usize>() + error.column().saturating_sub(1);
    let span = spans.iter().rev().find(|span| span.output_range().start <= offset);
    span.map_or(1, |span| {
        let range = span.output_range();
        let within = made.get(range.start..offset.min(range.end)).unwrap_or_default();
        span.line() + within.matches('\n').count()
    })
}

/// A parser's words without the line and column, which are those of what was made.
fn without_place(error: &serde_json::Error) -> String {
    let words = error.to_string();
    words.split_once(" at line ").map_or(words.clone(), |(problem, _)| problem.to_owned())
}
