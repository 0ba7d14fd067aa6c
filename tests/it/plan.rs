//! `matchwatch plan`: the real binary.

use std::process::Stdio;
use std::time::Duration;

use matchwatch::simulator::Kind;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::support::daemon::{Home, watch};
use crate::support::service::Service;
use crate::support::soon;

const LISTS: &str =
    "matchwatch_requests_total{account=\"main\",operation=\"ListMatchingJobs\",outcome=\"ok\"}";
const STDOUT: &str = "
[[notifier]]
name = \"lines\"
type = \"stdout\"
";

/// Runs `matchwatch plan` and gives its exit code, standard output and standard error.
async fn plan(arguments: &[&str], stdin: &str) -> (Option<i32>, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_matchwatch"))
        .arg("plan")
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    // Where nothing is read, the pipe may be closed already.
    let _ = pipe.write_all(stdin.as_bytes()).await;
    drop(pipe);
    let output = soon("plan", child.wait_with_output()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

const MINUTES: &str = "12m\n13m 30s\n14m\n12m 45s\n15m\n13m\n12m 10s\n14m 20s\n";

#[tokio::test]
async fn a_plan_is_one_json_document_that_stands_beside_a_fixed_interval() {
    let arguments = ["--run-time", "-", "--call-worth", "2s", "--output", "json"];
    let (code, stdout, stderr) = plan(&arguments, MINUTES).await;
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let shown: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(shown["runs"], 8);
    assert_eq!(shown["callWorthSeconds"], 2.0);
    let median = shown["runTimeSeconds"]["p50"].as_f64().unwrap();
    assert!((720.0..900.0).contains(&median), "{stdout}");
    let asked: Vec<f64> = serde_json::from_value(shown["askedAtSeconds"].clone()).unwrap();
    assert!(asked.is_sorted() && asked[asked.len() - 1] > 900.0, "{stdout}");
    let cost = |plan: &str| shown[plan]["costSeconds"].as_f64().unwrap();
    assert!(cost("learned") < 0.7 * cost("fixed"), "{stdout}");
    assert_eq!(shown["fixed"]["intervalSeconds"], 30.0);
}

#[tokio::test]
async fn a_plan_is_drawn_into_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.svg");
    let arguments = ["--run-time", "12m", "--svg", file.to_str().unwrap()];
    let (code, stdout, _) = plan(&arguments, "").await;
    assert_eq!(code, Some(0));
    assert!(stdout.starts_with("1 run is known"), "{stdout}");
    let svg = std::fs::read_to_string(&file).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
}

#[tokio::test]
async fn what_cannot_be_planned_for_is_refused_as_usage() {
    for (arguments, why) in [
        (&["--run-time", "soon"][..], "--run-time: \"soon\" is not a duration"),
        (
            &["--min-interval", "1m", "--max-interval", "10s"],
            "--min-interval 1m is longer than --max-interval 10s",
        ),
        (&["--call-worth", "0s"], "is no time at all"),
        (&["--svg", "/nowhere/plan.svg"], "cannot write /nowhere/plan.svg"),
    ] {
        let (code, stdout, stderr) = plan(arguments, "").await;
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(stderr.contains(why), "{stderr}");
    }
}

#[tokio::test]
async fn a_plan_can_be_made_of_what_the_daemon_has_learned() {
    let service = Service::start().await;
    service.ended_job("customers", Duration::from_mins(60), Duration::from_mins(9));
    let job = service.job("customers");
    let home = Home::new(service.url(), &format!("{}{STDOUT}", watch("customers", &[&job])));
    let mut daemon = home.serve().await;
    daemon.event().await;
    // At the first sight of a workflow its list is looked through.
    soon("a list", async { while daemon.metric(LISTS).await != Some(1.0) {} }).await;
    assert_eq!(daemon.stop().await.code, Some(0));

    let of_workflow =
        async |name| home.run(&["plan", "--workflow-name", name, "--output", "json"]).await;
    let shown = of_workflow("customers").await;
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["runs"], 1);

    assert_eq!(shown["callWorthSeconds"], 1.0);

    let unknown = of_workflow("costumers").await;
    assert_eq!(unknown.status.code(), Some(5));
    let complaint = String::from_utf8(unknown.stderr).unwrap();
    assert!(complaint.contains("no job of workflow costumers is known"), "{complaint}");
}

