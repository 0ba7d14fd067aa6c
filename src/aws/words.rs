//! What AWS says about a request, without what must not be told.

use std::borrow::Cow;

/// Stands before the session token where AWS repeats what was signed: it does so when a signature is wrong.
const TOKEN_HEADER: &str = "x-amz-security-token:";

/// What a service says that is itself in trouble.
pub const OUTAGE: &[&str] =
    &["InternalError", "InternalFailure", "InternalServerException", "ServiceUnavailable"];

/// `text` without session tokens.
pub fn without_session_token(text: &str) -> Cow<'_, str> {
    let mut told = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(TOKEN_HEADER) {
        told.extend([before, TOKEN_HEADER, "[redacted]"]);
        rest = after.trim_start_matches(' ').trim_start_matches(|c: char| c.is_ascii_graphic());
    }
    if told.is_empty() {
        return Cow::Borrowed(text);
    }
    told.push_str(rest);
    Cow::Owned(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_token_is_taken_out_wherever_it_stands_and_nothing_else_is() {
        for (said, told) in [
            ("no token", "no token"),
            ("x-amz-security-token:abc/+==\nhost", "x-amz-security-token:[redacted]\nhost"),
            (
                "a x-amz-security-token: b c x-amz-security-token:d",
                "a x-amz-security-token:[redacted] c x-amz-security-token:[redacted]",
            ),
        ] {
            assert_eq!(without_session_token(said), told);
        }
    }
}
