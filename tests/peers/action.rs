//! `action.yml`, held to the schema that editors and linters hold actions to.

use std::process::Stdio;

use tokio::process::Command;

use crate::support::program;

const ACTION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/action.yml");

async fn check(file: &str) -> std::process::Output {
    // It ships the schema, and asks nobody for it.
    let mut check = Command::new(program("check-jsonschema"));
    check.args(["--builtin-schema", "vendor.github-actions", file]).stdin(Stdio::null());
    check.output().await.unwrap()
}

#[tokio::test]
async fn the_action_is_one_by_its_published_schema() {
    let output = check(ACTION).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("action.yml");
    let text = std::fs::read_to_string(ACTION).unwrap().replace("shell: bash", "shel: bash");
    std::fs::write(&broken, text).unwrap();
    assert!(!check(broken.to_str().unwrap()).await.status.success(), "it checks nothing");
}
