//! Standard output: one CloudEvent a line.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Mutex, oneshot};
use tokio::time::timeout;

use super::{Notifier, Outcome};
use crate::domain::{Message, TestEvent};

/// Time that a reader may leave a line lying.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Writes each event as one line of JSON, flushed. Nothing else ever goes to standard output.
///
/// A line that has begun is written to its end, even when its attempt timed out: the next one waits for it,
/// so lines never mix.
pub struct Stdout<W = io::Stdout> {
    out: Arc<Mutex<Lines<W>>>,
}

impl Default for Stdout {
    fn default() -> Self {
        Self::to(io::stdout())
    }
}

impl<W: Write + Send + 'static> Stdout<W> {
    /// Writes to `out` in place of standard output.
    pub fn to(out: W) -> Self {
        Self { out: Arc::new(Mutex::new(Lines { out, torn: false })) }
    }

    async fn tell(&self, body: &str) -> Outcome {
        match timeout(TIMEOUT, self.write(body)).await {
            Ok(Ok(())) => Outcome::Delivered,
            Ok(Err(error)) => Outcome::retry(format!("standard output: {error}")),
            Err(_) => Outcome::retry(format!(
                "standard output: nobody has read it for {} s",
                TIMEOUT.as_secs()
            )),
        }
    }

    async fn write(&self, body: &str) -> io::Result<()> {
        let line = format!("{body}\n");
        let mut lines = Arc::clone(&self.out).lock_owned().await;
        let (tell, told) = oneshot::channel();
        // A thread of its own: one of the runtime's would hold up its shutdown for as long as nobody reads.
        thread::Builder::new().name("stdout".to_owned()).spawn(move || {
            let written = lines.write(line.as_bytes());
            drop(lines);
            // Nobody listens any more if the attempt timed out.
            let _ = tell.send(written);
        })?;
        told.await.unwrap_or_else(|_| Err(io::Error::other("the writing thread ended early")))
    }
}

impl<W> fmt::Debug for Stdout<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdout").finish_non_exhaustive()
    }
}

#[async_trait]
impl<W: Write + Send + 'static> Notifier for Stdout<W> {
    async fn notify(&self, message: &Message) -> Outcome {
        self.tell(&message.body).await
    }

    async fn try_out(&self, test: &Message<TestEvent>) -> Outcome {
        self.tell(&test.body).await
    }
}

/// A writer of whole lines.
struct Lines<W> {
    out: W,
    /// The last line broke off in its middle.
    torn: bool,
}

impl<W: Write> Lines<W> {
    /// Writes and flushes `line`, apart from what may be left of a broken one.
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            self.out.write_all(b"\n")?;
            self.torn = false;
        }
        let mut rest = line;
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            self.torn = !rest.is_empty();
        }
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::notify::testing::{failed, succeeded};

    /// A writer whose content the test reads, and whose answers it scripts.
    #[derive(Default)]
    struct Script {
        taken: Arc<std::sync::Mutex<Vec<Vec<u8>>>>,
        flushes: Arc<std::sync::Mutex<usize>>,
        answers: Vec<io::Result<usize>>,
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let written = match self.answers.is_empty() {
                true => bytes.len(),
                false => self.answers.remove(0)?,
            };
            self.taken.lock().unwrap().push(bytes[..written].to_vec());
            Ok(written)
        }

        fn flush(&mut self) -> io::Result<()> {
            *self.flushes.lock().unwrap() += 1;
            Ok(())
        }
    }

    #[tokio::test]
    async fn each_event_is_one_write_of_one_line_and_one_flush() {
        let script = Script::default();
        let (taken, flushes) = (Arc::clone(&script.taken), Arc::clone(&script.flushes));
        let stdout = Stdout::to(script);
        assert_eq!(stdout.notify(&succeeded()).await, Outcome::Delivered);
        assert_eq!(stdout.notify(&failed()).await, Outcome::Delivered);
        let expected = [succeeded(), failed()].map(|message| format!("{}\n", message.body));
        assert_eq!(*taken.lock().unwrap(), expected.map(String::into_bytes));
        assert_eq!(*flushes.lock().unwrap(), 2);
    }

    #[tokio::test]
    async fn a_broken_pipe_is_retried() {
        let answers = vec![Err(io::ErrorKind::BrokenPipe.into())];
        let stdout = Stdout::to(Script { answers, ..Script::default() });
        let broken = Outcome::retry("standard output: broken pipe");
        assert_eq!(stdout.notify(&succeeded()).await, broken);
        assert_eq!(stdout.notify(&succeeded()).await, Outcome::Delivered);
    }

    #[tokio::test]
    async fn what_follows_a_torn_line_begins_on_a_new_one() {
        let answers = vec![Ok(10), Err(io::ErrorKind::StorageFull.into())];
        let script = Script { answers, ..Script::default() };
        let taken = Arc::clone(&script.taken);
        let stdout = Stdout::to(script);
        assert!(matches!(stdout.notify(&succeeded()).await, Outcome::Retry { .. }));
        assert_eq!(stdout.notify(&succeeded()).await, Outcome::Delivered);
        let body = succeeded().body;
        let text = String::from_utf8(taken.lock().unwrap().concat()).unwrap();
        assert_eq!(text, format!("{}\n{body}\n", &body[..10]));
    }

    /// A pipe that takes nothing until the test lets it.
    struct Stuck {
        freed: mpsc::Receiver<()>,
        taken: mpsc::Sender<String>,
    }

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.freed.recv().map_err(io::Error::other)?;
            let line = String::from_utf8(bytes.to_vec()).map_err(io::Error::other)?;
            self.taken.send(line).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_has_stopped_costs_a_retry_and_no_line() {
        let (free, freed) = mpsc::channel();
        let (taken, lines) = mpsc::channel();
        let stdout = Stdout::to(Stuck { freed, taken });
        let stuck = Outcome::retry("standard output: nobody has read it for 20 s");
        assert_eq!(stdout.notify(&succeeded()).await, stuck);
        assert_eq!(stdout.notify(&failed()).await, stuck, "the first line still holds the pipe");
        free.send(()).unwrap();
        assert_eq!(lines.recv().unwrap(), format!("{}\n", succeeded().body));
        assert!(lines.try_recv().is_err(), "the second attempt must not lie in a queue");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn lines_written_at_the_same_time_never_mix() {
        struct OneByte(Arc<std::sync::Mutex<Vec<u8>>>);
        impl Write for OneByte {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().map_err(|_| io::ErrorKind::Other)?.push(bytes[0]);
                Ok(1)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let taken = Arc::default();
        let stdout = Arc::new(Stdout::to(OneByte(Arc::clone(&taken))));
        let mut tasks = tokio::task::JoinSet::new();
        for message in [succeeded(), failed()].into_iter().cycle().take(20) {
            let stdout = Arc::clone(&stdout);
            tasks.spawn(async move { stdout.notify(&message).await });
        }
        assert!(tasks.join_all().await.iter().all(|outcome| *outcome == Outcome::Delivered));
        let text = String::from_utf8(taken.lock().unwrap().clone()).unwrap();
        let (succeeded, failed) = (succeeded().body, failed().body);
        assert_eq!(text.lines().count(), 20);
        assert!(text.lines().all(|line| line == &*succeeded || line == &*failed));
    }
}
