//! A local Entity Resolution API, so that everything runs without an AWS account.
//!
//! It speaks the service's rest-json for twelve operations on jobs and workflows. Requests may be signed;
//! signatures are not checked, and an unsigned request is answered too. What it simulates is a [`Scenario`];
//! tests steer it through a [`Simulator`] in process, or through the paths that [`control`] documents.
//!
//! # Layout
//!
//! A request goes `api` → `gate` (does anything stand in its way?) → `service` (what is the truth?) → `answer`.
//! The truth is `world`: pure, of simulated time and the seed alone. `wire` knows the shapes, `ledger` takes notes.

mod answer;
mod api;
mod chance;
mod clock;
mod connection;
pub mod control;
mod creation;
mod faults;
mod gate;
mod job;
mod ledger;
mod limits;
mod operation;
mod refusal;
mod scenario;
mod service;
mod spec;
mod wire;
mod world;

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use chance::{Distribution, Share};
pub use faults::{Answer, Denial, Faults, Script};
pub use job::{Ending, Job, JobType, Metrics, Millis, Output, Status, StatusChange};
pub use ledger::{Counts, Ended, FirstSight};
pub use limits::{Limit, Limits};
pub use operation::{Kind, Operation};
pub use scenario::{
    DEFAULT, Problem, RunningAtOnce, Scenario, ScenarioError, StartTimeMeans, TimeFactor,
};
pub use spec::{JobSpec, ResolutionType, WorkflowSpec};
pub use world::WorldError;

use crate::clock::{Clock, SystemClock};
use clock::SimulatedClock;
use connection::{Connection, Door};
use gate::Gate;
use ledger::Ledger;
use world::World;

/// How long open connections may take to finish once the simulator is told to end.
const GRACE: Duration = Duration::from_secs(1);

/// A simulated account. Clones share it.
#[derive(Debug, Clone)]
pub struct Simulator {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    seed: u64,
    start_time_means: StartTimeMeans,
    clock: SimulatedClock,
    /// The wall clock at the start, in milliseconds since the Unix epoch.
    wall_start: Millis,
    state: Mutex<State>,
    /// Changes with every answer.
    answered: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    world: World,
    gate: Gate,
    ledger: Ledger,
}

