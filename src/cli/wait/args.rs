//! The flags of `wait`, and the account that they speak of.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use clap::ValueEnum;
use clap::builder::NonEmptyStringValueParser;

use super::super::shell::add_flag;
use super::super::{Failure, config_args, kind};
use crate::aws::Access;
use crate::config::{Followed, WatchSettings};
use crate::domain::{Amount, Gates, JobKind, NamePattern};
use crate::url::parse_http;
use crate::{backoff, duration, source, watch};

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// A job to wait for; may be repeated. `-` reads ids, or what start-matching-job or start-id-mapping-job printed,
    /// from standard input
    #[arg(long = "job-id", value_name = "ID", required = true)]
    pub(super) job_ids: Vec<String>,

    #[command(flatten)]
    pub(super) named: Named,

    /// End with the first job that ends, and by its outcome
    #[arg(long)]
    pub(super) any: bool,

    #[command(flatten)]
    pub(super) following: Following,
}

/// What the command line says of the workflow that jobs run.
#[derive(Debug, Clone, Default, clap::Args)]
pub(in crate::cli) struct Named {
    /// The workflow that the jobs run [default: taken from --config, else searched for]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(in crate::cli) workflow_name: Option<String>,

    /// Whether they are matching or ID mapping jobs [default: taken from --config; else matching with --workflow-name,
    /// and without it matching workflows are searched first, then those of ID mapping]
    #[arg(long, value_name = "KIND", value_parser = kind::parser())]
    pub(in crate::cli) kind: Option<JobKind>,
}

/// How jobs are followed to their end: the flags of every command that waits.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Following {
    /// Give up after this long, as in 90s or 2h30m [default: never]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub(in crate::cli) timeout: Option<Duration>,

    /// A job that left more records unprocessed fails: a share of its input records, as in 5%, or a number
    #[arg(long, value_name = "AMOUNT")]
    max_unprocessed: Option<Amount>,

    /// A job that generated fewer match ids fails. For matching jobs: those of ID mapping have none
    #[arg(long, value_name = "N")]
    min_match_ids: Option<u64>,

    /// A job that processed fewer records fails
    #[arg(long, value_name = "N")]
    min_processed: Option<u64>,

    /// What to print on standard output about each job that ends
    #[arg(long, value_name = "FORMAT", default_value = "json")]
    pub(super) output: Output,

    /// The delay that one more question must save to be asked: less asks more often
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = call_worth)]
    pub(super) call_worth: Duration,

    /// The longest time between two questions about a job, 1s to 10m
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = interval)]
    pub(super) max_interval: Duration,

    /// No progress on standard error
    #[arg(long, short)]
    pub(in crate::cli) quiet: bool,

    /// In a step of GitHub Actions: write outputs and a summary, and annotate what goes wrong
    #[arg(long)]
    pub(in crate::cli) github: bool,

    /// The AWS Region [default: from --config, the environment or the profile]
    #[arg(long)]
    region: Option<String>,

    /// A profile of the shared AWS configuration files
    #[arg(long)]
    profile: Option<String>,

    /// An endpoint in place of the service's own
    #[arg(long, value_name = "URL", value_parser = url)]
    endpoint_url: Option<String>,

    /// Send requests unsigned, and look for no credentials: for `matchwatch simulate`
    #[arg(long)]
    no_sign_request: bool,

    /// A configuration whose watches say which workflow and account a job belongs to
    #[arg(long, value_name = "PATH", env = "MATCHWATCH_CONFIG")]
    config: Option<PathBuf>,

    /// An account of --config [default: the one whose watches name the jobs or the workflow, or have a
    /// pattern that fits it; else the only one]
    #[arg(long, value_name = "NAME", requires = "config")]
    account: Option<String>,
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
  7    all jobs succeeded, and one failed a quality gate
  130  interrupted (SIGINT)
  143  terminated (SIGTERM)
With several jobs the worst counts: 2, 4, 5, 6, 3, 1, 7, 0.

MATCHWATCH_LOG=debug in the environment shows each request on standard error.";

