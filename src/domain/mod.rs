//! What a job is: its identity, its states and the events they make.
//!
//! Pure: no runtime, no AWS, no clock, no I/O. Everything here can be tested by calling it.

mod details;
mod discovery;
mod event;
mod job;
mod pattern;
mod redelivery;
mod route;
mod state;
mod trial;

pub use details::{ErrorDetails, JobDetails, JobMetrics, JobType, OutputSource};
pub use discovery::{FollowedWorkflow, Start, WatchKey};
pub use event::{EVENT_NAMESPACE, Event, EventData, EventType, Message};
pub use job::{
    JobKey, JobKind, JobStatus, JobSummary, Observation, ObservedStatus, PastRun, UnknownName,
    WorkflowKey,
};
pub use pattern::NamePattern;
pub use redelivery::{Redelivered, Redelivery};
pub use route::{EventPattern, Filter, Route, Routing};
pub use state::{Step, Transition, step};
pub use trial::{TestData, TestEvent};