impl Simulator {
    /// A simulated account whose time starts to run now.
    ///
    /// # Errors
    ///
    /// When the scenario cannot be simulated.
    pub fn new(scenario: Scenario) -> Result<Self, ScenarioError> {
        scenario.check()?;
        let wall_start = SystemClock.now().as_millisecond();
        // Small enough to be copied into a scenario: TOML's integers end at 63 bits.
        let seed = scenario.seed.unwrap_or_else(|| rand::random::<u32>().into());
        let origin = scenario.clock_starts_at.map_or(wall_start, |start| start.as_millisecond());
        let state = State {
            world: World::new(&scenario, seed, origin)?,
            gate: Gate::new(&scenario, seed, Instant::now()),
            ledger: Ledger::default(),
        };
        let shared = Shared {
            seed,
            start_time_means: scenario.start_time_means,
            clock: SimulatedClock::starting_at(origin, scenario.time_factor),
            wall_start,
            state: Mutex::new(state),
            answered: watch::Sender::new(()),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Answers HTTP until `shutdown` completes; then stalled requests are reset, and others get a second.
    ///
    /// # Errors
    ///
    /// When the listener fails for good.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let closing = CancellationToken::new();
        let told = closing.clone();
        let until_told = async move {
            shutdown.await;
            told.cancel();
        };
        let service = api::routes(&self)
            .merge(control::routes(self))
            .into_make_service_with_connect_info::<Connection>();
        let door = Door { listener, closing: closing.clone() };
        let server = axum::serve(door, service).with_graceful_shutdown(until_told);
        let overdue = async {
            closing.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            ended = server.into_future() => ended,
            () = overdue => Ok(()),
        }
    }

    /// The seed, drawn if the scenario has none.
    pub fn seed(&self) -> u64 {
        self.shared.seed
    }

    /// Makes a workflow, now.
    ///
    /// # Errors
    ///
    /// When there is one of its kind and name, or it cannot be so.
    pub fn add_workflow(&self, spec: &WorkflowSpec) -> Result<(), WorldError> {
        self.present().world.add_workflow(spec).map(drop)
    }

    /// Deletes a workflow, now.
    ///
    /// # Errors
    ///
    /// When there is none, or one of its jobs has not ended.
    pub fn remove_workflow(&self, kind: Kind, name: &str) -> Result<(), WorldError> {
        self.present().world.remove_workflow(kind, name)
    }

    /// Starts a job as the API does, without a request. Returns its id.
    ///
    /// # Errors
    ///
    /// When there is no such workflow.
    pub fn start_job(&self, kind: Kind, workflow: &str) -> Result<String, WorldError> {
        let state = &mut *self.present();
        Ok(state.world.start(kind, workflow, None, None)?.id.clone())
    }

    /// Adds jobs as described, now. Returns their ids.
    ///
    /// # Errors
    ///
    /// When there is no such workflow, or a job cannot be so.
    pub fn add_jobs(&self, spec: &JobSpec) -> Result<Vec<String>, WorldError> {
        self.present().world.add(spec)
    }

    /// Sets a job's status, even backwards. From then on only this moves it, and it takes no turn from others.
    ///
    /// # Errors
    ///
    /// When there is no such job, or jobs of its kind have no such counts.
    pub fn set_status(
        &self,
        job_id: &str,
        change: impl Into<StatusChange>,
    ) -> Result<(), WorldError> {
        self.present().world.hold(job_id, change.into())
    }

    /// Lets the API know nothing of a job, or know it again.
    ///
    /// # Errors
    ///
    /// When there is no such job.
    pub fn set_hidden(&self, job_id: &str, hidden: bool) -> Result<(), WorldError> {
        self.present().world.hide(job_id, hidden)
    }

    /// When the first genuine answer was made that told this status of a job.
    pub fn first_served(&self, job_id: &str, status: Status) -> Option<Instant> {
        let state = self.state();
        state.ledger.first_served(state.world.index(job_id)?, status)
    }

    /// A job as it is now.
    pub fn job(&self, job_id: &str) -> Option<Job> {
        self.present().world.any_job(job_id).cloned()
    }

    /// Every job as it is now, with the kind and the name of its workflow, in the order in which they were added.
    pub fn jobs(&self) -> Vec<(Kind, String, Job)> {
        let world = &self.present().world;
        let with_workflow = |job: &Job| {
            let of = &world.workflows()[job.workflow].spec;
            (of.kind, of.name.clone(), job.clone())
        };
        world.jobs().iter().map(with_workflow).collect()
    }

    /// Answers the next requests of an operation as the script says, behind the scripts in line.
    pub fn script(&self, script: Script) {
        self.state().gate.script(script);
    }

    /// Drops all scripted answers that are still in line.
    pub fn clear_scripts(&self) {
        self.state().gate.clear_scripts();
    }

    /// Replaces the limits of the operations that are named.
    pub fn set_limits(&self, limits: &Limits) {
        let now = Instant::now();
        let state = &mut *self.state();
        for (operation, limit) in limits {
            state.gate.buckets.set(*operation, *limit, now);
        }
    }

    /// Replaces the shares of requests that go wrong.
    pub fn set_faults(&self, faults: Faults) {
        self.state().gate.faults = faults;
    }

    /// Replaces what the caller may not do.
    pub fn set_denials(&self, denials: Vec<Denial>) {
        self.state().gate.denials = denials;
    }

    /// Replaces the latency.
    pub fn set_latency(&self, latency: Distribution) {
        self.state().gate.latency = latency;
    }

    /// How many requests were answered, and how.
    pub fn counts(&self) -> Counts {
        self.state().ledger.counts.clone()
    }

    /// Waits until the counts are as wanted.
    pub async fn until(&self, mut wanted: impl FnMut(&Counts) -> bool) {
        let mut answered = self.shared.answered.subscribe();
        while !wanted(&self.counts()) {
            // The sender lives as long as this simulator.
            let _ = answered.changed().await;
        }
    }

    /// The jobs that have ended, and when the first answer told so.
    pub fn endings(&self) -> Vec<Ended> {
        let state = &*self.present();
        let ended = |(index, job): (usize, &Job)| {
            let of = &state.world.workflows()[job.workflow].spec;
            Some(Ended {
                kind: of.kind,
                workflow: of.name.clone(),
                job_id: job.id.clone(),
                status: job.status,
                reached: self.shared.clock.real(job.ended_at?),
                first_served: state.ledger.first_served(index, job.status),
            })
        };
        state.world.jobs().iter().enumerate().filter_map(ended).collect()
    }

    /// Every job, and when the first answer told of it.
    pub fn first_sights(&self) -> Vec<FirstSight> {
        let state = &*self.present();
        let sight = |(index, job): (usize, &Job)| {
            let of = &state.world.workflows()[job.workflow].spec;
            FirstSight {
                kind: of.kind,
                workflow: of.name.clone(),
                job_id: job.id.clone(),
                submitted: self.shared.clock.real(job.submitted_at),
                first_served: state.ledger.first_sight(index),
            }
        };
        state.world.jobs().iter().enumerate().map(sight).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No step leaves the state half changed, so that a panic elsewhere does not spoil it.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, with everything done that happens until now.
    fn present(&self) -> MutexGuard<'_, State> {
        let now = self.now();
        let mut state = self.state();
        state.world.advance(now);
        state
    }

    fn now(&self) -> Millis {
        self.shared.clock.now()
    }

    fn start_time_means(&self) -> StartTimeMeans {
        self.shared.start_time_means
    }

    fn count(&self, operation: Operation, outcome: &'static str) {
        self.state().ledger.counts.add(operation, outcome);
        self.shared.answered.send_replace(());
    }

    /// A real instant as seconds since the Unix epoch.
    #[expect(clippy::cast_precision_loss, reason = "exact for the next 285,000 years")]
    fn epoch_seconds(&self, at: Instant) -> f64 {
        let since_start = at.saturating_duration_since(self.shared.clock.started());
        self.shared.wall_start as f64 / 1_000.0 + since_start.as_secs_f64()
    }
}

#[cfg(test)]
mod tests;
