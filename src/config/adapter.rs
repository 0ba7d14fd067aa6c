//! Reads the keys that belong to an adapter: its own `Config` says which there are.

use std::fmt;
use std::ops::Range;

use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue, Error, ValueDeserializer};

use super::section::Section;
use super::value::found;

/// The adapter's `Config` out of what the section holds for it; `examples` are what to write for missing keys.
///
/// serde stops at the first error. So what it refuses is told, taken out, and the rest tried again: what is
/// returned may lack what was wrong. `None` where nothing can be made of the rest.
pub(super) fn fit<T: DeserializeOwned>(
    section: &mut Section<'_>,
    examples: &[(&str, &str)],
) -> Option<T> {
    let mut entries = section.rest(field_names::<T>());
    let mut refused = Vec::new();
    loop {
        let error = match read::<T>(entries.clone(), section.span()) {
            Ok(config) => return Some(config),
            Err(error) => error,
        };
        if let Some(key) = missing_field(error.message()) {
            if !refused.iter().any(|refused| refused == key) {
                let example = examples.iter().find(|(name, _)| *name == key);
                let example = example.map_or("…", |(_, example)| example);
                section.missing(key, &format!("{key} = {example}"));
            }
            return None;
        }
        let span = error.span().unwrap_or_else(|| section.span());
        let key = key_at(&entries, span.start);
        let Some((key, value)) = key.and_then(|key| entries.remove_entry(key.as_str())) else {
            section.wrong(&span, "", without_value(error.message(), None));
            return None;
        };
        // serde places what is wrong in a list at the list, but what is wrong in a table at the value.
        let is_inside = value.get_ref().is_array() || span != value.span();
        let weeded = if is_inside { weed::<T>(&entries, &key, &value, section) } else { None };
        if let Some(weeded) = weeded {
            section.reduce(&key, &weeded);
            entries.insert(key, weeded);
        } else {
            let is_single = !value.get_ref().is_array() && !value.get_ref().is_table();
            let text = without_value(error.message(), Some(value.get_ref()).filter(|_| is_single));
            section.wrong(&span, key.get_ref(), text);
            refused.push(key.into_inner());
        }
    }
}

/// The list or table `parent` without the children that are refused on their own, which are told.
/// `None` where there is no such child.
fn weed<'a, T: DeserializeOwned>(
    others: &DeTable<'a>,
    key: &Spanned<DeString<'a>>,
    parent: &Spanned<DeValue<'a>>,
    section: &Section<'a>,
) -> Option<Spanned<DeValue<'a>>> {
    let refusal = |parts: DeValue<'a>| {
        let mut entries = others.clone();
        entries.insert(key.clone(), Spanned::new(parent.span(), parts));
        read::<T>(entries, section.span())
            .err()
            .filter(|error| missing_field(error.message()).is_none())
            .filter(|error| error.span().is_some_and(|span| is_at(parent, span.start)))
    };
    let empty = match parent.get_ref() {
        DeValue::Array(_) => DeValue::Array(DeArray::new()),
        _ => DeValue::Table(DeTable::new()),
    };
    if refusal(empty).is_some() {
        // It is no list or table that is asked for.
        return None;
    }
    let is_refused = |alone: DeValue<'a>, path: &str, child: &Spanned<DeValue<'a>>| {
        let error = refusal(alone);
        if let Some(error) = &error {
            section.wrong(
                &child.span(),
                path,
                without_value(error.message(), Some(child.get_ref())),
            );
        }
        error.is_some()
    };
    let (weeded, count) = match parent.get_ref() {
        DeValue::Array(list) => {
            let alone = |entry: &Spanned<_>| DeValue::Array(DeArray::from_iter([entry.clone()]));
            let kept = list.iter().filter(|entry| !is_refused(alone(entry), key.get_ref(), entry));
            let kept: DeArray<'_> = kept.cloned().collect();
            let count = list.len() - kept.len();
            (DeValue::Array(kept), count)
        }
        DeValue::Table(table) => {
            let alone = |name: &Spanned<_>, value: &Spanned<_>| {
                DeValue::Table(DeTable::from_iter([(name.clone(), value.clone())]))
            };
            let kept = table.iter().filter(|(name, value)| {
                !is_refused(alone(name, value), &format!("{key}.{name}"), value)
            });
            let kept: DeTable<'_> = kept.map(|(n, v)| (n.clone(), v.clone())).collect();
            let count = table.len() - kept.len();
            (DeValue::Table(kept), count)
        }
        _ => return None,
    };
    (count > 0).then(|| Spanned::new(parent.span(), weeded))
}

fn read<T: DeserializeOwned>(entries: DeTable<'_>, span: Range<usize>) -> Result<T, Error> {
    T::deserialize(ValueDeserializer::from(Spanned::new(span, DeValue::Table(entries))))
}

/// serde's words for the absence of a field that has no default.
fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}

/// What was expected, and what kind of value was found: the value itself may be a secret.
fn without_value(message: &str, value: Option<&DeValue<'_>>) -> String {
    let Some((_, expected)) = message.rsplit_once("expected ") else {
        return message.to_owned();
    };
    let expected = if expected == "a sequence" { "a list, as in [ … ]" } else { expected };
    match value {
        Some(value) => format!("expected {expected}, found {}", found(value)),
        None => format!("expected {expected}"),
    }
}

/// The key whose value holds what the parser found at `offset`.
fn key_at(entries: &DeTable<'_>, offset: usize) -> Option<String> {
    let (key, _) = entries.iter().find(|(_, value)| is_at(value, offset))?;
    Some(key.get_ref().to_string())
}

/// Whether `value`, or anything inside it, was found at `offset`. A table of its own, `[parent.table]`, has its
/// content outside its span.
fn is_at(value: &Spanned<DeValue<'_>>, offset: usize) -> bool {
    value.span().contains(&offset)
        || match value.get_ref() {
            DeValue::Array(list) => list.iter().any(|entry| is_at(entry, offset)),
            DeValue::Table(table) => table
                .iter()
                .any(|(key, value)| key.span().contains(&offset) || is_at(value, offset)),
            _ => false,
        }
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
