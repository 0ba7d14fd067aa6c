//! Many jobs, in the room of their ids.

use std::collections::HashMap;
use std::sync::Arc;

use super::{JobKey, WorkflowKey};

/// A set of jobs that does not change. A job takes one pointer to its id: a daemon may be told a million by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobSet {
    /// Ids by workflow, in order.
    ids: HashMap<WorkflowKey, Vec<Arc<str>>>,
}

impl JobSet {
    /// Whether the job is one of them.
    pub fn contains(&self, job: &JobKey) -> bool {
        let ids = self.ids.get(&job.workflow());
        ids.is_some_and(|ids| ids.binary_search(&job.job_id).is_ok())
    }
}

impl FromIterator<JobKey> for JobSet {
    fn from_iter<I: IntoIterator<Item = JobKey>>(jobs: I) -> Self {
        let mut ids: HashMap<_, Vec<_>> = HashMap::new();
        for job in jobs {
            ids.entry(job.workflow()).or_default().push(job.job_id);
        }
        for ids in ids.values_mut() {
            ids.sort_unstable();
            ids.dedup();
            ids.shrink_to_fit();
        }
        Self { ids }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::JobKind;

    fn job(workflow_name: &str, job_id: &str) -> JobKey {
        JobKey {
            account: "main".into(),
            kind: JobKind::Matching,
            workflow_name: workflow_name.into(),
            job_id: job_id.into(),
        }
    }

    #[test]
    fn a_job_is_in_a_set_by_its_workflow_and_its_id() {
        let set = JobSet::from_iter([job("a", "2"), job("a", "1"), job("b", "3"), job("a", "2")]);
        assert!(set.contains(&job("a", "1")) && set.contains(&job("a", "2")));
        assert!(set.contains(&job("b", "3")));
        assert!(!set.contains(&job("b", "1")), "another workflow's");
        assert!(!set.contains(&job("c", "1")) && !set.contains(&job("a", "3")));
        assert_eq!(set, [job("b", "3"), job("a", "1"), job("a", "2")].into_iter().collect());
    }
}
