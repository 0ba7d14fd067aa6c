//! How far one look through a workflow's list goes: pure.
//!
//! The service does not say in which order it lists jobs. Where every look through a whole list showed the newest first, a
//! later look ends at the first page that ends with a job that is known; every so often one goes through the whole list all
//! the same, and if that finds a job behind such a page, the order is not trusted any more. So a job is found late once at
//! the most, and not lost.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::domain::{JobSummary, ObservedStatus};

/// However the list seems to be ordered, it is read as a whole so often.
pub(super) const WHOLE_EVERY: Duration = Duration::from_mins(10);

/// What is known of the order of a workflow's list.
#[derive(Debug, Default)]
pub(super) struct Order {
    seems: Seems,
    /// When the last look began that went through the whole list.
    whole_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Seems {
    #[default]
    Unknown,
    NewestFirst,
    /// It is not, or was found not to be.
    Otherwise,
}

/// One look.
#[derive(Debug)]
pub(super) struct Walk {
    began_at: Instant,
    /// Whether it may end early.
    is_short: bool,
    /// Whether what was read so far is ordered.
    in_order: bool,
    /// The start of the last ended job that was read.
    last_start: Option<Timestamp>,
    /// A page ended with a job that is known: a short look ends there.
    passed_end: bool,
    /// Behind that there was one that is not.
    missed: bool,
}

/// How a look ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// It saw every job.
    pub(super) is_whole: bool,
    /// The order was trusted, and is not any more.
    pub(super) lost_trust: bool,
}

impl Order {
    /// Whether a look that begins now may end early.
    pub(super) fn is_short(&self, now: Instant) -> bool {
        let age = |whole_at| now.checked_duration_since(whole_at);
        let is_recent = |whole_at| age(whole_at).is_some_and(|age| age < WHOLE_EVERY);
        self.seems == Seems::NewestFirst && self.whole_at.is_some_and(is_recent)
    }

    /// Begins a look; one that `must_be_whole` goes through the whole list in any case.
    pub(super) fn walk(&self, must_be_whole: bool, now: Instant) -> Walk {
        Walk {
            began_at: now,
            is_short: !must_be_whole && self.is_short(now),
            in_order: true,
            last_start: None,
            passed_end: false,
            missed: false,
        }
    }

    /// Learns from a look that came to its end.
    pub(super) fn learn(&mut self, walk: &Walk, is_whole: bool) -> Extent {
        if is_whole {
            self.whole_at = Some(walk.began_at);
        }
        let seemed = self.seems;
        if !walk.in_order || (seemed == Seems::NewestFirst && walk.missed) {
            self.seems = Seems::Otherwise;
        } else if is_whole && seemed == Seems::Unknown {
            self.seems = Seems::NewestFirst;
        }
        let lost_trust = seemed == Seems::NewestFirst && self.seems == Seems::Otherwise;
        Extent { is_whole, lost_trust }
    }
}

impl Walk {
    /// Takes in a page, and says whether the next one is needed where there is one. `is_new` says which jobs are not known.
    pub(super) fn goes_on(
        &mut self,
        jobs: &[JobSummary],
        is_new: impl Fn(&JobSummary) -> bool,
    ) -> bool {
        let passed_end = self.passed_end;
        for job in jobs {
            self.missed |= passed_end && is_new(job);
            self.note_order(job);
        }
        self.passed_end |= jobs.last().is_some_and(|job| !is_new(job));
        !(self.is_short && self.in_order && self.passed_end)
    }

    /// Only the start of an ended job is sure to stay as it is.
    fn note_order(&mut self, job: &JobSummary) {
        let ObservedStatus::Known(status) = &job.status else { return };
        let Some(start) = job.start_time.filter(|_| status.is_terminal()) else { return };
        self.in_order &= self.last_start.is_none_or(|newer| start <= newer);
        self.last_start = Some(start);
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn job(id: u32) -> JobSummary {
        let at = |second: u32| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second.into());
        JobSummary {
            job_id: id.to_string(),
            status: ObservedStatus::from("SUCCEEDED"),
            start_time: Some(at(id)),
            end_time: Some(at(id + 1)),
        }
    }

