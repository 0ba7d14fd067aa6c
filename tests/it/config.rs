//! The configuration: what is read, and how all that is wrong is told.

mod anything;
mod bad;
mod command;
mod documented;
mod environment;
mod good;
mod shipped;

use std::time::Duration;

use matchwatch::config::{self, Loaded, Problems, Settings};

const JOB: &str = "0123456789abcdef0123456789abcdef";
const SHIPPED: &str = include_str!("../../config/matchwatch.toml");

fn parse(text: &str) -> Result<Loaded, Problems> {
    parse_with(text, &[])
}

fn parse_with(text: &str, environment: &[(&str, &str)]) -> Result<Loaded, Problems> {
    let environment = environment.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    config::parse("test.toml", text, environment)
}

fn settings(text: &str, environment: &[(&str, &str)]) -> Settings {
    parse_with(text, environment).unwrap_or_else(|problems| panic!("{problems}")).settings
}

/// The problems, a line each, without the summary.
fn problems(text: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let problems = parse_with(text, environment).expect_err("nothing is wrong");
    problems.list().iter().map(ToString::to_string).collect()
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
