//! A clock for the SDK that tests set by hand.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_types::sdk_config::{SharedTimeSource, TimeSource};

#[derive(Debug, Clone)]
pub(super) struct HandSetClock(Arc<Mutex<SystemTime>>);

impl HandSetClock {
    /// A clock that stands still.
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(UNIX_EPOCH + Duration::from_secs(1_800_000_000))))
    }

    pub(super) fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }

    pub(super) fn for_sdk(&self) -> SharedTimeSource {
        SharedTimeSource::new(self.clone())
    }
}

impl TimeSource for HandSetClock {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }
}
