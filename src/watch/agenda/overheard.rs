//! Lists that somebody else reads, who looks for new jobs: what they show is not asked for again.

use super::{Agenda, Sight};
use crate::domain::PastRun;
use crate::watch::ReadPage;
use crate::watch::sightings;
use crate::watch::sweep::Sweep;

impl Agenda {
    /// Somebody else has read a page. What it shows is taken in as if it had been asked for here. Where the pages of one
    /// reading show all live jobs that lists can show, the list counts as read when that began.
    ///
    /// Returns what it shows of jobs that are followed, and past runs that are new.
    pub(in crate::watch) fn overheard(&mut self, page: ReadPage) -> (Vec<Sight>, Vec<PastRun>) {
        let Some(index) = self.roster.index_of(&page.workflow) else { return Default::default() };
        let workflow = self.roster.workflow_mut(index);
        if workflow.jobs.is_empty() {
            return Default::default();
        }
        let mut sweep = match workflow.sweep.take() {
            // One that goes on here need not meet what is met there.
            Some(sweep) if sweep.is_own || sweep.started_at == page.began_at => sweep,
            _ => {
                workflow.sweeps += 1;
                let listable = workflow.wanted.demand.count();
                Sweep::overheard(workflow.sweeps, page.began_at, listable)
            }
        };
        let (sights, others) = self.meet_all(index, page.jobs, &mut sweep, page.seen);
        let workflow = self.roster.workflow_mut(index);
        let mut runs = Vec::new();
        if !workflow.looked_back {
            workflow.looked_back = page.next.is_none();
            runs = self.learn(index, sightings::past_runs(&others));
        }
        let ends = !sweep.is_own && {
            let went_on = sweep.all_met_after.is_none();
            sweep.pages += 1;
            sweep.note_whether_all_are_met();
            went_on && sweep.all_met_after.is_some()
        };
        if ends {
            self.sweep_ended(index, &sweep, page.seen.now);
        }
        self.roster.workflow_mut(index).sweep = Some(sweep);
        (sights, runs)
    }
}
