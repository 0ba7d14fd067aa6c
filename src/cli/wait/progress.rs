//! Progress on standard error: a live line for each job on a terminal, a line for each change elsewhere.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::listing::plain;
use super::super::tell;
use crate::domain::{JobKey, Observation};
use crate::duration;
use crate::source::SourceError;
use crate::watch::Next;
use crate::watch::cadence::Eta;

/// Where nothing changes, a line this often shows that the wait goes on.
pub(in crate::cli) const HEARTBEAT: Duration = Duration::from_mins(1);

/// Tells people how the wait goes.
pub(in crate::cli) struct Progress {
    audience: Audience,
    jobs: HashMap<JobKey, Line>,
    /// What the search for workflows said last of its troubles.
    search_trouble: Option<&'static str>,
}

enum Audience {
    Nobody,
    /// A log: every line costs, and none can be taken back.
    Log,
    Terminal(MultiProgress),
}

/// What was said last of a job.
struct Line {
    told: String,
    trouble: Option<&'static str>,
    /// When it is expected to end, and when that was said.
    eta: Option<(Eta, Instant)>,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(in crate::cli) fn new(quiet: bool, is_terminal: bool) -> Self {
        let audience = match (quiet, is_terminal) {
            (true, _) => Audience::Nobody,
            (false, false) => Audience::Log,
            (false, true) => {
                Audience::Terminal(MultiProgress::with_draw_target(ProgressDrawTarget::stderr()))
            }
        };
        Self { audience, jobs: HashMap::new(), search_trouble: None }
    }

    /// A job is waited for from now on.
    pub(super) fn begin(&mut self, job: &JobKey) {
        let bar = match &self.audience {
            Audience::Terminal(lines) => Some(live_line(lines, job)),
            Audience::Nobody | Audience::Log => None,
        };
        self.jobs.insert(job.clone(), Line { told: String::new(), trouble: None, eta: None, bar });
    }

    /// A job was asked about.
    pub(super) fn polled(
        &mut self,
        job: &JobKey,
        answer: Result<&Observation, &SourceError>,
        next: &Next,
        elapsed: Duration,
    ) {
        let Some(line) = self.jobs.get_mut(job) else { return };
        let ended = !matches!(next, Next::AskIn(_));
        let said = match answer {
            Ok(observation) => line.answered(observation.status.as_str()),
            Err(error) => line.failed(error, next),
        };
        match (&line.bar, said) {
            (Some(bar), _) if ended => bar.finish_with_message(line.told.clone()),
            (Some(bar), _) => bar.set_message(line.live_message(answer.err())),
            (None, Some(said)) if matches!(self.audience, Audience::Log) => {
                let after = duration::display(elapsed);
                self.say(&format!("{}/{}: {said} (after {after})", job.workflow_name, job.job_id));
            }
            (None, _) => {}
        }
    }

    /// A job is expected to end by then.
    pub(super) fn expected(&mut self, job: &JobKey, eta: Eta) {
        let Some(line) = self.jobs.get_mut(job) else { return };
        line.eta = Some((eta, Instant::now()));
        if let Some(bar) = &line.bar {
            bar.set_message(line.live_message(None));
        }
    }

    /// The search for workflows got no answer.
    pub(super) fn search_troubled(&mut self, error: &SourceError) {
        if self.search_trouble.replace(error.reason()) != Some(error.reason()) {
            self.note(&format!("{error}; asking again"));
        }
    }

    /// Nothing has been said for a while.
    pub(super) fn heartbeat(&self, elapsed: Duration) {
        if !matches!(self.audience, Audience::Log) {
            return;
        }
        let after = duration::display(elapsed);
        if self.jobs.is_empty() {
            tell(format_args!("still looking for the workflow (after {after})"));
        }
        for (job, line) in self.jobs.iter().filter(|(_, line)| line.is_open()) {
            let told = match (&*line.told, line.trouble) {
                ("", None) => "no answer yet".to_owned(),
                ("", Some(trouble)) => trouble.replace('_', " "),
                (status, None) => match line.left() {
                    Some(left) => format!("{status}, {left}"),
                    None => status.to_owned(),
                },
                (status, Some(trouble)) => format!("{status}, {}", trouble.replace('_', " ")),
            };
            let (workflow, job_id) = (&job.workflow_name, &job.job_id);
            self.say(&format!("{workflow}/{job_id}: still {told} (after {after})"));
        }
    }

