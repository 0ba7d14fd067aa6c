//! `matchwatch demo`.

use std::collections::BTreeMap;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::support::schema::{assert_valid, schema, validator};
use crate::support::soon;

#[tokio::test]
async fn the_demo_ends_by_itself_and_tells_every_status_of_every_job() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Command::new(env!("CARGO_BIN_EXE_matchwatch"))
        .arg("demo")
        .current_dir(folder.path())
        .env_clear()
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = soon("the end of the demo", demo).await.unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");

    let validator = validator(&schema());
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let event: Value = serde_json::from_str(line).expect("stdout holds events alone");
        assert_valid(&validator, &event);
        let statuses = told.entry(event["subject"].as_str().unwrap().to_owned()).or_default();
        let inferred = event["data"]["inferred"].as_array().into_iter().flatten();
        statuses.extend(
            inferred
                .chain([&event["data"]["status"]])
                .map(|status| status.as_str().unwrap().to_owned()),
        );
    }
    assert_eq!(told.len(), 5, "{told:#?}");
    for (job, statuses) in &told {
        let [before @ .., last] = statuses.as_slice() else { panic!("nothing of {job}") };
        assert_eq!(before, ["QUEUED", "RUNNING"], "{job}");
        assert!(["SUCCEEDED", "FAILED"].contains(&last.as_str()), "{job}");
    }
    assert!(stderr.contains("5 jobs ended in "), "{stderr}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it leaves nothing behind");
}
