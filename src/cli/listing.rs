//! What is listed, for people and for scripts.

use std::io::{self, Write as _};

use jiff::{Timestamp, Unit};
use serde::Serialize;

use super::Failure;
use crate::domain::{JobKey, JobKind, JobStatus, Subject};
use crate::store::{DeliveryState, ListedDelivery, ListedEvent, ListedJob};

/// How a listing is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// One JSON document a line.
    Json,
}

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Show at most this many, the newest
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,

    /// How it is printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) output: Format,
}

impl ListArgs {
    /// One more than is shown: to know whether there are more.
    pub(super) const fn asked(&self) -> u32 {
        self.limit.saturating_add(1)
    }

    /// Takes away what is too much, and says so on standard error.
    pub(super) fn cut<T>(&self, found: &mut Vec<T>) {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if found.len() > limit {
            found.truncate(limit);
            super::tell(format_args!(
                "only the newest {limit} are shown; --limit shows more, and filters choose"
            ));
        }
    }
}

/// Prints to standard output. Whoever stops reading, as `head` does, has seen enough.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::usage(error)),
        _ => Ok(()),
    }
}

/// One line of JSON for each.
pub(super) fn json_lines<T: Serialize>(rows: impl IntoIterator<Item = T>) -> String {
    let line = |row| serde_json::to_string(&row).unwrap_or_default() + "\n";
    rows.into_iter().map(line).collect()
}

/// A table without lines: a head, then a line for each row. The last column is as long as it likes.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = head.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    let mut add = |row: [&str; N]| {
        let cells = row.into_iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    };
    add(head);
    for row in rows {
        add(row.each_ref().map(String::as_str));
    }
    text
}

/// Text from elsewhere, on one line and without what a terminal would obey.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let obeyed = c.is_control().then(|| c.escape_default());
            let kept = (!c.is_control()).then_some(c);
            obeyed.into_iter().flatten().chain(kept)
        })
        .collect()
}

/// An instant to the second.
pub(super) fn second(instant: Timestamp) -> String {
    instant.round(Unit::Second).unwrap_or(instant).to_string()
}

/// What an event's type says within this program: `succeeded` of a job, `alarm.lost.raised`.
pub(super) fn short_type(event_type: &str) -> &str {
    let own = event_type.strip_prefix("dev.matchwatch.").and_then(|own| own.rsplit_once(".v"));
    own.map_or(event_type, |(own, _)| own.strip_prefix("job.").unwrap_or(own))
}

/// An event and one of its deliveries, as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventRow<'a> {
    event_id: &'a str,
    #[serde(rename = "type")]
    event_type: &'a str,
    recorded_at: Timestamp,
    #[serde(flatten)]
    subject: SubjectColumns<'a>,
    #[serde(flatten)]
    delivery: Option<DeliveryRow<'a>>,
}

impl<'a> From<&'a ListedEvent> for EventRow<'a> {
    fn from(listed: &'a ListedEvent) -> Self {
        Self {
            event_id: &listed.event_id,
            event_type: &listed.event_type,
            recorded_at: listed.recorded_at,
            subject: (&listed.subject).into(),
            delivery: listed.delivery.as_ref().map(Into::into),
        }
    }
}

/// A delivery, as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeliveryRow<'a> {
    notifier: &'a str,
    state: &'static str,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled_at: Option<Timestamp>,
}

impl<'a> From<&'a ListedDelivery> for DeliveryRow<'a> {
    fn from(listed: &'a ListedDelivery) -> Self {
        let pending = listed.state == DeliveryState::Pending;
        Self {
            notifier: &listed.notifier,
            state: listed.state.as_str(),
            attempts: listed.attempts,
            last_reason: listed.last_reason.as_deref(),
            due_at: pending.then_some(listed.due_at),
            settled_at: listed.settled_at,
        }
    }
}

/// A job, as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobRow<'a> {
    #[serde(flatten)]
    job: SubjectColumns<'a>,
    status: JobStatus,
    first_seen_at: Timestamp,
    updated_at: Timestamp,
}

impl<'a> From<&'a ListedJob> for JobRow<'a> {
    fn from(listed: &'a ListedJob) -> Self {
        Self {
            job: SubjectColumns::of_job(&listed.job),
            status: listed.status,
            first_seen_at: listed.first_seen_at,
            updated_at: listed.updated_at,
        }
    }
}

/// What a row is about. A workflow has no job, and an account no workflow.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SubjectColumns<'a> {
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<&'a str>,
}

impl<'a> SubjectColumns<'a> {
    fn of_job(job: &'a JobKey) -> Self {
        Self {
            account: &job.account,
            kind: Some(job.kind.as_str()),
            workflow_name: Some(&job.workflow_name),
            job_id: Some(&job.job_id),
        }
    }
}

impl<'a> From<&'a Subject> for SubjectColumns<'a> {
    fn from(subject: &'a Subject) -> Self {
        Self {
            account: subject.account(),
            kind: subject.kind().map(JobKind::as_str),
            workflow_name: subject.workflow_name().map(|name| &**name),
            job_id: subject.job_id().map(|id| &**id),
        }
    }
}

/// The columns of a delivery, for people.
pub(super) const DELIVERY_COLUMNS: [&str; 5] = ["NOTIFIER", "STATE", "ATTEMPTS", "WHEN", "REASON"];

/// What stands in them.
pub(super) fn delivery_cells(delivery: Option<&ListedDelivery>) -> [String; 5] {
    let Some(delivery) = delivery else {
        return ["-", "-", "-", "-", "told to nobody"].map(str::to_owned);
    };
    let when = match (delivery.state, delivery.settled_at) {
        (DeliveryState::Pending, _) => format!("due {}", second(delivery.due_at)),
        (_, Some(at)) => second(at),
        (_, None) => "-".to_owned(),
    };
    [
        plain(&delivery.notifier),
        delivery.state.to_string(),
        delivery.attempts.to_string(),
        when,
        delivery.last_reason.as_deref().map(plain).unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_end_without_blanks() {
        let rows = [["ärger", "x"], ["b", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(table(["ID", "WHY"], &rows), "ID     WHY\närger  x\nb\n");
    }

    #[test]
    fn a_type_is_called_by_what_tells_it_from_others() {
        assert_eq!(short_type("dev.matchwatch.job.quality_failed.v1"), "quality_failed");
        assert_eq!(short_type("dev.matchwatch.alarm.lost.raised.v1"), "alarm.lost.raised");
        assert_eq!(short_type("another"), "another");
    }

    #[test]
    fn a_message_from_elsewhere_cannot_steer_the_terminal() {
        assert_eq!(plain("é\u{1b}[31m\r\nred"), "é\\u{1b}[31m\\r\\nred");
    }
}
