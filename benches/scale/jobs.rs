//! The jobs that are watched.

use std::sync::Arc;

use matchwatch::domain::{JobKey, JobKind};

/// As many at every size, so that sizes differ in the number of jobs alone.
const WORKFLOWS: usize = 100;

/// So many jobs, workflow by workflow. Names are shared as the configuration shares them.
pub(crate) fn jobs(count: usize) -> impl Iterator<Item = JobKey> {
    let account: Arc<str> = "main".into();
    let of_one_workflow = of_one_workflow(count);
    (0..count.div_ceil(of_one_workflow)).flat_map(move |workflow| {
        let account = Arc::clone(&account);
        let workflow_name: Arc<str> = format!("workflow-{workflow}").into();
        let first = workflow * of_one_workflow;
        (first..count.min(first + of_one_workflow)).map(move |number| JobKey {
            account: Arc::clone(&account),
            kind: JobKind::Matching,
            workflow_name: Arc::clone(&workflow_name),
            job_id: format!("{number:032x}").into(),
        })
    })
}

/// How many of so many jobs one workflow has.
pub(crate) fn of_one_workflow(count: usize) -> usize {
    count.div_ceil(WORKFLOWS)
}
