//! Roles as moto's STS grants them, and as boto3 sees who has assumed them.

use std::time::SystemTime;

use aws_credential_types::provider::ProvideCredentials;
use matchwatch::aws::{Role, assume};

use crate::moto::Moto;
use crate::simulator::Simulated;

#[tokio::test]
async fn a_session_is_one_in_the_role_under_its_name_and_is_renewed_ahead_of_its_end() {
    let moto = Moto::start().await;
    let role = Role {
        external_id: Some("tenant:42".to_owned()),
        session_name: "matchwatch@ops".to_owned(),
        sts_endpoint_url: Some(moto.endpoint.clone()),
        ..Role::new(moto.name(&["role"]).await)
    };
    let provider = assume(moto.base().await, &role).credentials_provider().unwrap();
    let session = provider.provide_credentials().await.unwrap();
    let token = session.session_token().unwrap();
    let caller =
        moto.call(&["caller", session.access_key_id(), session.secret_access_key(), token]).await;
    assert_eq!(caller["arn"], "arn:aws:sts::123456789012:assumed-role/sender/matchwatch@ops");
    let renewed = session.expiry().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let left = renewed.as_secs() - caller["now"].as_u64().unwrap();
    // Of an hour, some of which has gone by on a busy machine.
    assert!((40 * 60..=55 * 60).contains(&left), "{left} s");
}

#[tokio::test]
async fn check_online_asks_in_the_role_and_says_which_one_is_not_assumed() {
    let (moto, simulated) = (Moto::start().await, Simulated::start());
    let (role, folder) = (moto.name(&["role"]).await, tempfile::tempdir().unwrap());
    let account = |name: &str, sts: &str| {
        format!("[[account]]\nname = {name:?}\nrole_arn = {role:?}\nsts_endpoint_url = {sts:?}\n")
    };
    let configuration = account("tenant", &moto.endpoint) + &account("other", "http://127.0.0.1:1");
    std::fs::write(folder.path().join("matchwatch.toml"), configuration).unwrap();
    let output = simulated
        .peer(env!("CARGO_BIN_EXE_matchwatch"))
        .args(["check", "--online", "--config", "matchwatch.toml"])
        .env("AWS_REGION", "eu-west-1")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    let works = format!("  ok      account tenant: eu-west-1 answers, signed in role {role}\n");
    assert!(report.contains(&works), "{report}");
    let fails = format!("  FAILED  account other: service unavailable: role {role} is not assumed");
    assert!(report.contains(&fails), "{report}");
    assert_eq!(output.status.code(), Some(6), "{report}");
}
