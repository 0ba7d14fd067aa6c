//! A program of the operator's, run once for each event.

#[cfg(test)]
mod tests;

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::reason::tail;
use super::{ConfigError, Notifier, Outcome};
use crate::domain::{Event, Message, TestEvent};
use crate::duration;

/// Keys of a `[[notifier]]` with `type = "command"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The program and its arguments. No shell is involved.
    pub command: Vec<String>,
    /// After this the program is killed, and the delivery retried.
    #[serde(default = "default_timeout", deserialize_with = "crate::duration::deserialize")]
    pub timeout: Duration,
}

const fn default_timeout() -> Duration {
    Duration::from_secs(60)
}

/// The exit code that asks for another attempt: `EX_TEMPFAIL` of sysexits.h.
const EXIT_RETRY: i32 = 75;
/// No more than this of what the program printed is kept.
const OUTPUT_LIMIT: usize = 4 * 1024;
/// No more than this of it is told.
const EXCERPT_CHARS: usize = 200;
/// Time for output to end after the program did. Only a child that it left behind can hold the pipe open.
const LEFT_BEHIND: Duration = Duration::from_secs(1);
/// Linux refuses to start a program with a longer variable than 128 KiB. The event on stdin is whole.
const VARIABLE_LIMIT: usize = 32 * 1024;

/// Runs one program, with the event on its stdin and the event's fields in its environment.
#[derive(Debug)]
pub struct Command {
    program: String,
    arguments: Vec<String>,
    timeout: Duration,
}

impl Command {
    /// Takes the command line. Whether the program exists shows when it is run.
    ///
    /// # Errors
    ///
    /// The command line names no program.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        match config.command.split_first() {
            Some((program, arguments)) if !program.is_empty() => Ok(Self {
                program: program.clone(),
                arguments: arguments.to_vec(),
                timeout: config.timeout,
            }),
            _ => Err(ConfigError(
                "command: names no program: write one such as [\"/usr/local/bin/notify\", \"--json\"]"
                    .to_owned(),
            )),
        }
    }

    async fn tell(&self, variables: Variables, body: &str) -> Outcome {
        let program = &self.program;
        let child = match self.start(variables) {
            Ok(child) => child,
            Err(error) => return Outcome::retry(format!("cannot start {program}: {error}")),
        };
        let (status, output) = match self.attend(child, body).await {
            Ok(end) => end,
            Err(error) => return Outcome::retry(format!("cannot wait for {program}: {error}")),
        };
        let mut reason = match status {
            Some(status) => format!("{program} ended with {status}"),
            None => format!("{program} was killed after {}", duration::display(self.timeout)),
        };
        if !output.is_empty() {
            reason.push_str(": ");
            reason.push_str(&output);
        }
        match status.map(|status| status.code()) {
            Some(Some(0)) => Outcome::Delivered,
            Some(Some(EXIT_RETRY)) | None => Outcome::retry(reason),
            Some(_) => Outcome::reject(reason),
        }
    }

    fn start(&self, variables: Variables) -> io::Result<Child> {
        let mut command = tokio::process::Command::new(&self.program);
        for (name, value) in variables {
            match value {
                Some(value) => command.env(name, presentable(&value)),
                // Ours may hold one, if we were started by such a program.
                None => command.env_remove(name),
            };
        }
        command
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Its own group, so that a timeout reaches what it has started itself.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }

    /// Waits for the program's end: how it ended, or `None` where it had to be killed, and what it printed last.
    async fn attend(
        &self,
        mut child: Child,
        body: &str,
    ) -> io::Result<(Option<ExitStatus>, String)> {
        let output = Output::default();
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let pipes = async {
            tokio::join!(feed(stdin, body), output.keep(stdout), output.keep(stderr));
        };
        let ended = Notify::new();
        let end = async {
            let group = Group::of(&child);
            let status = timeout(self.timeout, child.wait()).await.ok();
            match status {
                Some(_) => group.release(),
                None => drop(group),
            }
            ended.notify_one();
            status.transpose()
        };
        let pipes_or_end = async {
            tokio::select! {
                () = pipes => {}
                () = async { ended.notified().await; sleep(LEFT_BEHIND).await } => {}
            }
        };
        let (status, ()) = tokio::join!(end, pipes_or_end);
        Ok((status?, output.tail()))
    }
}

