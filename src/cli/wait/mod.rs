//! `matchwatch wait`: the engine of the daemon with a memory for a store, a progress line for an audience, and an end.

mod args;
mod ends;
mod ids;
mod judge;
mod link;
mod outlets;
mod pollers;
mod progress;
mod report;
mod reporter;
mod verdict;
mod witness;

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::shell::quoted;
use super::{Exit, Failure};
use crate::config::{Followed, WatchSettings};
use crate::domain::{JobKey, JobKind, Observation};
use crate::duration;
use crate::watch::{LocateError, Located, Next, Search};
pub(super) use args::Args;
use args::Output;
pub(super) use args::{Following, Named, Subject};
pub(super) use ends::{Ended, Ends};
use judge::Judge;
pub(super) use link::Link;
pub(super) use outlets::Outlets;
use pollers::Pollers;
pub(super) use progress::HEARTBEAT;
use reporter::{Report, Reporter};
use verdict::Verdict;
pub(super) use verdict::of_error;
use witness::Witness;

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let started = Instant::now();
    super::logging::start_from_environment().map_err(Failure::usage)?;
    args.following.check(args.named.kind)?;
    // Before the signals are caught: whoever types ids may still interrupt.
    let job_ids = ids::read(&args.job_ids, io::stdin()).map_err(Failure::usage)?;
    let Args { named, any, following, .. } = args;
    let workflow_name = named.workflow_name.as_deref();
    let followed = following.followed(Subject { job_ids: &job_ids, workflow_name })?;
    // Before the signals are caught, too: to open a pipe takes until somebody reads it.
    let mut outlets = Outlets::open(&following)?;
    let mut ends = Ends::catch(started, following.timeout)?;
    let meaning = "what runs goes on";
    let link = match Link::open_in_time(&mut ends, &following, &followed, meaning).await {
        Ok(link) => link,
        Err(over) => return outlets.close(over),
    };
    let mut wait = Wait::new(following, link, named, job_ids, any, outlets, started);
    match wait.begin(followed) {
        Ok(()) => wait.see_through(&mut ends).await,
        Err(failure) => wait.end(Err(failure)),
    }
}

/// One run of the command.
pub(super) struct Wait {
    args: Following,
    started: Instant,
    account: Arc<str>,
    witness: Arc<Witness>,
    named: Named,
    job_ids: Vec<Arc<str>>,
    verdict: Verdict,
    outlets: Outlets,
    judge: Judge,
    /// Answers about jobs.
    reports: mpsc::UnboundedReceiver<Report>,
    /// Looks for workflows, until it is sent to do so.
    search: Option<Search>,
    /// What the search for workflows finds.
    located: mpsc::UnboundedReceiver<Located>,
    pollers: Pollers,
    /// Stops pollers and search at the end.
    stop: DropGuard,
}

impl Wait {
    /// Ready to watch jobs; none is watched yet. `started` is when the command was.
    pub(super) fn new(
        args: Following,
        link: Link,
        named: Named,
        job_ids: Vec<Arc<str>>,
        any: bool,
        mut outlets: Outlets,
        started: Instant,
    ) -> Self {
        if let Some(github) = &mut outlets.github {
            github.expect(job_ids.len());
        }
        let Link { account, witness, config, budgets, .. } = link;
        let stop = CancellationToken::new();
        let (report, reports) = mpsc::unbounded_channel();
        let pollers = Pollers::new(
            account.clone(),
            config.clone(),
            budgets.clone(),
            Arc::new(Reporter(report)),
            stop.clone(),
        );
        let (tell, located) = mpsc::unbounded_channel();
        Self {
            judge: Judge::by(&args),
            args,
            started,
            account: Arc::clone(&account.name),
            witness,
            named,
            verdict: Verdict::new(job_ids.len(), any),
            job_ids,
            outlets,
            reports,
            search: Some(Search::new(account, config, budgets, tell)),
            located,
            pollers,
            stop: stop.drop_guard(),
        }
    }

    /// Has jobs judged by the quality gates of the watches that follow them.
    pub(super) fn judge_by(&mut self, watches: Vec<WatchSettings>) {
        self.judge.and_by(watches);
    }

    /// Waits until all is over, or something else ends first.
    pub(super) async fn see_through(mut self, ends: &mut Ends) -> Result<Exit, Failure> {
        let over = match ends.first(self.until_over()).await {
            Ended::ByItself(over) => over,
            Ended::Signal(exit) => {
                self.outlets.progress.say(&self.goes_on("stopped waiting"));
                Ok(exit)
            }
            Ended::Deadline => Ok(self.time_is_up()),
        };
        self.end(over)
    }

    /// The command has come to this: tells whoever has to be told.
    pub(super) fn end(mut self, over: Result<Exit, Failure>) -> Result<Exit, Failure> {
        self.outlets.progress.finish();
        self.outlets.close(over)
    }

    /// Watches the jobs whose workflow is known, and looks for that of the others.
    fn begin(&mut self, followed: Followed) -> Result<(), Failure> {
        let unknown = self.watch_known(&followed)?;
        self.judge_by(followed.watches);
        self.search(unknown);
        Ok(())
    }

    /// Looks for the workflow of these jobs.
    fn search(&mut self, job_ids: Vec<Arc<str>>) {
        if job_ids.is_empty() {
            return;
        }
        self.outlets.progress.note(&format!("looking for the workflow of {}", job_ids.join(", ")));
        if let Some(search) = self.search.take() {
            let stop = self.stop.token().clone();
            let kinds = match self.named.kind {
                Some(kind) => vec![kind],
                None => JobKind::ALL.to_vec(),
            };
            let look = async move { search.run(job_ids, &kinds).await };
            tokio::spawn(stop.run_until_cancelled_owned(look));
        }
    }

