//! Reads the keys that belong to an adapter: its own `Config` says which there are.

use std::fmt;
use std::ops::Range;

use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::section::Section;
use super::value::found;

/// The adapter's `Config` out of what the section holds for it.
///
/// serde stops at the first error. So each value that it refuses is told, taken out, and the rest tried again:
/// what is returned may lack what was wrong. `None` where nothing can be made of the rest.
pub(super) fn fit<T: DeserializeOwned>(section: &mut Section<'_>) -> Option<T> {
    let mut entries = section.rest(field_names::<T>());
    let mut told = Vec::new();
    loop {
        let table = Spanned::new(section.span(), DeValue::Table(entries.clone()));
        let error = match T::deserialize(ValueDeserializer::from(table)) {
            Ok(config) => return Some(config),
            Err(error) => error,
        };
        if let Some(key) = missing_field(error.message()) {
            if !told.iter().any(|told| told == key) {
                section.missing(key, &format!("{key} = …"));
            }
            return None;
        }
        let span = error.span().unwrap_or_else(|| section.span());
        let Some(key) = key_at(&entries, span.start) else {
            section.wrong(&span, "", without_value(error.message(), "nothing"));
            return None;
        };
        let refused = entries.remove(key.as_str());
        let kind = refused.as_ref().map_or("nothing", |value| found(value.get_ref()));
        section.wrong(&span, &key, without_value(error.message(), kind));
        told.push(key);
    }
}

/// serde's words for the absence of a field that has no default.
fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}

/// What was expected, and what kind of value was found: the value itself may be a secret.
fn without_value(message: &str, kind: &str) -> String {
    match message.rsplit_once("expected ") {
        Some((_, what)) => format!("expected {what}, found {kind}"),
        None => message.to_owned(),
    }
}

/// The key whose value holds what the parser found at `offset`.
fn key_at(entries: &DeTable<'_>, offset: usize) -> Option<String> {
    fn holds(span: &Range<usize>, value: &DeValue<'_>, offset: usize) -> bool {
        span.contains(&offset)
            || match value {
                DeValue::Array(list) => {
                    list.iter().any(|entry| holds(&entry.span(), entry.get_ref(), offset))
                }
                DeValue::Table(table) => table.iter().any(|(key, value)| {
                    key.span().contains(&offset) || holds(&value.span(), value.get_ref(), offset)
                }),
                _ => false,
            }
    }
    entries
        .iter()
        .find(|(_, value)| holds(&value.span(), value.get_ref(), offset))
        .map(|(key, _)| key.get_ref().to_string())
}

/// The fields that a struct reads, as its `Deserialize` tells them to a deserializer.
pub(super) fn field_names<T: DeserializeOwned>() -> &'static [&'static str] {
    T::deserialize(AskForFields).map_or_else(|FieldNames(names)| names, |_| &[])
}

struct AskForFields;

/// The answer, which serde lets pass only as an error.
#[derive(Debug)]
struct FieldNames(&'static [&'static str]);

impl fmt::Display for FieldNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for FieldNames {}

impl de::Error for FieldNames {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }
}

impl<'de> Deserializer<'de> for AskForFields {
    type Error = FieldNames;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, FieldNames> {
        Err(FieldNames(fields))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, FieldNames> {
        Err(FieldNames(&[]))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
