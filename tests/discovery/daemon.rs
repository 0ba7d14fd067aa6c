//! `matchwatch serve` as a process of its own.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// Time that a daemon may take to end.
const END: Duration = Duration::from_secs(60);

/// A folder with a configuration and a database: what outlives a daemon.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new(configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("matchwatch.toml"), configuration).unwrap();
        Self(folder)
    }

    /// Starts a daemon. Its log goes into a file beside the database.
    pub(crate) fn serve(&self) -> Daemon {
        let log = self.0.path().join("log");
        let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_matchwatch"))
            .arg("serve")
            .current_dir(self.0.path())
            .env_clear()
            .env("MATCHWATCH_CONFIG", "matchwatch.toml")
            .env("MATCHWATCH_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Daemon { child, lines }
    }
}

/// A daemon. It is killed when it is dropped.
pub(crate) struct Daemon {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Daemon {
    /// The next event.
    pub(crate) async fn line(&mut self) -> String {
        self.lines.next_line().await.unwrap().expect("the daemon runs")
    }

    /// Sends SIGTERM. Returns the exit code, and what it said until then.
    pub(crate) async fn stop(mut self) -> (Option<i32>, Vec<String>) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
        let rest = self.rest().await;
        (self.child.wait().await.unwrap().code(), rest)
    }

    /// Sends SIGKILL. Returns what it had said; a line that breaks off was not said.
    pub(crate) async fn kill(mut self) -> Vec<String> {
        self.child.start_kill().unwrap();
        let mut rest = self.rest().await;
        self.child.wait().await.unwrap();
        rest.retain(|line| serde_json::from_str::<serde_json::Value>(line).is_ok());
        rest
    }

    async fn rest(&mut self) -> Vec<String> {
        let rest = async {
            let mut rest = Vec::new();
            while let Some(line) = self.lines.next_line().await.unwrap() {
                rest.push(line);
            }
            rest
        };
        timeout(END, rest).await.expect("the daemon ends")
    }
}
