//! `matchwatch run`: starts a job, and waits for it as `wait` does.

mod advice;
mod args;
mod job_id_file;
mod known;
mod launch;
mod output_source;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::wait::{Ends, Link, Named, Outlets, Subject, Wait};
use super::{Exit, Failure};
use crate::backoff::Policy;
use crate::clock::SystemClock;
use crate::domain::{JobKind, WorkflowKey};
use crate::source::JobOrder;
use crate::watch::{Start, StartConfig};
use advice::Advice;
pub(super) use args::Args;
use job_id_file::JobIdFile;
use launch::Launch;

/// Delays between two requests for a job while the service takes none.
const QUEUE: Policy = Policy { initial: Duration::from_secs(2), max: Duration::from_secs(30) };

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let begun = Instant::now();
    super::logging::start_from_environment().map_err(Failure::usage)?;
    args.check()?;
    let Args { workflow_name, kind, queue, job_id_file, following, .. } = args;
    let (job_type, output) = (args.job_type, args.output_source_config);
    let subject = Subject { job_ids: &[], workflow_name: Some(&workflow_name) };
    let followed = following.followed(subject)?;
    // What cannot be written is said while there is no job yet.
    let mut outlets = Outlets::open(&following)?;
    let job_id_file = job_id_file.map(JobIdFile::open).transpose().map_err(Failure::usage)?;
    // Not before the files are open: to open a pipe takes until somebody reads it, and may be interrupted.
    let mut ends = Ends::catch(begun, following.timeout)?;
    let meaning = format!("no job of workflow {workflow_name} was started");
    let link = match Link::open_in_time(&mut ends, &following, &followed, &meaning).await {
        Ok(link) => link,
        Err(over) => return outlets.close(over),
    };
    let workflow = WorkflowKey {
        account: Arc::clone(&link.account.name),
        kind,
        name: workflow_name.as_str().into(),
    };
    let (told, news) = mpsc::unbounded_channel();
    let start = Start {
        account: link.account.clone(),
        starter: Arc::clone(&link.starter),
        order: JobOrder { workflow: workflow.clone(), job_type, output },
        config: StartConfig {
            backoff: link.config.backoff,
            queue: queue.then_some(QUEUE),
            settling: StartConfig::SETTLING,
        },
        budgets: link.budgets.of(workflow.kind).clone(),
        clock: Arc::new(SystemClock),
        told,
    };
    let kind = Some(kind).filter(|kind| *kind != JobKind::Matching);
    let named = Named { workflow_name: Some(workflow_name), kind };
    let advice = Advice::new(&workflow, &following, &named);
    let mut launch = Launch::new(workflow, advice, job_id_file, &mut outlets, begun);
    let job = match launch.see_through(start, news, &mut ends).await {
        Ok(job) => job,
        Err(exit) => return outlets.close(Ok(exit)),
    };
    let job_ids = vec![Arc::clone(&job.job_id)];
    let mut wait = Wait::new(following, link, named, job_ids, false, outlets, begun);
    wait.judge_by(followed.watches);
    match wait.watch(job) {
        Ok(()) => wait.see_through(&mut ends).await,
        Err(failure) => wait.end(Err(failure)),
    }
}
