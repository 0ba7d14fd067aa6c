//! A step's outputs, as `GITHUB_OUTPUT` has them.

use serde_json::Value;
use uuid::Uuid;

use super::super::Exit;
use super::{Ended, counts, error_message};
use crate::domain::JobKey;

/// More than this of JSON is left out, in units of UTF-16: GitHub takes a megabyte of all outputs of a job, and counts
/// two bytes for each (<https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idoutputs>).
const LONGEST_JSON: usize = 256 * 1024;

/// What is known of a job from the moment that it exists.
pub(super) fn of_started(job: &JobKey) -> String {
    let mut text = put("job-id", &job.job_id);
    text += &put("workflow-name", &job.workflow_name);
    text
}

/// What is known in the end. Where one job is expected it has an output for each of its properties.
pub(super) fn of_jobs(jobs: &[Ended], expected: usize, exit: Exit) -> String {
    let mut text = put("exit-code", &(exit as u8).to_string());
    let json: Vec<&str> = jobs.iter().map(|ended| ended.json.as_str()).collect();
    let json = format!("[{}]", json.join(","));
    if json.encode_utf16().count() <= LONGEST_JSON {
        text += &put("jobs", &json);
    }
    if let ([only], 1) = (jobs, expected) {
        text += &of_started(&only.job);
        text += &of_ended(only);
    }
    text
}

fn of_ended(Ended { observation, .. }: &Ended) -> String {
    let details = &observation.details;
    let mut text = put("status", observation.status.as_str());
    let mut optional = |name: &str, value: Option<String>| {
        text += &value.map(|value| put(name, &value)).unwrap_or_default();
    };
    optional("start-time", details.start_time.map(|time| time.to_string()));
    optional("end-time", details.end_time.map(|time| time.to_string()));
    optional("duration-seconds", details.duration_seconds().map(|seconds| seconds.to_string()));
    optional("job-type", details.job_type.as_ref().map(|told| told.as_str().to_owned()));
    optional("error-message", error_message(observation));
    let counts = counts(observation);
    for (name, count) in &counts {
        optional(&kebab_case(name), Some(count.to_string()));
    }
    if !counts.is_empty() {
        optional("metrics", Some(Value::Object(counts).to_string()));
    }
    text
}

/// One output. A value of several lines ends at a line that nobody can foresee.
fn put(name: &str, value: &str) -> String {
    if !value.contains(['\r', '\n']) {
        return format!("{name}={value}\n");
    }
    let end = format!("matchwatch-{}", Uuid::new_v4());
    format!("{name}<<{end}\n{value}\n{end}\n")
}

/// `recordsNotProcessed` is `records-not-processed`, `matchIDs` is `match-ids`.
fn kebab_case(name: &str) -> String {
    let mut kebab = String::with_capacity(name.len() + 4);
    let mut before = ' ';
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && before.is_ascii_lowercase() {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
        before = letter;
    }
    kebab
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{JobDetails, JobKind, JobStatus, Observation, ObservedStatus};

    #[test]
    fn the_api_s_names_are_those_that_outputs_have_elsewhere() {
        assert_eq!(kebab_case("recordsNotProcessed"), "records-not-processed");
        assert_eq!(kebab_case("matchIDs"), "match-ids");
    }

    #[test]
    fn a_list_of_jobs_that_would_take_more_than_half_of_what_github_takes_is_left_out() {
        let job = |letters: usize| Ended {
            job: JobKey {
                account: "main".into(),
                kind: JobKind::Matching,
                workflow_name: "customers".into(),
                job_id: "0123".into(),
            },
            observation: Observation {
                status: ObservedStatus::Known(JobStatus::Succeeded),
                details: JobDetails::default(),
            },
            json: format!("\"{}\"", "a".repeat(letters)),
        };
        let has_jobs = |letters| of_jobs(&[job(letters)], 1, Exit::Success).contains("\njobs=");
        let fits = LONGEST_JSON - r#"[""]"#.len();
        assert!(has_jobs(fits));
        assert!(!has_jobs(fits + 1));
    }

    #[test]
    fn a_value_of_several_lines_cannot_put_another_output() {
        let text = put("error-message", "a\nstatus=SUCCEEDED\nEOF\n");
        let (first, rest) = text.split_once('\n').unwrap();
        let end = first.strip_prefix("error-message<<").unwrap();
        assert_eq!(rest, format!("a\nstatus=SUCCEEDED\nEOF\n\n{end}\n"));
        assert_ne!(put("x", "\n"), put("x", "\n"), "nobody can foresee it");
        assert_eq!(put("x", "a<<b=c"), "x=a<<b=c\n");
    }
}
