//! Where a value was written.

use std::fmt;
use std::ops::Range;

/// The file and the environment variables in one row: an offset into it names a place in one of them.
#[derive(Debug)]
pub(super) struct Sources<'t> {
    file: &'t str,
    text: &'t str,
    variables: Vec<Variable<'t>>,
}

#[derive(Debug)]
struct Variable<'t> {
    name: &'t str,
    range: Range<usize>,
}

/// A place that a person can find.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The file as a whole.
    File(String),
    /// A character of the file; both numbers start at 1.
    Character { file: String, line: usize, column: usize },
    /// An environment variable.
    Variable(String),
}

impl<'t> Sources<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, variables: Vec::new() }
    }

    /// Appends a variable, and says where it starts and ends.
    pub(super) fn add_variable(&mut self, name: &'t str, value: &str) -> Range<usize> {
        // One byte apart, so that an empty variable has a place too, and none begins where the file ends.
        let start = self.variables.last().map_or(self.text.len(), |last| last.range.end) + 1;
        let range = start..start + value.len();
        self.variables.push(Variable { name, range: range.clone() });
        range
    }

    pub(super) fn file(&self) -> &'t str {
        self.file
    }

    /// The text of the file.
    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// Where `offset` is; the file as a whole for `None`.
    pub(super) fn place(&self, offset: Option<usize>) -> Place {
        let Some(offset) = offset else {
            return Place::File(self.file.to_owned());
        };
        if let Some(variable) = self.variables.iter().rev().find(|v| v.range.start <= offset) {
            return Place::Variable(variable.name.to_owned());
        }
        let (line, column) = position(self.text.as_bytes(), offset);
        Place::Character { file: self.file.to_owned(), line, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => f.write_str(file),
            Self::Character { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// Line and column of the byte at `offset`, both from 1; a column is a character.
pub(super) fn position(text: &[u8], offset: usize) -> (usize, usize) {
    let before = &text[..offset.min(text.len())];
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
    let column = 1 + String::from_utf8_lossy(&before[line_start..]).chars().count();
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_a_line_and_a_column_of_the_file_or_a_variable() {
        let mut sources = Sources::new("f.toml", "a = 1\nü = 2");
        let first = sources.add_variable("FIRST", "");
        let second = sources.add_variable("SECOND", "22");
        let place = |offset: usize| sources.place(Some(offset)).to_string();
        assert_eq!(place(0), "f.toml:1:1");
        assert_eq!(place(9), "f.toml:2:3");
        assert_eq!(place(12), "f.toml:2:6");
        assert_eq!(place(first.start), "FIRST");
        assert_eq!(place(second.start), "SECOND");
        assert_eq!(place(second.end), "SECOND");
        assert_eq!(sources.place(None).to_string(), "f.toml");
    }
}
