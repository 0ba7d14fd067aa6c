//! A service that loses one answer in five.

use std::collections::HashMap;

use tokio::task::JoinSet;

use super::*;

const RUNS: usize = 200;
/// As many at once as two cores bear.
const AT_ONCE: usize = 50;

fn scenario() -> String {
    let mut text = QUICK.split("[[workflows]]").next().unwrap().to_owned();
    text += "[faults]\nlost = 0.2\n";
    for run in 0..RUNS {
        text += &format!("[[workflows]]\nname = \"w{run}\"\nduration = \"100ms\"\n");
    }
    format!("seed = 5\n{text}")
}

/// Takes some twenty seconds.
#[tokio::test]
async fn no_second_job_is_started_without_a_word_in_200_runs() {
    let account = Account::open_with(&scenario()).await;
    let mut running = JoinSet::new();
    let mut outputs = HashMap::new();
    for run in 0..RUNS {
        if running.len() == AT_ONCE {
            let (name, output) = running.join_next().await.unwrap().unwrap();
            outputs.insert(name, output);
        }
        let name = format!("w{run}");
        let command = account.command("run", &["--workflow-name", &name, "--max-interval", "1s"]);
        running.spawn(async move { (name, ended(command).await) });
    }
    outputs.extend(running.join_all().await);

    let mut jobs: HashMap<String, Vec<String>> = HashMap::new();
    for (_, workflow, job) in account.simulator.jobs() {
        jobs.entry(workflow).or_default().push(job.id);
    }
    let mut adopted = 0;
    for (workflow, output) in &outputs {
        let (started, said) = (&jobs[workflow], stderr(output));
        assert_exit(output, 0);
        let told: Value = serde_json::from_str(stdout(output)).unwrap();
        let job_id = told["jobId"].as_str().unwrap();
        assert!(started.iter().any(|id| id == job_id), "{workflow}: {said}");
        assert!(said.contains(&format!("{workflow}/{job_id}: ")), "{said}");
        if started.len() > 1 {
            assert!(said.contains("there will be two"), "{workflow} has {started:?}: {said}");
        }
        adopted += usize::from(said.contains("adopted"));
    }
    assert_eq!(outputs.len(), RUNS);
    let lost = account.simulator.counts().of(START, "lost");
    assert!(lost > 20 && adopted > 20, "{lost} starts were lost, {adopted} jobs adopted");
}
