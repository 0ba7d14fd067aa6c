//! The least that a program on the SDK's client does, with its defaults: one question, and the answer as JSON.

use anyhow::Context;
use aws_config::BehaviorVersion;
use aws_sdk_entityresolution::Client;
use serde_json::json;

use crate::{JOB, WORKFLOW};

/// Asks the service at `url`, and prints what it says.
pub(crate) fn answer(url: &str) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let sdk = aws_config::defaults(BehaviorVersion::latest()).endpoint_url(url).load().await;
        let question = Client::new(&sdk).get_matching_job().workflow_name(WORKFLOW).job_id(JOB);
        let answer = question.send().await.context("no answer")?;
        println!("{}", json!({ "jobId": answer.job_id(), "status": answer.status().as_str() }));
        Ok(())
    })
}
