//! Starts one job, and knows at every moment what is known of it.
//!
//! The service takes no token by which it would know a repeated request from a new one. So what jobs there are is noted
//! before a request, and after a request whose answer is lost the jobs are listed again: a new one is most
//! probably ours. No other request goes out before the list has shown no new job for as long as a job may take to appear.

mod census;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::pacer::Pacer;
use super::patience::patiently;
use super::poller::Account;
use super::{Budgets, Patience};
use crate::backoff::{Backoff, Policy};
use crate::clock::SharedClock;
use crate::domain::JobKey;
use crate::source::{JobOrder, JobStarter, SourceError, StartError};
use census::Census;

/// How a job is started.
#[derive(Debug, Clone, PartialEq)]
pub struct StartConfig {
    /// Delays after a request that had no effect.
    pub backoff: Policy,
    /// Where the service takes no other job now, ask again after these delays; without, that is the end.
    pub queue: Option<Policy>,
    /// How long after a lost answer a job may take to appear in lists.
    pub settling: Duration,
}

impl StartConfig {
    /// As long as a new job may take to become readable.
    pub const SETTLING: Duration = Patience::STEP_NOT_FOUND;
}

/// What happens on the way to a job.
#[derive(Debug, Clone, PartialEq)]
pub enum StartNews {
    /// The jobs may not be listed: should an answer be lost, nobody can look what became of it.
    Blind(SourceError),
    /// A list got no answer; it is asked for again.
    ListTrouble(SourceError),
    /// A request to start a job goes out.
    Asked,
    /// The request had no effect; another follows.
    NotStarted(SourceError),
    /// The service takes no other job now; it is asked again later.
    Full(StartError),
    /// No answer came that says what became of the request. Jobs are looked for.
    Lost(SourceError),
    /// Jobs have appeared that may be ours. Another look follows.
    Appeared(Vec<String>),
    /// No new job has appeared: another request follows.
    NothingAppeared,
    /// There is a job. What comes after it concerns others.
    Started(Started),
    /// Beside that job these have appeared: a request whose answer was lost may have started one.
    Others(Vec<String>),
}

/// A job that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The job.
    pub job: JobKey,
    /// How it is known.
    pub how: How,
}

/// How a job is known to be ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The service said so.
    Told,
    /// It is the only one that appeared after a request whose answer was lost. Somebody else may have started it.
    Adopted,
}

/// Why no job is known to be ours.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StartFailure {
    /// The service refused, for good.
    #[error(transparent)]
    Refused(SourceError),
    /// The service takes no other job now.
    #[error(transparent)]
    Full(StartError),
    /// A request may have started a job, and nobody can say which.
    #[error(transparent)]
    Unsure(Unsure),
}

/// Why it is not known whether a job was started.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unsure {
    /// Several jobs have appeared since.
    #[error("{} jobs have appeared since: {}", .0.len(), .0.join(", "))]
    Several(Vec<String>),
    /// These may have appeared since or have been there before: not all jobs were known.
    #[error(
        "not all of the workflow's jobs were known before the request, so that each of these may be ours or an older \
         one: {}", .0.join(", ")
    )]
    NewOrOld(Vec<String>),
    /// The jobs cannot be listed.
    #[error("the jobs cannot be listed: {0}")]
    Unlisted(SourceError),
    /// No job has appeared, and yet the service takes no other one.
    #[error("no new job is listed, and yet {0}")]
    Full(StartError),
}

/// The start of one job.
pub struct Start {
    /// Whose jobs are listed.
    pub account: Account,
    /// Who starts it.
    pub starter: Arc<dyn JobStarter>,
    /// What is wanted.
    pub order: JobOrder,
    /// How.
    pub config: StartConfig,
    /// What may be asked.
    pub budgets: Budgets,
    /// The time of this machine.
    pub clock: SharedClock,
    /// Is told what happens on the way.
    pub told: mpsc::UnboundedSender<StartNews>,
}

impl Start {
    /// How long to look for other jobs once there is one.
    const SECOND_LOOK: Duration = Duration::from_secs(10);

    /// The first pause between two looks for a job, and the one after a look that shows another; each other is twice as
    /// long as the one before.
    const FIRST_PAUSE: Duration = Duration::from_secs(2);

