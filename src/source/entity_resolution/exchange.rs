//! What the service answered, byte for byte.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_entityresolution::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::body::SdkBody;
use jiff::Timestamp;

/// Listens to one call and keeps its answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Listener {
    has_left: Arc<AtomicBool>,
    answer: Arc<Mutex<Option<Answer>>>,
}

impl Listener {
    /// Whether the request was ready to go out. If not, there were no credentials for it, or it could not be made.
    pub(super) fn has_left(&self) -> bool {
        self.has_left.load(Ordering::Relaxed)
    }

    /// The answer, if one came and was read to its end.
    pub(super) fn heard(&self) -> Option<Answer> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Intercept for Listener {
    fn name(&self) -> &'static str {
        "matchwatch-listener"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.has_left.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        // Only a body that arrived whole has bytes, and can be cloned (which copies nothing).
        if response.body().bytes().is_some()
            && let Some(body) = response.body().try_clone()
        {
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let mut heard = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
            *heard = Some(Answer { status, headers, body });
        }
        Ok(())
    }
}

/// An HTTP answer that arrived whole.
#[derive(Debug)]
pub(super) struct Answer {
    status: u16,
    headers: Headers,
    body: SdkBody,
}

impl Answer {
    pub(super) const fn status(&self) -> u16 {
        self.status
    }

    pub(super) const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// When it was given, by the clock of who gave it: to the second.
    pub(super) fn date(&self) -> Option<Timestamp> {
        httpdate::parse_http_date(self.header("date")?.trim()).ok()?.try_into().ok()
    }

    pub(super) fn body(&self) -> &[u8] {
        self.body.bytes().unwrap_or_default()
    }
}