    /// Says what is going on, beside the jobs.
    pub(in crate::cli) fn note(&self, message: &str) {
        if !matches!(self.audience, Audience::Nobody) {
            self.say(message);
        }
    }

    /// Says a line of its own, and no more than one: names come from elsewhere, and GitHub's runner obeys lines. Said even
    /// where no progress is wanted: it is why the command ends.
    pub(in crate::cli) fn say(&self, message: &str) {
        self.suspend(|| tell(format_args!("{}", plain(message))));
    }

    /// Runs `write` while the live lines are out of the way.
    pub(super) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.audience {
            Audience::Terminal(lines) => lines.suspend(write),
            Audience::Nobody | Audience::Log => write(),
        }
    }

    /// Leaves the live lines as they are.
    pub(super) fn finish(&self) {
        for bar in self.jobs.values().filter_map(|line| line.bar.as_ref()) {
            if !bar.is_finished() {
                bar.abandon();
            }
        }
    }
}

impl Line {
    /// What there is to say about an answer: only what is new.
    fn answered(&mut self, status: &str) -> Option<String> {
        self.trouble = None;
        if self.told == status {
            return None;
        }
        let before = std::mem::replace(&mut self.told, status.to_owned());
        Some(if before.is_empty() { status.to_owned() } else { format!("{before} → {status}") })
    }

    /// What there is to say about an error: only the first for its reason in a row.
    fn failed(&mut self, error: &SourceError, next: &Next) -> Option<String> {
        if self.trouble.replace(error.reason()) == Some(error.reason()) {
            return None;
        }
        match next {
            Next::AskIn(_) => Some(format!("{error}; asking again")),
            // The command says why it ends.
            Next::Ended(_) | Next::GiveUp(_) => None,
        }
    }

    fn live_message(&self, error: Option<&SourceError>) -> String {
        let told = if self.told.is_empty() { "…" } else { &self.told };
        match (error, self.left()) {
            (Some(error), _) => format!("{told}  ({error}; asking again)"),
            (None, Some(left)) => format!("{told}  {left}"),
            (None, None) => told.to_owned(),
        }
    }

    /// How much longer it is expected to take.
    fn left(&self) -> Option<String> {
        let (eta, said_at) = self.eta.filter(|_| self.told == "RUNNING")?;
        let left = |whole: Duration| whole.saturating_sub(said_at.elapsed());
        if left(eta.p90).is_zero() {
            return Some("later than usual".to_owned());
        }
        let [early, middle, late] = [eta.p10, eta.p50, eta.p90].map(|whole| about(left(whole)));
        Some(format!("about {middle} left ({early} to {late})"))
    }

    fn is_open(&self) -> bool {
        !matches!(self.told.as_str(), "SUCCEEDED" | "FAILED")
    }
}

/// A duration as people say it: nobody knows an hour to the second.
fn about(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let unit = match seconds {
        0..60 => 1,
        60..600 => 10,
        600..7_200 => 60,
        _ => 600,
    };
    duration::display(Duration::from_secs((seconds + unit / 2) / unit * unit))
}

fn live_line(lines: &MultiProgress, job: &JobKey) -> ProgressBar {
    let bar = lines.add(ProgressBar::new_spinner());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4} {prefix}  {wide_msg}") {
        bar.set_style(style);
    }
    // Enough to tell jobs apart, and short enough to leave room for what is said of them.
    let short_id: String = job.job_id.chars().take(8).collect();
    bar.set_prefix(format!("{}/{short_id}…", job.workflow_name));
    bar.set_message("…");
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
