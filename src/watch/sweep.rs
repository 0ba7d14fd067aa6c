//! One look through the list of a workflow's jobs, page by page.

use tokio::time::Instant;

use crate::domain::JobSummary;
use crate::source::PageToken;

/// Pages that are read for past runs alone.
const PAGES_BACK: usize = 2;

/// A list that is being read.
#[derive(Debug)]
pub(super) struct Sweep {
    /// Tells one from another.
    pub(super) number: u32,
    pub(super) started_at: Instant,
    /// Where the next page begins; the first, if absent.
    pub(super) next: Option<PageToken>,
    pub(super) pages: usize,
    /// Live jobs that were met.
    pub(super) met: usize,
    /// Pages after which all live jobs were met.
    pub(super) all_met_after: Option<usize>,
    /// Jobs that had ended, where past runs are looked for.
    pub(super) past: Option<Vec<JobSummary>>,
}

impl Sweep {
    pub(super) const fn new(number: u32, now: Instant, looks_back: bool) -> Self {
        let past = if looks_back { Some(Vec::new()) } else { None };
        Self { number, started_at: now, next: None, pages: 0, met: 0, all_met_after: None, past }
    }

    /// Notes whether the pages so far showed all of so many live jobs that a list can show.
    pub(super) fn note_whether_all_are_met(&mut self, live: usize) {
        if self.all_met_after.is_none() && live > 0 && self.met >= live {
            self.all_met_after = Some(self.pages);
        }
    }

    /// Whether the next page is worth its call, with so many live jobs that a list can show.
    ///
    /// A page is not worth it where all were met, nor where those that are left could have been asked about one by one.
    pub(super) const fn goes_on(&self, live: usize) -> bool {
        let looks_back = self.past.is_some() && self.pages < PAGES_BACK;
        self.next.is_some() && (looks_back || (self.met < live && self.pages < live))
    }
}
