//! What is wrong, and how it is told.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Write as _};
use std::io;
use std::ops::Range;
use std::string::FromUtf8Error;

use super::sources::{Place, Sources, position};

/// One thing that is wrong: where, with which key, and what to write instead.
///
/// Never holds a value that may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    place: Place,
    key: String,
    text: String,
}

/// One line, whatever stands in the names and values that it repeats.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = match self.key.as_str() {
            "" => format!("{}: {}", self.place, self.text),
            key => format!("{}: {key}: {}", self.place, self.text),
        };
        told.chars().try_for_each(|c| match c.is_control() {
            true => write!(f, "{}", c.escape_default()),
            false => f.write_char(c),
        })
    }
}

/// All that is wrong with a configuration, in the order in which it is written; the environment comes last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    file: String,
    list: Vec<Problem>,
}

impl Problems {
    pub(super) fn of_file(file: &str, (at, text): (Option<(usize, usize)>, String)) -> Self {
        let place = match at {
            Some((line, column)) => Place::Character { file: file.to_owned(), line, column },
            None => Place::File(file.to_owned()),
        };
        Self { file: file.to_owned(), list: vec![Problem { place, key: String::new(), text }] }
    }

    /// Each problem.
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// How many there are, and where: `3 problems in config/matchwatch.toml`.
    pub fn summary(&self) -> String {
        let from_environment =
            self.list.iter().filter(|problem| matches!(problem.place, Place::Variable(_))).count();
        let place = match from_environment {
            0 => self.file.clone(),
            all if all == self.list.len() => "the environment".to_owned(),
            _ => format!("{} and the environment", self.file),
        };
        match self.list.len() {
            1 => format!("1 problem in {place}"),
            count => format!("{count} problems in {place}"),
        }
    }
}

/// A line for each problem, and the summary.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.list {
            writeln!(f, "{problem}")?;
        }
        f.write_str(&self.summary())
    }
}

impl std::error::Error for Problems {}

/// Position and text of the problem that a file cannot be read.
pub(super) fn unreadable(error: &io::Error) -> (Option<(usize, usize)>, String) {
    let text = match error.kind() {
        io::ErrorKind::NotFound => {
            "there is no such file; name another with --config or MATCHWATCH_CONFIG".to_owned()
        }
        _ => format!("cannot be read: {error}"),
    };
    (None, text)
}

/// Position and text of the problem that a file is no text.
pub(super) fn not_utf8(error: &FromUtf8Error) -> (Option<(usize, usize)>, String) {
    let at = position(error.as_bytes(), error.utf8_error().valid_up_to());
    (Some(at), "is not UTF-8; save the file in that encoding".to_owned())
}

/// What has been found so far.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    sources: &'a Sources<'a>,
    problems: RefCell<Vec<(Option<usize>, Problem)>>,
    warnings: RefCell<Vec<(Option<usize>, Problem)>>,
    /// The file has syntax errors, so that parts of it may be missing from the tree.
    incomplete: Cell<bool>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(sources: &'a Sources<'a>) -> Self {
        Self {
            sources,
            problems: RefCell::default(),
            warnings: RefCell::default(),
            incomplete: Cell::new(false),
        }
    }

    pub(super) const fn sources(&self) -> &'a Sources<'a> {
        self.sources
    }

    /// What is written at `span` is wrong in itself.
    pub(super) fn wrong(&self, span: &Range<usize>, key: &str, text: impl Into<String>) {
        let problem = self.problem(Some(span.start), key, text);
        let mut problems = self.problems.borrow_mut();
        // What does not parse is not judged besides.
        let line_is_told = self.incomplete.get()
            && problems.iter().any(|(_, told)| same_line(&told.place, &problem.place));
        if !line_is_told {
            problems.push((Some(span.start), problem));
        }
    }

    /// What is written at `span` does not go with the rest. Not told where the rest could not be read.
    pub(super) fn does_not_fit(&self, span: &Range<usize>, key: &str, text: impl Into<String>) {
        if !self.incomplete.get() {
            self.wrong(span, key, text);
        }
    }

    /// What is written at `span` is no TOML.
    pub(super) fn not_toml(&self, span: &Range<usize>, key: &str, text: impl Into<String>) {
        self.wrong(span, key, text);
        self.incomplete.set(true);
    }

    /// It may be a mistake.
    pub(super) fn warn(&self, span: Option<&Range<usize>>, key: &str, text: impl Into<String>) {
        let offset = span.map(|span| span.start);
        self.warnings.borrow_mut().push((offset, self.problem(offset, key, text)));
    }

    /// What was read, with the warnings about it, if nothing is wrong.
    pub(super) fn conclude<T>(self, read: T) -> Result<(T, Vec<Problem>), Problems> {
        let problems = in_order(self.problems.into_inner());
        if problems.is_empty() {
            Ok((read, in_order(self.warnings.into_inner())))
        } else {
            Err(Problems { file: self.sources.file().to_owned(), list: problems })
        }
    }

    fn problem(&self, offset: Option<usize>, key: &str, text: impl Into<String>) -> Problem {
        Problem { place: self.sources.place(offset), key: key.to_owned(), text: text.into() }
    }
}

fn same_line(one: &Place, other: &Place) -> bool {
    match (one, other) {
        (Place::Character { line: one, .. }, Place::Character { line: other, .. }) => one == other,
        _ => false,
    }
}

fn in_order(mut found: Vec<(Option<usize>, Problem)>) -> Vec<Problem> {
    found.sort_by_key(|(offset, _)| *offset);
    found.into_iter().map(|(_, problem)| problem).collect()
}
