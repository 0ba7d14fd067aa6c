//! Watches that find their jobs: what they look for, and what they found before.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::plan::Base;
use crate::config::Settings;
use crate::domain::{JobKey, JobKind, JobSet, WatchKey};
use crate::heartbeat::Heartbeat;
use crate::store::StoreError;
use crate::watch::{Discovery, Poller, Rule, Terms, WatchedJob};

impl Base {
    /// The rules of the watches that find jobs of this kind in an account, in the order of the configuration. A watch that
    /// was never seen is seen now.
    pub(super) async fn rules(
        &self,
        settings: &Settings,
        account: &Arc<str>,
        kind: JobKind,
    ) -> Result<Vec<Arc<Rule>>, StoreError> {
        let mut rules = Vec::new();
        let watches = settings.watches.iter();
        for watch in watches.filter(|watch| watch.account == *account && watch.kind == kind) {
            let Some((discovery, key)) = watch.discovery.as_ref().zip(watch.discovery_key()) else {
                continue;
            };
            rules.push(Arc::new(Rule {
                workflows: discovery.workflows.clone(),
                start: discovery.start,
                first_sight: self.store.first_sight(&key, self.clock.now()).await?,
                interval: discovery.interval.unwrap_or(settings.discovery_interval),
                notifiers: watch.notifiers.clone().into(),
                terms: Arc::new(Terms { gates: watch.gates, alarms: watch.alarms }),
            }));
        }
        Ok(rules)
    }

    /// Jobs that were found before and have not ended, but for those that watches name. One that was given up before
    /// anything was recorded of it is asked about once more, as those are that watches name: its alarm is open, and no
    /// list may bring it up again.
    pub(super) async fn found_jobs(
        &self,
        account: &str,
        kind: JobKind,
        rules: &[Arc<Rule>],
        named: &JobSet,
    ) -> Result<Vec<WatchedJob>, StoreError> {
        if rules.is_empty() {
            return Ok(Vec::new());
        }
        let live = self.store.live_jobs(account, kind).await?;
        let live = live.into_iter().map(|(key, standing)| (key, Some(standing)));
        let given_up = self.given_up_unseen(account, kind).await?;
        let all = live.chain(given_up.into_iter().map(|key| (key, None)));
        let found = all.filter(|(key, _)| !named.contains(key));
        let found = found.filter_map(|(key, standing)| {
            let rule = Rule::of(rules, &key.workflow_name)?;
            Some(rule.watched(key, standing))
        });
        Ok(found.collect())
    }

    /// Jobs that an alarm is open of, and of which nothing is recorded.
    async fn given_up_unseen(
        &self,
        account: &str,
        kind: JobKind,
    ) -> Result<Vec<JobKey>, StoreError> {
        let open = self.store.open_alarms(Some(account)).await?;
        let jobs = open.iter().filter_map(|alarm| alarm.key.subject.job());
        let jobs: BTreeSet<&JobKey> = jobs.filter(|job| job.kind == kind).collect();
        let jobs: Vec<JobKey> = jobs.into_iter().cloned().collect();
        let standings = self.store.standings(&jobs).await?;
        let unseen = jobs.into_iter().zip(standings).filter(|(_, standing)| standing.is_none());
        Ok(unseen.map(|(job, _)| job).collect())
    }

    /// Forgets what watches remember that are not in the configuration any more.
    pub(super) async fn forget_other_watches(&self, settings: &Settings) -> Result<(), StoreError> {
        let watches = settings.watches.iter();
        let watches: Vec<WatchKey> = watches.filter_map(|watch| watch.discovery_key()).collect();
        self.store.keep_watches(&watches).await
    }

    /// Who finds jobs for `poller`, if there are rules.
    pub(super) fn discovery(
        &self,
        settings: &Settings,
        poller: &Poller,
        rules: Vec<Arc<Rule>>,
        named: &Arc<JobSet>,
    ) -> Option<Discovery> {
        (!rules.is_empty()).then(|| Discovery {
            account: poller.account.clone(),
            kind: poller.kind,
            rules,
            named: Arc::clone(named),
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            backoff: settings.watch.backoff,
            retain: settings.retain,
            lists: poller.budgets.lists.clone(),
            metrics: self.metrics.clone(),
            observer: Arc::clone(&poller.observer),
            heartbeat: Heartbeat::new(),
        })
    }
}
