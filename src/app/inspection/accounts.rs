//! Does an account answer, and does it know the jobs that are watched?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::sleep;

use super::{TroubleKind, Verdict};
use crate::aws::Aws;
use crate::backoff::{Backoff, Policy};
use crate::config::{AccountSettings, Settings, WatchSettings};
use crate::domain::{JobKey, JobKind, Observation, WorkflowKey};
use crate::source::{self, EntityResolution, JobSource as _, PageToken, SourceError, WorkflowPage};
use crate::watch::Budget;

/// How often a question is asked that gets no answer.
const ATTEMPTS: u32 = 3;
/// Delays between two of them.
const DELAYS: Policy = Policy { initial: Duration::from_millis(500), max: Duration::from_secs(5) };
/// No more jobs than this are asked about for a watch: it is to be known whether they can be.
const ASKED_JOBS: usize = 10;

/// One account, asked with the restraint of a daemon.
pub(super) struct Asker {
    aws: Aws,
    settings: AccountSettings,
    config: source::Config,
    gets: Budget,
    lists: Budget,
    /// The kind of jobs that it is watched for, the first of them.
    kind: JobKind,
    /// Connected by the first question: finding the Region may take its time.
    source: OnceCell<Result<EntityResolution, SourceError>>,
}

/// What an account is asked.
pub(super) enum Question<'a> {
    /// Whether it answers at all, about jobs of this kind.
    Introduction(JobKind),
    /// How a job is.
    Job(&'a JobKey),
    /// Which workflows there are.
    Workflows(JobKind, Option<PageToken>),
    /// Which jobs a workflow has: the first page.
    Jobs(&'a WorkflowKey),
}

/// What comes back.
pub(super) enum Answer {
    Introduction,
    Job(Observation),
    Workflows(WorkflowPage),
    Jobs,
}

impl Asker {
    pub(super) fn new(aws: &Aws, account: &AccountSettings, settings: &Settings) -> Self {
        let (get_rate, list_rate) = settings.rates(account);
        Self {
            aws: aws.clone(),
            settings: account.clone(),
            config: source::Config {
                access: account.access.clone(),
                request_timeout: settings.request_timeout,
            },
            gets: Budget::new(get_rate),
            lists: Budget::new(list_rate),
            kind: watched_kind(account, settings),
            source: OnceCell::new(),
        }
    }

    /// Makes one small request.
    pub(super) async fn introduce(self: Arc<Self>) -> Verdict {
        match self.ask(&Question::Introduction(self.kind)).await {
            Ok(_) => Verdict::Works(self.introduction().await),
            Err(error) => fails(&error, &error.to_string()),
        }
    }

    /// Asks about the jobs of a watch. A job that is not found does not end that; what concerns all of them does.
    pub(super) async fn look_for(self: Arc<Self>, watch: WatchSettings) -> Verdict {
        if let Some(discovery) = &watch.discovery {
            return self.look_around(&watch, discovery).await;
        }
        let mut statuses: BTreeMap<String, usize> = BTreeMap::new();
        let mut missing = Vec::new();
        for job_id in watch.job_ids.iter().take(ASKED_JOBS) {
            let job = JobKey {
                account: Arc::clone(&watch.account),
                kind: watch.kind,
                workflow_name: Arc::clone(&watch.workflow_name),
                job_id: Arc::clone(job_id),
            };
            match self.ask(&Question::Job(&job)).await {
                Ok(Answer::Job(observation)) => {
                    *statuses.entry(observation.status.as_str().to_owned()).or_default() += 1;
                }
                Ok(_) => {}
                Err(error @ SourceError::NotFound { .. }) => missing.push((job_id, error)),
                Err(error) => return fails(&error, &error.to_string()),
            }
        }
        let asked = watch.job_ids.len().min(ASKED_JOBS);
        if let Some((first, error)) = missing.first() {
            let count = missing.len();
            return fails(error, &format!("{count} of {asked} jobs not there; {first} {error}"));
        }
        let statuses: Vec<_> =
            statuses.iter().map(|(status, count)| format!("{count} {status}")).collect();
        let known = statuses.join(", ");
        Verdict::Works(match watch.job_ids.len() - asked {
            0 => format!("jobs are known: {known}"),
            more => format!("jobs are known: {known}; {more} more were not asked about"),
        })
    }

    /// Asks until there is an answer, or one that another attempt would not change.
    pub(super) async fn ask(&self, question: &Question<'_>) -> Result<Answer, SourceError> {
        let source = self.source().await.as_ref().map_err(Clone::clone)?;
        let mut delays = Backoff::new(DELAYS);
        let mut attempt = 1;
        loop {
            match question {
                Question::Introduction(_) | Question::Job(_) => self.gets.spend_one().await,
                Question::Workflows(..) | Question::Jobs(_) => self.lists.spend_one().await,
            }
            let answer = match question {
                Question::Introduction(kind) => {
                    source.introduce(*kind).await.map(|()| Answer::Introduction)
                }
                Question::Job(job) => source.observe(job).await.map(Answer::Job),
                Question::Workflows(kind, page) => {
                    source.list_workflows(*kind, page.clone()).await.map(Answer::Workflows)
                }
                Question::Jobs(workflow) => {
                    source.list_jobs(workflow, None).await.map(|_| Answer::Jobs)
                }
            };
            let delay = match &answer {
                _ if attempt == ATTEMPTS => return answer,
                Err(SourceError::Throttled { retry_after, .. }) => {
                    retry_after.unwrap_or_default().clamp(delays.next_delay(), DELAYS.max)
                }
                Err(SourceError::Unavailable { .. }) => delays.next_delay(),
                Err(SourceError::CredentialsExpired { .. }) => Duration::ZERO,
                _ => return answer,
            };
            attempt += 1;
            sleep(delay).await;
        }
    }

    async fn source(&self) -> &Result<EntityResolution, SourceError> {
        self.source.get_or_init(|| EntityResolution::connect(&self.aws, &self.config)).await
    }

    /// Where the account is, and in whose name it was asked.
    async fn introduction(&self) -> String {
        let region = self.source().await.as_ref().map_or("", EntityResolution::region);
        let access = &self.settings.access;
        if access.no_sign_request {
            return format!("{region} answers unsigned requests");
        }
        let credentials = match (&access.role, &access.profile) {
            (Some(role), _) => format!("in role {}", role.arn),
            (None, Some(profile)) => format!("with the credentials of profile {profile}"),
            (None, None) => "with the credentials found here".to_owned(),
        };
        format!("{region} answers, signed {credentials}")
    }
}

/// The kind of the account's first watch: whoever watches ID mapping jobs alone needs no permission on matching ones.
fn watched_kind(account: &AccountSettings, settings: &Settings) -> JobKind {
    let mut watches = settings.watches.iter();
    let first = watches.find(|watch| watch.account == account.name);
    first.map_or(JobKind::Matching, |watch| watch.kind)
}

/// What `error` means to an operator.
pub(super) fn fails(error: &SourceError, reason: &str) -> Verdict {
    let (kind, advice) = match error {
        SourceError::AccessDenied { .. } => {
            (TroubleKind::Access, "Mend the account's credentials, or allow it in their IAM policy")
        }
        SourceError::CredentialsExpired { .. } => {
            (TroubleKind::Access, "Renew the account's credentials")
        }
        SourceError::NotFound { .. } => (
            TroubleKind::NotFound,
            "Check workflow_name and job_ids, and whether the account and its Region are the right ones",
        ),
        SourceError::Throttled { .. } => (
            TroubleKind::NoAnswer,
            "Others use up the account's quota: try again later, or lower get_rate and list_rate",
        ),
        SourceError::Unavailable { .. } => (
            TroubleKind::NoAnswer,
            "Check the network, proxies and endpoint_url, and whether the service is well",
        ),
        SourceError::Invalid { .. } => (TroubleKind::Configuration, "Correct the configuration"),
    };
    Verdict::fails(kind, reason, advice)
}
