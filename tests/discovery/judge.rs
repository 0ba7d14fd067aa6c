//! What was told, held against what happened.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use matchwatch::simulator::{Simulator, Status};
use serde_json::Value;

/// Everything that the daemon said, event by event.
#[derive(Default)]
pub(crate) struct Story {
    ids: BTreeMap<String, String>,
    /// The events of each job, each once, in the order in which they came first.
    jobs: BTreeMap<String, Vec<Value>>,
    ended: BTreeSet<String>,
    /// Events that came again, as they were.
    pub(crate) repeated: usize,
}

impl Story {
    /// Takes in a line of the daemon's standard output. Under one id there is one body.
    pub(crate) fn add(&mut self, line: &str) {
        let event: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| event[key].as_str().unwrap().to_owned();
        let (id, job) = (text("id"), text("subject"));
        if let Some(before) = self.ids.insert(id, line.to_owned()) {
            assert_eq!(before, line, "another body under one id");
            self.repeated += 1;
            return;
        }
        if matches!(event["data"]["status"].as_str(), Some("SUCCEEDED" | "FAILED")) {
            assert!(self.ended.insert(job.clone()), "a second end: {line}");
        }
        self.jobs.entry(job).or_default().push(event);
    }

    pub(crate) fn has_end(&self, job: &str) -> bool {
        self.ended.contains(job)
    }

    /// Every job of every service was told from its start to its end, each status once, by itself or as inferred; what was told
    /// by itself the service had shown; and of no job that is none. Returns how many jobs there are.
    pub(crate) fn judge<'s>(&self, services: impl Iterator<Item = &'s Simulator>) -> usize {
        let mut jobs = 0;
        for service in services {
            for (_, workflow, job) in service.jobs() {
                jobs += 1;
                let events = self.jobs.get(&job.id).unwrap_or_else(|| panic!("nothing of {job:?}"));
                let mut told = Vec::new();
                for event in events {
                    let data = &event["data"];
                    assert_eq!(data["workflowName"], workflow, "{event}");
                    let names =
                        data["inferred"].as_array().unwrap().iter().chain([&data["status"]]);
                    told.extend(names.map(|name| name.as_str().unwrap().to_owned()));
                    let status = status(&data["status"]);
                    assert!(service.first_served(&job.id, status).is_some(), "made up: {event}");
                }
                assert_eq!(told, ["QUEUED", "RUNNING", job.status.as_str()], "{events:#?}");
                let last = &events.last().unwrap()["data"];
                assert_eq!(millis(&last["startTime"]), job.submitted_at, "{last}");
                assert_eq!(Some(millis(&last["endTime"])), job.ended_at, "{last}");
            }
        }
        assert_eq!(self.jobs.len(), jobs, "jobs that there are not");
        jobs
    }
}

fn status(name: &Value) -> Status {
    serde_json::from_value(name.clone()).unwrap()
}

fn millis(time: &Value) -> i64 {
    time.as_str().unwrap().parse::<Timestamp>().unwrap().as_millisecond()
}
