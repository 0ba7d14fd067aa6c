//! What answers, errors and the time that passes mean for alarms.

use std::sync::Arc;

use tokio::time::{Instant, sleep};

use super::Run;
use crate::backoff::Backoff;
use crate::domain::{Alarm, AlarmFacts, AlarmKey, AlarmName, JobKey, JobStatus, Subject};
use crate::source::SourceError;
use crate::watch::alarms::{Alarms, Entry, Overdue, judge};
use crate::watch::roster::JobIndex;
use crate::watch::seen::Seen;
use crate::watch::{Next, Terms};

/// Whom to tell of a job.
type Notifiers = Arc<[Arc<str>]>;

impl Run {
    /// Takes up the alarms that were open before. Waits for a store that is out of order, until shutdown.
    pub(super) async fn take_up_alarms(&mut self) {
        let mut backoff = Backoff::new(self.backoff);
        let shutdown = self.shutdown.clone();
        loop {
            match self.context.store.open_alarms(Some(&self.context.account)).await {
                Ok(open) => {
                    self.alarms = Alarms::new(open);
                    return;
                }
                Err(error) => {
                    self.context.metrics.store_errors.with_label_values(&["alarm"]).inc();
                    tracing::error!(%error, "open alarms cannot be read; trying again");
                }
            }
            self.heartbeat.beat();
            if shutdown.run_until_cancelled(sleep(backoff.next_delay())).await.is_none() {
                return;
            }
        }
    }

    /// Looks at the time of those jobs that are due for it. Returns when the next one is.
    pub(super) fn check_times(&mut self, now: Instant) -> Option<Instant> {
        while let Some(index) = self.alarms.next_due(now) {
            self.check_time(index);
        }
        self.alarms.next_check()
    }

    /// Raises what the job's time calls for, and plans the next look at it.
    pub(super) fn check_time(&mut self, index: JobIndex) {
        let Some(job) = self.agenda.job(index) else { return };
        if !job.terms.alarms.have_limits() {
            return;
        }
        let seen = Seen::of(&*self.context.clock);
        let Some(timed) = self.agenda.timed(index, seen) else { return };
        let judged = judge(&job.terms.alarms, timed);
        if let Some(again_in) = judged.again_in
            && let Some(again_at) = seen.now.checked_add(again_in)
        {
            self.alarms.check_at(index, again_at);
        }
        if judged.overdue.is_empty() {
            return;
        }
        let (key, notifiers) = (job.key.clone(), Arc::clone(&job.notifiers));
        let (queue_position, job_ahead) = self.agenda.standing_in_queue(index);
        for Overdue { name, message, facts } in judged.overdue {
            let facts = AlarmFacts { queue_position, job_ahead: job_ahead.clone(), ..facts };
            self.raise(name, &key, message, facts, &notifiers);
        }
    }

    /// A job was seen in `status`.
    pub(super) fn was_seen(&mut self, job: &JobKey, status: JobStatus) {
        if !self.alarms.is_any_open() {
            return;
        }
        for name in AlarmName::ALL {
            if let Some(over) = name.over_in(status) {
                self.resolve(name, || job.clone().into(), &over);
            }
        }
    }

    /// The service told of a job: it is not lost.
    pub(super) fn was_told(&mut self, job: &JobKey) {
        let found = "the service tells of the job again";
        for name in [AlarmName::Lost, AlarmName::WatchBroken] {
            self.resolve(name, || job.clone().into(), found);
        }
    }

    /// The service would not tell of a job.
    pub(super) fn was_refused(
        &mut self,
        job: &JobKey,
        (status, terms, notifiers): (Option<JobStatus>, &Terms, &Notifiers),
        error: &SourceError,
        next: &Next,
    ) {
        let rules = &terms.alarms;
        let facts = AlarmFacts { status, error: Some(error.to_string()), ..AlarmFacts::default() };
        let gave_up = matches!(next, Next::GiveUp(_));
        if gave_up {
            self.was_given_up(job);
        }
        match error {
            SourceError::NotFound { .. } if gave_up && rules.lost => {
                let message = "the service does not know the job: it is not asked about any more";
                self.raise(AlarmName::Lost, job, message.to_owned(), facts, notifiers);
            }
            SourceError::Invalid { .. } if gave_up && rules.watch_broken => {
                let message = "the service calls the question about the job wrong: it is not asked about any more";
                self.raise(AlarmName::WatchBroken, job, message.to_owned(), facts, notifiers);
            }
            _ => {}
        }
    }

    /// Nobody looks at the time of a job any more that nobody asks about.
    fn was_given_up(&mut self, job: &JobKey) {
        let over = "the job is not asked about any more";
        for name in AlarmName::OF_TIME {
            self.resolve(name, || job.clone().into(), over);
        }
    }

    fn raise(
        &mut self,
        name: AlarmName,
        job: &JobKey,
        message: String,
        facts: AlarmFacts,
        notifiers: &Notifiers,
    ) {
        let key = AlarmKey { name, subject: job.clone().into() };
        let region = self.context.region.clone();
        let alarm = Alarm::new(key, region, self.context.clock.now(), message, facts);
        let notifiers = self.context.routing.listeners(notifiers);
        let entry = self.alarms.raise(Alarm { notifiers, ..alarm });
        self.write_down(entry);
    }

    fn resolve(&mut self, name: AlarmName, subject: impl FnOnce() -> Subject, message: &str) {
        let entry = self.alarms.resolve(name, subject, (self.context.clock.now(), message));
        self.write_down(entry);
    }

    fn write_down(&self, entry: Option<Entry>) {
        if let Some(entry) = entry {
            // The clerk is there for as long as the loop is.
            let _ = self.entries.send(entry);
        }
    }
}