/// What is printed about each job that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// One line of JSON, as `aws entityresolution get-matching-job` and `get-id-mapping-job` have it
    Json,
    /// One line for people
    Text,
    /// Nothing
    None,
}

/// No job is asked about more often.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

fn interval(text: &str) -> Result<Duration, String> {
    within(text, MIN_INTERVAL..=Duration::from_mins(10))
}

fn call_worth(text: &str) -> Result<Duration, String> {
    within(text, Duration::from_millis(1)..=Duration::from_hours(1))
}

fn within(text: &str, bounds: RangeInclusive<Duration>) -> Result<Duration, String> {
    let given = duration::parse(text)?;
    if bounds.contains(&given) {
        return Ok(given);
    }
    let (min, max) = (duration::display(*bounds.start()), duration::display(*bounds.end()));
    Err(format!("write a duration from {min} to {max}"))
}

fn url(text: &str) -> Result<String, String> {
    parse_http(text).map(|_| text.to_owned())
}

impl Following {
    /// What the configuration says about the account that it names for the subject, where there is one.
    pub(in crate::cli) fn followed(&self, subject: Subject<'_>) -> Result<Followed, Failure> {
        let Some(config) = self.config.as_deref() else {
            return Ok(Followed::default());
        };
        let followed = config_args::load_followed(config)?;
        self.only_of(subject, followed).map_err(Failure::usage)
    }

    fn only_of(&self, subject: Subject<'_>, followed: Followed) -> anyhow::Result<Followed> {
        if let Some(account) = self.account.as_deref() {
            return only(followed, account);
        }
        match (account_of(subject, &followed)?, followed.accounts.as_slice()) {
            (Some(account), _) => only(followed, &account),
            // Not the credentials of whoever calls: a job would be started in an account that nobody has named.
            (None, [_, _, ..]) if !self.has_own_credentials() => bail!(
                "no watch of the configuration names {subject}, and it has the accounts {}: say which by --account",
                names(&followed)
            ),
            (None, _) => Ok(followed),
        }
    }

    /// Whether the flags say as whom the account is asked.
    const fn has_own_credentials(&self) -> bool {
        self.profile.is_some() || self.no_sign_request
    }

    /// How the account is asked. Flags win over what is followed, if that is one account.
    pub(super) fn source(&self, followed: &Followed) -> source::Config {
        let mut configured = match followed.accounts.as_slice() {
            [only] => only.access.clone(),
            _ => Access::default(),
        };
        if self.has_own_credentials() {
            // Other credentials than the account's: nothing says that they may assume its role.
            configured.role = None;
        }
        if self.endpoint_url.is_some() {
            (configured.use_fips, configured.use_dualstack) = (None, None);
        }
        let access = Access {
            region: self.region.clone().or(configured.region),
            profile: self.profile.clone().or(configured.profile),
            endpoint_url: self.endpoint_url.clone().or(configured.endpoint_url),
            no_sign_request: self.no_sign_request || configured.no_sign_request,
            ..configured
        };
        source::Config { access, request_timeout: source::Config::DEFAULT_REQUEST_TIMEOUT }
    }

    pub(super) fn polling(&self) -> watch::Config {
        watch::Config {
            call_worth: self.call_worth,
            min_interval: MIN_INTERVAL,
            max_interval: self.max_interval,
            backoff: backoff::Policy {
                initial: Duration::from_secs(1),
                max: Duration::from_secs(30),
            },
            get_rate: 5.0,
            list_rate: 2.5,
            concurrency: 16,
            not_found_grace: watch::Patience::STEP_NOT_FOUND,
        }
    }

    /// Says what does not go with jobs of this kind.
    pub(in crate::cli) fn check(&self, kind: Option<JobKind>) -> Result<(), Failure> {
        if kind == Some(JobKind::IdMapping) && self.min_match_ids.is_some() {
            return Err(Failure::usage(anyhow!(
                "--min-match-ids is for matching jobs, ID mapping jobs have no match ids: use --min-processed or \
                 --max-unprocessed"
            )));
        }
        Ok(())
    }

