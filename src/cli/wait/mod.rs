//! `matchwatch wait`: the engine of the daemon with a memory for a store, a progress line for an audience, and an end.

mod ids;
mod progress;
mod report;
mod verdict;
mod witness;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::signals::Signals;
use super::{Exit, Failure};
use crate::aws::{Access, Aws};
use crate::config::WatchSettings;
use crate::domain::{JobKey, JobKind, Observation};
use crate::source::SourceError;
use crate::watch::{self, Account, LocateError, Next, Observer, Patience, WatchedJob, locate};
use crate::{app, backoff, duration, source};
use progress::Progress;
use verdict::Verdict;
use witness::Witness;

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// A job to wait for; may be repeated. `-` reads ids, or what start-matching-job printed, from standard input
    #[arg(long = "job-id", value_name = "ID", required = true)]
    job_ids: Vec<String>,

    /// The workflow that the jobs run [default: taken from --config, else searched for]
    #[arg(long, value_name = "NAME")]
    workflow_name: Option<String>,

    /// Give up after this long, as in 90s or 2h30m [default: never]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    timeout: Option<Duration>,

    /// End with the first job that ends, and by its outcome
    #[arg(long)]
    any: bool,

    /// What to print on standard output about each job that ends
    #[arg(long, value_name = "FORMAT", default_value = "json")]
    output: Output,

    /// Time between two questions about a job
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration::parse)]
    poll_interval: Duration,

    /// No progress on standard error
    #[arg(long, short)]
    quiet: bool,

    /// The AWS Region [default: from the environment or the profile]
    #[arg(long)]
    region: Option<String>,

    /// A profile of the shared AWS configuration files
    #[arg(long)]
    profile: Option<String>,

    /// An endpoint in place of the service's own
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,

    /// Send requests unsigned, and look for no credentials: for `matchwatch simulate`
    #[arg(long)]
    no_sign_request: bool,

    /// A configuration whose watches say which workflow a job belongs to
    #[arg(long, value_name = "PATH", env = "MATCHWATCH_CONFIG")]
    config: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Exit codes:
  0    all jobs succeeded
  1    a job failed
  2    usage or configuration
  3    timed out
  4    credentials or access
  5    job not found
  6    service unreachable: the time was up and no answer ever came
  130  interrupted (SIGINT)
  143  terminated (SIGTERM)
With several jobs the worst counts: 2, 4, 5, 6, 3, 1, 0.";

/// What is printed about each job that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// One line of JSON, as `aws entityresolution get-matching-job` has it
    Json,
    /// One line for people
    Text,
    /// Nothing
    None,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    super::logging::start_from_environment().map_err(Failure::usage)?;
    // Before the signals are caught: whoever types ids may still interrupt.
    let job_ids = ids::read(&args.job_ids, io::stdin()).map_err(Failure::usage)?;
    let mut signals = Signals::catch().context("catching signals").map_err(Failure::usage)?;
    let mut wait = Wait::begin(args, job_ids).await?;
    let exit = tokio::select! {
        biased;
        signal = signals.received() => {
            wait.progress.say(&wait.goes_on("stopped waiting"));
            signal
        }
        ended = wait.until_over() => ended?,
    };
    wait.progress.finish();
    Ok(exit)
}

/// One run of the command.
struct Wait {
    args: Args,
    started: Instant,
    deadline: Option<Instant>,
    config: watch::Config,
    account: Account,
    witness: Arc<Witness>,
    job_ids: Vec<Arc<str>>,
    verdict: Verdict,
    progress: Progress,
}

