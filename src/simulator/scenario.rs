//! What is simulated: the TOML of `matchwatch simulate --scenario`. `config/simulator.toml` explains every key.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::de::{self, IgnoredAny, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::chance::Distribution;
use super::faults::{Denial, Faults, Script};
use super::limits::Limits;
use super::spec::{JobSpec, WorkflowSpec};
use super::world::WorldError;

/// The scenario that ships with the program: `config/simulator.toml`.
pub const DEFAULT: &str = include_str!("../../config/simulator.toml");

/// All that the simulator can be told at its start.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Fixes job ids, durations, endings and faults. Left out, each run differs.
    pub seed: Option<u64>,
    /// Simulated seconds per real second.
    pub time_factor: TimeFactor,
    /// The simulated instant of the start. Left out, it is the present.
    pub clock_starts_at: Option<Timestamp>,
    /// The Region in ARNs.
    pub region: String,
    /// The account in ARNs.
    pub account_id: String,
    /// How many jobs of each lane run at the same time.
    pub running_at_once: RunningAtOnce,
    /// Simulated time from the start on in which others start jobs. Left out, they never cease.
    #[serde(deserialize_with = "some_duration")]
    pub starts_for: Option<Duration>,
    /// What a job's `startTime` tells.
    pub start_time_means: StartTimeMeans,
    /// Real time that passes before an answer is made.
    pub latency: Distribution,
    /// Request rates, where they differ from the service's quotas.
    pub limits: Limits,
    /// Shares of requests that go wrong.
    pub faults: Faults,
    /// The workflows that exist.
    pub workflows: Vec<WorkflowSpec>,
    /// The jobs that exist at the start.
    pub jobs: Vec<JobSpec>,
    /// What the caller may not do.
    pub denials: Vec<Denial>,
    /// Answers to the first requests.
    pub answers: Vec<Script>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            seed: None,
            time_factor: TimeFactor::default(),
            clock_starts_at: None,
            region: "us-east-1".to_owned(),
            account_id: "123456789012".to_owned(),
            running_at_once: RunningAtOnce::default(),
            starts_for: None,
            start_time_means: StartTimeMeans::default(),
            latency: Distribution::Fixed(Duration::ZERO),
            limits: Limits::new(),
            faults: Faults::default(),
            workflows: Vec::new(),
            jobs: Vec::new(),
            denials: Vec::new(),
            answers: Vec::new(),
        }
    }
}

fn some_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    crate::duration::deserialize(deserializer).map(Some)
}

/// What a job's `startTime` tells: the service's documentation leaves it open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartTimeMeans {
    /// When the job was submitted.
    #[default]
    Submitted,
    /// When it began to run; while it is queued, when it was submitted.
    Running,
}

/// Simulated seconds per real second: above 0.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub struct TimeFactor(f64);

impl TimeFactor {
    /// Simulated seconds per real second.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl Default for TimeFactor {
    fn default() -> Self {
        Self(1.0)
    }
}

impl TryFrom<f64> for TimeFactor {
    type Error = String;

    fn try_from(factor: f64) -> Result<Self, String> {
        if factor > 0.0 && factor <= 1e6 {
            Ok(Self(factor))
        } else {
            Err(format!(
                "a time factor of {factor} makes no time: write 1 for real time, 60 for a minute a second"
            ))
        }
    }
}

/// How many jobs of a lane run at the same time; a lane is a family, or the provider workflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunningAtOnce(usize);

impl RunningAtOnce {
    /// No job ever waits.
    pub const UNLIMITED: Self = Self(usize::MAX);

    /// `count` jobs; 0 lifts the limit.
    pub const fn new(count: usize) -> Self {
        if count == 0 { Self::UNLIMITED } else { Self(count) }
    }

    /// The number of jobs.
    pub const fn get(self) -> usize {
        self.0
    }
}

impl Default for RunningAtOnce {
    /// As the service.
    fn default() -> Self {
        Self(1)
    }
}

impl<'de> Deserialize<'de> for RunningAtOnce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl Visitor<'_> for Written {
            type Value = RunningAtOnce;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of jobs, or \"unlimited\"")
            }

            fn visit_i64<E: de::Error>(self, count: i64) -> Result<RunningAtOnce, E> {
                usize::try_from(count)
                    .map(RunningAtOnce::new)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(count), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<RunningAtOnce, E> {
                if text == "unlimited" {
                    return Ok(RunningAtOnce::UNLIMITED);
                }
                Err(E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(Written)
    }
}

/// Why a scenario cannot be simulated.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("cannot read the scenario {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It is no TOML, or has a key or a value that means nothing.
    #[error("{name}: {}", cause.to_string().trim_end())]
    Written {
        /// The file.
        name: String,
        /// Line, column and key.
        cause: Box<toml::de::Error>,
    },
    /// Each value could be, but not together.
    #[error("{name}, line {line}: {problem}")]
    Meant {
        /// The file.
        name: String,
        /// Where the entry begins, counted from 1.
        line: usize,
        /// What is wrong.
        problem: Problem,
    },
    /// As before, of a scenario that did not come from a file.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// The initial jobs cannot be as described.
    #[error("jobs: {0}")]
    Jobs(#[from] WorldError),
}

/// What is wrong with an entry of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{list}[{index}].{key}: {advice}")]
pub struct Problem {
    /// The list that the entry is in.
    pub list: &'static str,
    /// The entry, counted from 0.
    pub index: usize,
    /// The key.
    pub key: &'static str,
    /// What is wrong with the value, and what to write instead.
    pub advice: String,
}

impl Scenario {
    /// Reads a scenario from a file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or the scenario cannot be simulated; says where.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ScenarioError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads a scenario from TOML. `name` says in errors where the text came from.
    ///
    /// # Errors
    ///
    /// When the scenario cannot be simulated; says where.
    pub fn parse(text: &str, name: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text).map_err(|cause| ScenarioError::Written {
            name: name.to_owned(),
            cause: Box::new(cause),
        })?;
        scenario.check().map_err(|problem| ScenarioError::Meant {
            name: name.to_owned(),
            line: line_of(text, &problem),
            problem,
        })?;
        Ok(scenario)
    }

    /// Checks what the values mean together. The world relies on it.
    pub(super) fn check(&self) -> Result<(), Problem> {
        for (index, workflow) in self.workflows.iter().enumerate() {
            let problem = |key, advice| Problem { list: "workflows", index, key, advice };
            workflow.check().map_err(|(key, advice)| problem(key, advice))?;
            let earlier = &self.workflows[..index];
            if earlier.iter().any(|other| other.is(workflow.kind, &workflow.name)) {
                let advice = format!(
                    "another {} workflow is named {:?} already",
                    workflow.kind, workflow.name
                );
                return Err(problem("name", advice));
            }
        }
        for (index, job) in self.jobs.iter().enumerate() {
            job.check(&self.workflows).map_err(|(key, advice)| Problem {
                list: "jobs",
                index,
                key,
                advice,
            })?;
            let earlier = &self.jobs[..index];
            if job.job_id.is_some() && earlier.iter().any(|other| other.job_id == job.job_id) {
                let advice = "another job has this id already".to_owned();
                return Err(Problem { list: "jobs", index, key: "job_id", advice });
            }
        }
        Ok(())
    }
}

