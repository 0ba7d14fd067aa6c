//! `matchwatch serve` as a process of its own.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::disk::SmallDisk;
use super::soon;

/// As quick as the configuration allows.
const CONFIGURATION: &str = r#"
[http]
listen = "127.0.0.1:0"

[store]
path = "jobs.db"
lock_timeout = "0s"

[poll]
max_interval = "1s"
get_rate = 100.0
backoff_initial = "10ms"
backoff_max = "50ms"

[deliver]
backoff_initial = "10ms"
backoff_max = "50ms"

[serve]
shutdown_grace = "1m"

[[account]]
name = "main"
region = "eu-west-1"
no_sign_request = true
"#;

/// A `[[watch]]` of jobs of one workflow.
pub(crate) fn watch(workflow: &str, job_ids: &[&str]) -> String {
    format!("[[watch]]\nworkflow_name = {workflow:?}\njob_ids = {job_ids:?}\n")
}

/// A folder with a configuration and a database: what outlives a daemon.
pub(crate) struct Home {
    /// Where the database is, if not in the folder itself.
    pub(crate) disk: Option<SmallDisk>,
    folder: Arc<TempDir>,
    environment: Vec<(String, String)>,
}

impl Home {
    /// A home whose account is at `endpoint`. `configuration` holds watches and notifiers.
    pub(crate) fn new(endpoint: &str, configuration: &str) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let home = Self { disk: None, folder, environment: Vec::new() };
        home.configure(configuration);
        home.with("MATCHWATCH__ACCOUNT__0__ENDPOINT_URL", endpoint)
    }

    /// Puts the database on a small disk of its own.
    pub(crate) fn on_a_small_disk(mut self) -> Self {
        let folder = self.file("disk");
        std::fs::create_dir(&folder).unwrap();
        self.disk = Some(SmallDisk::mount(&folder));
        let database = folder.join("jobs.db");
        self.with("MATCHWATCH__STORE__PATH", database.to_str().unwrap())
    }

    /// Writes other watches and notifiers into the configuration.
    pub(crate) fn configure(&self, configuration: &str) {
        let text = format!("{CONFIGURATION}\n{configuration}");
        std::fs::write(self.file("matchwatch.toml"), text).unwrap();
    }

    /// Sets a variable of the daemon's environment.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A file in the folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `matchwatch` with these arguments, in this folder and with nothing of this machine's environment.
    pub(crate) fn command(&self, arguments: &[impl AsRef<OsStr>]) -> Command {
        let enter = self.disk.as_ref().map_or_else(Vec::new, |disk| disk.enter(self.folder.path()));
        let mut words = enter.into_iter().chain([env!("CARGO_BIN_EXE_matchwatch").to_owned()]);
        let mut command = Command::new(words.next().unwrap());
        command
            .args(words)
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("MATCHWATCH_CONFIG", "matchwatch.toml")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs `matchwatch` to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        soon("the end of a command", self.command(arguments).output()).await.unwrap()
    }

    /// Starts `matchwatch serve` and waits until it watches.
    pub(crate) async fn serve(&self) -> Daemon {
        let mut command = self.command(&["serve"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = Stream::read(child.stdout.take().unwrap());
        let stderr = Stream::read(child.stderr.take().unwrap());
        let folder = Arc::clone(&self.folder);
        let mut daemon = Daemon { child, stdout, stderr, http: None, _folder: folder };
        daemon.http = daemon.log("watching").await["http"].as_str().map(|at| at.parse().unwrap());
        daemon
    }
}

/// A daemon. It is killed when it is dropped.
pub(crate) struct Daemon {
    child: Child,
    stdout: Stream,
    stderr: Stream,
    http: Option<SocketAddr>,
    /// It stays for as long as the daemon: one whose database is gone does nothing more.
    _folder: Arc<TempDir>,
}

/// All that a daemon said, and how it ended.
pub(crate) struct Ended {
    /// Its exit code; none after a signal that it did not survive.
    pub(crate) code: Option<i32>,
    /// Lines on standard output.
    pub(crate) stdout: Vec<String>,
    /// Lines on standard error.
    pub(crate) stderr: Vec<String>,
}

impl Daemon {
    /// Where its pages are.
    pub(crate) fn http(&self) -> SocketAddr {
        self.http.expect("the log says where the pages are")
    }

    /// The next line on standard output, which is an event.
    pub(crate) async fn event(&mut self) -> Value {
        let line = soon("an event on standard output", self.stdout.next.recv()).await;
        serde_json::from_str(&line.expect("the daemon runs")).unwrap()
    }

    /// The next log line with this message.
    pub(crate) async fn log(&mut self, message: &str) -> Value {
        soon(&format!("the log line {message:?}"), async {
            let mut said = Vec::new();
            while let Some(line) = self.stderr.next.recv().await {
                match serde_json::from_str::<Value>(&line) {
                    Ok(line) if line["message"] == message => return line,
                    _ => said.push(line),
                }
            }
            panic!("the daemon ended and said {said:#?}")
        })
        .await
    }

    /// The status and the text of one of its pages.
    pub(crate) async fn page(&self, path: &str) -> (u16, String) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(format!("http://{}{path}", self.http())).send();
        let answer = soon(path, answer).await.unwrap();
        (answer.status().as_u16(), soon(path, answer.text()).await.unwrap())
    }

    /// The value of a metric, written with its labels as Prometheus writes them.
    pub(crate) async fn metric(&self, series: &str) -> Option<f64> {
        let (_, text) = self.page("/metrics").await;
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
        Some(value.parse().unwrap())
    }

    /// The status and the JSON of what a POST answers.
    pub(crate) async fn post(
        &self,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> (u16, Value) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = client.post(format!("http://{}{path}", self.http()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = soon(path, request.body(body.to_owned()).send()).await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
    }

    /// How much of the machine's memory it takes, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = format!("/proc/{}/status", self.pid().as_raw_nonzero());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends SIGHUP.
    pub(crate) fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// Lets it write nothing more into any file, or everything again.
    pub(crate) fn may_write_files(&self, may: bool) {
        let current = if may { None } else { Some(0) };
        prlimit(Some(self.pid()), Resource::Fsize, Rlimit { current, maximum: None }).unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    fn pid(&self) -> Pid {
        let pid = i32::try_from(self.child.id().expect("the daemon runs")).unwrap();
        Pid::from_raw(pid).unwrap()
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) async fn stop(self) -> Ended {
        self.terminate();
        self.ended().await
    }

    /// Sends SIGKILL and waits for the end.
    pub(crate) async fn kill(mut self) -> Ended {
        self.child.start_kill().unwrap();
        self.ended().await
    }

    /// Waits for the end.
    pub(crate) async fn ended(mut self) -> Ended {
        soon("the end of the daemon", async {
            let status = self.child.wait().await.unwrap();
            let (stdout, stderr) = (self.stdout.all.await.unwrap(), self.stderr.all.await.unwrap());
            Ended { code: status.code(), stdout, stderr }
        })
        .await
    }
}

/// The lines of one stream, read as they come, so that the daemon never waits for the test.
struct Stream {
    next: mpsc::UnboundedReceiver<String>,
    all: JoinHandle<Vec<String>>,
}

impl Stream {
    fn read(stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let (tell, next) = mpsc::unbounded_channel();
        let all = tokio::spawn(async move {
            let mut lines = BufReader::new(stream).lines();
            let mut all = Vec::new();
            while let Some(line) = lines.next_line().await.unwrap() {
                all.push(line.clone());
                // The test may have heard enough.
                let _ = tell.send(line);
            }
            all
        });
        Self { next, all }
    }
}