impl Wait {
    async fn begin(args: Args, job_ids: Vec<Arc<str>>) -> Result<Self, Failure> {
        let started = Instant::now();
        let config = watch::Config {
            interval: args.poll_interval,
            backoff: backoff::Policy {
                initial: Duration::from_secs(1),
                max: Duration::from_secs(30),
            },
            get_rate: 5.0,
            list_rate: 2.5,
            concurrency: 16,
            not_found_grace: Duration::from_secs(30),
        };
        let mut account = app::connect(&Aws::new(), "default".into(), &source_config(&args))
            .await
            .map_err(|error| Failure::usage(anyhow::anyhow!("{error}")))?;
        let witness = Arc::new(Witness::of(account.source));
        account.source = Arc::clone(&witness) as Arc<dyn source::JobSource>;
        Ok(Self {
            started,
            deadline: args.timeout.and_then(|timeout| started.checked_add(timeout)),
            progress: Progress::new(args.quiet, io::stderr().is_terminal()),
            verdict: Verdict::new(job_ids.len(), args.any),
            args,
            config,
            account,
            witness,
            job_ids,
        })
    }

    /// Waits until the jobs have ended or the time is up.
    async fn until_over(&mut self) -> Result<Exit, Failure> {
        let Some(deadline) = self.deadline else { return self.watch_jobs().await };
        match timeout_at(deadline, self.watch_jobs()).await {
            Ok(ended) => ended,
            Err(_) => Ok(self.time_is_up()),
        }
    }

    fn time_is_up(&mut self) -> Exit {
        let exit = if self.witness.has_answered() { Exit::TimedOut } else { Exit::Unreachable };
        let waited = duration::display(self.started.elapsed());
        let why = match (exit, self.witness.last_error()) {
            (Exit::Unreachable, Some(error)) => format!("no answer in {waited}: {error}"),
            (Exit::Unreachable, None) => format!("no answer in {waited}"),
            (_, Some(error)) => format!("timed out after {waited}; last error: {error}"),
            (_, None) => format!("timed out after {waited}"),
        };
        self.progress.say(&self.goes_on(&why));
        self.verdict.time_is_up(exit)
    }

    /// Says that jobs go on without us, and how to wait for them again.
    fn goes_on(&self, why: &str) -> String {
        let flags: Vec<String> =
            self.verdict.open(&self.job_ids).map(|id| format!("--job-id {id}")).collect();
        let workflow = self.args.workflow_name.as_ref();
        let workflow = workflow.map_or_else(String::new, |name| format!(" --workflow-name {name}"));
        format!(
            "matchwatch: {why}; what runs goes on. To wait again: matchwatch wait {}{workflow}",
            flags.join(" ")
        )
    }

    async fn watch_jobs(&mut self) -> Result<Exit, Failure> {
        let jobs = self.find_workflows().await?;
        let (reports, mut inbox) = mpsc::unbounded_channel();
        let observer = Arc::new(Reporter(reports));
        let poller = app::step_poller(self.account.clone(), self.config.clone(), observer)
            .map_err(Failure::usage)?;
        for job in &jobs {
            self.progress.begin(&job.key);
        }
        let stop = CancellationToken::new();
        let _stop_at_the_end = stop.clone().drop_guard();
        tokio::spawn(poller.run(jobs, stop));
        let mut heartbeat = Instant::now() + progress::HEARTBEAT;
        loop {
            let report = tokio::select! {
                biased;
                report = inbox.recv() => report,
                () = sleep_until(heartbeat) => {
                    heartbeat += progress::HEARTBEAT;
                    self.progress.heartbeat(self.started.elapsed());
                    continue;
                }
            };
            // The poller ends when no job is left to ask about.
            let Some(report) = report else { return Ok(self.verdict.worst()) };
            if let Some(exit) = self.take(&report)? {
                return Ok(exit);
            }
        }
    }

    /// Takes in one answer; returns how the command ends, if it does.
    fn take(&mut self, report: &Report) -> Result<Option<Exit>, Failure> {
        let job = &report.job;
        self.progress.polled(job, report.answer.as_ref(), &report.next, self.started.elapsed());
        let exit = match (&report.next, &report.answer) {
            (Next::AskIn(_), _) => return Ok(None),
            (Next::Ended(status), Ok(observation)) => {
                self.print(job, observation)
                    .context("writing to standard output")
                    .map_err(Failure::usage)?;
                verdict::of_status(*status)
            }
            (Next::GiveUp(error), _) => {
                self.progress.say(&format!("matchwatch: job {}: {error}", job.job_id));
                verdict::of_error(error)
            }
            (Next::Ended(_), Err(_)) => return Ok(None),
        };
        Ok(self.verdict.ended(&job.job_id, exit))
    }

