//! The API's modelled errors.

use serde_json::{Value, json};

use super::operation::Operation;

/// An error answer: an HTTP status, a code, and what the body says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    pub(super) http_status: u16,
    /// Goes into the header `x-amzn-errortype`.
    pub(super) code: &'static str,
    pub(super) body: Value,
}

impl Refusal {
    fn new(http_status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { http_status, code, body: json!({ "message": message.into() }) }
    }

    pub(super) fn throttled() -> Self {
        Self::new(429, "ThrottlingException", "Rate exceeded")
    }

    pub(super) fn internal() -> Self {
        Self::new(500, "InternalServerException", "The simulated service failed on purpose.")
    }

    pub(super) fn expired_token() -> Self {
        let message = "The security token included in the request is expired";
        Self::new(403, "ExpiredTokenException", message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "ResourceNotFoundException", message)
    }

    /// `resource` is an ARN.
    pub(super) fn access_denied(operation: Operation, account_id: &str, resource: &str) -> Self {
        let message = format!(
            "User: arn:aws:iam::{account_id}:user/simulated is not authorized to perform: \
             entityresolution:{operation} on resource: {resource}"
        );
        Self::new(403, "AccessDeniedException", message)
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::new(400, "ConflictException", message)
    }

    pub(super) fn exceeds_limit() -> Self {
        let message = "The simulated account has too many jobs.";
        let mut refusal = Self::new(402, "ExceedsLimitException", message);
        refusal.body["quotaName"] = json!("Simulated jobs");
        refusal.body["quotaValue"] = json!(1);
        refusal
    }

    /// The body is no JSON.
    pub(super) fn serialization(message: impl Into<String>) -> Self {
        Self::new(400, "SerializationException", message)
    }

    /// There is no such path.
    pub(super) fn unknown_operation() -> Self {
        let message = "The simulator knows jobs and workflows of matching and ID mapping only.";
        Self::new(404, "UnknownOperationException", message)
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationException", message)
    }

    /// A member breaks a constraint of the service's model; worded as AWS words it.
    pub(super) fn constraint(member: &str, value: &str, constraint: &str) -> Self {
        Self::invalid(format!(
            "1 validation error detected: Value '{value}' at '{member}' failed to satisfy \
             constraint: Member must {constraint}"
        ))
    }
}