#[tokio::test]
async fn a_plan_for_a_workflow_is_that_of_the_configuration_and_flags_win() {
    let service = Service::start().await;
    service.ended_job("customers", Duration::from_mins(60), Duration::from_mins(9));
    let job = service.job("customers");
    let home = Home::new(service.url(), &format!("{}{STDOUT}", watch("customers", &[&job])));
    let mut daemon = home.serve().await;
    daemon.event().await;
    soon("a list", async { while daemon.metric(LISTS).await != Some(1.0) {} }).await;
    assert_eq!(daemon.stop().await.code, Some(0));
    let home = home
        .with("MATCHWATCH__POLL__CALL_WORTH", "5s")
        .with("MATCHWATCH__POLL__MIN_INTERVAL", "4s")
        .with("MATCHWATCH__POLL__MAX_INTERVAL", "3m");
    let figures = async |home: &Home, more: &[&str]| {
        let arguments = ["plan", "--workflow-name", "customers", "--output", "json"];
        let shown = home.run(&[&arguments, more].concat()).await;
        assert_eq!(shown.status.code(), Some(0), "{shown:?}");
        let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
        ["callWorthSeconds", "minIntervalSeconds", "maxIntervalSeconds"]
            .map(|figure| shown[figure].as_f64().unwrap())
    };
    assert_eq!(figures(&home, &[]).await, [5.0, 4.0, 180.0]);
    let flags = ["--call-worth", "2s", "--min-interval", "1s", "--max-interval", "20s"];
    assert_eq!(figures(&home, &flags).await, [2.0, 1.0, 20.0]);

    let refused = home.run(&["plan", "--workflow-name", "customers", "--min-interval", "4m"]).await;
    assert_eq!(refused.status.code(), Some(2));
    let complaint = String::from_utf8(refused.stderr).unwrap();
    assert!(
        complaint.contains("--min-interval 4m is longer than [poll] max_interval 3m"),
        "{complaint}"
    );

    // Nine and a half planned questions in a hundred seconds are all that this budget allows.
    let poor = home.with("MATCHWATCH__ACCOUNT__0__GET_RATE", "0.1");
    assert_eq!(figures(&poor, &["--min-interval", "2s"]).await, [5.0, 10.526, 180.0]);
}

#[tokio::test]
async fn what_is_learned_of_a_matching_workflow_is_not_that_of_an_id_mapping_one_of_its_name() {
    let service = Service::start().await;
    // A job that is held at its end ran from its submission on.
    let (hour, minutes) = (Duration::from_mins(60), Duration::from_mins(9));
    service.ended_job("customers", hour, hour);
    service.ended_job_of(Kind::IdMapping, "customers", minutes, minutes);
    let jobs = [Kind::Matching, Kind::IdMapping].map(|kind| service.job_of(kind, "customers"));
    let watches = format!(
        "{}{}kind = \"id-mapping\"\n{STDOUT}",
        watch("customers", &[&jobs[0]]),
        watch("customers", &[&jobs[1]])
    );
    let home = Home::new(service.url(), &watches);
    let mut daemon = home.serve().await;
    for lists in [LISTS, &LISTS.replace("Matching", "IdMapping")] {
        soon("a list", async { while daemon.metric(lists).await != Some(1.0) {} }).await;
    }
    for _ in 0..2 {
        daemon.event().await;
    }
    assert_eq!(daemon.stop().await.code, Some(0));

    let command = ["plan", "--workflow-name", "customers", "--output", "json"];
    let unclear = home.run(&command).await;
    assert_eq!(unclear.status.code(), Some(2));
    let complaint = String::from_utf8(unclear.stderr).unwrap();
    assert!(complaint.contains("choose with --kind"), "{complaint}");
    for (kind, ran) in [("matching", 3_600.0), ("id-mapping", 540.0)] {
        let output = home.run(&[&command[..], &["--kind", kind]].concat()).await;
        let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(shown["runs"], 1, "{kind}");
        let median = shown["runTimeSeconds"]["p50"].as_f64().unwrap();
        assert!((0.5..2.0).contains(&(median / ran)), "{kind}: {median}");
    }
}
