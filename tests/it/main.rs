//! Integration tests, one module a capability.

mod events;