    /// Reads pages of jobs that are named by their starts; says how many, and how the look ended.
    fn read(order: &mut Order, pages: &[&[u32]], new: &[u32], now: Instant) -> (usize, Extent) {
        let mut walk = order.walk(false, now);
        let mut read = 0;
        for page in pages {
            read += 1;
            let jobs: Vec<_> = page.iter().copied().map(job).collect();
            let is_new = |job: &JobSummary| new.iter().any(|new| new.to_string() == job.job_id);
            if !walk.goes_on(&jobs, is_new) {
                break;
            }
        }
        let extent = order.learn(&walk, read == pages.len());
        (read, extent)
    }

    #[test]
    fn a_list_that_showed_the_newest_first_is_read_to_the_first_page_that_ends_with_a_known_job() {
        let (mut order, now) = (Order::default(), Instant::now());
        let first = read(&mut order, &[&[9, 8], &[7, 6], &[5]], &[9, 8, 7, 6, 5], now);
        assert_eq!(first, (3, Extent { is_whole: true, lost_trust: false }));
        let nothing_new = read(&mut order, &[&[9, 8], &[7, 6], &[5]], &[], now);
        assert_eq!(nothing_new, (1, Extent { is_whole: false, lost_trust: false }));
        let many_new =
            read(&mut order, &[&[12, 11], &[10, 9], &[8, 7], &[6, 5]], &[12, 11, 10], now);
        assert_eq!(many_new.0, 2);
    }

    #[test]
    fn it_is_read_as_a_whole_every_so_often_all_the_same() {
        let (mut order, now) = (Order::default(), Instant::now());
        read(&mut order, &[&[9, 8], &[7]], &[9, 8, 7], now);
        assert_eq!(read(&mut order, &[&[9, 8], &[7]], &[], now + WHOLE_EVERY / 2).0, 1);
        assert_eq!(read(&mut order, &[&[9, 8], &[7]], &[], now + WHOLE_EVERY).0, 2);
        assert_eq!(read(&mut order, &[&[9, 8], &[7]], &[], now + WHOLE_EVERY * 3 / 2).0, 1);
    }

    #[test]
    fn a_list_in_another_order_is_always_read_as_a_whole() {
        for pages in [[&[1, 2][..], &[3, 4]], [&[3, 1], &[4, 2]]] {
            let (mut order, now) = (Order::default(), Instant::now());
            for _ in 0..3 {
                assert_eq!(read(&mut order, &pages, &[], now).0, 2, "{pages:?}");
            }
        }
    }

    #[test]
    fn an_order_that_hid_a_new_job_is_not_trusted_again() {
        let (mut order, now) = (Order::default(), Instant::now());
        read(&mut order, &[&[9, 8], &[7]], &[9, 8, 7], now);
        let later = now + WHOLE_EVERY;
        // It is ordered by start, but the new one started long ago.
        let (read_pages, extent) = read(&mut order, &[&[9, 8], &[7, 3]], &[3], later);
        assert_eq!((read_pages, extent.lost_trust), (2, true));
        for _ in 0..3 {
            assert_eq!(read(&mut order, &[&[9, 8], &[7, 3]], &[], later).0, 2);
        }
    }

    #[test]
    fn a_short_look_that_meets_disorder_goes_on_to_the_end() {
        let (mut order, now) = (Order::default(), Instant::now());
        read(&mut order, &[&[9, 8], &[7]], &[9, 8, 7], now);
        assert_eq!(
            read(&mut order, &[&[8, 9], &[7]], &[], now),
            (2, Extent { is_whole: true, lost_trust: true })
        );
    }
}
