//! What SNS and SQS are given for an event: a body and its attributes, within their limits.

use std::borrow::Cow;
use std::collections::HashMap;
use std::mem;

use serde_json::Value;
use uuid::Uuid;

use crate::domain::{
    EVENT_NAMESPACE, Event, EventData, JobKey, Message, Subject, TestEvent, WorkflowKey,
};

/// Bytes that a message may have, its attributes' names, types and values included: SNS's limit
/// (<https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>). SQS and EventBridge take 1 MiB today, but many a
/// queue is set to less, and so are many targets behind a bus: what fits SNS fits everywhere.
pub(in crate::notify) const SIZE_LIMIT: usize = 262_144;
/// Characters that a group id may have.
const GROUP_ID_LIMIT: usize = 128;
/// The FIFO group of tests: none of a job's, which hold slashes.
pub(in crate::notify) const TEST_GROUP: &str = "matchwatch-test";
/// Where an error message was cut.
const CUT: &str = "…";

/// One message to publish.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::notify) struct Publication<'a> {
    /// The event, in full or trimmed, in characters that both take.
    pub(in crate::notify) body: Cow<'a, str>,
    /// Name and value. Both services refuse empty values, and SQS takes no more than ten.
    pub(in crate::notify) attributes: Vec<(&'static str, String)>,
}

/// The event does not fit into a message even without its error message.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the event has {size} bytes without its error message, and no more than {SIZE_LIMIT} can be sent"
)]
pub(in crate::notify) struct Oversized {
    size: usize,
}

impl<'a> Publication<'a> {
    /// The type of every attribute.
    const ATTRIBUTE_TYPE: &'static str = "String";

    /// The event as it is if it fits, and else with a shorter error message and `truncated: true`.
    pub(in crate::notify) fn of(message: &'a Message) -> Result<Self, Oversized> {
        let mut attributes = attributes(&message.event);
        let body = as_services_take_it(&message.body);
        if body.len() + size_of(&attributes) <= SIZE_LIMIT {
            return Ok(Self { body, attributes });
        }
        attributes.push(("truncated", "true".to_owned()));
        let body = cut_to(message, SIZE_LIMIT.saturating_sub(size_of(&attributes)))?;
        Ok(Self { body: Cow::Owned(body), attributes })
    }

    /// A test: without the attributes of a job, so that no filter policy for jobs lets it pass.
    pub(in crate::notify) fn of_test(test: &'a Message<TestEvent>) -> Self {
        let attributes =
            vec![("eventType", test.event.event_type.clone()), ("test", "true".to_owned())];
        Self { body: as_services_take_it(&test.body), attributes }
    }

    /// The attributes as an SDK takes them, which makes one of a type and a value.
    pub(in crate::notify) fn attributes<A, E>(
        &self,
        make: impl Fn(&str, &str) -> Result<A, E>,
    ) -> HashMap<String, A> {
        let attributes = self.attributes.iter().filter_map(|(name, value)| {
            Some(((*name).to_owned(), make(Self::ATTRIBUTE_TYPE, value).ok()?))
        });
        attributes.collect()
    }
}

/// Whether SQS takes this character in a body or an attribute; one that it does not take makes it refuse the message
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>). SNS and EventBridge
/// hand on to queues.
const fn is_taken(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

/// The same JSON without characters that are not taken: they are written by their numbers. It escapes all others but
/// U+FFFE and U+FFFF anyway.
pub(in crate::notify) fn as_services_take_it(json: &str) -> Cow<'_, str> {
    if json.chars().all(is_taken) {
        return Cow::Borrowed(json);
    }
    json.replace('\u{FFFE}', "\\ufffe").replace('\u{FFFF}', "\\uffff").into()
}

/// What filter policies can use.
fn attributes(event: &Event) -> Vec<(&'static str, String)> {
    let text = |text: &str| text.to_owned();
    let attributes = [
        ("eventType", Some(event.event_type.to_string())),
        ("alarm", event.alarm().map(|alarm| alarm.alarm.to_string())),
        ("status", event.status().map(|status| status.to_string())),
        ("previousStatus", event.previous_status().map(|status| status.to_string())),
        ("workflowName", event.workflow_name().map(text)),
        ("kind", event.kind().map(|kind| kind.to_string())),
        ("account", Some(text(event.account()))),
        ("region", Some(text(event.region()))),
    ];
    let told = attributes.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let taken = told.map(|(name, value)| (name, value.replace(|c| !is_taken(c), "\u{FFFD}")));
    taken.filter(|(_, value)| !value.is_empty()).collect()
}

