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
    /// Its pages are asked for here; else somebody else reads them, and shows them.
    pub(super) is_own: bool,
    pub(super) started_at: Instant,
    /// Where the next page begins; the first, if absent.
    pub(super) next: Option<PageToken>,
    pub(super) pages: usize,
    /// Live jobs that the list can show, when it began.
    listable: usize,
    /// Those of them that are live and were not met yet.
    pub(super) unmet: usize,
    /// Pages after which all live jobs were met.
    pub(super) all_met_after: Option<usize>,
    /// Jobs that had ended, where past runs are looked for.
    pub(super) past: Option<Vec<JobSummary>>,
}

impl Sweep {
    /// A sweep for so many live jobs that the list can show.
    pub(super) const fn new(number: u32, now: Instant, looks_back: bool, listable: usize) -> Self {
        let past = if looks_back { Some(Vec::new()) } else { None };
        Self {
            number,
            is_own: true,
            started_at: now,
            next: None,
            pages: 0,
            listable,
            unmet: listable,
            all_met_after: None,
            past,
        }
    }

    /// The same, that somebody else began then.
    pub(super) fn overheard(number: u32, began_at: Instant, listable: usize) -> Self {
        Self { is_own: false, ..Self::new(number, began_at, false, listable) }
    }

    /// Notes whether the pages so far showed all that is still live of what was to be met.
    pub(super) const fn note_whether_all_are_met(&mut self) {
        if self.all_met_after.is_none() && self.listable > 0 && self.unmet == 0 {
            self.all_met_after = Some(self.pages);
        }
    }

    /// Whether the next page is worth its call, where live jobs are met by lists.
    ///
    /// A page is not worth it where all were met, nor where those that are left could have been asked about one by one.
    pub(super) const fn goes_on(&self, meets: bool) -> bool {
        let looks_back = self.past.is_some() && self.pages < PAGES_BACK;
        let meets = meets && self.unmet > 0 && self.pages < self.listable;
        self.next.is_some() && (looks_back || meets)
    }
}
