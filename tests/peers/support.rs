//! Python programs that the tests talk to.

use std::path::PathBuf;
use std::process::Stdio;

use matchwatch::domain::{
    ErrorDetails, Event, JobDetails, JobKey, JobKind, JobStatus, Message, Transition,
};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// The Python that has the peers' packages.
fn interpreter() -> PathBuf {
    installed(std::env::var_os("MATCHWATCH_PEERS_PYTHON").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/peers/bin/python")),
        PathBuf::from,
    ))
}

/// A program that came with one of the Python packages.
pub(crate) fn program(name: &str) -> PathBuf {
    installed(interpreter().with_file_name(name))
}

fn installed(program: PathBuf) -> PathBuf {
    assert!(
        program.exists(),
        "{} does not exist: run scripts/test, which installs the programs that these tests need",
        program.display()
    );
    program
}

/// A file beside these tests.
pub(crate) fn beside(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers")).join(name)
}

/// A command that runs `arguments` with the Python that has the peers' packages.
pub(crate) fn python(arguments: &[&str]) -> Command {
    let mut command = Command::new(interpreter());
    command
        .args(arguments)
        .current_dir(beside(""))
        .env("PYTHONUNBUFFERED", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// What a Python program prints before it ends well.
pub(crate) async fn output_of(arguments: &[&str]) -> String {
    let output = python(arguments).stderr(Stdio::inherit()).output().await.unwrap();
    assert!(output.status.success(), "{arguments:?} ended with {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// A Python program that runs beside the test and ends with it.
pub(crate) struct Peer {
    lines: mpsc::UnboundedReceiver<String>,
    _child: Child,
}

impl Peer {
    /// Reads what `child` prints on `stream`, all of it, so that the program never waits for the test.
    pub(crate) fn new(child: Child, stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let (tell, lines) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut printed = BufReader::new(stream).lines();
            while let Ok(Some(line)) = printed.next_line().await {
                // The test may have heard enough.
                let _ = tell.send(line);
            }
        });
        Self { lines, _child: child }
    }

    /// The next line that it prints.
    pub(crate) async fn line(&mut self) -> String {
        self.lines.recv().await.expect("the program still runs")
    }

    /// The rest of the first line that holds `words`, from their end on.
    pub(crate) async fn line_after(&mut self, words: &str) -> String {
        loop {
            if let Some((_, rest)) = self.line().await.split_once(words) {
                return rest.trim().to_owned();
            }
        }
    }
}

/// The event of a job that reached `status`.
pub(crate) fn message(status: JobStatus) -> Message {
    message_of(status, "S3: access denied")
}

/// The same with an error message, which only a failed job has.
pub(crate) fn message_of(status: JobStatus, error_message: &str) -> Message {
    let key = JobKey {
        account: "main".into(),
        kind: JobKind::Matching,
        workflow_name: "customers".into(),
        job_id: "0123456789abcdef0123456789abcdef".into(),
    };
    let from = match status {
        JobStatus::Queued => None,
        JobStatus::Running => Some(JobStatus::Queued),
        JobStatus::Succeeded | JobStatus::Failed => Some(JobStatus::Running),
    };
    let error_details = (status == JobStatus::Failed)
        .then(|| ErrorDetails { error_message: Some(error_message.to_owned()) });
    let details = JobDetails { error_details, ..JobDetails::default() };
    let transition = Transition { from, to: status, inferred: Vec::new() };
    let observed_at = "2025-06-01T08:00:00Z".parse().unwrap();
    Message::encode(Event::of_transition(&key, "eu-west-1", &transition, &details, observed_at))
        .unwrap()
}
