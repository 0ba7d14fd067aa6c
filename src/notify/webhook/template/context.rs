//! What a template can speak of. docs/notifiers.md tells it to people.

use std::time::Duration;

use minijinja::context;
use minijinja::value::{Serde, Value};
use serde::Serialize;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::domain::{EVENT_NAMESPACE, Event, Message, TestEvent};
use crate::duration;
use crate::notify::reason::head;

/// Characters that PagerDuty, the strictest, takes of a key.
const KEY_LIMIT: usize = 255;

/// What is there to be said of one event.
///
/// Made from the event's JSON, so that a template finds in `event` what every other receiver gets, and new fields and
/// types are there without a word here.
#[derive(Debug)]
pub(in crate::notify::webhook) struct Context {
    event: Json,
    workflow_arn: Option<String>,
}

/// How much an event matters, in PagerDuty's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    Error,
    Warning,
    Info,
}

/// A name and a value, for a table.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Fact {
    name: String,
    value: String,
}

impl Context {
    /// Of an event.
    pub(in crate::notify::webhook) fn of(message: &Message) -> Result<Self, serde_json::Error> {
        Self::new(&message.body, &message.event)
    }

    fn new(body: &str, event: &Event) -> Result<Self, serde_json::Error> {
        Ok(Self { event: serde_json::from_str(body)?, workflow_arn: event.workflow_arn() })
    }