fn size_of(attributes: &[(&str, String)]) -> usize {
    attributes
        .iter()
        .map(|(name, value)| name.len() + Publication::ATTRIBUTE_TYPE.len() + value.len())
        .sum()
}

/// The body with as much of the error message as leaves it at most `limit` bytes long.
pub(in crate::notify) fn cut_to(message: &Message, limit: usize) -> Result<String, Oversized> {
    let mut event = message.event.clone();
    let details = match &mut event.data {
        EventData::Job(job) => job.details.error_details.as_mut(),
        EventData::Alarm(_) => None,
    };
    let error_message = details
        .and_then(|details| details.error_message.as_mut())
        .map(|error_message| mem::replace(error_message, CUT.to_owned()));
    let mut body = serde_json::to_value(event).unwrap_or_default();
    body["data"]["truncated"] = Value::Bool(true);
    let size = as_services_take_it(&body.to_string()).len();
    let room = limit.checked_sub(size).ok_or(Oversized { size })?;
    if let Some(error_message) = error_message {
        let begin = beginning(&error_message, room);
        body["data"]["errorDetails"]["errorMessage"] = format!("{begin}{CUT}").into();
    }
    Ok(as_services_take_it(&body.to_string()).into_owned())
}

/// As much of `text` as takes at most `room` bytes inside a JSON string.
fn beginning(text: &str, mut room: usize) -> &str {
    for (at, c) in text.char_indices() {
        let quoted = Value::from(c.to_string()).to_string();
        match room.checked_sub(as_services_take_it(&quoted).len() - r#""""#.len()) {
            Some(rest) => room = rest,
            None => return &text[..at],
        }
    }
    text
}

