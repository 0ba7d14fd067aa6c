//! Keeps what a receiver echoes from showing the secrets it was sent.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use reqwest::Url;
use reqwest::header::HeaderMap;

use super::readings::Readings;
use crate::secret::Secret;

/// Shorter ones are words that any answer may hold: they are looked for between words only, or not at all.
const SHORTEST_PIECE: usize = 6;
/// Even a password has as many characters.
const SHORTEST_SECRET: usize = 3;
/// Longer ones are no words.
const LONGEST_WORD: usize = 16;
/// Where a text is cut, what is left of an escape is shorter.
const LONGEST_ESCAPE: usize = 16;
/// What stands before a credential, and is none.
const SCHEMES: [&str; 7] = ["apikey", "basic", "bearer", "digest", "geniekey", "key", "token"];

/// Knows the pieces of one request that may be secret.
pub(super) struct Redactor {
    secrets: BTreeSet<Piece>,
}

/// What may be secret.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Piece {
    /// How many characters it has.
    count: usize,
    text: String,
    /// Whether a part of it tells nothing.
    is_word: bool,
}

impl Piece {
    /// One that is called secret: a part of it tells something even if it is a word.
    fn of_secret(text: String) -> Self {
        Self { count: text.chars().count(), text, is_word: false }
    }

    /// One of a URL or a header, which may as well be a word, such as `webhooks` in a path: a part of that is a word of
    /// its own that a receiver may need to say.
    fn of_request(text: String) -> Self {
        let count = text.chars().count();
        let is_word = count < LONGEST_WORD && text.chars().all(char::is_alphabetic);
        Self { count, text, is_word }
    }
}

impl Redactor {
    /// Everything of the URL but scheme and host, as it is written and as it is meant, every header's value, and what
    /// else is secret.
    pub(super) fn new<'h, 's>(
        url: &Url,
        headers: impl IntoIterator<Item = &'h HeaderMap>,
        others: impl IntoIterator<Item = &'s Secret>,
    ) -> Self {
        let (query, password) = (url.query().unwrap_or_default(), url.password());
        let mut pieces: Vec<_> =
            [url.path(), query, url.username()].into_iter().map(str::to_owned).collect();
        pieces.extend(url.path().split('/').map(str::to_owned));
        pieces.extend(query.split(['&', '=']).map(str::to_owned));
        pieces.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
        let meant: Vec<_> = pieces.iter().map(|piece| meant(piece)).collect();
        pieces.extend(meant);
        let values = headers.into_iter().flat_map(HeaderMap::values);
        pieces.extend(values.filter_map(|value| value.to_str().ok()).flat_map(credentials));
        let mut secrets: Vec<_> =
            others.into_iter().map(|secret| secret.expose().to_owned()).collect();
        let lines: Vec<_> =
            secrets.iter().flat_map(|secret| secret.lines()).map(str::to_owned).collect();
        secrets.extend(password.map(self::meant));
        secrets.retain(|secret| secret.chars().count() >= SHORTEST_SECRET);
        secrets.extend(lines.into_iter().filter(|line| line.chars().count() >= SHORTEST_PIECE));
        pieces.retain(|piece| piece.chars().count() >= SHORTEST_PIECE);
        let secrets = secrets.into_iter().map(Piece::of_secret);
        Self { secrets: secrets.chain(pieces.into_iter().map(Piece::of_request)).collect() }
    }

    /// `text` without the secrets, however they are escaped there. Half of one is as secret as the whole, and so is its
    /// beginning at the end of the text: receivers cut short what they echo, and so do we.
    pub(super) fn redact(&self, text: &str) -> String {
        let readings = Readings::of(text);
        let (mut redacted, mut told) = (String::new(), 0);
        for (start, _) in text.char_indices() {
            let ends = self.secrets.iter().filter_map(|Piece { count, text: secret, is_word }| {
                let (read, end) = readings.longest(start, secret);
                let is_shown = match read {
                    _ if *count < SHORTEST_PIECE => read == *count && readings.is_word(start, end),
                    ..SHORTEST_PIECE => false,
                    _ if read == *count => true,
                    _ if *is_word => false,
                    _ => read * 2 >= *count || text.len() - end < LONGEST_ESCAPE,
                };
                is_shown.then_some(end)
            });
            let Some(end) = ends.max().filter(|end| *end > told) else { continue };
            // One that begins within another, or right behind it, needs no mark of its own.
            if start > told || redacted.is_empty() {
                redacted.push_str(&text[told..start]);
                redacted.push_str("[redacted]");
            }
            told = end;
        }
        redacted + &text[told..]
    }
}

/// What the part of a URL means.
fn meant(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}