/// The line that the problem's entry begins on, counted from 1.
fn line_of(text: &str, problem: &Problem) -> usize {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Entries {
        workflows: Vec<Spanned<IgnoredAny>>,
        jobs: Vec<Spanned<IgnoredAny>>,
    }

    let entries: Entries = toml::from_str(text).unwrap_or_default();
    let list = if problem.list == "workflows" { &entries.workflows } else { &entries.jobs };
    let Range { start, .. } = list.get(problem.index).map_or(0..0, Spanned::span);
    text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::super::operation::Kind;
    use super::*;

    fn refusal(text: &str) -> String {
        Scenario::parse(text, "bad.toml").unwrap_err().to_string()
    }

    #[test]
    fn the_scenario_that_ships_with_the_program_is_valid() {
        let scenario = Scenario::parse(DEFAULT, "config/simulator.toml").unwrap();
        assert!(scenario.workflows.iter().any(|workflow| workflow.kind == Kind::IdMapping));
    }

    #[test]
    fn the_shipped_scenario_is_as_the_service_where_the_service_is_known() {
        let scenario = Scenario::parse(DEFAULT, "config/simulator.toml").unwrap();
        assert_eq!(scenario.running_at_once.get(), 1);
        for (operation, limit) in scenario.limits {
            assert_eq!(limit, super::super::limits::Limit::per_second(operation.quota()));
        }
    }

    #[test]
    fn a_refusal_names_file_line_and_key() {
        for (text, wanted) in [
            ("tim_factor = 2", "line 1, column 1"),
            ("seed = 1\ntime_factor = 0", "line 2"),
            ("running_at_once = -1", "a number of jobs, or \"unlimited\""),
            ("[faults]\nerror_500 = 1.5", "line 2"),
            ("[faults]\nreset = 0.6\nstall = 0.6", "add up"),
            ("[limits]\nGetMatchingJobs = 1", "line 2"),
            ("[limits]\nGetMatchingJob = 0", "above 0"),
            ("[limits]\nGetMatchingJob = { rate = 1, capacity = 0.5 }", "1 or more"),
            ("latency = \"soon\"", "is not a duration"),
            (
                "[[workflows]]\nname = \"a\"\nduration = { uniform = { min = \"2s\", max = \"1s\" } }",
                "line 3",
            ),
            (
                "[[workflows]]\nname = \"a\"\nduration = { uniform = { min = \"2s\", mx = \"3s\" } }",
                "mx",
            ),
            ("seed = 1\n[[workflows]]\nname = \"a b\"", "line 2: workflows[0].name"),
            (
                "[[workflows]]\nname = \"a\"\n[[workflows]]\nname = \"a\"",
                "line 3: workflows[1].name",
            ),
            ("[[workflows]]\nname = \"a\"\nmetrics = { matchIds = 1 }", "workflows[0].metrics"),
            ("[[workflows]]\nname = \"a\"\noutput = { s3_path = \"/tmp\" }", "workflows[0].output"),
            ("[[jobs]]\nworkflow = \"b\"", "line 1: jobs[0].workflow: no workflow is named \"b\""),
            (
                "[[workflows]]\nname = \"a\"\n[[jobs]]\nworkflow = \"a\"\njob_id = \"1\"",
                "line 3: jobs[0].job_id",
            ),
            ("[[denials]]\nworkflow = \"a\"\nop = 1", "line 3"),
            ("[[answers]]\noperation = \"GetMatchingJob\"\nanswer = \"shrug\"", "line 3"),
        ] {
            let refusal = refusal(text);
            assert!(refusal.starts_with("bad.toml"), "{refusal}");
            assert_eq!(refusal, refusal.trim_end());
            assert!(refusal.contains(wanted), "{text}\nsays: {refusal}");
        }
    }

    #[test]
    fn no_limit_on_running_jobs_is_written_as_0_or_as_a_word() {
        for text in ["running_at_once = 0", "running_at_once = \"unlimited\""] {
            let scenario = Scenario::parse(text, "good.toml").unwrap();
            assert_eq!(scenario.running_at_once, RunningAtOnce::UNLIMITED);
        }
    }
}
