//! The jobs that everybody asks about.

/// Jobs at work, none of which ends.
pub(crate) const JOBS: usize = 1_000;
const JOBS_PER_WORKFLOW: usize = 100;

/// The workflow and the id of each job.
pub(crate) fn jobs() -> impl Iterator<Item = (String, String)> {
    (0..JOBS).map(|number| {
        (format!("workflow-{}", number / JOBS_PER_WORKFLOW), format!("{number:032x}"))
    })
}

/// Nobody is throttled. Lists are denied, so that each job has to be asked about by itself.
pub(crate) fn scenario() -> String {
    let mut text = "limits = { GetMatchingJob = \"unlimited\" }\n".to_owned();
    text += "denials = [{ operation = \"ListMatchingJobs\" }]\n";
    for number in 0..JOBS / JOBS_PER_WORKFLOW {
        text += &format!("[[workflows]]\nname = \"workflow-{number}\"\n");
    }
    for (workflow, job_id) in jobs() {
        text += &format!(
            "[[jobs]]\nworkflow = \"{workflow}\"\njob_id = \"{job_id}\"\nstatus = \"RUNNING\"\n"
        );
    }
    text
}
