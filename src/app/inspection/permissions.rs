//! Which permissions do the watches need, and which are missing?

use std::sync::Arc;

use super::accounts::{Asker, Question, fails};
use super::{TroubleKind, Verdict};
use crate::config::{NotifierAdapter, NotifierSettings, Settings};
use crate::domain::{JobKey, JobKind, NamePattern, WorkflowKey};
use crate::source::{Operation, SourceError};

/// No more workflows than this are tried for a pattern.
const TRIED_WORKFLOWS: usize = 10;
/// A job that nobody has: that it is not found says that the question is allowed.
const NOBODYS_JOB: &str = "00000000000000000000000000000000";
/// How services say that the caller may not do it.
const DENIALS: [&str; 4] =
    ["AccessDenied", "AuthorizationError", "NotAuthorized", "not authorized"];

/// Something that an account has to allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) operation: Operation,
    kind: JobKind,
    /// On which workflows; on everything where absent.
    pub(super) workflows: Option<NamePattern>,
    /// Whether the watches do without it, at a price.
    is_optional: bool,
}

/// A permission that a policy lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingPermission {
    /// Whose policy it is.
    pub principal: String,
    /// As IAM names it.
    pub action: String,
    /// An ARN, which may hold wildcards.
    pub resource: String,
}

/// What the watches of `account` need, in their order.
pub(super) fn needs(settings: &Settings, account: &str) -> Vec<Need> {
    let mut needs: Vec<Need> = Vec::new();
    let mut add = |need: Need| {
        let is_same = |other: &&mut Need| {
            (&other.operation, &other.workflows) == (&need.operation, &need.workflows)
        };
        match needs.iter_mut().find(is_same) {
            Some(known) => known.is_optional &= need.is_optional,
            None => needs.push(need),
        }
    };
    for watch in settings.watches.iter().filter(|watch| &*watch.account == account) {
        let kind = watch.kind;
        let workflows = match &watch.discovery {
            Some(discovery) => discovery.workflows.clone(),
            None => NamePattern::new(&*watch.workflow_name),
        };
        if workflows.literal().is_none() {
            let operation = Operation::list_workflows(kind);
            add(Need { operation, kind, workflows: None, is_optional: false });
        }
        for operation in [Operation::list_jobs(kind), Operation::get_job(kind)] {
            // Jobs that are named are asked about one by one where they cannot be listed.
            let is_optional = watch.discovery.is_none() && operation == Operation::list_jobs(kind);
            add(Need { operation, kind, workflows: Some(workflows.clone()), is_optional });
        }
    }
    needs
}

impl Asker {
    /// Tries whether the account allows it, by asking for something small.
    pub(super) async fn may(self: Arc<Self>, need: Need) -> Verdict {
        if self.greeting().await.is_err() {
            return Verdict::NothingToTry("the account has to work first");
        }
        let tried = match &need.workflows {
            None => self.ask(&Question::Workflows(need.kind, None)).await.map(|_| 1),
            Some(workflows) => match self.fitting(need.kind, workflows).await {
                Ok(names) if names.is_empty() => {
                    return Verdict::NothingToTry("there is no such workflow yet");
                }
                Ok(names) => self.may_on(&need, &names).await,
                Err(SourceError::AccessDenied { .. }) => {
                    return Verdict::NothingToTry("which workflows there are is not known");
                }
                Err(error) => Err(error),
            },
        };
        match tried {
            Ok(1) => Verdict::Works("allowed".to_owned()),
            Ok(count) => Verdict::Works(format!("allowed, as tried on {count} workflows")),
            Err(SourceError::AccessDenied { .. }) if need.is_optional => Verdict::Works(
                "denied, and not needed: each job that is named is asked about by itself"
                    .to_owned(),
            ),
            Err(error) => match fails(&error, &error.to_string()) {
                Verdict::Fails(mut trouble) if trouble.kind == TroubleKind::Access => {
                    trouble.missing = Some(Box::new(self.missing(&need).await));
                    Verdict::Fails(trouble)
                }
                verdict => verdict,
            },
        }
    }

