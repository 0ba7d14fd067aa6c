//! The loops that run, and how others take over from them.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::alarms::close_what_is_over;
use super::plan::{Base, KnownLimits, Plan, PlannedAccount};
use super::retirement;
use crate::deliver::{Stop, Worker};
use crate::domain::{JobKey, JobKind};
use crate::watch::{Handed, Place};

/// A loop that broke off: a defect of this program.
#[derive(Debug, thiserror::Error)]
#[error("a loop broke off; please report this defect")]
pub struct Broken(#[source] JoinError);

/// Where pollers left off.
type Schedule = HashMap<JobKey, Place>;

/// Everybody at work: those who ask, those who tell, and the one who forgets.
pub(super) struct Crew {
    base: Base,
    /// Ends the crew's questions for good.
    no_more_questions: CancellationToken,
    /// How workers end when the daemon does.
    last_orders: Stop,
    /// Ends this round of pollers, and what is done beside them.
    round: CancellationToken,
    pollers: JoinSet<Schedule>,
    discoveries: JoinSet<()>,
    /// The janitor, the porters, and who closes alarms.
    upkeep: JoinSet<()>,
    workers: JoinSet<()>,
    /// Who works for each notifier.
    desks: HashMap<Arc<str>, Desk>,
    limits: KnownLimits,
}

/// The place of the one who works for a notifier.
struct Desk {
    /// Tells that one to make room.
    finish: CancellationToken,
    /// That one is gone.
    free: CancellationToken,
}

impl Crew {
    /// Starts everybody.
    pub(super) fn start(base: Base, plan: Plan, stop: &Stop) -> Self {
        let mut crew = Self {
            base,
            no_more_questions: stop.drain.clone(),
            last_orders: Stop { now: stop.now.clone(), ..Stop::default() },
            round: stop.drain.child_token(),
            pollers: JoinSet::new(),
            discoveries: JoinSet::new(),
            upkeep: JoinSet::new(),
            workers: JoinSet::new(),
            desks: HashMap::new(),
            limits: KnownLimits::new(),
        };
        crew.take_up(plan, &mut Schedule::new());
        crew
    }

    /// What is known of the accounts' limits.
    pub(super) const fn limits(&self) -> &KnownLimits {
        &self.limits
    }

    /// Hands everything over to those of another plan. Jobs keep their place in the schedule; what is being told is
    /// told to its end before somebody else takes over for that notifier. Does not wait for that.
    pub(super) async fn hand_over(&mut self, plan: Plan) -> Result<(), Broken> {
        self.round.cancel();
        let mut schedule = Schedule::new();
        while let Some(left) = self.pollers.join_next().await {
            schedule.extend(left.map_err(Broken)?);
        }
        all_end(&mut self.discoveries).await?;
        all_end(&mut self.upkeep).await?;
        self.round = self.no_more_questions.child_token();
        self.base.metrics.jobs.reset();
        self.base.metrics.pacer_rate.reset();
        self.base.metrics.demand.reset();
        self.base.metrics.call_worth.reset();
        self.base.metrics.discovery_workflows.reset();
        self.base.metrics.discovery_troubles.reset();
        self.take_up(plan, &mut schedule);
        Ok(())
    }

    fn take_up(&mut self, plan: Plan, schedule: &mut Schedule) {
        let Plan { settings, accounts, porters, workers, janitor } = plan;
        let names: Vec<_> = workers.iter().map(|worker| Arc::clone(&worker.name)).collect();
        let statuses = accounts.iter().map(|account| Arc::clone(&account.status)).collect();
        self.base.status.watch_over(statuses, names.clone());
        self.limits = accounts
            .iter()
            .map(|PlannedAccount { poller, .. }| {
                ((Arc::clone(&poller.account.name), poller.kind), poller.budgets.clone())
            })
            .collect();
        for account in &settings.accounts {
            let (get, list) = settings.rates(account);
            let budgets = JobKind::ALL.map(|kind| (Arc::clone(&account.name), kind));
            for budgets in budgets.iter().filter_map(|of| self.limits.get(of)) {
                budgets.gets.set_max_rate(get);
                budgets.lists.set_max_rate(list);
            }
        }
        for account in accounts {
            self.watch(account, schedule);
        }
        self.upkeep.spawn(janitor.run(self.round.clone()));
        for porter in porters {
            self.upkeep.spawn(porter.run(self.round.clone()));
        }
        let (base, round) = (self.base.clone(), self.round.clone());
        self.upkeep.spawn(close_what_is_over(base, settings, round));
        let stay: HashSet<_> = names.into_iter().collect();
        let gone: Vec<_> =
            self.desks.keys().filter(|name| !stay.contains(*name)).cloned().collect();
        for worker in workers {
            self.take_desk(Arc::clone(&worker.name), |base, stop| work(base, worker, stop));
        }
        for name in gone {
            self.retire(name);
        }
    }

    /// Gives up what waits for a notifier that is not configured any more.
    pub(super) fn retire(&mut self, notifier: Arc<str>) {
        self.take_desk(Arc::clone(&notifier), |base, stop| async move {
            retirement::give_up_all(&base, &notifier, &stop).await;
        });
    }

    fn watch(&mut self, account: PlannedAccount, schedule: &mut Schedule) {
        let PlannedAccount { mut poller, mut jobs, discovery, .. } = account;
        poller.heartbeat = self.base.status.heartbeat();
        let (give, given) = mpsc::unbounded_channel();
        for job in &mut jobs {
            job.place = schedule.remove(&job.key);
        }
        if let Some(mut discovery) = discovery {
            discovery.heartbeat = self.base.status.heartbeat();
            jobs.extend(discovery.take_over(schedule));
            let (show, shown) = mpsc::unbounded_channel();
            poller.finder = Some(show);
            self.discoveries.spawn(discovery.run(give.clone(), shown, self.round.clone()));
        }
        // The receiver is right here.
        let _ = give.send(Handed::Jobs(jobs));
        self.pollers.spawn(poller.run(given, self.round.clone()));
    }

    /// Lets `work` start for a notifier, as soon as whoever works for it now has made room.
    fn take_desk<F>(
        &mut self,
        notifier: Arc<str>,
        work: impl FnOnce(Base, Stop) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send,
    {
        let before = self.desks.remove(&notifier);
        if let Some(before) = &before {
            before.finish.cancel();
        }
        let desk = Desk { finish: CancellationToken::new(), free: CancellationToken::new() };
        let stop = Stop { finish: desk.finish.clone(), ..self.last_orders.clone() };
        let (base, frees) = (self.base.clone(), desk.free.clone().drop_guard());
        self.workers.spawn(async move {
            let _frees = frees;
            if let Some(before) = before {
                before.free.cancelled().await;
            }
            work(base, stop).await;
        });
        self.desks.insert(notifier, desk);
    }

    /// Waits until a loop breaks off, which none should. Cancels `idle` when no job is left to ask about.
    pub(super) async fn breaks(&mut self, idle: &CancellationToken) -> Broken {
        loop {
            if self.pollers.is_empty() {
                idle.cancel();
            }
            let ended = tokio::select! {
                Some(ended) = self.pollers.join_next() => ended.map(drop),
                Some(ended) = self.discoveries.join_next() => ended,
                Some(ended) = self.workers.join_next() => ended,
                Some(ended) = self.upkeep.join_next() => ended,
                else => return std::future::pending().await,
            };
            if let Err(broken) = ended {
                return Broken(broken);
            }
        }
    }

    /// Waits until the last answer is recorded. The crew has been told to ask no more.
    pub(super) async fn questions_end(&mut self) -> Result<(), Broken> {
        while let Some(ended) = self.pollers.join_next().await {
            ended.map_err(Broken)?;
        }
        all_end(&mut self.discoveries).await?;
        all_end(&mut self.upkeep).await
    }

    /// Delivers what is due, and waits until that is done.
    pub(super) async fn deliver_the_rest(&mut self) -> Result<(), Broken> {
        self.last_orders.drain.cancel();
        all_end(&mut self.workers).await
    }

    /// Ends whoever is still at work, wherever they are: what they had not made durable is asked or made again by the
    /// next run.
    pub(super) async fn let_go(&mut self) {
        self.pollers.shutdown().await;
        self.discoveries.shutdown().await;
        self.upkeep.shutdown().await;
        self.workers.shutdown().await;
    }
}

async fn work(base: Base, mut worker: Worker, stop: Stop) {
    // Not before it runs: one that waits for its predecessor does not beat.
    worker.heartbeat = base.status.heartbeat();
    worker.run(base.recorded.subscribe(), stop).await;
}

/// Waits until all tasks have ended, or one has broken off.
async fn all_end(tasks: &mut JoinSet<()>) -> Result<(), Broken> {
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(Broken)?;
    }
    Ok(())
}
