//! A store so simple that it cannot be wrong, and the check that another one answers as it does.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use uuid::Uuid;

use super::{
    Fresh, HOOK, TOPIC, at, change, dead, delivered, forget_in_batches, job, retry, told_to,
};
use crate::domain::{JobKey, JobStatus, Message, Redelivered, Redelivery};
use crate::store::{Backlog, Change, DeliveryId, Recorded, Settlement, Store, Telling};

const NOTIFIERS: [&str; 2] = [HOOK, TOPIC];

/// Tells the same random story to the model and to a fresh store, and compares their answers after each step.
pub(in crate::store) fn check(fresh: impl AsyncFn() -> Fresh) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // Failures are printed with the shortest story that shows them; no file of old ones is kept.
    let config = Config { cases: 48, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&prop::collection::vec(step(), 1..40), |story| {
            runtime.block_on(async {
                let fresh = fresh().await;
                let outcome = tell(&*fresh.store, &story).await;
                fresh.store.close().await;
                outcome
            })
        })
        .unwrap();
}

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    Record {
        job: usize,
        to: JobStatus,
        /// Where it is not the truth, the status that the change claims to start from.
        false_from: Option<Option<JobStatus>>,
        notifiers: Vec<&'static str>,
        second: i64,
    },
    /// The delivery is any one that was ever made, counted from the newest.
    Settle {
        newest: usize,
        settlement: Settlement,
    },
    /// The event is that of any delivery that was ever made, counted from the newest; without one, all that is dead.
    Redeliver {
        newest: Option<usize>,
        notifier: Option<&'static str>,
        second: i64,
    },
    Forget {
        second: i64,
        watched: Vec<usize>,
        limit: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let status = || prop::sample::select(&JobStatus::ALL[..]);
    let record = (
        0..3_usize,
        status(),
        prop::option::weighted(0.2, prop::option::of(status())),
        prop::sample::subsequence(&NOTIFIERS[..], 0..=2),
        0..100_i64,
    )
        .prop_map(|(job, to, false_from, notifiers, second)| Step::Record {
            job,
            to,
            false_from,
            notifiers,
            second,
        });
    let settlement = prop_oneof![
        2 => (0..100_i64).prop_map(delivered),
        3 => (0..100_i64).prop_map(retry),
        1 => (0..100_i64).prop_map(dead),
    ];
    let settle = (0..12_usize, settlement)
        .prop_map(|(newest, settlement)| Step::Settle { newest, settlement });
    let redeliver = (
        prop::option::of(0..12_usize),
        prop::option::of(prop::sample::select(&NOTIFIERS[..])),
        0..100_i64,
    )
        .prop_map(|(newest, notifier, second)| Step::Redeliver { newest, notifier, second });
    let forget = (0..100_i64, prop::sample::subsequence(vec![0, 1, 2], 0..=3), 1..4_usize)
        .prop_map(|(second, watched, limit)| Step::Forget { second, watched, limit });
    prop_oneof![6 => record, 4 => settle, 2 => redeliver, 1 => forget]
}