#[async_trait]
impl Notifier for Command {
    async fn notify(&self, message: &Message) -> Outcome {
        self.tell(variables(&message.event), &message.body).await
    }

    async fn try_out(&self, test: &Message<TestEvent>) -> Outcome {
        self.tell(variables_of_test(&test.event), &test.body).await
    }
}

/// Names and values; one without a value is not to be set.
type Variables = [(&'static str, Option<String>); 13];

/// What the program is told in its environment. A field that the event does not have is not set.
fn variables(event: &Event) -> Variables {
    let text = |text: &str| text.to_owned();
    [
        ("MATCHWATCH_EVENT_ID", Some(event.id.to_string())),
        ("MATCHWATCH_EVENT_TYPE", Some(event.event_type.to_string())),
        ("MATCHWATCH_JOB_ID", event.job_id().map(text)),
        ("MATCHWATCH_WORKFLOW_NAME", event.workflow_name().map(text)),
        ("MATCHWATCH_KIND", event.kind().map(|kind| kind.to_string())),
        ("MATCHWATCH_JOB_TYPE", event.job_type().map(text)),
        ("MATCHWATCH_STATUS", event.status().map(|status| status.to_string())),
        ("MATCHWATCH_PREVIOUS_STATUS", event.previous_status().map(|status| status.to_string())),
        ("MATCHWATCH_REGION", Some(text(event.region()))),
        ("MATCHWATCH_ACCOUNT", Some(text(event.account()))),
        ("MATCHWATCH_ERROR_MESSAGE", event.error_message().map(text)),
        ("MATCHWATCH_MESSAGE", event.message()),
        ("MATCHWATCH_TEST", None),
    ]
}

/// The same of an event that tells of no job.
fn variables_of_test(test: &TestEvent) -> Variables {
    [
        ("MATCHWATCH_EVENT_ID", Some(test.id.to_string())),
        ("MATCHWATCH_EVENT_TYPE", Some(test.event_type.clone())),
        ("MATCHWATCH_JOB_ID", None),
        ("MATCHWATCH_WORKFLOW_NAME", None),
        ("MATCHWATCH_KIND", None),
        ("MATCHWATCH_JOB_TYPE", None),
        ("MATCHWATCH_STATUS", None),
        ("MATCHWATCH_PREVIOUS_STATUS", None),
        ("MATCHWATCH_REGION", None),
        ("MATCHWATCH_ACCOUNT", None),
        ("MATCHWATCH_ERROR_MESSAGE", None),
        ("MATCHWATCH_MESSAGE", None),
        ("MATCHWATCH_TEST", Some("true".to_owned())),
    ]
}

/// `value` as a variable can hold it: without NUL, and not too long.
fn presentable(value: &str) -> String {
    let end = value.floor_char_boundary(VARIABLE_LIMIT);
    value[..end].replace('\0', "")
}

/// Writes the event to the program, which need not read it.
async fn feed(stdin: Option<ChildStdin>, body: &str) {
    if let Some(mut stdin) = stdin {
        // A program that has seen enough closes its end: that is its right.
        let _ = stdin.write_all(body.as_bytes()).await;
    }
}

/// The end of what a program prints on both its streams. They never reach our own.
#[derive(Default)]
struct Output(Mutex<Vec<u8>>);

impl Output {
    /// Keeps what `stream` brings until it ends.
    async fn keep(&self, stream: Option<impl AsyncRead + Unpin>) {
        let Some(mut stream) = stream else { return };
        let mut chunk = [0; 1024];
        while let Ok(length @ 1..) = stream.read(&mut chunk).await {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(&chunk[..length]);
            let excess = kept.len().saturating_sub(OUTPUT_LIMIT);
            kept.drain(..excess);
        }
    }

    fn tail(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tail(&String::from_utf8_lossy(&kept), EXCERPT_CHARS)
    }
}

/// The program and what it has started. Killed when dropped, as at a timeout or a shutdown.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)))
    }

    /// The program has ended, and its number may be another's by now.
    fn release(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It fails only where all of the group has ended already.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
