//! A receiver of webhooks that does what receivers should not, and keeps a log of all that it got.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rand::RngExt;
use rand::seq::IndexedRandom;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::judge::{Answer, Receipt};
use crate::plan::{Chance, Climate, FICKLE};

/// Time that the daemon gives an attempt; the configuration says the same.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(700);

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// What a receiver does with one request.
#[derive(Debug, Clone, Copy)]
enum Mood {
    Accepts,
    Answers(u16),
    /// A status, and the seconds of its Retry-After.
    AsksForPeace(u16, u32),
    Redirects,
    Gone,
    Stalls,
    ResetsInRequest,
    ResetsInAnswer,
    /// 200, after the daemon's timeout.
    AnswersLate,
    /// 200 byte by byte, with this pause before each.
    Drips(Duration),
}

/// The log that all receivers share.
#[derive(Debug, Default)]
pub(crate) struct Log {
    ticks: u64,
    /// Receipts that were taken out before.
    taken: usize,
    receipts: Vec<Receipt>,
}

impl Log {
    fn tick(&mut self) -> u64 {
        self.ticks += 1;
        self.ticks
    }
}

/// The log, and word of every change.
#[derive(Debug, Clone)]
pub(crate) struct Book {
    log: Arc<Mutex<Log>>,
    changed: watch::Sender<()>,
}

impl Book {
    pub(crate) fn new() -> Self {
        Self { log: Arc::default(), changed: watch::Sender::new(()) }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().expect("no panic while the log is held")
    }

    /// Takes all receipts out.
    pub(crate) fn take(&self) -> Vec<Receipt> {
        let mut log = self.log();
        let receipts = std::mem::take(&mut log.receipts);
        log.taken += receipts.len();
        receipts
    }

    /// Looks at the receipts that are not taken out.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&[Receipt]) -> T) -> T {
        look(&self.log().receipts)
    }

    /// How much has happened so far.
    pub(crate) fn ticks(&self) -> u64 {
        self.log().ticks
    }

    /// Waits until more than this has happened.
    pub(crate) async fn beyond(&self, ticks: u64) {
        let mut changed = self.changed.subscribe();
        while self.ticks() <= ticks {
            // The sender lives as long as this book.
            let _ = changed.changed().await;
        }
    }

    fn receive(&self, notifier: usize, headers: Vec<(String, String)>, body: Vec<u8>) -> usize {
        let mut log = self.log();
        let at = log.tick();
        log.receipts.push(Receipt { notifier, at, headers, body, answer: None });
        let number = log.taken + log.receipts.len() - 1;
        drop(log);
        self.changed.send_replace(());
        number
    }

    /// Notes an answer that is about to go out, or that it did not get there after all.
    fn answer(&self, number: usize, answer: Option<fn(u64) -> Answer>) {
        let mut log = self.log();
        let at = log.tick();
        let Some(index) = number.checked_sub(log.taken) else { return };
        if let Some(receipt) = log.receipts.get_mut(index) {
            receipt.answer = answer.map(|answer| answer(at));
        }
        drop(log);
        self.changed.send_replace(());
    }
}

/// The receiver. It ends when it is dropped.
pub(crate) struct Receiver {
    address: SocketAddr,
    climate: watch::Sender<Climate>,
    _serving: JoinSet<()>,
    /// Keeps the port while nobody listens, so that nobody else does.
    _holder: TcpSocket,
}

