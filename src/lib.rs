//! matchwatch tells the moment an AWS Entity Resolution job changes state.
//!
//! # Layout
//!
//! Each folder answers one question, and the two halves mirror each other around the store:
//!
//! ```text
//!   source ◀─ watch ─▶ store ◀─ deliver ─▶ notify
//!  who is asked  when to ask  what survives  when to tell  who is told
//! ```
//!
//! - [`domain`]: what a job is. Pure.
//! - [`source`], [`store`], [`notify`]: ports and their adapters. They know `domain`, never each other.
//! - [`watch`]: asks the source, steps the state machine, records in the store.
//! - [`deliver`]: takes deliveries from the store to the notifiers.
//! - [`config`]: what the operator asked for.
//! - [`simulator`]: a local Entity Resolution API.
//! - [`aws`], [`backoff`], [`chart`], [`clock`], [`duration`], [`heartbeat`], [`metrics`], [`secret`], [`tls`], [`url`]: leaves.
//!
//! `tests/architecture.rs` holds the modules to this map.

pub mod app;
pub mod aws;
pub mod backoff;
pub mod chart;
pub mod cli;
pub mod clock;
pub mod config;
pub mod deliver;
pub mod domain;
pub mod duration;
pub mod heartbeat;
pub mod http;
pub mod metrics;
pub mod notify;
pub mod secret;
pub mod simulator;
pub mod source;
pub mod store;
pub mod tls;
pub mod url;
pub mod watch;