    /// Starts the job. Throttles and outages are waited out for ever: the caller sets the deadline.
    ///
    /// # Errors
    ///
    /// One of [`StartFailure`].
    pub async fn run(self) -> Result<Started, StartFailure> {
        let mut before = self.take_census().await?;
        let mut delays = Backoff::new(self.config.backoff);
        let mut queue = self.config.queue.map(Backoff::new);
        let (mut was_lost, mut renewed) = (false, false);
        loop {
            self.tell(StartNews::Asked);
            let error = match self.starter.start(&self.order).await {
                Ok(job_id) => {
                    let started = self.started(job_id, How::Told);
                    if was_lost {
                        self.tell_of_others(&before, &started.job.job_id).await;
                    }
                    return Ok(started);
                }
                Err(error) => error,
            };
            match error {
                StartError::Lost(error) => {
                    was_lost = true;
                    self.tell(StartNews::Lost(error));
                    if let Some(job_id) = self.find(&before, self.config.settling).await? {
                        return Ok(self.started(job_id, How::Adopted));
                    }
                    self.tell(StartNews::NothingAppeared);
                }
                full @ (StartError::Conflict { .. } | StartError::LimitReached { .. }) => {
                    // What is in the way may be the job whose answer was lost.
                    if was_lost && let Some(job_id) = self.find(&before, Duration::ZERO).await? {
                        return Ok(self.started(job_id, How::Adopted));
                    }
                    let Some(queue) = &mut queue else {
                        return Err(match was_lost {
                            true => StartFailure::Unsure(Unsure::Full(full)),
                            false => StartFailure::Full(full),
                        });
                    };
                    self.tell(StartNews::Full(full));
                    sleep(queue.next_delay()).await;
                }
                StartError::NotStarted(error) => {
                    let delay = match &error {
                        SourceError::CredentialsExpired { .. } if !renewed => {
                            renewed = true;
                            Duration::ZERO
                        }
                        SourceError::Throttled { retry_after, .. } => {
                            let wished = retry_after.unwrap_or_default().min(Pacer::MAX_PAUSE);
                            delays.next_delay().max(wished)
                        }
                        SourceError::Unavailable { .. }
                        | SourceError::CredentialsExpired { .. } => delays.next_delay(),
                        SourceError::NotFound { .. }
                        | SourceError::AccessDenied { .. }
                        | SourceError::Invalid { .. } => return Err(StartFailure::Refused(error)),
                    };
                    self.tell(StartNews::NotStarted(error));
                    sleep(delay).await;
                }
            }
            if !was_lost && !before.is_denied {
                // What has appeared meanwhile is somebody else's.
                before = self.take_census().await?;
            }
        }
    }

    /// Looks for a job that is new since `before`, until one is there or `settling` has passed.
    async fn find(
        &self,
        before: &Census,
        settling: Duration,
    ) -> Result<Option<String>, StartFailure> {
        let settled_at = Instant::now() + settling;
        let mut pause = Self::FIRST_PAUSE;
        let mut seen = Vec::new();
        loop {
            let looked_at = Instant::now();
            let new = self.look(before).await.map_err(StartFailure::Unsure)?;
            // A second look, for ours may be on its way while somebody else's is there already.
            match &*new {
                [] if looked_at >= settled_at => return Ok(None),
                [] => {}
                _ if new == seen => return Self::only(before, new).map(Some),
                _ => {
                    self.tell(StartNews::Appeared(new.clone()));
                    (seen, pause) = (new, Self::FIRST_PAUSE);
                }
            }
            let next = looked_at + pause;
            // With one in sight there is nothing to settle but whether it stays alone.
            sleep_until(if seen.is_empty() { next.min(settled_at) } else { next }).await;
            pause *= 2;
        }
    }

    /// The only one of these jobs, if that is ours for all that can be known.
    fn only(before: &Census, mut job_ids: Vec<String>) -> Result<String, StartFailure> {
        if !before.tells_new_from_old() {
            return Err(StartFailure::Unsure(Unsure::NewOrOld(job_ids)));
        }
        match job_ids.pop() {
            Some(job_id) if job_ids.is_empty() => Ok(job_id),
            last => {
                job_ids.extend(last);
                Err(StartFailure::Unsure(Unsure::Several(job_ids)))
            }
        }
    }

    /// The jobs that are new since `before`, or may be.
    async fn look(&self, before: &Census) -> Result<Vec<String>, Unsure> {
        let mut new = Vec::new();
        let listed = self.each_page(|jobs| {
            new.extend(jobs.into_iter().filter(|job| before.may_be_new(job)).map(|job| job.job_id));
            true
        });
        listed.await.map_err(Unsure::Unlisted)?;
        new.sort_unstable();
        new.dedup();
        if self.order.job_type.is_some() {
            self.leave_out_other_types(&mut new).await;
        }
        Ok(new)
    }

    /// Leaves out the jobs of another type than was asked for: they are not ours. One that cannot be asked about stays.
    async fn leave_out_other_types(&self, job_ids: &mut Vec<String>) {
        let mut others = Vec::new();
        for job_id in &*job_ids {
            let job = self.job(job_id);
            let ask = || self.account.source.observe(&job);
            let trouble = |error| self.tell(StartNews::ListTrouble(error));
            let answer = patiently(&self.budgets.gets, self.config.backoff, trouble, ask).await;
            let told = answer.ok().and_then(|observation| observation.details.job_type);
            if told.is_some() && told != self.order.job_type {
                others.push(job_id.clone());
            }
        }
        job_ids.retain(|job_id| !others.contains(job_id));
    }

    fn job(&self, job_id: &str) -> JobKey {
        let workflow = &self.order.workflow;
        JobKey {
            account: Arc::clone(&workflow.account),
            kind: workflow.kind,
            workflow_name: Arc::clone(&workflow.name),
            job_id: job_id.into(),
        }
    }

    /// After a lost answer and a second request there may be two jobs: says so.
    async fn tell_of_others(&self, before: &Census, job_id: &str) {
        let look = timeout(Self::SECOND_LOOK, self.look(before));
        let Ok(Ok(mut others)) = look.await else { return };
        others.retain(|other| other != job_id);
        if !others.is_empty() {
            self.tell(StartNews::Others(others));
        }
    }

    /// Says that there is a job.
    fn started(&self, job_id: String, how: How) -> Started {
        let job = self.job(&job_id);
        let started = Started { job, how };
        self.tell(StartNews::Started(started.clone()));
        started
    }

    fn tell(&self, news: StartNews) {
        // Nobody listens any more once the command has ended.
        let _ = self.told.send(news);
    }
}
