//! The DAGs, run by Airflow itself.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::{Example, printed};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";

/// A program of the Python that has Airflow: its pins and those of the other peers do not go together.
fn program(name: &str) -> PathBuf {
    let folder = std::env::var_os("MATCHWATCH_AIRFLOW_BIN").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/airflow/bin")),
        PathBuf::from,
    );
    let program = folder.join(name);
    assert!(
        program.exists(),
        "{} does not exist: run scripts/test, which installs the programs that these tests need",
        program.display()
    );
    program
}

/// A program in an Airflow whose DAGs and plugins are the example's.
fn airflow(example: &Example, program: impl AsRef<OsStr>) -> Command {
    let mut command = example.command(program);
    command
        .env("AIRFLOW_HOME", example.path("home"))
        .env("AIRFLOW__CORE__DAGS_FOLDER", example.path("dags"))
        .env("AIRFLOW__CORE__PLUGINS_FOLDER", example.path("plugins"))
        .env("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
        .env("PYTHONPATH", example.path("plugins"))
        .env("MATCHWATCH_WEBHOOK_SECRET", SECRET);
    command
}

/// What a run of the DAG logs, which succeeds.
fn run(example: &Example, dag: &str) -> String {
    // A sensor that nobody wakes would sleep for hours.
    let mut command = airflow(example, "timeout");
    command.arg("300").arg(program("airflow")).args(["dags", "test", dag]);
    let log = printed(&command.output().unwrap());
    assert!(log.contains("state=success"), "{log}");
    log
}

/// Processes that end with the test.
#[derive(Default)]
struct Running(Vec<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // It may have ended already, which is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn dags_run_a_job_and_sleep_until_the_webhook_tells_how_one_ended() {
    let example = Example::of("airflow");
    printed(&airflow(&example, program("airflow")).args(["db", "migrate"]).output().unwrap());
    let log = run(&example, "match_customers");
    assert!(log.contains("98750 match ids from 125000 records"), "{log}");

    // As Airflow's API server mounts it, but for that server.
    let mut running = Running::default();
    let mut receiver = airflow(&example, program("uvicorn"))
        .args(["matchwatch_events:app", "--port", "0", "--log-level", "info"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (stdout, stderr) = (receiver.stdout.take().unwrap(), receiver.stderr.take().unwrap());
    running.0.push(receiver);
    let (tell, told) = std::sync::mpsc::channel();
    for stream in [Box::new(stdout) as Box<dyn std::io::Read + Send>, Box::new(stderr)] {
        let tell = tell.clone();
        std::thread::spawn(move || {
            // The test may have heard enough.
            BufReader::new(stream)
                .lines()
                .map_while(Result::ok)
                .for_each(|line| drop(tell.send(line)));
        });
    }
    drop(tell);
    let address = told
        .iter()
        .find_map(|line| Some(line.split_once("running on ")?.1.split(' ').next()?.to_owned()))
        .expect("uvicorn starts");
    let daemon = example
        .command(env!("CARGO_BIN_EXE_matchwatch"))
        .args(["serve", "--config", "matchwatch.toml"])
        .env("AIRFLOW_EVENTS_URL", format!("{address}/events"))
        .env("MATCHWATCH_WEBHOOK_SECRET", SECRET)
        .spawn()
        .unwrap();
    running.0.push(daemon);
    let log = run(&example, "match_customers_deferrable");
    assert!(log.contains("new_state=deferred"), "{log}");
}
