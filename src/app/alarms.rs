//! Alarms that nobody who asks would close.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::notifiers::routing;
use super::plan::Base;
use crate::backoff::{Backoff, Policy};
use crate::config::{Settings, WatchSettings};
use crate::domain::{Alarm, JobKey, Subject};
use crate::store::{Standing, StoreError};
use crate::watch::{Clerk, Entry};

/// Delays after the store has refused.
const STORE_BACKOFF: Policy =
    Policy { initial: Duration::from_millis(500), max: Duration::from_secs(30) };

impl Base {
    /// Who writes down alarms.
    pub(super) fn clerk(&self, settings: &Settings) -> Clerk {
        Clerk {
            store: Arc::clone(&self.store),
            routing: routing(settings),
            metrics: self.metrics.clone(),
            recorded: self.recorded.clone(),
        }
    }
}

/// Closes the alarms that are over by what is known at a start or a reload: those of jobs and workflows that no watch
/// follows any more, and those that a job's recorded status ends. A process may have died between recording the status
/// and closing the alarm, and a job that has ended is not asked about again. Goes on until it is done or `stop` is
/// cancelled.
pub(super) async fn close_what_is_over(base: Base, settings: Settings, stop: CancellationToken) {
    let (clerk, watches) = (base.clerk(&settings), settings.watches);
    let mut backoff = Backoff::new(STORE_BACKOFF);
    let work = async {
        while let Err(error) = try_to(&base, &clerk, &watches).await {
            clerk.count_refusal();
            tracing::warn!(%error, "alarms that are over stay open for now; trying again");
            sleep(backoff.next_delay()).await;
        }
    };
    stop.run_until_cancelled(work).await;
}

async fn try_to(base: &Base, clerk: &Clerk, watches: &[WatchSettings]) -> Result<(), StoreError> {
    let open = base.store.open_alarms(None).await?;
    let job_of = |alarm: &Alarm| alarm.key.subject.job().cloned();
    let jobs: Vec<JobKey> = open.iter().filter_map(job_of).collect();
    // Read after the alarms: what a status ends that was recorded before is over.
    let mut standings = base.store.standings(&jobs).await?.into_iter();
    for alarm in open {
        let standing = match alarm.key.subject {
            Subject::Job(_) => standings.next().flatten(),
            Subject::Workflow(_) | Subject::Account(_) => None,
        };
        if let Some(why) = why_over(&alarm, standing, watches) {
            let resolved = Some((base.clock.now().max(alarm.raised_at), why));
            clerk.write(&Entry { alarm, resolved }).await?;
        }
    }
    Ok(())
}

/// By what an alarm is over, if it is.
fn why_over(
    alarm: &Alarm,
    standing: Option<Standing>,
    watches: &[WatchSettings],
) -> Option<String> {
    let (name, subject) = (alarm.key.name, &alarm.key.subject);
    if !watches.iter().any(|watch| watch.concerns(subject)) {
        return Some("it is not watched any more".to_owned());
    }
    name.over_in(standing?.status)
}
