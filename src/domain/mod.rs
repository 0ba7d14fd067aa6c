//! What a job is: its identity, its states and the events they make.
//!
//! Pure: no runtime, no AWS, no clock, no I/O. Everything here can be tested by calling it.

mod alarm;
mod alarm_rules;
mod by_kind;
mod details;
mod discovery;
mod event;
mod job;
mod job_set;
mod pattern;
mod quality;
mod redelivery;
mod route;
mod state;
mod subject;
mod trial;

pub use alarm::{
    Alarm, AlarmData, AlarmFacts, AlarmKey, AlarmName, AlarmState, CountedFrom, JobAhead,
};
pub use alarm_rules::AlarmRules;
pub use by_kind::ByKind;
pub use details::{ErrorDetails, JobDetails, JobMetrics, JobType, OutputSource};
pub use discovery::{FollowedWorkflow, Start, WatchKey};
pub use event::{EVENT_NAMESPACE, Event, EventData, EventType, JobData, Message};
pub use job::{
    JobKey, JobKind, JobStatus, JobSummary, Observation, ObservedStatus, PastRun, UnknownName,
    WorkflowKey,
};
pub use job_set::JobSet;
pub use pattern::NamePattern;
pub use quality::{Amount, Gate, GateFailure, Gates, NoAmount, Share};
pub use redelivery::{Redelivered, Redelivery};
pub use route::{EventPattern, Filter, Route, Routing};
pub use state::{Step, Transition, step};
pub use subject::Subject;
pub use trial::{TestData, TestEvent};