    fn print(&self, job: &JobKey, observation: &Observation) -> io::Result<()> {
        let line = match self.args.output {
            Output::Json => report::json(job, observation),
            Output::Text => report::text(job, observation),
            Output::None => return Ok(()),
        };
        self.progress.suspend(|| {
            let mut stdout = io::stdout().lock();
            writeln!(stdout, "{line}")?;
            stdout.flush()
        })
    }

    /// The workflow of each job: given, configured, or searched for.
    async fn find_workflows(&mut self) -> Result<Vec<WatchedJob>, Failure> {
        let configured = self.configured_watches()?;
        let mut jobs = Vec::with_capacity(self.job_ids.len());
        for job_id in self.job_ids.clone() {
            let known = match &self.args.workflow_name {
                Some(name) => Some(Arc::from(name.as_str())),
                None => configured
                    .iter()
                    .find(|watch| watch.job_ids.contains(&job_id))
                    .map(|watch| Arc::clone(&watch.workflow_name)),
            };
            let workflow_name = match known {
                Some(name) => name,
                None => self.search(&job_id).await?,
            };
            let account = Arc::clone(&self.account.name);
            let key = JobKey { account, kind: JobKind::Matching, workflow_name, job_id };
            jobs.push(WatchedJob { key, status: None, notifiers: Arc::default() });
        }
        Ok(jobs)
    }

    fn configured_watches(&self) -> Result<Vec<WatchSettings>, Failure> {
        match &self.args.config {
            Some(path) if self.args.workflow_name.is_none() => {
                Ok(super::config_args::load(path)?.settings.watches)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Searches all workflows for the job; a new one may not be readable yet, so more than once.
    async fn search(&self, job_id: &Arc<str>) -> Result<Arc<str>, Failure> {
        self.progress.note(&format!("looking for the workflow of job {job_id}"));
        let patience = Patience::OF_STEP.not_found.unwrap_or_default();
        let give_up_at = Instant::now() + patience;
        loop {
            match locate(&self.account, job_id, &self.config).await {
                Ok(workflow_name) => return Ok(workflow_name),
                Err(LocateError::NotFound { .. }) if Instant::now() < give_up_at => {
                    sleep_until(give_up_at.min(Instant::now() + self.config.interval)).await;
                }
                Err(error) => return Err(not_located(error)),
            }
        }
    }
}

fn source_config(args: &Args) -> source::Config {
    source::Config {
        access: Access {
            region: args.region.clone(),
            profile: args.profile.clone(),
            endpoint_url: args.endpoint_url.clone(),
            no_sign_request: args.no_sign_request,
        },
        request_timeout: source::Config::DEFAULT_REQUEST_TIMEOUT,
    }
}

fn not_located(error: LocateError) -> Failure {
    let exit = match &error {
        LocateError::NotFound { asked, denied, .. } if *asked > 0 && denied.len() == *asked => {
            Exit::AccessDenied
        }
        LocateError::NotFound { .. } => Exit::NotFound,
        LocateError::Source(error) => verdict::of_error(error),
    };
    let advice = match &error {
        LocateError::Source(SourceError::AccessDenied { .. }) => {
            "looking for the job's workflow (--workflow-name makes this needless)"
        }
        _ => "looking for the job's workflow",
    };
    Failure { exit, error: anyhow::Error::new(error).context(advice) }
}

/// One answer, on its way from the poller.
struct Report {
    job: JobKey,
    answer: Result<Observation, SourceError>,
    next: Next,
}

/// Passes the poller's answers on.
struct Reporter(mpsc::UnboundedSender<Report>);

impl Observer for Reporter {
    fn polled(&self, job: &JobKey, answer: Result<&Observation, &SourceError>, next: &Next) {
        let answer = answer.cloned().map_err(Clone::clone);
        // Nobody listens any more once the command has ended.
        let _ = self.0.send(Report { job: job.clone(), answer, next: next.clone() });
    }
}
