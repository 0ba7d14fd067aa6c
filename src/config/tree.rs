//! One tree of values out of the file and the environment. Every value and key knows where it was written.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Error};

use super::problem::Findings;
use super::sources::Sources;

/// What an environment variable of ours begins with.
/// What the names of variables that concern the configuration begin with.
pub const PREFIX: &str = "MATCHWATCH__";
/// What stands between the parts of its name.
const SEPARATOR: &str = "__";
/// No key is deeper than `notifier.0.secrets.0.env`.
const DEEPEST: usize = 6;

/// Reads the file as far as it can be read.
pub(super) fn parse(text: &str) -> (DeTable<'_>, Vec<Error>) {
    let (root, errors) = DeTable::parse_recoverable(text);
    (root.into_inner(), errors)
}

/// A value that an environment variable puts into the tree.
#[derive(Debug)]
pub(super) struct Override<'t> {
    path: Vec<String>,
    value: Spanned<DeValue<'t>>,
    span: Range<usize>,
}

/// Those of the variables that are ours, each read as a TOML value if it is one, else as a string.
pub(super) fn overrides<'t>(
    environment: &'t [(String, String)],
    sources: &mut Sources<'t>,
) -> Vec<Override<'t>> {
    let mut variables: Vec<_> = environment
        .iter()
        .filter_map(|(name, value)| {
            let path = name.strip_prefix(PREFIX)?.split(SEPARATOR).map(str::to_lowercase);
            Some((path.collect::<Vec<_>>(), name, value))
        })
        .collect();
    // Outer before inner, and entries of a list by their numbers.
    variables.sort_by_cached_key(|(path, ..)| {
        path.iter().map(|part| (index(part), part.clone())).collect::<Vec<_>>()
    });
    variables
        .into_iter()
        .map(|(path, name, text)| {
            let span = sources.add_variable(name, text);
            let value = match DeValue::parse(text) {
                Ok(value) => shifted(value, span.start),
                Err(_) => Spanned::new(span.clone(), DeValue::String(Cow::Borrowed(text))),
            };
            Override { path, value, span }
        })
        .collect()
}

/// Puts the overrides into the tree.
pub(super) fn overlay<'t>(
    tree: &mut DeTable<'t>,
    overrides: Vec<Override<'t>>,
    findings: &Findings<'_>,
) {
    for Override { path, value, span } in overrides {
        let place = Step { path: &path, depth: 0, span: &span };
        if let Err(text) = place.set_in_table(tree, value) {
            findings.wrong(&span, &path.join("."), text);
        }
    }
}

/// Where an override has got to on its way into the tree.
#[derive(Clone, Copy)]
struct Step<'a> {
    path: &'a [String],
    depth: usize,
    span: &'a Range<usize>,
}

impl Step<'_> {
    fn set_in_table<'t>(
        self,
        table: &mut DeTable<'t>,
        value: Spanned<DeValue<'t>>,
    ) -> Result<(), String> {
        let part = &self.path[self.depth];
        if part.is_empty() || self.path.len() > DEEPEST {
            return Err("no key has this name".to_owned());
        }
        let key = Spanned::new(self.span.clone(), Cow::Owned(part.clone()));
        if self.is_last() {
            table.insert(key, value);
            return Ok(());
        }
        let child = table.entry(key).or_insert_with(|| self.new_child());
        self.next().set_in(child.get_mut(), value)
    }

    fn set_in_list<'t>(
        self,
        list: &mut DeArray<'t>,
        value: Spanned<DeValue<'t>>,
    ) -> Result<(), String> {
        let part = &self.path[self.depth];
        let Some(index) = index(part).filter(|&index| index <= list.len()) else {
            return Err(format!(
                "`{part}` is none of its entries: they are numbered from 0, and the next is {}",
                list.len()
            ));
        };
        if self.is_last() {
            match list.get_mut(index) {
                Some(entry) => *entry = value,
                None => list.push(value),
            }
            return Ok(());
        }
        if index == list.len() {
            list.push(self.new_child());
        }
        list.get_mut(index).map_or(Ok(()), |child| self.next().set_in(child.get_mut(), value))
    }

    fn set_in<'t>(
        self,
        parent: &mut DeValue<'t>,
        value: Spanned<DeValue<'t>>,
    ) -> Result<(), String> {
        match parent {
            DeValue::Table(table) => self.set_in_table(table, value),
            DeValue::Array(list) => self.set_in_list(list, value),
            _ => {
                let parent = self.path[..self.depth].join(".");
                Err(format!("`{parent}` is a single value, with nothing inside it"))
            }
        }
    }

    const fn is_last(self) -> bool {
        self.depth + 1 == self.path.len()
    }

    const fn next(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }

    /// What the next part of the path is looked up in.
    fn new_child<'t>(self) -> Spanned<DeValue<'t>> {
        let child = match index(&self.path[self.depth + 1]) {
            Some(_) => DeValue::Array(DeArray::new()),
            None => DeValue::Table(DeTable::new()),
        };
        Spanned::new(self.span.clone(), child)
    }
}

fn index(part: &str) -> Option<usize> {
    part.parse().ok()
}

/// The same value, found `by` bytes further on.
fn shifted(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let span = value.span().start + by..value.span().end + by;
    let value = match value.into_inner() {
        DeValue::Array(list) => {
            DeValue::Array(list.into_iter().map(|entry| shifted(entry, by)).collect())
        }
        DeValue::Table(table) => {
            let entries = table.into_iter().map(|(key, value)| {
                let span = key.span().start + by..key.span().end + by;
                (Spanned::new(span, key.into_inner()), shifted(value, by))
            });
            DeValue::Table(entries.collect())
        }
        scalar => scalar,
    };
    Spanned::new(span, value)
}
