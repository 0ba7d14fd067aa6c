//! Reads the keys of one section, and tells all that is wrong with them.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::problem::Findings;
use super::suggest::instead;
use super::value::found;

/// One table of the configuration.
///
/// Its reader asks for each key that there is. What nobody asked for is unknown: [`finish`](Self::finish) says so.
#[derive(Debug)]
pub(super) struct Section<'a> {
    /// `[poll]`, `[[watch]]`, or nothing for the root.
    label: &'static str,
    span: Range<usize>,
    entries: DeTable<'a>,
    /// Keys that were asked for; sections of the root as they are written, `[poll]`.
    known: Vec<&'static str>,
    findings: &'a Findings<'a>,
}

impl<'a> Section<'a> {
    /// The whole configuration.
    pub(super) const fn root(entries: DeTable<'a>, findings: &'a Findings<'a>) -> Self {
        Self { label: "", span: 0..0, entries, known: Vec::new(), findings }
    }

    /// The table `key`; an empty one where it is absent.
    pub(super) fn section(&mut self, key: &'static str, label: &'static str) -> Self {
        self.known.push(label);
        let value = self.entries.get(key).cloned();
        value
            .and_then(|value| self.child(label, value))
            .unwrap_or_else(|| Self { label, ..Self::root(DeTable::new(), self.findings) })
    }

    /// The tables of the list `key`.
    pub(super) fn sections(&mut self, key: &'static str, label: &'static str) -> Vec<Self> {
        self.known.push(label);
        let Some(list) = self.entries.get(key).cloned() else {
            return Vec::new();
        };
        let span = list.span();
        match list.into_inner() {
            DeValue::Array(list) => {
                list.into_iter().filter_map(|entry| self.child(label, entry)).collect()
            }
            DeValue::Table(entries) => {
                let text = format!("there can be several: write it as {label}");
                self.findings.wrong(&span, &format!("[{key}]"), text);
                // The keys inside are judged all the same.
                self.child(label, Spanned::new(span, DeValue::Table(entries))).into_iter().collect()
            }
            other => self.child(label, Spanned::new(span, other)).into_iter().collect(),
        }
    }

