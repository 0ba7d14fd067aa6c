//! Who lets us in: alarms of accounts and workflows that deny access, by what all answers of an account say together.
//!
//! ```text
//! pollers, discovery ─▶ bell: what is new? ─▶ porter: which alarm begins or is over ─▶ store
//! ```

mod bell;
mod book;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

pub(super) use bell::{Bell, Overheard};

use super::plan::Base;
use crate::backoff::{self, Backoff};
use crate::clock::SharedClock;
use crate::config::{Settings, WatchSettings};
use crate::domain::{Alarm, AlarmName, JobKind, Subject};
use crate::source::Operation;
use crate::watch::{Account, Clerk};
use book::Book;

/// What can be denied: a question about a subject; without one, every question of the account.
type Matter = (Subject, Option<Operation>);

/// Something new.
#[derive(Debug)]
pub(super) enum News {
    /// It was denied for this reason, or granted where there is none.
    Access(Matter, Option<String>),
    /// The account has these workflows of this kind, and no others.
    Workflows(JobKind, Names),
}

/// Names of workflows.
type Names = Arc<HashSet<Arc<str>>>;

/// The workflows that the account has, of the kinds of which they were listed.
#[derive(Debug, Default)]
struct Listed(HashMap<JobKind, Names>);

impl Listed {
    /// Whether it is a workflow that is not there any more, or belongs to one.
    fn is_gone(&self, subject: &Subject) -> bool {
        let names = subject.kind().and_then(|kind| self.0.get(&kind));
        names.zip(subject.workflow_name()).is_some_and(|(names, name)| !names.contains(name))
    }
}

/// Keeps an account's alarms of denied access.
pub(super) struct Porter {
    pub(super) account: Arc<str>,
    pub(super) region: String,
    /// Those of the account.
    pub(super) watches: Vec<WatchSettings>,
    pub(super) clerk: Clerk,
    pub(super) clock: SharedClock,
    pub(super) backoff: backoff::Policy,
    pub(super) news: mpsc::UnboundedReceiver<News>,
}

impl Porter {
    /// Takes in what is new until told to stop. What it has not heard by then is found so again by the next one.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let Some(open) = stop.run_until_cancelled(self.open()).await else { return };
        let mut book = Book::new(self.region, self.watches, open);
        for entry in book.tidy(self.clock.now()) {
            if !self.clerk.persist(&entry, self.backoff, &stop).await {
                return;
            }
        }
        while let Some(Some(news)) = stop.run_until_cancelled(self.news.recv()).await {
            for entry in book.take(news, &self.clerk.routing, self.clock.now()) {
                if !self.clerk.persist(&entry, self.backoff, &stop).await {
                    return;
                }
            }
        }
    }

    /// The alarms that were open before. Waits for a store that is out of order.
    async fn open(&self) -> HashMap<Subject, Alarm> {
        let mut backoff = Backoff::new(self.backoff);
        loop {
            match self.clerk.store.open_alarms(Some(&self.account)).await {
                Ok(open) => {
                    let open = open.into_iter().filter(|a| a.key.name == AlarmName::AccessDenied);
                    return open.map(|alarm| (alarm.key.subject.clone(), alarm)).collect();
                }
                Err(error) => {
                    self.clerk.count_refusal();
                    tracing::error!(%error, "open alarms cannot be read; trying again");
                    sleep(backoff.next_delay()).await;
                }
            }
        }
    }
}

impl Base {
    /// Who keeps the alarms of denied access to `account`.
    pub(super) fn porter(
        &self,
        settings: &Settings,
        account: &Account,
        news: mpsc::UnboundedReceiver<News>,
    ) -> Porter {
        let watches = settings.watches.iter().filter(|watch| watch.account == account.name);
        Porter {
            account: Arc::clone(&account.name),
            region: account.region.clone(),
            watches: watches.cloned().collect(),
            clerk: self.clerk(settings),
            clock: Arc::clone(&self.clock),
            backoff: settings.watch.backoff,
            news,
        }
    }
}
