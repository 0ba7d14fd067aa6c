//! Reads single values. Each reader says what is wrong with one, and what to write instead.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use toml::de::DeValue;

use super::suggest::instead;
use crate::domain::{Amount, NamePattern, NoAmount, Start};
use crate::duration;
use crate::tls::CaBundle;
use crate::url::parse_endpoint;

/// What a reader answers.
pub(super) type Read<T> = Result<T, String>;

/// `a string`, `an integer`, …: what is there, without showing it.
pub(super) fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn expected(what: &str, value: &DeValue<'_>) -> String {
    format!("expected {what}, found {}", found(value))
}

/// A string that is not empty.
pub(super) fn text<'v>(value: &'v DeValue<'_>) -> Read<&'v str> {
    match value {
        DeValue::String(text) if text.trim().is_empty() => Err("is empty".to_owned()),
        DeValue::String(text) => Ok(text),
        other => Err(expected("a string in quotes, as in \"…\"", other)),
    }
}

/// A string that is not empty, to be kept.
pub(super) fn owned_text(value: &DeValue<'_>) -> Read<String> {
    text(value).map(str::to_owned)
}

/// A string that `check` has nothing against, to be kept.
pub(super) fn checked_text(
    check: impl Fn(&str) -> Read<()>,
) -> impl Fn(&DeValue<'_>) -> Read<String> {
    move |value| {
        let given = text(value)?;
        check(given).map(|()| given.to_owned())
    }
}

/// A path that is not empty.
pub(super) fn path(value: &DeValue<'_>) -> Read<PathBuf> {
    text(value).map(PathBuf::from)
}

/// A file of certificates, read now.
pub(super) fn ca_bundle(value: &DeValue<'_>) -> Read<CaBundle> {
    CaBundle::read(path(value)?).map_err(|error| error.to_string())
}

/// `true` or `false`.
pub(super) fn flag(value: &DeValue<'_>) -> Read<bool> {
    match value {
        DeValue::Boolean(flag) => Ok(*flag),
        other => Err(expected("true or false", other)),
    }
}

/// A duration with its unit, within `range`.
pub(super) fn duration(range: RangeInclusive<Duration>) -> impl Fn(&DeValue<'_>) -> Read<Duration> {
    move |value| {
        let DeValue::String(text) = value else {
            return Err(expected("a duration in quotes with its unit, as in \"15s\"", value));
        };
        let given = duration::parse(text)?;
        if range.contains(&given) {
            return Ok(given);
        }
        let (low, high) = (duration::display(*range.start()), duration::display(*range.end()));
        Err(format!("{text:?} is out of range; write a duration from {low} to {high}"))
    }
}

/// A number within `range`.
pub(super) fn number(range: RangeInclusive<f64>) -> impl Fn(&DeValue<'_>) -> Read<f64> {
    move |value| {
        let number = match value {
            DeValue::Float(float) => float.as_str().replace('_', "").parse().ok(),
            DeValue::Integer(_) => {
                integer(value).and_then(|i| u32::try_from(i).ok()).map(f64::from)
            }
            other => return Err(expected("a number, as in 2.5", other)),
        };
        number.filter(|number| range.contains(number)).ok_or_else(|| {
            format!("is out of range; write a number from {} to {}", range.start(), range.end())
        })
    }
}

/// A whole number within `range`.
pub(super) fn whole_number(range: RangeInclusive<usize>) -> impl Fn(&DeValue<'_>) -> Read<usize> {
    move |value| {
        if !value.is_integer() {
            return Err(expected("a whole number, as in 8", value));
        }
        integer(value)
            .and_then(|integer| usize::try_from(integer).ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let (low, high) = (range.start(), range.end());
                format!("is out of range; write a whole number from {low} to {high}")
            })
    }
}

/// A number of records, from 0.
pub(super) fn count(value: &DeValue<'_>) -> Read<u64> {
    if !value.is_integer() {
        return Err(expected("a whole number, as in 1000", value));
    }
    let count = integer(value).and_then(|integer| u64::try_from(integer).ok());
    count.ok_or_else(|| "is out of range; write a whole number from 0".to_owned())
}

/// A number of records, or a share of them.
pub(super) fn amount(value: &DeValue<'_>) -> Read<Amount> {
    match value {
        DeValue::String(text) => text.parse().map_err(|error: NoAmount| error.to_string()),
        DeValue::Integer(_) => count(value).map(Amount::Records),
        other => Err(expected("a share in quotes, as in \"5%\", or a number of records", other)),
    }
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    i64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok()
}

/// One of a few words.
pub(super) fn one_of<T: Copy>(choices: &[(&str, T)]) -> impl Fn(&DeValue<'_>) -> Read<T> {
    move |value| {
        let given = text(value)?;
        choices.iter().find(|(word, _)| *word == given).map(|(_, choice)| *choice).ok_or_else(
            || {
                let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
                format!("unknown value `{given}`{}", instead(given, &words, "known are"))
            },
        )
    }
}