    /// Watches the jobs whose workflow is given or configured. Returns the others.
    fn watch_known(&mut self, followed: &Followed) -> Result<Vec<Arc<str>>, Failure> {
        let mut unknown = Vec::new();
        for job_id in self.job_ids.clone() {
            let Named { workflow_name, kind } = &self.named;
            let watch = followed.watch_of(&job_id, *kind).filter(|watch| {
                workflow_name.as_deref().is_none_or(|name| name == &*watch.workflow_name)
            });
            let known = match (workflow_name, watch) {
                (Some(name), _) => Some(name.as_str().into()),
                (None, watch) => watch.map(|watch| Arc::clone(&watch.workflow_name)),
            };
            let Some(workflow_name) = known else {
                unknown.push(job_id);
                continue;
            };
            let kind = kind.or(watch.map(|watch| watch.kind)).unwrap_or(JobKind::Matching);
            self.watch(JobKey { account: Arc::clone(&self.account), kind, workflow_name, job_id })?;
        }
        Ok(unknown)
    }

    pub(super) fn watch(&mut self, key: JobKey) -> Result<(), Failure> {
        self.outlets.progress.begin(&key);
        self.pollers.watch(key)
    }

    /// Takes in answers until the command is over.
    async fn until_over(&mut self) -> Result<Exit, Failure> {
        let mut heartbeat = Instant::now() + progress::HEARTBEAT;
        loop {
            let over = tokio::select! {
                biased;
                broken = self.pollers.break_off() => return Err(broken),
                Some(report) = self.reports.recv() => self.take_report(&report)?,
                Some(located) = self.located.recv() => self.take_located(located)?,
                () = sleep_until(heartbeat) => {
                    heartbeat += progress::HEARTBEAT;
                    self.outlets.progress.heartbeat(self.started.elapsed());
                    None
                }
            };
            if let Some(exit) = over {
                return Ok(exit);
            }
        }
    }

    /// Takes in one answer; returns how the command ends, if it does.
    fn take_report(&mut self, report: &Report) -> Result<Option<Exit>, Failure> {
        let (job, answer, next) = match report {
            Report::Polled { job, answer, next } => (job, answer, next),
            Report::Expected { job, eta } => {
                self.outlets.progress.expected(job, *eta);
                return Ok(None);
            }
        };
        self.outlets.progress.polled(job, answer.as_ref(), next, self.started.elapsed());
        let exit = match (next, answer) {
            (Next::Ended(status), Ok(observation)) => {
                self.print(job, observation)
                    .context("writing to standard output")
                    .map_err(Failure::usage)?;
                self.judge.judge(job, *status, observation, &self.outlets.progress)
            }
            (Next::GiveUp(error), _) => {
                self.outlets.progress.say(&format!("matchwatch: job {}: {error}", job.job_id));
                verdict::of_error(error)
            }
            (Next::AskIn(_), _) | (Next::Ended(_), Err(_)) => return Ok(None),
        };
        Ok(self.verdict.ended(&job.job_id, exit))
    }

    /// Takes in what the search tells; returns how the command ends, if it does.
    fn take_located(&mut self, located: Located) -> Result<Option<Exit>, Failure> {
        match located {
            Located::Found(job) => {
                self.watch(job)?;
                Ok(None)
            }
            Located::Trouble(error) => {
                self.outlets.progress.search_troubled(&error);
                Ok(None)
            }
            Located::Failed { job_id, error } => {
                let advice = match &error {
                    LocateError::Denied(searched) if searched.is_unlisted() => {
                        " (--workflow-name and --kind make the search needless)"
                    }
                    _ => "",
                };
                self.outlets.progress.say(&format!("matchwatch: job {job_id}: {error}{advice}"));
                Ok(self.verdict.ended(&job_id, verdict::of_search(&error)))
            }
        }
    }

    fn time_is_up(&self) -> Exit {
        let exit = if self.witness.has_answered() { Exit::TimedOut } else { Exit::Unreachable };
        let waited = duration::display(self.started.elapsed());
        let begun = match exit {
            Exit::Unreachable => format!("no answer in {waited}"),
            _ => format!("timed out after {waited}"),
        };
        let why = match self.witness.last_error() {
            Some(error) => format!("{begun}; last error: {error}"),
            None => begun,
        };
        self.outlets.progress.say(&self.goes_on(&why));
        self.verdict.time_is_up(exit)
    }

    /// Says that jobs go on without us, and how to wait for them again.
    fn goes_on(&self, why: &str) -> String {
        let ids = self.verdict.open(&self.job_ids);
        let ids: String = ids.map(|id| format!(" --job-id {}", quoted(id))).collect();
        let account = self.args.account_flags(&self.named);
        format!(
            "matchwatch: {why}; what runs goes on. To wait again: matchwatch wait{ids}{account}"
        )
    }

    fn print(&mut self, job: &JobKey, observation: &Observation) -> io::Result<()> {
        if let Some(github) = &mut self.outlets.github {
            let json = report::json(job, observation);
            self.outlets.progress.suspend(|| github.ended(job, observation, json));
        }
        let line = match self.args.output {
            Output::Json => report::json(job, observation),
            Output::Text => report::text(job, observation),
            Output::None => return Ok(()),
        };
        self.outlets.progress.suspend(|| {
            let mut stdout = io::stdout().lock();
            writeln!(stdout, "{line}")?;
            stdout.flush()
        })
    }
}
