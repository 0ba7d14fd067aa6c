//! The ARN of a topic.

use std::str::FromStr;

/// A topic by its ARN: `arn:<partition>:sns:<region>:<account>:<name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Topic {
    pub(super) arn: String,
    pub(super) region: String,
}

impl Topic {
    /// Whether the topic keeps the order of messages and drops duplicates.
    pub(super) fn is_fifo(&self) -> bool {
        self.arn.ends_with(".fifo")
    }
}

impl FromStr for Topic {
    type Err = String;

    fn from_str(arn: &str) -> Result<Self, String> {
        if let ["arn", partition, "sns", region, account, name] =
            arn.split(':').collect::<Vec<_>>()[..]
            && partition.starts_with("aws")
            && !region.is_empty()
            && account.len() == 12
            && account.bytes().all(|byte| byte.is_ascii_digit())
            && is_name(name)
        {
            return Ok(Self { arn: arn.to_owned(), region: region.to_owned() });
        }
        Err("is not the ARN of an SNS topic; write one as in \
             \"arn:aws:sns:eu-west-1:123456789012:my-topic\""
            .to_owned())
    }
}

fn is_name(name: &str) -> bool {
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    !stem.is_empty()
        && name.len() <= 256
        && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_brings_its_region_and_says_whether_it_is_fifo() {
        let topic: Topic = "arn:aws-cn:sns:cn-north-1:123456789012:er_jobs-1".parse().unwrap();
        assert_eq!((topic.region.as_str(), topic.is_fifo()), ("cn-north-1", false));
        let topic: Topic = "arn:aws:sns:eu-west-1:123456789012:jobs.fifo".parse().unwrap();
        assert_eq!((topic.region.as_str(), topic.is_fifo()), ("eu-west-1", true));
    }

    #[test]
    fn what_is_no_topic_is_refused_with_an_example() {
        for arn in [
            "",
            "jobs",
            "arn:aws:sqs:eu-west-1:123456789012:jobs",
            "arn:aws:sns::123456789012:jobs",
            "arn:aws:sns:eu-west-1:12345:jobs",
            "arn:aws:sns:eu-west-1:123456789012:",
            "arn:aws:sns:eu-west-1:123456789012:.fifo",
            "arn:aws:sns:eu-west-1:123456789012:my jobs",
            "arn:aws:sns:eu-west-1:123456789012:jobs:7a4b0b1c-a-subscription",
        ] {
            let error = arn.parse::<Topic>().unwrap_err();
            assert!(error.contains("write one as in"), "{arn}: {error}");
        }
    }
}
