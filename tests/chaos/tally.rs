//! What a run comes to: its last line.

use serde::Serialize;

use crate::daemon::Stopped;
use crate::judge::{Fault, Judgement};

/// The sums of a run. Its JSON is the last line that a run prints.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Tally {
    pub(crate) seed: u64,
    pub(crate) seconds: u64,
    pub(crate) waves: u64,
    pub(crate) jobs: u64,
    /// Daemons started: each opened the database that the one before left.
    pub(crate) starts: u64,
    /// By SIGKILL.
    pub(crate) kills: u64,
    /// By SIGTERM.
    pub(crate) terms: u64,
    /// After SIGTERM, another exit code than 0.
    pub(crate) unclean_exits: u64,
    /// After SIGTERM, later than the grace and a second.
    pub(crate) late_exits: u64,
    /// Daemons that ended by themselves.
    pub(crate) deaths: u64,
    pub(crate) terminal_statuses_reached: u64,
    /// Once for each notifier.
    pub(crate) events_delivered: u64,
    pub(crate) lost: u64,
    pub(crate) reordered: u64,
    /// Statuses that were served, gone with a kill, and told inside the next event.
    pub(crate) inferred: u64,
    /// Statuses that were never served, and told inside the next event.
    pub(crate) unseen: u64,
    pub(crate) duplicates: u64,
    pub(crate) duplicates_with_another_id: u64,
    pub(crate) duplicates_with_other_bytes: u64,
    pub(crate) made_up: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, jobs: usize, judgement: &Judgement) {
        self.waves += 1;
        self.jobs += jobs as u64;
        self.terminal_statuses_reached += judgement.terminal_statuses;
        self.events_delivered += judgement.delivered;
        self.inferred += judgement.inferred;
        self.unseen += judgement.unseen;
        self.duplicates += judgement.duplicates;
        self.lost += judgement.count(Fault::Lost);
        self.reordered += judgement.count(Fault::Reordered);
        self.duplicates_with_another_id += judgement.count(Fault::AnotherId);
        self.duplicates_with_other_bytes += judgement.count(Fault::OtherBytes);
        self.made_up += judgement.count(Fault::MadeUp);
    }

    pub(crate) fn note_stop(&mut self, stopped: Stopped) {
        self.terms += 1;
        self.unclean_exits += u64::from(!stopped.cleanly);
        self.late_exits += u64::from(stopped.late);
    }

    /// Nothing went wrong. Late exits are told alone: on a busy machine they may be the machine's.
    pub(crate) const fn is_clean(&self) -> bool {
        self.lost == 0
            && self.reordered == 0
            && self.duplicates_with_another_id == 0
            && self.duplicates_with_other_bytes == 0
            && self.made_up == 0
            && self.deaths == 0
            && self.unclean_exits == 0
            && self.terminal_statuses_reached > 0
    }
}
