//! URLs that can be asked.

pub use reqwest::Url;

/// Reads an `http` or `https` URL.
///
/// # Errors
///
/// What is wrong with it, and what to write instead. Does not show it: a URL may hold a secret.
pub fn parse_http(text: &str) -> Result<Url, String> {
    let advice = "write it as in https://example.com/path";
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        Ok(_) => Err(format!("is not an http or https URL; {advice}")),
        Err(reason) => Err(format!("is not a URL ({reason}); {advice}")),
    }
}

/// Reads the URL of an AWS endpoint: as [`parse_http`], without a user or a password. Requests to AWS are signed and
/// would not carry them, and an endpoint is no secret: messages show it.
///
/// # Errors
///
/// As [`parse_http`].
pub fn parse_endpoint(text: &str) -> Result<Url, String> {
    let url = parse_http(text)?;
    if url.username().is_empty() && url.password().is_none() {
        return Ok(url);
    }
    Err("holds a user or a password, which AWS is not sent; leave out what stands before the @"
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_asked_is_refused_unseen() {
        for text in ["", "example.com/s3cret", "ftp://example.com/s3cret", "https://"] {
            let problem = parse_http(text).unwrap_err();
            assert!(problem.contains("https://example.com/path"), "{problem}");
            assert!(!problem.contains("s3cret"), "{problem}");
        }
        assert!(parse_http("https://example.com/hook?a=b").is_ok());
    }

    #[test]
    fn an_endpoint_has_no_user_and_no_password() {
        for text in ["https://s3cret@example.com", "https://:s3cret@example.com"] {
            let problem = parse_endpoint(text).unwrap_err();
            assert!(problem.contains("before the @") && !problem.contains("s3cret"), "{problem}");
        }
        assert!(parse_endpoint("https://example.com/path").is_ok());
    }
}