    fn child(&self, label: &'static str, value: Spanned<DeValue<'a>>) -> Option<Self> {
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(entries) => {
                Some(Self { label, span, entries, known: Vec::new(), findings: self.findings })
            }
            other => {
                let text =
                    format!("expected a section, written as {label}, found {}", found(&other));
                self.findings.wrong(&span, label, text);
                None
            }
        }
    }

    /// The value of `key` as `read` reads it; `None` where it is absent, or wrong and told.
    pub(super) fn get<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&DeValue<'a>) -> Result<T, String>,
    ) -> Option<T> {
        self.get_spanned(key, read).map(Spanned::into_inner)
    }

    /// The same, with its place.
    pub(super) fn get_spanned<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&DeValue<'a>) -> Result<T, String>,
    ) -> Option<Spanned<T>> {
        self.known.push(key);
        let value = self.entries.get(key)?;
        match read(value.get_ref()) {
            Ok(read) => Some(Spanned::new(value.span(), read)),
            Err(text) => {
                self.wrong(&value.span(), key, text);
                None
            }
        }
    }

    /// The value of a key that must be there; `example` is what to write.
    pub(super) fn require<T>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&DeValue<'a>) -> Result<T, String>,
    ) -> Option<Spanned<T>> {
        if !self.has(key) {
            self.missing(key, example);
        }
        self.get_spanned(key, read)
    }

    /// The entries of the list `key`, each as `read` reads it, without those that are wrong and told.
    /// `None` where the list is absent or is none.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&DeValue<'a>) -> Result<T, String>,
    ) -> Option<Vec<Spanned<T>>> {
        self.known.push(key);
        let value = self.entries.get(key)?;
        let DeValue::Array(entries) = value.get_ref() else {
            let text = format!("expected a list, as in [\"…\"], found {}", found(value.get_ref()));
            self.wrong(&value.span(), key, text);
            return None;
        };
        let read = entries.iter().filter_map(|entry| match read(entry.get_ref()) {
            Ok(read) => Some(Spanned::new(entry.span(), read)),
            Err(text) => {
                self.wrong(&entry.span(), key, text);
                None
            }
        });
        Some(read.collect())
    }

    /// The keys of a reader of its own; `names` are those that it knows.
    pub(super) fn rest(&mut self, names: &[&'static str]) -> DeTable<'a> {
        self.known.extend(names);
        self.entries
            .iter()
            .filter(|(key, _)| names.contains(&key.get_ref().as_ref()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// Leaves only a part of the value of `key`.
    pub(super) fn reduce(&mut self, key: &Spanned<DeString<'a>>, part: &Spanned<DeValue<'a>>) {
        self.entries.insert(key.clone(), part.clone());
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    pub(super) fn is_empty_list(&self, key: &str) -> bool {
        let list = self.entries.get(key).and_then(|value| value.get_ref().as_array());
        list.is_some_and(|list| list.is_empty())
    }

    /// Where the section is, for what is wrong with it as a whole.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Where the value of `key` is; the section where it is absent.
    pub(super) fn span_of(&self, key: &str) -> Range<usize> {
        self.entries.get(key).map_or_else(|| self.span(), Spanned::span)
    }

    /// Where entry `index` of the list `key` is.
    pub(super) fn span_of_entry(&self, key: &str, index: usize) -> Range<usize> {
        let entry = self.entries.get(key).and_then(|list| list.get_ref().get(index));
        entry.map_or_else(|| self.span_of(key), Spanned::span)
    }

    /// Where the value of `child` in the table `key` is.
    pub(super) fn span_of_child(&self, key: &str, child: &str) -> Range<usize> {
        let child = self.entries.get(key).and_then(|table| table.get_ref().get(child));
        child.map_or_else(|| self.span_of(key), Spanned::span)
    }

    /// What is written at `span`, under `key`, is wrong.
    pub(super) fn wrong(&self, span: &Range<usize>, key: &str, text: impl Into<String>) {
        self.findings.wrong(span, &self.path(key), text);
    }

    /// What is written at `span`, under `key`, does not go with the rest.
    pub(super) fn does_not_fit(&self, span: &Range<usize>, key: &str, text: impl Into<String>) {
        self.findings.does_not_fit(span, &self.path(key), text);
    }

    /// `key` must be there and is not.
    pub(super) fn missing(&self, key: &str, example: &str) {
        self.does_not_fit(&self.span, key, format!("missing; write for example {example}"));
    }

    /// What is written at `span`, under `key`, may be a mistake.
    pub(super) fn warn(&self, span: &Range<usize>, key: &str, text: impl Into<String>) {
        self.findings.warn(Some(span), &self.path(key), text);
    }

    /// The configuration as a whole may be a mistake.
    pub(super) fn warn_of_all(&self, key: &str, text: impl Into<String>) {
        self.findings.warn(None, key, text);
    }

    /// Tells each key that nobody asked for.
    pub(super) fn finish(self) {
        for (key, value) in &self.entries {
            let name = key.get_ref().as_ref();
            if self.known.iter().any(|known| known.trim_matches(['[', ']']) == name) {
                continue;
            }
            let (name, what) = match (self.label, value.get_ref()) {
                ("", DeValue::Table(_)) => (format!("[{name}]"), "section"),
                ("", DeValue::Array(_)) => (format!("[[{name}]]"), "section"),
                _ => (name.to_owned(), "key"),
            };
            let text = format!("unknown {what}{}", instead(&name, &self.known, "known here are"));
            self.wrong(&key.span(), &name, text);
        }
    }

    fn path(&self, key: &str) -> String {
        [self.label, key].join(" ").trim().to_owned()
    }
}
