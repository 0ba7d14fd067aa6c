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
}
