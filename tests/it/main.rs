//! Integration tests, one module a capability.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test ends where a step fails")]

mod events;