    /// What a job that succeeded must have done besides.
    pub(super) const fn gates(&self) -> Gates {
        Gates {
            max_unprocessed: self.max_unprocessed,
            min_match_ids: self.min_match_ids,
            min_processed: self.min_processed,
        }
    }

    /// The flags that a command needs to ask the same account the same way about jobs named so.
    pub(in crate::cli) fn account_flags(&self, named: &Named) -> String {
        let mut flags = String::new();
        add_flag(&mut flags, "--workflow-name", named.workflow_name.as_deref());
        add_flag(&mut flags, "--kind", named.kind.map(JobKind::as_str));
        flags += &self.aws_flags();
        let config = self.config.as_ref().map(|path| path.display().to_string());
        add_flag(&mut flags, "--config", config.as_deref());
        add_flag(&mut flags, "--account", self.account.as_deref());
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let amount = self.max_unprocessed.map(|amount| amount.to_string());
        add_flag(&mut flags, "--max-unprocessed", amount.as_deref());
        add_flag(&mut flags, "--min-match-ids", number(self.min_match_ids).as_deref());
        add_flag(&mut flags, "--min-processed", number(self.min_processed).as_deref());
        flags
    }

    /// Those among them that the AWS CLI has, too.
    pub(in crate::cli) fn aws_flags(&self) -> String {
        let mut flags = String::new();
        add_flag(&mut flags, "--region", self.region.as_deref());
        add_flag(&mut flags, "--profile", self.profile.as_deref());
        add_flag(&mut flags, "--endpoint-url", self.endpoint_url.as_deref());
        if self.no_sign_request {
            flags += " --no-sign-request";
        }
        flags
    }
}

/// What is followed in this account. The same job id in another one is another job.
fn only(mut followed: Followed, account: &str) -> anyhow::Result<Followed> {
    if !followed.accounts.iter().any(|known| *known.name == *account) {
        bail!("--account {account}: the configuration has {} only", names(&followed));
    }
    followed.accounts.retain(|known| *known.name == *account);
    followed.watches.retain(|watch| *watch.account == *account);
    Ok(followed)
}

fn names(followed: &Followed) -> String {
    let names: Vec<&str> = followed.accounts.iter().map(|account| &*account.name).collect();
    names.join(", ")
}

/// What a command is about, as far as it decides whose account is meant.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Subject<'a> {
    /// Jobs that there are already.
    pub(in crate::cli) job_ids: &'a [Arc<str>],
    /// Their workflow, where it is given.
    pub(in crate::cli) workflow_name: Option<&'a str>,
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.workflow_name {
            Some(name) => write!(f, "workflow {name}"),
            None => f.write_str("the jobs"),
        }
    }
}

/// The account whose watches name the jobs; else the one whose watches name the workflow; else the one whose patterns fit
/// it.
fn account_of(subject: Subject<'_>, followed: &Followed) -> anyhow::Result<Option<Arc<str>>> {
    let accounts = |is_of: &dyn Fn(&WatchSettings) -> bool| {
        let mut accounts: Vec<Arc<str>> = Vec::new();
        for watch in followed.watches.iter().filter(|watch| is_of(watch)) {
            if !accounts.contains(&watch.account) {
                accounts.push(Arc::clone(&watch.account));
            }
        }
        accounts
    };
    let of_jobs = accounts(&|watch| watch.job_ids.iter().any(|id| subject.job_ids.contains(id)));
    match of_jobs.as_slice() {
        [] => {}
        [only] => return Ok(Some(Arc::clone(only))),
        [first, other, ..] => bail!(
            "the jobs belong to the accounts {first} and {other}: wait for those of one account"
        ),
    }
    let Some(name) = subject.workflow_name else { return Ok(None) };
    let mut of_workflow = accounts(&|watch| *watch.workflow_name == *name);
    if of_workflow.is_empty() {
        of_workflow = accounts(&|watch| NamePattern::new(&*watch.workflow_name).matches(name));
    }
    match of_workflow.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(Arc::clone(only))),
        [first, other, ..] => bail!(
            "the accounts {first} and {other} both have a watch for workflow {name}: say which by --account"
        ),
    }
}
