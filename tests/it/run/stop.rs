//! A command that is stopped, or whose time is up: what is known is said.

use rustix::process::Signal;
use tokio::net::TcpListener;

use super::*;
use crate::support::scripted::{Reply, ScriptedServer};

/// A job that does not end by itself.
const ENDLESS: &str = "[[workflows]]\nname = \"customers\"\nduration = \"never\"\n";

#[tokio::test]
async fn ctrl_c_is_exit_130_and_sigterm_143_and_the_job_goes_on() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let account = Account::open_with(ENDLESS).await;
        let (mut child, mut lines) = begun(run(&account, &[]), "RUNNING").await;
        send(signal, &child);
        let ids = job_ids(&account);
        let again = format!(
            "To wait again: matchwatch wait --job-id {} --workflow-name customers --region",
            ids[0]
        );
        progress(&mut lines, &again).await;
        assert_eq!(child.wait().await.unwrap().code(), Some(code));
        assert_eq!(account.simulator.job(&ids[0]).unwrap().status, Status::Running);
    }
}

#[tokio::test]
async fn a_signal_while_no_request_had_an_effect_says_that_no_job_was_started() {
    let account = Account::open_with(ENDLESS).await;
    account.script(START, Answer::Conflict, u32::MAX);
    let (mut child, mut lines) = begun(run(&account, &["--queue"]), "ConflictException").await;
    send(Signal::INT, &child);
    progress(&mut lines, "stopped; no job of workflow customers was started").await;
    assert_eq!(child.wait().await.unwrap().code(), Some(130));
    assert!(job_ids(&account).is_empty());
}

#[tokio::test]
async fn a_signal_before_anything_is_asked_says_that_no_job_was_started() {
    // Whoever has no Region asks the machine's metadata service, and this one never answers.
    let silent = ScriptedServer::start([Reply::Silence]).await;
    let mut command = bare("run", &["--workflow-name", "customers"]);
    command
        .env_remove("AWS_EC2_METADATA_DISABLED")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", silent.url());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    silent.asked(1).await;
    send(Signal::INT, &child);
    progress(&mut lines, "stopped before anything could be asked; no job of workflow customers")
        .await;
    assert_eq!(child.wait().await.unwrap().code(), Some(130));
}

#[tokio::test]
async fn the_command_that_waits_again_can_be_run_as_it_stands() {
    let account = Account::open_with(ENDLESS).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a folder's matchwatch.toml");
    let (url, text) = (&account.url, "[[account]]\nname = \"mine\"\nregion = \"eu-west-1\"");
    let text = format!("{text}\nendpoint_url = \"{url}\"\nno_sign_request = true\n");
    std::fs::write(&path, text).unwrap();
    let config = ["--config", path.to_str().unwrap(), "--account", "mine"];
    let mut command = bare("run", &["--workflow-name", "customers", "--timeout", "2s"]);
    command.args(config);
    let output = ended(command).await;
    assert_exit(&output, 3);
    let (_, again) = stderr(&output).trim_end().rsplit_once("To wait again: ").unwrap();

    account.simulator.set_status(&job_ids(&account)[0], Status::Succeeded).unwrap();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_matchwatch"));
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", again]).env("PATH", program.parent().unwrap());
    assert_exit(&ended(shell).await, 0);
}

#[tokio::test]
async fn a_signal_while_a_request_is_under_way_says_that_a_job_may_have_been_started() {
    let account = Account::open_with(ENDLESS).await;
    account.script(START, Answer::LostStall, 1);
    let mut command = run(&account, &[]);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    account.simulator.until(|counts| counts.of(START, "lost-stall") == 1).await;
    send(Signal::TERM, &child);
    progress(&mut lines, "a job may have been started").await;
    assert_eq!(child.wait().await.unwrap().code(), Some(143));
}

#[tokio::test]
async fn a_signal_while_a_job_is_looked_for_names_the_one_that_may_be_ours() {
    let account = Account::open_with(ENDLESS).await;
    account.script(START, Answer::Lost, 1);
    let (mut child, mut lines) = begun(run(&account, &[]), "may be it").await;
    send(Signal::INT, &child);
    let ids = job_ids(&account);
    let perhaps = format!("a job may have been started, perhaps {}; ", ids[0]);
    let last = lines.next_line().await.unwrap().unwrap();
    assert!(last.contains(&perhaps), "{last}");
    assert!(last.contains(&format!("matchwatch wait --job-id {} ", ids[0])), "{last}");
    assert_eq!(child.wait().await.unwrap().code(), Some(130));
}

#[tokio::test]
async fn a_deadline_is_exit_3_with_a_job_and_9_where_one_may_have_been_started() {
    let account = Account::open_with(ENDLESS).await;
    let output = ended(run(&account, &["--timeout", "2s"])).await;
    assert_exit(&output, 3);
    let again = format!("matchwatch wait --job-id {}", job_ids(&account)[0]);
    assert!(stderr(&output).contains(&again), "{}", stderr(&output));

    account.script(START, Answer::LostStall, 1);
    let output = ended(run(&account, &["--timeout", "1s"])).await;
    assert_exit(&output, 9);
    assert!(stderr(&output).contains("a job may have been started"), "{}", stderr(&output));
}

#[tokio::test]
async fn a_deadline_without_a_job_is_exit_3_or_6_by_whether_the_service_answered() {
    let account = Account::open_with(ENDLESS).await;
    account.script(START, Answer::Throttled, u32::MAX);
    let output = ended(run(&account, &["--timeout", "1s"])).await;
    assert_exit(&output, 3);
    assert!(
        stderr(&output).contains("no job of workflow customers was started; last error: throttled")
    );

    let account = Account::open_with(ENDLESS).await;
    account.script(START, Answer::Conflict, u32::MAX);
    let output = ended(run(&account, &["--queue", "--timeout", "1s"])).await;
    assert_exit(&output, 3);
    let last = stderr(&output).lines().last().unwrap();
    assert!(last.contains("was started; last error: the workflow is busy: Conflict"), "{last}");

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let mut command = bare(
        "run",
        &["--workflow-name", "customers", "--timeout", "300ms", "--endpoint-url", &url],
    );
    command.args(["--region", "eu-west-1", "--no-sign-request"]);
    let output = ended(command).await;
    assert_exit(&output, 6);
    assert!(stderr(&output).contains("no job of workflow customers was started"));
}
