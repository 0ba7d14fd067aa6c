//! Tests that need an environment of their own: environment variables belong to the whole process.

use std::process::Command;

/// Runs the ignored test `name` of this binary in a process that has the environment `variables` alone, and
/// panics with its output if it fails.
pub(crate) fn run_in(variables: &[(&str, &str)], name: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", name])
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{name} in its own environment:\n{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