async fn tell(store: &dyn Store, story: &[Step]) -> Result<(), TestCaseError> {
    // Two accounts that mean one: their events have the same ids.
    let jobs = [job("a"), job("b"), JobKey { account: "alias".into(), ..job("a") }];
    let mut model = Model::default();
    let mut ids = BTreeMap::new();
    for step in story {
        match step {
            Step::Record { job, to, false_from, notifiers, second } => {
                let from = false_from.unwrap_or_else(|| model.status(&jobs[*job]));
                let change = told_to(notifiers, change(&jobs[*job], from, *to, at(*second)));
                let expected = model.record(&change);
                prop_assert_eq!(store.record(&change).await.unwrap(), expected);
            }
            Step::Settle { newest, settlement } => {
                let chosen = model.deliveries.len().checked_sub(newest + 1);
                // Only what was due once has an id that the store's user knows.
                if let Some((index, id)) = chosen.and_then(|index| Some((index, ids.get(&index)?)))
                {
                    store.settle(*id, settlement).await.unwrap();
                    model.settle(index, settlement);
                }
            }
            Step::Redeliver { newest, notifier, second } => {
                let chosen =
                    newest.and_then(|newest| model.deliveries.len().checked_sub(newest + 1));
                let redelivery = match chosen {
                    Some(index) => {
                        Redelivery::Events(vec![model.deliveries[index].message.event.id])
                    }
                    None => Redelivery::Dead { notifier: notifier.map(Into::into) },
                };
                // In every other case one of the two is not configured any more.
                let configured: Vec<Arc<str>> = NOTIFIERS[..1 + usize::from(second % 2 == 0)]
                    .iter()
                    .map(|&n| n.into())
                    .collect();
                let expected = model.redeliver(&redelivery, &configured, at(*second));
                let done = store.redeliver(&redelivery, &configured, at(*second)).await.unwrap();
                prop_assert_eq!(done, expected);
            }
            Step::Forget { second, watched, limit } => {
                let watched: Vec<_> = watched.iter().map(|&job| jobs[job].clone()).collect();
                let expected = model.forget(at(*second), &watched);
                let removed = forget_in_batches(store, *second, &watched, *limit).await;
                prop_assert_eq!(removed, expected);
            }
        }
        for job in &jobs {
            prop_assert_eq!(store.status(job).await.unwrap(), model.status(job));
        }
        for (notifier, second) in NOTIFIERS.iter().flat_map(|n| [0, 30, 60, 100].map(|s| (*n, s))) {
            compare_due(store, &model, &mut ids, notifier, at(second)).await?;
        }
        prop_assert_eq!(store.backlog().await.unwrap(), model.backlog());
        prop_assert_eq!(store.pruned_to().await.unwrap(), model.pruned_to);
    }
    Ok(())
}

async fn compare_due(
    store: &dyn Store,
    model: &Model,
    ids: &mut BTreeMap<usize, DeliveryId>,
    notifier: &str,
    now: Timestamp,
) -> Result<(), TestCaseError> {
    let expected = model.due(notifier, now);
    let due = store.due(notifier, now, usize::MAX).await.unwrap();
    prop_assert_eq!(due.len(), expected.len());
    for (delivery, index) in due.into_iter().zip(expected) {
        let of_model = &model.deliveries[index];
        prop_assert_eq!(&delivery.message, &of_model.message);
        prop_assert_eq!(delivery.attempts, of_model.attempts);
        prop_assert_eq!(delivery.created_at, of_model.created_at);
        prop_assert_eq!(*ids.entry(index).or_insert(delivery.id), delivery.id);
    }
    prop_assert_eq!(store.next_due(notifier, now).await.unwrap(), model.next_due(notifier, now));
    Ok(())
}

/// Lists, and a look through all of them for each answer.
#[derive(Debug, Default)]
struct Model {
    jobs: BTreeMap<JobKey, (JobStatus, Timestamp)>,
    events: BTreeMap<Uuid, (JobKey, Timestamp)>,
    /// All that were ever made.
    deliveries: Vec<Made>,
    pruned_to: Option<Timestamp>,
}

#[derive(Debug)]
struct Made {
    job: JobKey,
    notifier: &'static str,
    message: Message,
    created_at: Timestamp,
    due_at: Timestamp,
    attempts: u32,
    is_again: bool,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Pending,
    Delivered { at: Timestamp },
    Dead,
    Forgotten,
}

impl Model {
    fn status(&self, job: &JobKey) -> Option<JobStatus> {
        self.jobs.get(job).map(|(status, _)| *status)
    }

    fn record(&mut self, change: &Change) -> Recorded {
        let status = self.status(&change.job);
        if status != change.from {
            return Recorded::Superseded(status);
        }
        self.jobs.insert(change.job.clone(), (change.to, change.recorded_at));
        for Telling { message, notifiers } in &change.tellings {
            let Entry::Vacant(event) = self.events.entry(message.event.id) else { continue };
            event.insert((change.job.clone(), change.recorded_at));
            let told = NOTIFIERS.into_iter().filter(|name| notifiers.contains(&(*name).into()));
            self.deliveries.extend(told.map(|notifier| Made {
                job: change.job.clone(),
                notifier,
                message: message.clone(),
                created_at: change.recorded_at,
                due_at: change.recorded_at,
                attempts: 0,
                is_again: false,
                state: State::Pending,
            }));
        }
        Recorded::Committed
    }

