//! An instant of this process in eight bytes, or none in as many: each job remembers several.

use std::num::NonZero;
use std::sync::LazyLock;
use std::time::Duration;

use tokio::time::Instant;

/// What they are counted from. Which instant that is matters to nobody.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Nanoseconds before the origin are below this, those after it above.
const MIDDLE: u64 = 1 << 63;

/// An instant no further than 292 years from the origin; what is beyond is the last of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Then(NonZero<u64>);

impl From<Instant> for Then {
    fn from(instant: Instant) -> Self {
        let nanos =
            |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(MIDDLE).min(MIDDLE - 1);
        let since = nanos(instant.saturating_duration_since(*ORIGIN));
        let before = nanos(ORIGIN.saturating_duration_since(instant));
        Self(NonZero::new(MIDDLE + since - before).unwrap_or(NonZero::<u64>::MIN))
    }
}

impl From<Then> for Instant {
    fn from(Then(nanos): Then) -> Self {
        let since = Duration::from_nanos(nanos.get().saturating_sub(MIDDLE));
        let before = Duration::from_nanos(MIDDLE.saturating_sub(nanos.get()));
        // Each was made of an instant that there is.
        (*ORIGIN + since).checked_sub(before).unwrap_or(*ORIGIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_instant_that_it_was_made_of_in_the_same_order_and_takes_eight_bytes() {
        let now = Instant::now();
        let years = Duration::from_hours(24 * 365 * 3);
        let instants = [now - years, now - Duration::from_nanos(1), now, now + years];
        let kept = instants.map(Then::from);
        assert!(kept.is_sorted() && kept.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(kept.map(Instant::from), instants);
        assert_eq!(size_of::<Option<Then>>(), 8);
    }
}
