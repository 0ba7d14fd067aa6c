//! What it costs to list the jobs of a workflow, as far as that has been seen: pure.
//!
//! One page tells of up to 25 jobs, but where among all pages the live ones stand is not known: the order of the list
//! is not documented, nor is how long ended jobs stay in it. So pages are counted, and listing is chosen where it has
//! proved to be the cheaper way.

use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::{Backoff, Policy};

/// What a new count of pages weighs against those before.
const NEWEST: f64 = 0.5;
/// Failures in a row after which jobs are asked about one by one for a while: the trouble may be with lists alone.
const TOO_OFTEN: u32 = 3;
/// How long nothing is listed that may not be.
const DENIED: Duration = Duration::from_hours(1);

/// What is known about listing a workflow.
#[derive(Debug, Clone)]
pub(super) struct Listing {
    /// Pages that it takes to meet all live jobs.
    pages: f64,
    failures: u32,
    backoff: Backoff,
    /// Nothing is listed before this.
    rests_until: Option<Instant>,
}

/// What happens after a list that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// It is asked for again, from its beginning.
    AskAgainIn(Duration),
    /// It is let be for a while.
    Rest,
}

impl Listing {
    /// Nothing is known: one page is hoped for.
    pub(super) fn new(backoff: Policy) -> Self {
        Self { pages: 1.0, failures: 0, backoff: Backoff::new(backoff), rests_until: None }
    }

    /// Pages that it takes, by what was seen.
    pub(super) const fn pages(&self) -> f64 {
        self.pages
    }

    /// Whether it makes sense to list.
    pub(super) fn is_possible(&self, now: Instant) -> bool {
        self.rests_until.is_none_or(|until| until <= now)
    }

    /// A page was answered.
    pub(super) fn answered(&mut self, backoff: Policy) {
        self.failures = 0;
        self.backoff = Backoff::new(backoff);
    }

    /// All live jobs were met on this many pages, or looked for in vain.
    pub(super) fn took(&mut self, pages: usize) {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let pages = pages.max(1) as f64;
        self.pages += NEWEST * (pages - self.pages);
    }

    /// The service did not answer, or was busy: it may do so soon.
    pub(super) fn failed(&mut self, now: Instant) -> After {
        self.failures = self.failures.saturating_add(1);
        let delay = self.backoff.next_delay();
        if self.failures < TOO_OFTEN {
            return After::AskAgainIn(delay);
        }
        self.rests_until = Some(now + delay);
        After::Rest
    }

    /// The service refuses to list the workflow.
    pub(super) fn refused(&mut self, now: Instant) {
        self.rests_until = Some(now + DENIED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Policy =
        Policy { initial: Duration::from_secs(1), max: Duration::from_secs(60) };

    #[test]
    fn the_count_of_pages_follows_what_was_seen() {
        let mut listing = Listing::new(BACKOFF);
        for _ in 0..10 {
            listing.took(8);
        }
        assert!((listing.pages() - 8.0).abs() < 0.01, "{}", listing.pages());
        listing.took(2);
        assert!((listing.pages() - 5.0).abs() < 0.01, "{}", listing.pages());
    }

    #[test]
    fn a_list_that_fails_again_and_again_rests_and_one_that_was_answered_starts_anew() {
        let now = Instant::now();
        let mut listing = Listing::new(BACKOFF);
        assert!(matches!(listing.failed(now), After::AskAgainIn(_)));
        assert!(matches!(listing.failed(now), After::AskAgainIn(_)));
        listing.answered(BACKOFF);
        for _ in 0..2 {
            assert!(matches!(listing.failed(now), After::AskAgainIn(_)));
        }
        assert!(listing.is_possible(now));
        assert_eq!(listing.failed(now), After::Rest);
        assert!(!listing.is_possible(now));
        assert!(listing.is_possible(now + BACKOFF.max));
    }

    #[test]
    fn what_may_not_be_listed_is_let_be_for_an_hour() {
        let now = Instant::now();
        let mut listing = Listing::new(BACKOFF);
        listing.refused(now);
        assert!(!listing.is_possible(now + DENIED - Duration::from_secs(1)));
        assert!(listing.is_possible(now + DENIED));
    }
}