    fn settle(&mut self, index: usize, settlement: &Settlement) {
        let made = &mut self.deliveries[index];
        if made.state != State::Pending {
            return;
        }
        match settlement {
            Settlement::Delivered { at } => made.state = State::Delivered { at: *at },
            Settlement::Retry { due_at, .. } => {
                made.due_at = *due_at;
                made.attempts += 1;
            }
            Settlement::Dead { .. } => made.state = State::Dead,
        }
    }

    fn redeliver(
        &mut self,
        redelivery: &Redelivery,
        configured: &[Arc<str>],
        now: Timestamp,
    ) -> Redelivered {
        let mut done = Redelivered::default();
        if let Redelivery::Events(events) = redelivery {
            done.unknown = events.clone();
            done.unknown.retain(|id| !self.events.contains_key(id));
        }
        for made in &mut self.deliveries {
            let is_wanted = match (redelivery, made.state) {
                (_, State::Pending | State::Forgotten) => false,
                (Redelivery::Events(events), _) => events.contains(&made.message.event.id),
                (Redelivery::Dead { .. }, State::Delivered { .. }) => false,
                (Redelivery::Dead { notifier }, State::Dead) => {
                    notifier.as_ref().is_none_or(|notifier| **notifier == *made.notifier)
                }
            };
            if !is_wanted {
                continue;
            }
            if !configured.contains(&made.notifier.into()) {
                done.without_notifier += 1;
                continue;
            }
            made.state = State::Pending;
            made.is_again = true;
            made.attempts = 0;
            (made.created_at, made.due_at) = (now, now);
            done.redelivered += 1;
        }
        done
    }

    fn forget(&mut self, before: Timestamp, watched: &[JobKey]) -> usize {
        let mut removed = 0;
        for made in &mut self.deliveries {
            if matches!(made.state, State::Delivered { at } if at < before) {
                made.state = State::Forgotten;
                removed += 1;
            }
        }
        let kept = self.deliveries.iter().filter(|made| made.state != State::Forgotten);
        let needed: HashSet<Uuid> = kept.map(|made| made.message.event.id).collect();
        let had = self.events.len() + self.jobs.len();
        self.events.retain(|id, (_, recorded_at)| needed.contains(id) || *recorded_at >= before);
        let (events, jobs) = (&self.events, self.jobs.len());
        self.jobs.retain(|job, (status, updated_at)| {
            !status.is_terminal()
                || *updated_at >= before
                || watched.contains(job)
                || events.values().any(|(of, _)| of == job)
        });
        if self.jobs.len() < jobs {
            self.pruned_to = self.pruned_to.max(Some(before));
        }
        removed + had - self.events.len() - self.jobs.len()
    }

    fn firsts_in_line(&self, notifier: &str) -> Vec<usize> {
        let mut lines = BTreeSet::new();
        let pending = self
            .deliveries
            .iter()
            .enumerate()
            .filter(|(_, made)| made.notifier == notifier && made.state == State::Pending);
        let firsts = pending.filter(|(_, made)| made.is_again || lines.insert(&made.job));
        firsts.map(|(index, _)| index).collect()
    }

    fn due(&self, notifier: &str, now: Timestamp) -> Vec<usize> {
        let mut due = self.firsts_in_line(notifier);
        due.retain(|&index| self.deliveries[index].due_at <= now);
        due.sort_by_key(|&index| (self.deliveries[index].due_at, index));
        due
    }

    fn next_due(&self, notifier: &str, now: Timestamp) -> Option<Timestamp> {
        let firsts = self.firsts_in_line(notifier).into_iter();
        firsts.map(|index| self.deliveries[index].due_at).filter(|&due_at| due_at > now).min()
    }

    fn backlog(&self) -> Vec<Backlog> {
        let of = |notifier: &str| {
            let in_state = |state| {
                self.deliveries.iter().filter(move |m| m.notifier == notifier && m.state == state)
            };
            Backlog {
                notifier: notifier.into(),
                pending: in_state(State::Pending).count() as u64,
                dead: in_state(State::Dead).count() as u64,
                oldest_pending: in_state(State::Pending).map(|made| made.created_at).min(),
            }
        };
        NOTIFIERS.into_iter().map(of).filter(|b| b.pending + b.dead > 0).collect()
    }
}