/// The name of an account or a notifier: it appears in events, metrics and environment variables.
pub(super) fn name(value: &DeValue<'_>) -> Read<Arc<str>> {
    let given = text(value)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if given.len() <= 64 && given.chars().all(fits) {
        return Ok(given.into());
    }
    Err(format!("`{given}` cannot be a name; write up to 64 letters, digits, `-`, `_` or `.`"))
}

/// A name of a workflow (the API's `EntityName`, `[a-zA-Z_0-9-]{1,255}`), or a pattern that stands for several: `*` for any characters, `?` for one.
pub(super) fn workflow_pattern(value: &DeValue<'_>) -> Read<NamePattern> {
    let given = text(value)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*' | '?');
    if given.len() <= 255 && given.chars().all(fits) {
        return Ok(NamePattern::new(given));
    }
    Err(format!(
        "`{given}` fits no name of a workflow; those have up to 255 letters, digits, `-` or `_`, and `*` and `?` \
         stand for any of them"
    ))
}

/// From when on jobs are followed.
pub(super) fn start(value: &DeValue<'_>) -> Read<Start> {
    let given = text(value)?.trim();
    match given {
        "new" => return Ok(Start::New),
        "running" => return Ok(Start::Running),
        _ => {}
    }
    let advice = "write \"new\", \"running\", \"since 7d\" or \"since 2026-11-01T00:00:00Z\"";
    let since = given.strip_prefix("since ").map(str::trim);
    let since = since.ok_or_else(|| format!("{given:?} is no start; {advice}"))?;
    if let Ok(instant) = since.parse::<Timestamp>() {
        return Ok(Start::At(instant));
    }
    if let Ok(age) = duration::parse(since) {
        return Ok(Start::Ago(age));
    }
    Err(format!(
        "{since:?} is neither a duration nor an instant with its offset from UTC; {advice}"
    ))
}

/// The id of a job: the API's `JobId`, `[a-f0-9]{32}`.
pub(super) fn job_id(value: &DeValue<'_>) -> Read<Arc<str>> {
    let given = text(value)?;
    if given.len() == 32 && given.bytes().all(|b| matches!(b, b'a'..=b'f' | b'0'..=b'9')) {
        return Ok(given.into());
    }
    Err(format!(
        "`{given}` is no job id; write the 32 digits 0-9 and a-f that start-matching-job and start-id-mapping-job answer"
    ))
}

/// The name of a Region.
pub(super) fn region(value: &DeValue<'_>) -> Read<String> {
    let given = text(value)?;
    if given.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
        return Ok(given.to_owned());
    }
    Err(format!("`{given}` cannot be a Region; write one as in \"eu-west-1\""))
}

/// An address to listen on; an empty string for none.
pub(super) fn listen_address(value: &DeValue<'_>) -> Read<Option<SocketAddr>> {
    match value {
        DeValue::String(text) if text.is_empty() => Ok(None),
        DeValue::String(text) => text.parse().map(Some).map_err(|_| {
            format!("{text:?} is no IP address and port; write them as in \"127.0.0.1:9464\"")
        }),
        other => Err(expected("an IP address and port, as in \"127.0.0.1:9464\"", other)),
    }
}

/// An `http` or `https` URL to keep.
pub(super) fn endpoint_url(value: &DeValue<'_>) -> Read<String> {
    let given = text(value)?;
    parse_endpoint(given).map(|_| given.to_owned())
}

/// Checks the ARN of an IAM role.
pub(super) fn role_arn(given: &str) -> Read<()> {
    let is_role =
        |resource: &str| resource.strip_prefix("role/").is_some_and(|name| !name.is_empty());
    if is_arn(given, "iam", str::is_empty, is_role) {
        return Ok(());
    }
    let example = "arn:aws:iam::123456789012:role/my-role";
    Err(format!("is not the ARN of an IAM role; write one as in \"{example}\""))
}

/// Checks what the owner of a role wants to be told
/// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>).
pub(super) fn external_id(given: &str) -> Read<()> {
    if (2..=1224).contains(&given.len()) && given.bytes().all(|b| is_sts_text(b, b":/")) {
        return Ok(());
    }
    Err("cannot be an external id; those have 2 to 1224 letters, digits or _ + = , . @ : / -"
        .into())
}

/// Checks the name of a session in a role, by the same page.
pub(super) fn session_name(given: &str) -> Read<()> {
    if (2..=64).contains(&given.len()) && given.bytes().all(|b| is_sts_text(b, b"")) {
        return Ok(());
    }
    Err(format!(
        "`{given}` cannot be the name of a session; write 2 to 64 letters, digits or _ + = , . @ -"
    ))
}

fn is_sts_text(byte: u8, besides: &[u8]) -> bool {
    byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte) || besides.contains(&byte)
}

fn is_arn(
    given: &str,
    service: &str,
    region_fits: impl Fn(&str) -> bool,
    resource_fits: impl Fn(&str) -> bool,
) -> bool {
    let parts: Vec<_> = given.splitn(6, ':').collect();
    let ["arn", partition, given_service, region, account, resource] = parts[..] else {
        return false;
    };
    partition.starts_with("aws")
        && given_service == service
        && region_fits(region)
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && resource_fits(resource)
}