    /// Of a test.
    pub(in crate::notify::webhook) fn of_test(
        test: &Message<TestEvent>,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self { event: serde_json::from_str(&test.body)?, workflow_arn: None })
    }

    /// The names that a template knows.
    pub(super) fn values(&self, secrets: Value) -> Value {
        let account_id = self.workflow_arn.as_deref().and_then(|arn| arn.split(':').nth(4));
        context! {
            event => Serde(&self.event),
            data => Serde(&self.event["data"]),
            test => self.is_test(),
            name => self.name(),
            title => one_line(&self.title()),
            severity => Serde(self.severity()),
            resolved => self.name().ends_with(".resolved"),
            error => known(self.error().as_deref()),
            facts => Serde(self.facts()),
            dedup_key => self.dedup_key(),
            workflow_arn => known(self.workflow_arn.as_deref()),
            account_id => known(account_id),
            secrets => secrets,
        }
    }

    fn is_test(&self) -> bool {
        self.event["data"]["test"] == true
    }

    /// The event's type without what all have in common: `job.failed`.
    fn name(&self) -> &str {
        let name = self.event["type"].as_str().unwrap_or_default();
        let name = name.strip_prefix("dev.matchwatch.").unwrap_or(name);
        name.rsplit_once('.').map_or(name, |(name, _version)| name)
    }

    /// The event in one line, which says what it is about wherever it is read.
    fn title(&self) -> String {
        let data = &self.event["data"];
        let word = |key: &str| data[key].as_str().unwrap_or_default();
        let place = format!("in {}, {}", word("account"), word("region"));
        let workflow = word("workflowName");
        let kind = match word("kind") {
            "id-mapping" => "ID mapping",
            _ => "Matching",
        };
        let name = self.name();
        let status = match name {
            "job.queued" => "is queued",
            "job.running" => "is running",
            "job.succeeded" => "succeeded",
            "job.failed" => "failed",
            "job.quality_failed" => "succeeded, and failed its quality gates",
            _ => {
                let about = match (workflow, word("jobId")) {
                    _ if self.is_test() => String::new(),
                    ("", _) => format!("Account {}, {}: ", word("account"), word("region")),
                    (workflow, "") => format!("{kind} workflow {workflow} {place}: "),
                    (workflow, _) => format!("{kind} job of {workflow} {place}: "),
                };
                let over = name.strip_suffix(".resolved").map_or(String::new(), |alarm| {
                    format!("Over: {}. ", alarm.trim_start_matches("alarm.").replace('_', " "))
                });
                return match one_line(word("message")) {
                    silence if silence.is_empty() => format!("{over}{about}{name}"),
                    message => format!("{over}{about}{message}"),
                };
            }
        };
        format!("{kind} job of {workflow} {status} {place}")
    }

    fn severity(&self) -> Severity {
        let name = self.name();
        match name {
            "job.failed" => Severity::Error,
            "job.quality_failed" => Severity::Warning,
            _ if name.ends_with(".raised") => Severity::Warning,
            _ => Severity::Info,
        }
    }

    /// What is wrong: what the service said, or the gates that a job failed.
    fn error(&self) -> Option<String> {
        let data = &self.event["data"];
        let said = data["errorDetails"]["errorMessage"].as_str().or_else(|| data["error"].as_str());
        let gates = data["failedGates"].as_array().into_iter().flatten();
        let gates: Vec<_> = gates.filter_map(|gate| gate["message"].as_str()).collect();
        let told = said.map_or_else(|| gates.join("; "), str::to_owned);
        Some(told).filter(|told| !one_line(told).is_empty())
    }

    /// The same for all events that tell of one trouble: of a job, or of one alarm about something. A workflow of the
    /// same name in another account is another.
    fn dedup_key(&self) -> String {
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let name = self.name();
        let trouble = name.strip_suffix(".raised").or_else(|| name.strip_suffix(".resolved"));
        let about = match (trouble, &self.event["data"]["jobId"]) {
            (Some(_), Json::Null) => text(&self.event["data"]["account"]),
            _ => text(&self.event["subject"]),
        };
        let key = format!("{}/{about}", text(&self.event["source"]));
        let key = trouble.map_or(key.clone(), |trouble| format!("{key}/{trouble}"));
        match key.len() {
            ..=KEY_LIMIT => key,
            _ => Uuid::new_v5(&EVENT_NAMESPACE, key.as_bytes()).to_string(),
        }
    }

    /// What people want to see in a table: what it is about first, then counts.
    fn facts(&self) -> Vec<Fact> {
        let Some(data) = self.event["data"].as_object() else { return Vec::new() };
        let first = ["workflowName", "jobId", "account", "region", "status", "durationSeconds"];
        if self.name().ends_with(".resolved") {
            // What else it holds was so when the alarm began.
            return first[..4].iter().filter_map(|key| fact(key, data.get(*key)?)).collect();
        }
        let hidden = [
            "test",
            "message",
            "kind",
            "previousStatus",
            "observedAt",
            "startTime",
            "endTime",
            "alarm",
            "state",
            "raisedAt",
            "resolvedAt",
            "countedFrom",
            "error",
            "truncated",
        ];
        let rest = data.keys().map(String::as_str);
        let rest = rest.filter(|key| !first.contains(key) && !hidden.contains(key));
        let mut facts: Vec<_> =
            first.into_iter().chain(rest).filter_map(|key| fact(key, data.get(key)?)).collect();
        let metrics = data.get("metrics").and_then(Json::as_object);
        facts.extend(
            metrics.into_iter().flat_map(Map::iter).filter_map(|(key, value)| fact(key, value)),
        );
        facts
    }
}

/// A name that is not there where there is nothing.
fn known(text: Option<&str>) -> Value {
    text.map_or(Value::UNDEFINED, Value::from)
}

/// A text that nobody can make into several.
fn one_line(text: &str) -> String {
    head(text, usize::MAX)
}

