//! Tells the parser's errors in our words, with the key that they are about.

use toml::de::Error;

use super::problem::Findings;

/// Reports what the parser did not understand.
pub(super) fn report(errors: Vec<Error>, findings: &Findings<'_>) {
    for error in errors {
        let span = error.span().unwrap_or_default();
        let key = key_near(findings.sources().text(), span.start);
        findings.not_toml(&span, &key, in_plain_words(error.message()));
    }
}

fn in_plain_words(message: &str) -> String {
    if message.starts_with("string values must be quoted") {
        "a text stands in quotes, as in \"15s\"".to_owned()
    } else if message == "duplicate key" {
        "is there already; keep one of the two".to_owned()
    } else {
        format!("is not TOML: {message}")
    }
}

/// `[section] key` of the line at `offset`, as far as it can be told.
fn key_near(text: &str, offset: usize) -> String {
    let line_start = text.get(..offset).and_then(|t| t.rfind('\n')).map_or(0, |at| at + 1);
    let (before, rest) = text.split_at_checked(line_start).unwrap_or_default();
    let line = rest.lines().next().unwrap_or_default().trim();
    if let Some(header) = header(line) {
        return header.to_owned();
    }
    let section = before.lines().rev().find_map(|line| header(line.trim())).unwrap_or_default();
    let key = line.split_once('=').map(|(key, _)| key.trim_end()).filter(|key| is_key(key));
    [section, key.unwrap_or_default()].join(" ").trim().to_owned()
}

/// `[section]` or `[[section]]`, or what is left of it.
fn header(line: &str) -> Option<&str> {
    let header = line.split('#').next()?.trim_end();
    header.starts_with('[').then_some(header).filter(|h| is_key(h.trim_matches(['[', ']'])))
}

/// All keys are of this form. What is not may be a part of a longer value, and is not shown.
fn is_key(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_broken_line_is_found_by_its_looks() {
        let text = "[log]\nfilter = inof # no\n[[notifier]] # a\nurl = \"\"\"x\nSECRET=\n[poll\n";
        for (needle, key) in [
            ("inof", "[log] filter"),
            ("[log", "[log]"),
            ("url", "[[notifier]] url"),
            ("SECRET", "[[notifier]]"),
            ("poll", "[poll"),
        ] {
            assert_eq!(key_near(text, text.find(needle).unwrap()), key);
        }
    }
}
