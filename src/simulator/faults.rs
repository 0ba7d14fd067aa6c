//! What goes wrong: by chance, by denial, or by script.

use std::collections::HashMap;

use axum::http::{HeaderMap, StatusCode};
use rand::RngExt;
use serde::{Deserialize, Deserializer, de};

use super::chance::{Share, Stream};
use super::operation::Operation;

/// Shares of requests that go wrong by chance. Together they are at most 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(try_from = "WrittenFaults")]
pub struct Faults {
    /// Answered with InternalServerException.
    pub error_500: Share,
    /// The connection is reset without an answer.
    pub reset: Share,
    /// Never answered.
    pub stall: Share,
    /// Answered 200 with a body that breaks off.
    pub malformed: Share,
    /// Served, and reset before the answer goes out: what was asked for is done, and the client does not learn it.
    pub lost: Share,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WrittenFaults {
    error_500: Share,
    reset: Share,
    stall: Share,
    malformed: Share,
    lost: Share,
}

impl TryFrom<WrittenFaults> for Faults {
    type Error = String;

    fn try_from(written: WrittenFaults) -> Result<Self, String> {
        let WrittenFaults { error_500, reset, stall, malformed, lost } = written;
        let shares = [error_500, reset, stall, malformed, lost];
        let sum: f64 = shares.iter().map(|share| share.get()).sum();
        if sum > 1.0 {
            return Err(format!("the shares of faults add up to {sum}: at most 1 is possible"));
        }
        Ok(Self { error_500, reset, stall, malformed, lost })
    }
}

impl Faults {
    /// Throws the dice for one request.
    pub(super) fn throw(&self, chance: &mut Stream) -> Option<Answer> {
        let mut left = chance.random::<f64>();
        for (share, answer) in [
            (self.error_500, Answer::Error500),
            (self.reset, Answer::Reset),
            (self.stall, Answer::Stall),
            (self.malformed, Answer::Malformed),
            (self.lost, Answer::Lost),
        ] {
            if left < share.get() {
                return Some(answer);
            }
            left -= share.get();
        }
        None
    }
}

/// Something the caller may not do. What is left out means all.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denial {
    /// The operation.
    pub operation: Option<Operation>,
    /// The workflow, by name.
    pub workflow: Option<String>,
}

impl Denial {
    pub(super) fn covers(&self, operation: Operation, workflow: Option<&str>) -> bool {
        self.operation.is_none_or(|denied| denied == operation)
            && self.workflow.as_deref().is_none_or(|denied| workflow == Some(denied))
    }
}

/// The answer to the next requests of an operation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The operation.
    pub operation: Operation,
    /// The answer.
    pub answer: Answer,
    /// To how many requests. Left out, one.
    #[serde(default = "once")]
    pub times: u32,
}

const fn once() -> u32 {
    1
}

/// An answer that a script asks for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Answer {
    /// As if there were no script: limits, denials and chance have their say.
    Genuine,
    /// ThrottlingException.
    Throttled,
    /// 429 with a page of HTML and no error code, as a proxy answers.
    ThrottledHtml,
    /// 429 with no body and no error code.
    ThrottledEmpty,
    /// ThrottlingException with `x-amz-retry-after`.
    ThrottledRetryAfter {
        /// Milliseconds.
        millis: u64,
    },
    /// 429 with `Retry-After` and no error code.
    ThrottledRetryAfterSeconds {
        /// Seconds.
        seconds: u64,
    },
    /// 200 without a body.
    Empty,
    /// The true answer without its status, or statuses.
    WithoutStatus,
    /// The true answer with a status that no version knows.
    UnknownStatus,
    /// The true answer with a record count above 32 bits.
    MetricOverflow,
    /// The true answer with its times as ISO 8601 text.
    IsoTimes,
    /// 200 with a body that breaks off.
    Malformed,
    /// InternalServerException.
    #[serde(rename = "error-500")]
    Error500,
    /// 503 with a page of HTML and no error code.
    #[serde(rename = "error-503")]
    Error503,
    /// AccessDeniedException.
    AccessDenied,
    /// 403 ExpiredTokenException.
    ExpiredToken,
    /// ResourceNotFoundException.
    NotFound,
    /// ValidationException.
    Invalid,
    /// ConflictException.
    Conflict,
    /// ExceedsLimitException.
    ExceedsLimit,
    /// The connection is reset without an answer.
    Reset,
    /// No answer, ever: until the client goes away or the simulator ends.
    Stall,
    /// The request is served; the connection is reset before its answer goes out.
    Lost,
    /// The request is served, and answered with InternalServerException.
    #[serde(rename = "lost-500")]
    Lost500,
    /// The request is served, and never answered.
    LostStall,
    /// These very bytes.
    Raw {
        /// The HTTP status.
        #[serde(deserialize_with = "read_status")]
        status: StatusCode,
        /// Headers by name.
        #[serde(default, deserialize_with = "read_headers")]
        headers: HeaderMap,
        /// The body.
        #[serde(default)]
        body: String,
    },
}

fn read_status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StatusCode, D::Error> {
    StatusCode::from_u16(u16::deserialize(deserializer)?).map_err(de::Error::custom)
}

fn read_headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderMap, D::Error> {
    let written: HashMap<String, String> = HashMap::deserialize(deserializer)?;
    HeaderMap::try_from(&written).map_err(de::Error::custom)
}
