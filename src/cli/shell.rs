//! Commands that people are told, to be run as they stand.

use std::borrow::Cow;

/// A word as a shell reads it back.
pub(super) fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''")).into()
}

/// Adds a flag, if it has a value.
pub(super) fn add_flag(flags: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        *flags += &format!(" {name} {}", quoted(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_a_shell_would_change_are_quoted() {
        for plain in ["customers", "http://127.0.0.1:8090/", "5%", "a_b-c.d"] {
            assert_eq!(quoted(plain), plain);
        }
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("two words"), "'two words'");
        assert_eq!(quoted("$(it's)"), r"'$(it'\''s)'");
        assert_eq!(quoted("~"), "'~'");
    }
}