/// A value in words, on one line. Lists and tables have none.
fn fact(key: &str, value: &Json) -> Option<Fact> {
    let name = match key {
        "workflowName" => "Workflow".to_owned(),
        "jobId" => "Job".to_owned(),
        "durationSeconds" => "Duration".to_owned(),
        key => words(key.strip_suffix("Seconds").unwrap_or(key)),
    };
    let value = match value {
        Json::String(text) => one_line(text),
        Json::Number(seconds) if key.ends_with("Seconds") => {
            let seconds =
                seconds.as_f64().filter(|seconds| seconds.is_finite() && *seconds >= 0.0)?;
            duration::display(Duration::try_from_secs_f64(seconds.round()).ok()?).to_string()
        }
        Json::Number(number) => number.to_string(),
        Json::Bool(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Json::Null | Json::Array(_) | Json::Object(_) => return None,
    };
    (!value.is_empty()).then_some(Fact { name, value })
}

/// `recordsNotProcessed` as `Records not processed`, and `matchIDs` as `Match IDs`.
fn words(key: &str) -> String {
    let mut words = String::new();
    let mut before = ' ';
    let mut rest = key.chars().peekable();
    while let Some(c) = rest.next() {
        let begins_word = c.is_uppercase() && !before.is_uppercase();
        let is_acronym =
            before.is_uppercase() || rest.peek().is_some_and(|next| next.is_uppercase());
        match (words.is_empty(), begins_word) {
            (true, _) => words.extend(c.to_uppercase()),
            (false, true) => {
                words.push(' ');
                if is_acronym { words.push(c) } else { words.extend(c.to_lowercase()) }
            }
            (false, false) => words.push(c),
        }
        before = c;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::testing::{failed, raised, succeeded, trial};

    #[test]
    fn a_title_tells_the_event_in_one_line() {
        let title = |message: &Message| Context::of(message).unwrap().title();
        assert_eq!(title(&succeeded()), "Matching job of customers succeeded in main, eu-west-1");
        assert_eq!(title(&failed()), "Matching job of customers failed in main, eu-west-1");
        assert_eq!(
            title(&raised()),
            "Account main, eu-west-1: access is denied to all of account main"
        );
        let test = Context::of_test(&trial()).unwrap();
        assert_eq!(test.title(), "A test by matchwatch: no job has changed.");
    }

    #[test]
    fn an_alarm_that_is_raised_and_the_one_that_is_resolved_have_one_key_and_a_second_alarm_another()
     {
        let context = |event_type: &str| Context {
            event: serde_json::json!({
                "type": event_type, "source": "/aws/x/customers", "subject": "customers",
                "data": {
                    "message": "denied", "account": "main", "region": "eu-west-1", "workflowName": "customers",
                    "kind": "matching",
                },
            }),
            workflow_arn: None,
        };
        let raised = context("dev.matchwatch.alarm.access_denied.raised.v1");
        let resolved = context("dev.matchwatch.alarm.access_denied.resolved.v1");
        assert_eq!(raised.dedup_key(), "/aws/x/customers/main/alarm.access_denied");
        assert_eq!(resolved.dedup_key(), raised.dedup_key());
        assert_ne!(context("dev.matchwatch.alarm.lost.raised.v1").dedup_key(), raised.dedup_key());
        let mut elsewhere = context("dev.matchwatch.alarm.access_denied.raised.v1");
        elsewhere.event["data"]["account"] = "other".into();
        assert_ne!(elsewhere.dedup_key(), raised.dedup_key(), "a workflow of the same name");
        assert_eq!((raised.severity(), resolved.severity()), (Severity::Warning, Severity::Info));
        let about = "Matching workflow customers in main, eu-west-1: denied";
        assert_eq!(raised.title(), about);
        assert_eq!(resolved.title(), format!("Over: access denied. {about}"));
    }

    #[test]
    fn a_key_is_never_longer_than_its_receivers_take() {
        let mut event = failed().event;
        event.subject = "s".repeat(300);
        let context = Context::of(&Message::encode(event).unwrap()).unwrap();
        assert_eq!(context.dedup_key().len(), 36);
    }

    #[test]
    fn facts_are_named_in_words_and_hold_no_structures() {
        let data = serde_json::json!({
            "jobId": "j", "status": "FAILED", "inferred": [], "workflowName": "customers", "elapsedSeconds": 5400.4,
            "durationSeconds": 8.5, "metrics": { "inputRecords": 5, "matchIDs": 2 }, "queuePosition": 1,
        });
        let context = Context { event: serde_json::json!({ "data": data }), workflow_arn: None };
        let facts: Vec<_> =
            context.facts().into_iter().map(|f| format!("{}={}", f.name, f.value)).collect();
        assert_eq!(
            facts,
            [
                "Workflow=customers",
                "Job=j",
                "Status=FAILED",
                "Duration=9s",
                "Elapsed=1h 30m",
                "Queue position=1",
                "Input records=5",
                "Match IDs=2",
            ]
        );
    }
}
