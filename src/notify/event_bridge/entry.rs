//! What EventBridge is given for an event: an entry of PutEvents, within its limits.

use std::borrow::Cow;

use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use jiff::Timestamp;

use crate::domain::{Message, TestEvent};
use crate::notify::amazon::{Oversized, SIZE_LIMIT, as_services_take_it, cut_to};

/// The `source` of every entry. Sources that begin with `aws.` are AWS's own.
const SOURCE: &str = "dev.matchwatch";
/// What the time counts for in an entry's size
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size>).
const TIME_SIZE: usize = 14;

/// One event to put on a bus.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    detail_type: String,
    /// The event, in full or trimmed.
    detail: Cow<'a, str>,
    time: Timestamp,
    resources: Vec<String>,
}

impl<'a> Entry<'a> {
    /// The event as it is if it fits, and else with a shorter error message and `truncated: true`.
    pub(super) fn of(message: &'a Message) -> Result<Self, Oversized> {
        let event = &message.event;
        let entry = Self {
            detail_type: event.event_type.to_string(),
            detail: as_services_take_it(&message.body),
            time: event.time,
            resources: event.workflow_arn().into_iter().collect(),
        };
        let size = entry.size();
        if size <= SIZE_LIMIT {
            return Ok(entry);
        }
        let room = SIZE_LIMIT.saturating_sub(size - entry.detail.len());
        Ok(Self { detail: Cow::Owned(cut_to(message, room)?), ..entry })
    }

    /// A test.
    pub(super) fn of_test(test: &'a Message<TestEvent>) -> Self {
        Self {
            detail_type: test.event.event_type.clone(),
            detail: as_services_take_it(&test.body),
            time: test.event.time,
            resources: Vec::new(),
        }
    }

    fn size(&self) -> usize {
        let resources: usize = self.resources.iter().map(String::len).sum();
        TIME_SIZE + SOURCE.len() + self.detail_type.len() + self.detail.len() + resources
    }

    /// The entry as the SDK takes it.
    pub(super) fn request(self, bus: &str) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(bus)
            .source(SOURCE)
            .detail_type(self.detail_type)
            .detail(self.detail)
            .time(DateTime::from_secs(self.time.as_second()))
            .set_resources(Some(self.resources))
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::testing::{failed, failed_with, job_of, succeeded, trial};

    #[test]
    fn the_event_is_the_detail_byte_for_byte() {
        let message = succeeded();
        let entry = Entry::of(&message).unwrap();
        assert_eq!(entry.detail, &*message.body);
        assert_eq!(entry.detail_type, "dev.matchwatch.job.succeeded.v1");
        assert_eq!(entry.time, message.event.time);
        assert_eq!(entry.resources, [""; 0], "its account is not known");
        let test = trial();
        let entry = Entry::of_test(&test);
        assert_eq!(
            (entry.detail, &*entry.detail_type),
            (Cow::Borrowed(&*test.body), "dev.matchwatch.test.v1")
        );
    }

    #[test]
    fn what_no_queue_takes_is_escaped_as_a_queue_may_be_the_target() {
        let message = failed_with("a\u{FFFF}");
        assert!(Entry::of(&message).unwrap().detail.contains(r#""a\uffff""#));
    }

    #[test]
    fn the_largest_event_that_fits_is_not_trimmed_and_one_byte_more_is() {
        let overhead = Entry::of(&failed_with("")).unwrap().size();
        let fits = failed_with(&"x".repeat(SIZE_LIMIT - overhead));
        let entry = Entry::of(&fits).unwrap();
        assert_eq!((entry.size(), &*entry.detail), (SIZE_LIMIT, &*fits.body));
        let exceeds = failed_with(&"x".repeat(SIZE_LIMIT - overhead + 1));
        let entry = Entry::of(&exceeds).unwrap();
        assert_eq!(entry.size(), SIZE_LIMIT, "all the room is used");
        let detail: serde_json::Value = serde_json::from_str(&entry.detail).unwrap();
        assert_eq!(detail["data"]["truncated"], true);
    }

    #[test]
    fn the_workflow_is_the_resource_where_the_jobs_output_tells_its_account() {
        let mut event = failed().event;
        job_of(&mut event).details.output_source_config = Some(vec![crate::domain::OutputSource {
            role_arn: Some("arn:aws-cn:iam::123456789012:role/matcher".to_owned()),
            ..Default::default()
        }]);
        let message = Message::encode(event).unwrap();
        assert_eq!(
            Entry::of(&message).unwrap().resources,
            ["arn:aws-cn:entityresolution:eu-west-1:123456789012:matchingworkflow/customers"]
        );
    }
}
