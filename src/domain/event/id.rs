//! The id of an event: the same for every replay of the same change.

use jiff::Timestamp;
use uuid::Uuid;

use super::EventType;
use crate::domain::job::{JobKey, WorkflowKey};
use crate::domain::subject::Subject;

/// Namespace of event ids: UUIDv5 of `matchwatch.dev` in the DNS namespace.
pub const EVENT_NAMESPACE: Uuid = Uuid::from_u128(0xad02_6373_2351_583d_953f_a7b8_5acf_210f);

/// UUIDv5, in [`EVENT_NAMESPACE`], of a JSON array without spaces: the Region, what the event tells of, its type, and
/// for an alarm when it was raised.
///
/// A JSON array is an unambiguous encoding: no two different lists of names share one. What an alarm's ends with is no
/// type, so none shares one with a job's.
pub(super) fn event_id(
    region: &str,
    subject: &Subject,
    event_type: EventType,
    raised_at: Option<Timestamp>,
) -> Uuid {
    let mut name = vec![region.to_owned()];
    match subject {
        Subject::Job(JobKey { kind, workflow_name, job_id, .. }) => {
            name.extend([kind.as_str(), workflow_name, job_id].map(str::to_owned));
        }
        Subject::Workflow(WorkflowKey { kind, name: workflow, .. }) => {
            name.extend([kind.as_str(), workflow].map(str::to_owned));
        }
        Subject::Account(account) => name.push(account.to_string()),
    }
    name.push(event_type.as_str().to_owned());
    name.extend(raised_at.map(|raised_at| raised_at.to_string()));
    Uuid::new_v5(&EVENT_NAMESPACE, serde_json::Value::from(name).to_string().as_bytes())
}
