//! A table for the page of a workflow's run, in GitHub's Markdown.

use std::time::Duration;

use super::super::Exit;
use super::{Ended, counts, error_message};
use crate::duration;

/// No more than this of an error message is shown, in characters: the output has it whole.
const LONGEST_MESSAGE: usize = 1_000;
/// No more jobs than this are shown: GitHub takes a megabyte.
const MOST_JOBS: usize = 200;

/// The jobs that have ended, a row each, and what there is to say of those that failed.
pub(super) fn of(jobs: &[Ended], exit: Exit) -> String {
    let mut text = "### Entity Resolution jobs\n\n".to_owned();
    if jobs.is_empty() {
        return text + &format!("No job has ended (exit code {}).\n\n", exit as u8);
    }
    let shown = &jobs[..jobs.len().min(MOST_JOBS)];
    let mut names: Vec<String> = Vec::new();
    for name in shown.iter().flat_map(|ended| counts(&ended.observation)).map(|(name, _)| name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    text += &row(["Workflow", "Job", "Status", "Duration"].map(str::to_owned), &names);
    text += &row(["---"; 4].map(str::to_owned), &vec!["---:".to_owned(); names.len()]);
    for ended in shown {
        let Ended { job, observation, .. } = ended;
        let took = observation.details.duration_seconds();
        let took = took.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let told = [
            escape(&job.workflow_name),
            escape(&job.job_id),
            escape(observation.status.as_str()),
            took.map(duration::display).unwrap_or_default(),
        ];
        let counts = counts(observation);
        let count = |name: &String| counts.get(name).map(ToString::to_string).unwrap_or_default();
        text += &row(told, &names.iter().map(count).collect::<Vec<_>>());
    }
    text.push('\n');
    if shown.len() < jobs.len() {
        text += &format!("{} more jobs have ended.\n\n", jobs.len() - shown.len());
    }
    for Ended { job, observation, .. } in shown {
        if let Some(message) = error_message(observation) {
            let message: String = message.chars().take(LONGEST_MESSAGE).collect();
            text += &format!("- {}: {}\n", escape(&job.job_id), escape(&message));
        }
    }
    text.push('\n');
    text
}

fn row(told: [String; 4], counts: &[String]) -> String {
    let cells: Vec<&str> = told.iter().chain(counts).map(String::as_str).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// Text that is shown as it is, on one line: every sign that may mean something has a backslash.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for letter in text.trim().chars() {
        match letter {
            '\n' => escaped.push_str("<br>"),
            control if control.is_control() => escaped.push(' '),
            sign if sign.is_ascii_punctuation() => escaped.extend(['\\', sign]),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_can_break_out_of_its_cell_or_its_line() {
        assert_eq!(escape("a | b\r\n# <script>"), "a \\| b <br>\\# \\<script\\>");
        assert_eq!(escape("[x](y) `z` *é*"), "\\[x\\]\\(y\\) \\`z\\` \\*é\\*");
    }
}
