//! `matchwatch serve` as a process that dies and is started again.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::RngExt;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::plan::{Chance, NOTIFIERS, PlannedJob, WORKFLOWS};
use crate::receiver::{Receiver, TIMEOUT};

/// `[serve] shutdown_grace`.
const GRACE: Duration = Duration::from_secs(1);
/// Longer than any daemon takes that works.
const HANGS: Duration = Duration::from_secs(60);
/// How much of a daemon's log is kept for a report.
const KEPT_LINES: usize = 200;

/// What outlives a daemon: its folder, with the configuration and the database.
pub(crate) struct Home {
    folder: TempDir,
    program: PathBuf,
    endpoint: String,
    secret: String,
    log: Arc<Mutex<VecDeque<String>>>,
}

impl Home {
    pub(crate) fn new(program: PathBuf, endpoint: String, chance: &mut Chance) -> Self {
        // A secret of 24 bytes, in base64.
        let letters = (0..32).map(|_| char::from(b'A' + chance.random_range(0..26)));
        let secret = format!("whsec_{}", letters.collect::<String>());
        let folder = tempfile::tempdir().unwrap();
        Self { folder, program, endpoint, secret, log: Arc::default() }
    }

    /// Writes a configuration that follows these jobs and tells these receivers.
    pub(crate) fn configure(&self, jobs: &[PlannedJob], receivers: &[Receiver]) {
        let mut text = format!(
            r#"
            [log]
            filter = "warn,matchwatch=info"
            format = "json"
            [http]
            listen = "127.0.0.1:0"
            [store]
            path = "jobs.db"
            lock_timeout = "10s"
            [poll]
            max_interval = "1s"
            get_rate = 100.0
            request_timeout = "400ms"
            backoff_initial = "20ms"
            backoff_max = "400ms"
            [deliver]
            backoff_initial = "20ms"
            backoff_max = "400ms"
            max_retry_after = "1s"
            # The judge judges what is told of jobs.
            [alarms]
            lost = false
            access_denied = false
            watch_broken = false
            [serve]
            shutdown_grace = "{}s"
            [[account]]
            name = "main"
            region = "eu-west-1"
            no_sign_request = true
            endpoint_url = "{}"
            "#,
            GRACE.as_secs(),
            self.endpoint,
        );
        for workflow in WORKFLOWS {
            let ids = jobs.iter().filter(|job| job.workflow == workflow).map(|job| &job.id);
            let ids = ids.collect::<Vec<_>>();
            text += &format!("[[watch]]\nworkflow_name = {workflow:?}\njob_ids = {ids:?}\n");
        }
        for (name, receiver) in NOTIFIERS.iter().zip(receivers) {
            text += &format!(
                "[[notifier]]\nname = {name:?}\ntype = \"webhook\"\nurl = {:?}\ntimeout = \"{}ms\"\n\
                 secrets = [{{ env = \"CHAOS_SECRET\" }}]\n",
                receiver.url(),
                TIMEOUT.as_millis(),
            );
        }
        std::fs::write(self.folder.path().join("matchwatch.toml"), text).unwrap();
    }

    /// Starts a daemon.
    pub(crate) fn start(&self) -> Daemon {
        let mut child = Command::new(&self.program)
            .arg("serve")
            .current_dir(self.folder.path())
            .env_clear()
            .env("MATCHWATCH_CONFIG", "matchwatch.toml")
            .env("CHAOS_SECRET", &self.secret)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (found, address) = watch::channel(None);
        let stderr = child.stderr.take().unwrap();
        tokio::spawn(read_log(stderr, Arc::clone(&self.log), found));
        Daemon { child, address }
    }

    /// The last that daemons said.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().iter().cloned().collect()
    }

    /// Leaves the folder where it is, for somebody to look at.
    pub(crate) fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}

async fn read_log(
    stderr: ChildStderr,
    log: Arc<Mutex<VecDeque<String>>>,
    found: watch::Sender<Option<SocketAddr>>,
) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if found.borrow().is_none()
            && let Ok(said) = serde_json::from_str::<Value>(&line)
            && said["message"] == "watching"
        {
            found.send_replace(said["http"].as_str().and_then(|address| address.parse().ok()));
        }
        let mut log = log.lock().unwrap();
        log.push_back(line);
        if log.len() > KEPT_LINES {
            log.pop_front();
        }
    }
}

/// A daemon. It is killed when it is dropped.
pub(crate) struct Daemon {
    child: Child,
    address: watch::Receiver<Option<SocketAddr>>,
}

/// How a daemon took SIGTERM.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopped {
    /// Its exit code was 0.
    pub(crate) cleanly: bool,
    /// It took longer than its grace and a second.
    pub(crate) late: bool,
}

impl Daemon {
    /// Waits until it ends by itself, which it never should.
    pub(crate) async fn dies(&mut self) -> ExitStatus {
        self.child.wait().await.unwrap()
    }

    /// Sends SIGKILL.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        // One that has ended already is found out by whoever waits for it.
        let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
    }

    /// Sends SIGTERM and waits for the end. Of one that has not come as far as to catch the signal, a death by that
    /// signal is clean too.
    pub(crate) async fn stop(mut self) -> Stopped {
        let watching = self.address.borrow().is_some();
        let told = Instant::now();
        self.terminate();
        let status =
            timeout(HANGS, self.dies()).await.expect("a daemon that was told to stop ends");
        Stopped {
            cleanly: status.code() == Some(0) || (!watching && status.code().is_none()),
            late: told.elapsed() > GRACE + Duration::from_secs(1),
        }
    }

    /// Where its pages are, once it watches; none if it ended before.
    pub(crate) async fn address(&mut self) -> Option<SocketAddr> {
        let address = timeout(HANGS, self.address.wait_for(Option::is_some)).await;
        let address = address.expect("a daemon that starts watches or ends");
        address.ok().and_then(|address| *address)
    }
}
