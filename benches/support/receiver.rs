//! A receiver of webhooks on loopback that takes its time and keeps a log. It runs in a thread of its own, as a
//! receiver runs beside the daemon and not in it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use matchwatch::clock::{Clock, SystemClock};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// An event that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    /// When all of it was there.
    pub(crate) at: Timestamp,
    /// From then until it was answered.
    pub(crate) took: Duration,
    /// What it tells.
    pub(crate) event: Told,
}

/// What the log keeps of an event.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Told {
    /// The job.
    pub(crate) subject: Box<str>,
    /// Its place among the job's events.
    pub(crate) sequence: Box<str>,
    /// When the change was observed.
    pub(crate) time: Timestamp,
}

/// The receiver. Nobody listens until it is opened: connections are refused.
pub(crate) struct Receiver {
    address: SocketAddr,
    /// Keeps the port until then.
    closed: Option<TcpSocket>,
    log: Log,
}

/// What arrived, and word of it.
#[derive(Clone)]
struct Log {
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    count: watch::Sender<usize>,
}

impl Log {
    fn arrivals(&self) -> MutexGuard<'_, Vec<Arrival>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, arrival: Arrival) {
        self.arrivals().push(arrival);
        self.count.send_modify(|count| *count += 1);
    }
}

impl Receiver {
    /// Takes a free port.
    pub(crate) fn closed() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let address = socket.local_addr()?;
        let log = Log { arrivals: Arc::default(), count: watch::Sender::new(0) };
        Ok(Self { address, closed: Some(socket), log })
    }

    /// Answers from now on, each request after this time.
    pub(crate) fn open(&mut self, takes: Duration) -> io::Result<()> {
        let Some(socket) = self.closed.take() else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _context = runtime.enter();
            socket.listen(1_024)?
        };
        let log = self.log.clone();
        thread::spawn(move || runtime.block_on(accept(listener, takes, log)));
        Ok(())
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Waits until this many events have arrived.
    pub(crate) async fn has(&self, count: usize) {
        // The sender lives as long as this.
        let _ = self.log.count.subscribe().wait_for(|&arrived| arrived >= count).await;
    }

    /// Everything that arrived so far.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.log.arrivals().clone()
    }
}

async fn accept(listener: TcpListener, takes: Duration, log: Log) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(converse(BufStream::new(stream), takes, log.clone()));
    }
}

/// Takes the requests of one connection until it ends.
async fn converse(mut stream: BufStream<TcpStream>, takes: Duration, log: Log) {
    while let Ok(body) = request(&mut stream).await {
        let (at, started) = (SystemClock.now(), Instant::now());
        let Ok(event) = serde_json::from_slice(&body) else { return };
        if !takes.is_zero() {
            sleep(takes).await;
        }
        if stream.write_all(ANSWER).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        log.add(Arrival { at, took: started.elapsed(), event });
    }
}

/// The body of the next request.
async fn request(stream: &mut BufStream<TcpStream>) -> io::Result<Vec<u8>> {
    let mut length = 0;
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(body)
}