impl Receiver {
    /// Starts on a free port of the loopback interface.
    pub(crate) fn start(notifier: usize, book: Book, chance: Chance) -> Self {
        let holder = socket((Ipv4Addr::LOCALHOST, 0).into());
        let address = holder.local_addr().unwrap();
        let (climate, climates) = watch::channel(Climate::Fair);
        let desk = Arc::new(Desk { notifier, book, chance: Mutex::new(chance), climates });
        let mut serving = JoinSet::new();
        serving.spawn(open_and_close(address, desk));
        Self { address, climate, _serving: serving, _holder: holder }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(crate) fn set(&self, climate: Climate) {
        self.climate.send_replace(climate);
    }
}

/// A socket on a port that others of this process may be bound to as well.
fn socket(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseport(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

async fn open_and_close(address: SocketAddr, desk: Arc<Desk>) {
    let mut climates = desk.climates.clone();
    loop {
        let _ = climates.wait_for(|climate| *climate != Climate::Refuses).await;
        let listener = socket(address).listen(1_024).unwrap();
        tokio::select! {
            () = accept(listener, &desk) => {}
            // Connections end with it.
            _ = climates.wait_for(|climate| *climate == Climate::Refuses) => {}
        }
    }
}

async fn accept(listener: TcpListener, desk: &Arc<Desk>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(converse(Arc::clone(desk), stream));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Takes the requests of one connection, until either side has had enough.
async fn converse(desk: Arc<Desk>, stream: TcpStream) {
    let mut stream = BufStream::new(stream);
    while let Ok(true) = desk.exchange(&mut stream).await {}
}

/// What all connections of a receiver work with.
struct Desk {
    notifier: usize,
    book: Book,
    chance: Mutex<Chance>,
    climates: watch::Receiver<Climate>,
}

impl Desk {
    fn mood(&self) -> Mood {
        let climate = *self.climates.borrow();
        let chance = &mut *self.chance.lock().expect("no panic while dice are thrown");
        self.mood_in(climate, chance)
    }

    fn mood_in(&self, climate: Climate, chance: &mut Chance) -> Mood {
        use Climate::{Dawdles, Fails, Fair, IsBusy, Mixed, Refuses, Resets, Stalls};
        match climate {
            // What was connected before is still served.
            Fair | Refuses => Mood::Accepts,
            Fails if self.notifier == FICKLE && chance.random_bool(0.2) => Mood::Gone,
            Fails => match chance.random_range(0..6) {
                0 => Mood::Redirects,
                1 => Mood::Answers(404),
                2 => Mood::Answers(400),
                3 => Mood::Answers(503),
                _ => Mood::Answers(500),
            },
            IsBusy => Mood::AsksForPeace(
                if chance.random() { 429 } else { 503 },
                chance.random_range(0..100),
            ),
            Stalls => Mood::Stalls,
            Dawdles => match chance.random_range(0..3) {
                0 => Mood::AnswersLate,
                1 => Mood::Drips(Duration::from_millis(5)),
                _ => Mood::Drips(Duration::from_millis(60)),
            },
            Resets if chance.random() => Mood::ResetsInRequest,
            Resets => Mood::ResetsInAnswer,
            Mixed if chance.random() => Mood::Accepts,
            Mixed => {
                let other =
                    *[Fails, IsBusy, Stalls, Dawdles, Resets].choose(chance).unwrap_or(&Fails);
                self.mood_in(other, chance)
            }
        }
    }

    /// Takes one request and does with it what the mood says. False when the connection is over.
    async fn exchange(&self, stream: &mut BufStream<TcpStream>) -> io::Result<bool> {
        let Some(head) = Head::read(stream).await? else { return Ok(false) };
        let mood = self.mood();
        if matches!(mood, Mood::ResetsInRequest) {
            stream.read_exact(&mut vec![0; head.body_bytes / 2]).await?;
            stream.get_ref().set_zero_linger()?;
            return Ok(false);
        }
        let mut body = vec![0; head.body_bytes];
        stream.read_exact(&mut body).await?;
        if head.target != "/hook" {
            body = format!("a request to {}: a redirect was followed", head.target).into_bytes();
        }
        let number = self.book.receive(self.notifier, head.headers, body);
        match mood {
            Mood::Accepts => self.accept(stream, number, OK, Duration::ZERO).await?,
            Mood::Answers(status) => write(stream, &answer(status, "")).await?,
            Mood::AsksForPeace(status, seconds) => {
                write(stream, &answer(status, &format!("retry-after: {seconds}\r\n"))).await?;
            }
            Mood::Redirects => write(stream, &answer(301, "location: /elsewhere\r\n")).await?,
            Mood::Gone => {
                self.book.answer(number, Some(Answer::Gone));
                write(stream, &answer(410, "")).await?;
            }
            Mood::Stalls => {
                // Until the other side goes away.
                stream.read_u8().await?;
            }
            Mood::ResetsInAnswer => {
                write(stream, &OK[..OK.len() / 2]).await?;
                stream.get_ref().set_zero_linger()?;
                return Ok(false);
            }
            Mood::AnswersLate => {
                sleep(TIMEOUT + Duration::from_millis(200)).await;
                self.accept(stream, number, OK, Duration::ZERO).await?;
            }
            Mood::Drips(pause) => self.accept(stream, number, OK, pause).await?,
            Mood::ResetsInRequest => {}
        }
        Ok(true)
    }

    /// Answers 200, all but the last byte of it with a pause after each. The note comes before the last byte goes
    /// out, since the daemon may act on it at once; it is taken back if that byte does not get away.
    async fn accept(
        &self,
        stream: &mut BufStream<TcpStream>,
        number: usize,
        answer: &str,
        pause: Duration,
    ) -> io::Result<()> {
        let (drops, last) = answer.split_at(answer.len() - 1);
        if pause.is_zero() {
            stream.write_all(drops.as_bytes()).await?;
        } else {
            for drop in drops.as_bytes() {
                stream.write_all(&[*drop]).await?;
                stream.flush().await?;
                sleep(pause).await;
            }
        }
        self.book.answer(number, Some(Answer::Accepted));
        let written = write(stream, last).await;
        if written.is_err() {
            self.book.answer(number, None);
        }
        written
    }
}

/// The head of a request.
struct Head {
    target: String,
    headers: Vec<(String, String)>,
    body_bytes: usize,
}

impl Head {
    /// The next one, if the other side sends one more.
    async fn read(stream: &mut BufStream<TcpStream>) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut headers = Vec::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(None);
            }
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let body_bytes = length.and_then(|(_, length)| length.parse().ok()).unwrap_or(0);
        Ok(Some(Self { target, headers, body_bytes }))
    }
}

fn answer(status: u16, headers: &str) -> String {
    format!("HTTP/1.1 {status} as planned\r\n{headers}content-length: 0\r\n\r\n")
}

async fn write(stream: &mut BufStream<TcpStream>, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes()).await?;
    stream.flush().await
}
