//! Watches that find their jobs: what they look for, and what they found before.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::plan::Base;
use crate::config::Settings;
use crate::domain::{JobKind, JobSet, WatchKey};
use crate::heartbeat::Heartbeat;
use crate::store::StoreError;
use crate::watch::{Account, Budget, Discovery, Observer, Rule, WatchedJob};

/// The rules of an account's watches that find their jobs, by kind and in the order of the configuration.
pub(super) type Rules = BTreeMap<JobKind, Vec<Arc<Rule>>>;

impl Base {
    /// The rules of an account. A watch that was never seen is seen now.
    pub(super) async fn rules(
        &self,
        settings: &Settings,
        account: &Arc<str>,
    ) -> Result<Rules, StoreError> {
        let mut rules = Rules::new();
        for watch in settings.watches.iter().filter(|watch| watch.account == *account) {
            let Some((discovery, key)) = watch.discovery.as_ref().zip(watch.discovery_key()) else {
                continue;
            };
            let rule = Rule {
                workflows: discovery.workflows.clone(),
                start: discovery.start,
                first_sight: self.store.first_sight(&key, self.clock.now()).await?,
                interval: discovery.interval.unwrap_or(settings.discovery_interval),
                notifiers: watch.notifiers.clone().into(),
            };
            rules.entry(watch.kind).or_default().push(Arc::new(rule));
        }
        Ok(rules)
    }

    /// Jobs that were found before and have not ended, but for those that watches name.
    pub(super) async fn found_jobs(
        &self,
        account: &Arc<str>,
        rules: &Rules,
        named: &JobSet,
    ) -> Result<Vec<WatchedJob>, StoreError> {
        let mut found = Vec::new();
        for (&kind, rules) in rules {
            let live = self.store.live_jobs(account, kind).await?;
            for (key, standing) in live.into_iter().filter(|(key, _)| !named.contains(key)) {
                let Some(rule) = Rule::of(rules, &key.workflow_name) else { continue };
                found.push(WatchedJob {
                    key,
                    status: Some(standing.status),
                    since: Some(standing.since),
                    notifiers: Arc::clone(&rule.notifiers),
                    place: None,
                });
            }
        }
        Ok(found)
    }

    /// Forgets what watches remember that are not in the configuration any more.
    pub(super) async fn forget_other_watches(&self, settings: &Settings) -> Result<(), StoreError> {
        let watches = settings.watches.iter();
        let watches: Vec<WatchKey> = watches.filter_map(|watch| watch.discovery_key()).collect();
        self.store.keep_watches(&watches).await
    }

    /// Those that look for the jobs of an account, one for each kind.
    pub(super) fn discoveries(
        &self,
        settings: &Settings,
        account: &Account,
        rules: Rules,
        named: &Arc<JobSet>,
        lists: &Budget,
        observer: &Arc<dyn Observer>,
    ) -> Vec<Discovery> {
        let discovery = |(kind, rules)| Discovery {
            account: account.clone(),
            kind,
            rules,
            named: Arc::clone(named),
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            backoff: settings.watch.backoff,
            retain: settings.retain,
            lists: lists.clone(),
            metrics: self.metrics.clone(),
            observer: Arc::clone(observer),
            heartbeat: Heartbeat::new(),
        };
        rules.into_iter().map(discovery).collect()
    }
}
