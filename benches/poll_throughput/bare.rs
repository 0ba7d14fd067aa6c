//! A loop around the SDK's client that does nothing else: no retries, no time limits, and answers are thrown away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, ensure};
use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_entityresolution::Client;
use aws_sdk_entityresolution::types::JobStatus;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::asked;
use crate::round::{Begun, Round};
use crate::{IN_FLIGHT, POLLS, WARM_UP};

/// Asks about all jobs in turn, many at once, on one thread.
pub(crate) fn measure(url: &str) -> anyhow::Result<Round> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(url))
}

async fn run(url: &str) -> anyhow::Result<Round> {
    let sdk = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(url)
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .load()
        .await;
    let client = Client::new(&sdk);
    let jobs: Arc<Vec<_>> = Arc::new(asked::jobs().collect());
    ask(&client, &jobs, WARM_UP).await?;
    let begun = Begun::after(0)?;
    ask(&client, &jobs, POLLS).await?;
    begun.end(POLLS)
}

/// Asks so many questions in all.
async fn ask(client: &Client, jobs: &Arc<Vec<(String, String)>>, polls: u64) -> anyhow::Result<()> {
    let (next, start) = (Arc::new(AtomicU64::new(0)), Arc::new(Barrier::new(IN_FLIGHT)));
    let mut loops = JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let (client, jobs) = (client.clone(), Arc::clone(jobs));
        let (next, start) = (Arc::clone(&next), Arc::clone(&start));
        loops.spawn(async move {
            start.wait().await;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= polls {
                    return anyhow::Ok(());
                }
                let (workflow, job_id) = &jobs[usize::try_from(number)? % jobs.len()];
                let answer =
                    client.get_matching_job().workflow_name(workflow).job_id(job_id).send().await?;
                ensure!(*answer.status() == JobStatus::Running, "{answer:?}");
            }
        });
    }
    while let Some(ended) = loops.join_next().await {
        ended.context("a loop broke off")??;
    }
    Ok(())
}
