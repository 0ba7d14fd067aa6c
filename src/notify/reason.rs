//! Words for the reason of a failure: printable, short, and the whole chain of causes.

use std::error::Error;

/// The beginning of what a receiver said, at most `max_chars` long.
pub(super) fn head(text: &str, max_chars: usize) -> String {
    let line = one_line(text);
    match line.char_indices().nth(max_chars) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

/// The end of what a receiver said, at most `max_chars` long.
pub(super) fn tail(text: &str, max_chars: usize) -> String {
    let line = one_line(text);
    match line.char_indices().rev().nth(max_chars.saturating_sub(1)) {
        Some((cut, _)) if cut > 0 => format!("…{}", &line[cut..]),
        _ => line,
    }
}

/// An error and its causes, each said once.
pub(super) fn causes(error: &dyn Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !told.contains(&words) {
            told.push_str(": ");
            told.push_str(&words);
        }
        cause = error.source();
    }
    told
}

/// `text` without control characters, on one line.
fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_told_whole_and_on_one_line() {
        for cut in [head, tail] {
            assert_eq!(cut("no\r\n such\u{1b}[31m hook\0", 40), "no such [31m hook");
            assert_eq!(cut("äöü", 3), "äöü");
            assert_eq!(cut("", 3), "");
        }
    }

    #[test]
    fn what_is_long_is_cut_between_characters_and_says_so() {
        assert_eq!(head("äöüß", 3), "äöü…");
        assert_eq!(tail("äöüß", 3), "…öüß");
    }

    #[test]
    fn causes_are_told_from_the_outside_in_and_none_twice() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot open it")]
        struct Outer(#[source] Middle);
        #[derive(Debug, thiserror::Error)]
        #[error("{0}")]
        struct Middle(#[source] std::io::Error);
        let error = Outer(Middle(std::io::Error::other("no such file")));
        assert_eq!(causes(&error), "cannot open it: no such file");
    }
}
