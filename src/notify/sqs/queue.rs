//! The URL of a queue.

use std::str::FromStr;

use crate::url::parse_endpoint;

/// A queue by its URL: `https://sqs.<region>.amazonaws.com/<account>/<name>`, or the same on another endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Queue {
    pub(super) url: String,
    /// The Region that the host names; another endpoint names none.
    pub(super) region: Option<String>,
}

impl Queue {
    /// Whether the queue keeps the order of messages and drops duplicates.
    pub(super) fn is_fifo(&self) -> bool {
        self.url.ends_with(".fifo")
    }
}

impl FromStr for Queue {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        let url = parse_endpoint(given).map_err(|_| refusal())?;
        let path: Vec<_> = url.path().trim_start_matches('/').split('/').collect();
        let [account, name] = path[..] else {
            return Err(refusal());
        };
        let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        if !is_account || !is_name(name) {
            return Err(refusal());
        }
        let region = url.host_str().and_then(region_of).map(str::to_owned);
        Ok(Self { url: given.to_owned(), region })
    }
}

fn refusal() -> String {
    "is not the URL of a queue; write one as in \
     \"https://sqs.eu-west-1.amazonaws.com/123456789012/my-queue\""
        .to_owned()
}

/// The Region in a host of the service's own: `sqs.<region>.amazonaws.com`, `sqs-fips.<region>.…`,
/// `<region>.queue.amazonaws.com`.
fn region_of(host: &str) -> Option<&str> {
    let labels: Vec<_> = host.split('.').collect();
    match labels[..] {
        ["sqs" | "sqs-fips", region, "amazonaws" | "api", ..] => Some(region),
        [region, "queue", "amazonaws", ..] => Some(region),
        _ => None,
    }
}

fn is_name(name: &str) -> bool {
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    !stem.is_empty()
        && name.len() <= 80
        && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_brings_its_region_where_its_host_names_one_and_says_whether_it_is_fifo() {
        for (url, region, is_fifo) in [
            ("https://sqs.eu-west-1.amazonaws.com/123456789012/jobs", Some("eu-west-1"), false),
            (
                "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/er_jobs-1.fifo",
                Some("cn-north-1"),
                true,
            ),
            (
                "https://sqs-fips.us-east-1.amazonaws.com/123456789012/jobs",
                Some("us-east-1"),
                false,
            ),
            ("https://sqs.eu-west-1.api.aws/123456789012/jobs", Some("eu-west-1"), false),
            ("https://eu-west-2.queue.amazonaws.com/123456789012/jobs", Some("eu-west-2"), false),
            ("http://127.0.0.1:9324/123456789012/jobs", None, false),
        ] {
            let queue: Queue = url.parse().unwrap();
            assert_eq!((queue.region.as_deref(), queue.is_fifo()), (region, is_fifo), "{url}");
        }
    }

    #[test]
    fn what_is_no_queue_is_refused_with_an_example() {
        for url in [
            "",
            "jobs",
            "arn:aws:sqs:eu-west-1:123456789012:jobs",
            "ftp://sqs.eu-west-1.amazonaws.com/123456789012/jobs",
            "https://sqs.eu-west-1.amazonaws.com/jobs",
            "https://sqs.eu-west-1.amazonaws.com/12345/jobs",
            "https://sqs.eu-west-1.amazonaws.com/123456789012/",
            "https://sqs.eu-west-1.amazonaws.com/123456789012/.fifo",
            "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs/1",
        ] {
            let error = url.parse::<Queue>().unwrap_err();
            assert!(error.contains("write one as in"), "{url}: {error}");
        }
    }
}
