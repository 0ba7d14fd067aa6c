//! Keeps what a receiver echoes from showing the secrets it was sent.

use percent_encoding::percent_decode_str;
use reqwest::Url;
use reqwest::header::HeaderMap;

use crate::secret::Secret;

/// Shorter pieces are no secrets, and words that any answer may hold.
const SHORTEST_SECRET: usize = 6;

/// Knows the pieces of one request that may be secret.
pub(super) struct Redactor {
    /// Longest first, so that no piece hides a part of a longer one.
    secrets: Vec<String>,
}

impl Redactor {
    /// Everything of the URL but scheme and host, as it is written and as it is meant, every header's value, and what
    /// else is secret.
    pub(super) fn new<'h, 's>(
        url: &Url,
        headers: impl IntoIterator<Item = &'h HeaderMap>,
        others: impl IntoIterator<Item = &'s Secret>,
    ) -> Self {
        let query = url.query().unwrap_or_default();
        let mut secrets = vec![
            url.path().to_owned(),
            query.to_owned(),
            url.username().to_owned(),
            url.password().unwrap_or_default().to_owned(),
        ];
        secrets.extend(url.path().split('/').map(str::to_owned));
        secrets.extend(query.split(['&', '=']).map(str::to_owned));
        secrets.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
        let meant = |secret: &String| percent_decode_str(secret).decode_utf8_lossy().into_owned();
        secrets.extend(secrets.iter().map(meant).collect::<Vec<_>>());
        let values = headers.into_iter().flat_map(HeaderMap::values);
        for value in values.filter_map(|value| value.to_str().ok()) {
            secrets.push(value.to_owned());
            secrets.extend(value.split_whitespace().map(str::to_owned));
        }
        secrets.extend(others.into_iter().map(|secret| secret.expose().to_owned()));
        secrets.retain(|secret| secret.len() >= SHORTEST_SECRET);
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { secrets }
    }

    /// `text` without the secrets.
    pub(super) fn redact(&self, text: &str) -> String {
        self.secrets
            .iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "[redacted]"))
    }
}