    async fn may_on(&self, need: &Need, names: &[String]) -> Result<usize, SourceError> {
        let tried = &names[..names.len().min(TRIED_WORKFLOWS)];
        for name in tried {
            let (account, name) = (Arc::clone(self.name()), Arc::from(name.as_str()));
            if need.operation == Operation::list_jobs(need.kind) {
                let workflow = WorkflowKey { account, kind: need.kind, name };
                self.ask(&Question::Jobs(&workflow)).await?;
            } else {
                let job_id = NOBODYS_JOB.into();
                let job = JobKey { account, kind: need.kind, workflow_name: name, job_id };
                match self.ask(&Question::Job(&job)).await {
                    Ok(_) | Err(SourceError::NotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(tried.len())
    }

    /// The names of workflows that fit.
    async fn fitting(
        &self,
        kind: JobKind,
        workflows: &NamePattern,
    ) -> Result<Vec<String>, SourceError> {
        if let Some(name) = workflows.literal() {
            return Ok(vec![name.to_owned()]);
        }
        let mut names = self.workflows(kind).await?;
        names.retain(|name| workflows.matches(name));
        Ok(names)
    }

    async fn missing(&self, need: &Need) -> MissingPermission {
        let identity = match self.identity().await {
            Some(Ok(identity)) => Some(identity),
            _ => None,
        };
        let resource = match &need.workflows {
            None => "*".to_owned(),
            // One that another account shares is named by its ARN.
            Some(workflows) if workflows.as_str().starts_with("arn:") => workflows.to_string(),
            Some(workflows) => format!(
                "arn:{}:entityresolution:{}:{}:{}/{workflows}",
                identity.map_or("aws", |identity| identity.partition()),
                self.region().await,
                identity.map_or("*", |identity| &identity.account_id),
                need.kind.workflow_resource(),
            ),
        };
        let principal = match identity {
            Some(identity) => format!("account {}: {}", self.name(), identity.arn),
            None => format!("account {}", self.name()),
        };
        let action = format!("entityresolution:{}", need.operation.as_str());
        MissingPermission { principal, action, resource }
    }
}

/// What a notifier's credentials are not allowed, where that is what `verdict` says.
pub(super) fn missing_for_notifier(notifier: &NotifierSettings, verdict: Verdict) -> Verdict {
    let permission = match &notifier.adapter {
        NotifierAdapter::Sns(sns) => Some(("sns:Publish", sns.topic_arn.clone())),
        NotifierAdapter::Sqs(sqs) => {
            Some(("sqs:SendMessage", queue_arn(&sqs.queue_url, sqs.aws.region.as_deref())))
        }
        NotifierAdapter::EventBridge(events) => {
            Some(("events:PutEvents", bus_arn(&events.event_bus, events.aws.region.as_deref())))
        }
        NotifierAdapter::Stdout | NotifierAdapter::Webhook(_) | NotifierAdapter::Command(_) => None,
    };
    match (verdict, permission) {
        (Verdict::Fails(mut trouble), Some((action, resource)))
            if DENIALS.iter().any(|words| trouble.reason.contains(words)) =>
        {
            let principal = format!("notifier {}", notifier.name);
            let action = action.to_owned();
            trouble.missing = Some(Box::new(MissingPermission { principal, action, resource }));
            Verdict::Fails(trouble)
        }
        (verdict, _) => verdict,
    }
}

/// The ARN of the queue at `https://sqs.<region>.amazonaws.com/<account>/<name>`; what is not in it is a wildcard.
fn queue_arn(url: &str, region: Option<&str>) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let of_host = host.strip_prefix("sqs.").and_then(|host| host.split('.').next());
    let region = region.or(of_host).unwrap_or("*");
    let (account, name) = path.split_once('/').unwrap_or(("*", "*"));
    format!("arn:{}:sqs:{region}:{account}:{name}", partition(region))
}

/// The ARN of a bus that is named, or that is one.
fn bus_arn(bus: &str, region: Option<&str>) -> String {
    if bus.starts_with("arn:") {
        return bus.to_owned();
    }
    let region = region.unwrap_or("*");
    format!("arn:{}:events:{region}:*:event-bus/{bus}", partition(region))
}

/// The part of AWS that a Region is in (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>).
fn partition(region: &str) -> &'static str {
    match region {
        china if china.starts_with("cn-") => "aws-cn",
        government if government.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_and_buses_are_named_as_policies_name_them() {
        let url = "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs.fifo";
        assert_eq!(queue_arn(url, None), "arn:aws:sqs:eu-west-1:123456789012:jobs.fifo");
        assert_eq!(queue_arn("http://localhost:4566/1/jobs", Some("x")), "arn:aws:sqs:x:1:jobs");
        let url = "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/jobs";
        assert_eq!(queue_arn(url, None), "arn:aws-cn:sqs:cn-north-1:123456789012:jobs");
        let government = bus_arn("jobs", Some("us-gov-west-1"));
        assert_eq!(government, "arn:aws-us-gov:events:us-gov-west-1:*:event-bus/jobs");
        assert_eq!(bus_arn("jobs", Some("eu-west-1")), "arn:aws:events:eu-west-1:*:event-bus/jobs");
        assert_eq!(
            bus_arn("arn:aws:events:x:1:event-bus/jobs", None),
            "arn:aws:events:x:1:event-bus/jobs"
        );
    }
}
