//! What tests share.

pub(crate) mod environment;
pub(crate) mod scripted;
