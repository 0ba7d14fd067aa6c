//! Headers that the operator adds.

use std::collections::BTreeMap;

use reqwest::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING, USER_AGENT,
};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP};

use crate::notify::ConfigError;
use crate::secret::MaybeSecret;

/// Fetches and checks the configured headers.
pub(super) fn read(configured: &BTreeMap<String, MaybeSecret>) -> Result<HeaderMap, ConfigError> {
    let mut headers = HeaderMap::new();
    for (key, value) in configured {
        let refuse = |problem: String| ConfigError(format!("headers.{key}: {problem}"));
        let value = value.resolve().map_err(|error| refuse(error.to_string()))?;
        let (name, value) = header(key, value.expose()).map_err(refuse)?;
        if headers.insert(name, value).is_some() {
            let twice = "is given twice: case makes no difference in a header's name";
            return Err(refuse(twice.to_owned()));
        }
    }
    Ok(headers)
}

/// A header that a webhook can carry, or why it cannot.
pub(super) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let name = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| "is not the name of a header; write letters, digits and `-`")?;
    if is_ours(&name) {
        return Err("is set by matchwatch itself; leave it out".to_owned());
    }
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| "is not the value of a header; it is one line of ASCII")?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// Whether a header is decided by this adapter or by HTTP itself.
fn is_ours(name: &HeaderName) -> bool {
    [CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING, USER_AGENT].contains(name)
        || [HEADER_WEBHOOK_ID, HEADER_WEBHOOK_TIMESTAMP, HEADER_WEBHOOK_SIGNATURE]
            .contains(&name.as_str())
}