/// The FIFO group of the job that `event` is about, or of the workflow or account: its events keep their order, others' go
/// beside them.
pub(in crate::notify) fn group_id(event: &Event) -> String {
    let group = match event.about() {
        Subject::Job(JobKey { kind, workflow_name, job_id, .. }) => {
            format!("{}/{kind}/{workflow_name}/{job_id}", event.region())
        }
        Subject::Workflow(WorkflowKey { kind, name, .. }) => {
            format!("{}/{kind}/{name}", event.region())
        }
        Subject::Account(account) => format!("{}/{account}", event.region()),
    };
    let allowed = group.bytes().all(|byte| byte.is_ascii_graphic());
    if allowed && group.len() <= GROUP_ID_LIMIT {
        group
    } else {
        Uuid::new_v5(&EVENT_NAMESPACE, group.as_bytes()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::notify::testing::{failed, failed_with, job_of, raised, succeeded, trial};

    fn size(publication: &Publication<'_>) -> usize {
        publication.body.len() + size_of(&publication.attributes)
    }

    #[test]
    fn an_event_that_fits_is_sent_byte_for_byte_with_every_attribute_it_has() {
        let message = succeeded();
        let publication = Publication::of(&message).unwrap();
        assert_eq!(publication.body, &*message.body);
        assert_eq!(
            publication.attributes,
            [
                ("eventType", "dev.matchwatch.job.succeeded.v1"),
                ("status", "SUCCEEDED"),
                ("previousStatus", "RUNNING"),
                ("workflowName", "customers"),
                ("kind", "matching"),
                ("account", "main"),
                ("region", "eu-west-1"),
            ]
            .map(|(name, value)| (name, value.to_owned()))
        );
    }

    #[test]
    fn a_test_is_marked_as_one_and_has_no_attribute_of_a_job() {
        let test = trial();
        let publication = Publication::of_test(&test);
        assert_eq!(publication.body, &*test.body);
        assert_eq!(
            publication.attributes,
            [("eventType", "dev.matchwatch.test.v1"), ("test", "true")]
                .map(|(name, value)| (name, value.to_owned()))
        );
    }

    #[test]
    fn an_attribute_without_a_value_is_left_out() {
        let attributes = attributes(&failed().event);
        assert!(attributes.iter().all(|(name, _)| *name != "previousStatus"));
    }

    #[test]
    fn what_a_queue_would_refuse_is_escaped_in_the_body_and_replaced_in_attributes() {
        let hostile: String =
            ('\0'..=char::MAX).filter(|c| !is_taken(*c)).chain("ok".chars()).collect();
        assert_eq!(
            hostile.chars().count(),
            29 + 2 + 2,
            "controls but three, and the last two of a plane"
        );
        let mut event = failed_with(&hostile).event;
        job_of(&mut event).workflow_name = "a\u{0}b\u{1F}c\u{7F}d\u{FFFF}\t".to_owned();
        let message = Message::encode(event).unwrap();
        let publication = Publication::of(&message).unwrap();
        assert!(publication.body.chars().all(is_taken));
        let json = |body: &str| serde_json::from_str::<Value>(body).unwrap();
        assert_eq!(json(&publication.body), json(&message.body), "it means the same");
        let workflow = ("workflowName", "a\u{FFFD}b\u{FFFD}c\u{7F}d\u{FFFD}\t".to_owned());
        assert!(publication.attributes.contains(&workflow), "{:?}", publication.attributes);
    }

    #[test]
    fn the_largest_event_that_fits_is_not_trimmed_and_one_byte_more_is() {
        let overhead = size(&Publication::of(&failed_with("")).unwrap());
        let fits = failed_with(&"x".repeat(SIZE_LIMIT - overhead));
        let publication = Publication::of(&fits).unwrap();
        assert_eq!((size(&publication), &*publication.body), (SIZE_LIMIT, &*fits.body));
        let exceeds = failed_with(&"x".repeat(SIZE_LIMIT - overhead + 1));
        let publication = Publication::of(&exceeds).unwrap();
        assert_eq!(size(&publication), SIZE_LIMIT, "all the room is used");
        assert_eq!(publication.attributes.last(), Some(&("truncated", "true".to_owned())));
        assert!(publication.attributes.len() <= 10);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn a_trimmed_event_is_the_event_with_a_shorter_error_message(
            pattern in r#"[a-z"\\\n\u{1}äß€😀\u{FFFE}\u{FFFF}]{1,20}"#,
        ) {
            let error_message = pattern.repeat(SIZE_LIMIT / pattern.len() + 1);
            let message = failed_with(&error_message);
            let publication = Publication::of(&message).unwrap();
            prop_assert!(size(&publication) <= SIZE_LIMIT);
            // A character takes at most six bytes in JSON.
            prop_assert!(size(&publication) > SIZE_LIMIT - 6);
            prop_assert!(publication.body.chars().all(is_taken));

            let mut body: Value = serde_json::from_str(&publication.body).unwrap();
            prop_assert_eq!(body["data"].as_object_mut().unwrap().remove("truncated"), Some(true.into()));
            let kept = body["data"]["errorDetails"]["errorMessage"].take();
            let kept = kept.as_str().unwrap().strip_suffix(CUT).unwrap();
            prop_assert!(error_message.starts_with(kept));
            body["data"]["errorDetails"]["errorMessage"] = error_message.as_str().into();
            prop_assert_eq!(body.to_string(), &*message.body);
        }
    }

    #[test]
    fn an_event_that_is_too_large_for_other_reasons_is_refused() {
        let mut event = failed().event;
        job_of(&mut event).workflow_name = "w".repeat(SIZE_LIMIT);
        let message = Message::encode(event).unwrap();
        let error = Publication::of(&message).unwrap_err();
        assert!(error.to_string().ends_with("no more than 262144 can be sent"), "{error}");
    }

    #[test]
    fn an_alarm_has_the_attributes_of_what_it_tells_of_and_no_status() {
        let alarm = raised();
        let publication = Publication::of(&alarm).unwrap();
        let attributes: Vec<_> =
            publication.attributes.iter().map(|(name, value)| (*name, &**value)).collect();
        assert_eq!(
            attributes,
            [
                ("eventType", "dev.matchwatch.alarm.access_denied.raised.v1"),
                ("alarm", "access_denied"),
                ("account", "main"),
                ("region", "eu-west-1"),
            ]
        );
        assert_eq!(group_id(&alarm.event), "eu-west-1/main");
    }

    #[test]
    fn a_jobs_events_share_a_group_that_the_services_accept() {
        let (mut first, mut second) = (succeeded().event, failed().event);
        assert_eq!(
            group_id(&first),
            "eu-west-1/matching/customers/0123456789abcdef0123456789abcdef"
        );
        for workflow_name in ["customers".to_owned(), "w".repeat(255), "with space".to_owned()] {
            job_of(&mut first).workflow_name.clone_from(&workflow_name);
            job_of(&mut second).workflow_name.clone_from(&workflow_name);
            assert_ne!(first.status(), second.status());
            assert_eq!(group_id(&first), group_id(&second));
            assert!(group_id(&first).len() <= GROUP_ID_LIMIT);
            assert!(group_id(&first).bytes().all(|byte| byte.is_ascii_graphic()));
        }
        job_of(&mut second).job_id = "another".to_owned();
        assert_ne!(group_id(&first), group_id(&second));
    }
}