/// What may be secret of a header's value: the whole, its words, and what is between marks as cookies have them.
fn credentials(value: &str) -> Vec<String> {
    let is_scheme = |word: &str| SCHEMES.contains(&word.to_lowercase().as_str());
    let whole = match value.split_once(' ') {
        Some((scheme, credential)) if is_scheme(scheme) => credential,
        _ => value,
    };
    let words = whole.split_whitespace();
    let parts = whole.split([' ', ',', ';', '=', '"']);
    [whole].into_iter().chain(words).chain(parts).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    fn redactor(secret: &str) -> Redactor {
        let url = Url::parse("https://example.com").unwrap();
        Redactor::new(&url, [], [&Secret::new(secret)])
    }

    fn json(text: &str) -> String {
        serde_json::to_string(text).unwrap().trim_matches('"').to_owned()
    }

    fn html(text: &str) -> String {
        let named =
            [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&#39;")];
        named.into_iter().fold(text.to_owned(), |text, (c, entity)| text.replace(c, entity))
    }

    /// Each character but letters and digits written by its number.
    fn numbered(text: &str, write: impl Fn(&mut String, char)) -> String {
        let mut numbered = String::new();
        for c in text.chars() {
            match c {
                c if c.is_ascii_alphanumeric() => numbered.push(c),
                c => write(&mut numbered, c),
            }
        }
        numbered
    }

    /// JSON as Java's and PHP's encoders write it for HTML.
    fn ascii_json(text: &str) -> String {
        numbered(text, |made, c| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(made, "\\u{unit:04x}").unwrap();
            }
        })
    }

    fn percent(text: &str) -> String {
        utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
    }

    const ENCODERS: [fn(&str) -> String; 10] = [
        str::to_owned,
        json,
        |text| json(text).replace('/', "\\/"),
        ascii_json,
        percent,
        |text| percent(text).replace("%20", "+"),
        |text| text.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        html,
        |text| numbered(text, |made, c| write!(made, "&#x{:X};", u32::from(c)).unwrap()),
        |text| format!("{text:?}").trim_matches('"').to_owned(),
    ];

    proptest! {
        #[test]
        fn no_encoding_of_a_secret_and_none_of_an_encoding_is_told(
            secret in r#"[a-z]{3}[ -~é😀]{3,20}[a-z]{3}"#,
            inner in 0..ENCODERS.len(),
            outer in 0..ENCODERS.len(),
        ) {
            let echo = ENCODERS[outer](&ENCODERS[inner](&secret));
            let redactor = redactor(&secret);
            prop_assert_eq!(redactor.redact(&echo), "[redacted]");
            let told = redactor.redact(&format!("{{\"no\": \"{echo}\"}} ({echo})"));
            prop_assert_eq!(told, "{\"no\": \"[redacted]\"} ([redacted])");
        }

        #[test]
        fn what_holds_no_secret_is_told_as_it_is(text in "[ -~é\n]{0,200}") {
            prop_assert_eq!(redactor("0123456789-Ω-secret").redact(&text), text);
        }

        #[test]
        fn whatever_is_there_the_secret_is_not_told(before in ".{0,40}", after in ".{0,40}") {
            let told = redactor("s3cr3t/\"&").redact(&format!("{before}s3cr3t/\"&{after}"));
            prop_assert!(!told.contains("s3cr3t"), "{}", told);
        }
    }

    #[test]
    fn what_is_cut_short_is_not_told_either() {
        let redactor = redactor("xoxb-1234567890-abcdef");
        assert_eq!(redactor.redact("no xoxb-1234567… here"), "no [redacted]… here");
        assert_eq!(redactor.redact("no xoxb-1"), "no [redacted]");
        assert_eq!(redactor.redact("no XOXB-1234567890-ABCDEF"), "no [redacted]");
        assert_eq!(redactor.redact(r"no xoxb\u002d1234\u00"), r"no [redacted]\u00");
        assert_eq!(redactor.redact("no xoxb-1 in the whole world"), "no xoxb-1 in the whole world");
    }

    #[test]
    fn half_of_a_password_is_not_told_though_it_is_a_word() {
        assert_eq!(redactor("correcthorse").redact("no correctho… here"), "no [redacted]… here");
        let url = Url::parse("https://jane:correcthorse@example.com").unwrap();
        let redactor = Redactor::new(&url, [], []);
        assert_eq!(redactor.redact("no correctho… here"), "no [redacted]… here");
    }

    #[test]
    fn what_receivers_say_of_their_own_can_be_read() {
        let redactor = |path: &str| {
            let url = Url::parse(&format!("https://example.com{path}")).unwrap();
            Redactor::new(&url, [], [])
        };
        for (path, told) in [
            ("/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX", "no_service"),
            (
                "/api/webhooks/1234567890/aBcDeFgHiJ-0123456789",
                "{\"message\": \"Unknown Webhook\", \"code\": 10015}",
            ),
            ("/v2/enqueue", "Event object is invalid: Length of 'routing_key' is incorrect"),
        ] {
            assert_eq!(redactor(path).redact(told), told);
        }
    }

    #[test]
    fn a_short_secret_is_taken_out_where_it_is_a_word_and_nothing_else_is() {
        let redactor = redactor("p4s");
        assert_eq!(redactor.redact("p4s: p4ss, \\np4s\\t"), "[redacted]: p4ss, \\n[redacted]\\t");
        for secret in ["a", "no", " "] {
            assert_eq!(self::redactor(secret).redact("no a b"), "no a b");
        }
    }

    #[test]
    fn of_a_header_its_scheme_is_told_and_no_part_of_its_credentials() {
        for (value, echo, told) in [
            ("Bearer t0ken-t0ken", "no Bearer t0ken-t0ken", "no Bearer [redacted]"),
            ("Bearer t0ken-t0ken", "a bearer token is missing", "a bearer token is missing"),
            ("sid=0123456789; user=jane.doe", "no session 0123456789", "no session [redacted]"),
        ] {
            let url = Url::parse("https://example.com").unwrap();
            let headers = HeaderMap::from_iter([(reqwest::header::COOKIE, value.parse().unwrap())]);
            assert_eq!(Redactor::new(&url, [&headers], []).redact(echo), told);
        }
    }
}
