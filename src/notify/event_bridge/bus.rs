//! The name or ARN of an event bus.

use std::str::FromStr;

/// An event bus: its name, or `arn:<partition>:events:<region>:<account>:event-bus/<name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bus {
    /// Name or ARN, as it was given.
    pub(super) name: String,
    /// The Region of the ARN.
    pub(super) region: Option<String>,
}

impl FromStr for Bus {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        if is_name(given) {
            return Ok(Self { name: given.to_owned(), region: None });
        }
        if let ["arn", partition, "events", region, account, bus] =
            given.splitn(6, ':').collect::<Vec<_>>()[..]
            && partition.starts_with("aws")
            && !region.is_empty()
            && account.len() == 12
            && account.bytes().all(|byte| byte.is_ascii_digit())
            && bus.strip_prefix("event-bus/").is_some_and(is_name)
        {
            return Ok(Self { name: given.to_owned(), region: Some(region.to_owned()) });
        }
        Err("is neither the name nor the ARN of an event bus; write one as in \
             \"arn:aws:events:eu-west-1:123456789012:event-bus/jobs\""
            .to_owned())
    }
}

/// `[/\.\-_A-Za-z0-9]+`, as the API has it.
fn is_name(name: &str) -> bool {
    (1..=256).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/.-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_is_a_name_or_an_arn_that_brings_its_region() {
        let bus: Bus = "default".parse().unwrap();
        assert_eq!((bus.name.as_str(), bus.region), ("default", None));
        let arn = "arn:aws-cn:events:cn-north-1:123456789012:event-bus/er/jobs-1";
        let bus: Bus = arn.parse().unwrap();
        assert_eq!((bus.name.as_str(), bus.region.as_deref()), (arn, Some("cn-north-1")));
    }

    #[test]
    fn what_is_no_bus_is_refused_with_an_example() {
        for bus in [
            "",
            "my jobs",
            "arn:aws:sns:eu-west-1:123456789012:event-bus/jobs",
            "arn:aws:events:eu-west-1:12345:event-bus/jobs",
            "arn:aws:events:eu-west-1:123456789012:rule/jobs",
            "arn:aws:events:eu-west-1:123456789012:event-bus/",
        ] {
            assert!(bus.parse::<Bus>().unwrap_err().contains("write one as in"), "{bus}");
        }
    }
}
