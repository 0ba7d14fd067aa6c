//! The jobs that are watched.

use std::sync::Arc;

use matchwatch::domain::{JobKey, JobKind};

/// As many as one workflow has.
pub(crate) const OF_ONE_WORKFLOW: usize = 1_000;

/// So many jobs. Names are shared as the configuration shares them.
pub(crate) fn jobs(count: usize) -> impl Iterator<Item = JobKey> {
    let account: Arc<str> = "main".into();
    (0..count.div_ceil(OF_ONE_WORKFLOW)).flat_map(move |workflow| {
        let account = Arc::clone(&account);
        let workflow_name: Arc<str> = format!("workflow-{workflow}").into();
        let first = workflow * OF_ONE_WORKFLOW;
        (first..count.min(first + OF_ONE_WORKFLOW)).map(move |number| JobKey {
            account: Arc::clone(&account),
            kind: JobKind::Matching,
            workflow_name: Arc::clone(&workflow_name),
            job_id: format!("{number:032x}").into(),
        })
    })
}
