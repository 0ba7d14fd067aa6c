//! Tests against other people's programs. `scripts/test` installs them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where a step fails"
)]

mod action;
mod event_bridge;
mod event_ids;
mod metrics;
mod moto;
mod roles;
mod simulator;
mod sns;
mod sqs;
mod support;
mod wait;
mod webhook;
