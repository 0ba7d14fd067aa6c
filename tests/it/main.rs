//! Integration tests, one module a capability.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test ends where a step fails, in a helper too"
)]

mod completions;
mod config;
mod demo;
mod doctor;
mod events;
mod foreign;
mod github;
mod network;
mod online;
mod outbox;
mod plan;
mod run;
mod serve;
mod source;
mod support;
mod templates;
mod wait;
