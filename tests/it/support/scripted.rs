//! An HTTP server that answers each request with the next line of its script: for answers that no well-behaved
//! server gives.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Barrier, watch};
use tokio::task::JoinSet;

use super::soon;

/// What the server does with one request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Sends these bytes and waits for the next request on the same connection.
    Answer(Vec<u8>),
    /// Waits until as many requests as the barrier wants have come, and sends these bytes.
    Together(Arc<Barrier>, Vec<u8>),
    /// Sends these bytes and closes the connection.
    Close(Vec<u8>),
    /// Sends these bytes and resets the connection.
    Reset(Vec<u8>),
    /// Sends these bytes, then a space every few milliseconds, without end.
    Drip(Vec<u8>),
    /// Sends these bytes, then spaces as fast as they are taken, without end.
    Flood(Vec<u8>),
    /// Reads the request and never says a word.
    Silence,
}

impl Reply {
    /// A complete answer.
    pub(crate) fn new(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let mut head = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        Self::Answer(format!("{head}\r\n{body}").into_bytes())
    }

    /// A complete answer in JSON.
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::new(status, &[("content-type", "application/json")], &body.to_string())
    }
}

/// A request that the server read.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Method and target.
    pub(crate) line: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// The value of a header, whose name is given in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The server. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct ScriptedServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    /// How many requests have come.
    came: watch::Sender<usize>,
    _tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct State {
    script: VecDeque<Reply>,
    requests: Vec<Request>,
    /// Is told how many they are.
    came: watch::Sender<usize>,
    connections: usize,
    flooded: usize,
}

impl ScriptedServer {
    /// Starts on a free port of the loopback interface.
    pub(crate) async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = script.into_iter().collect();
        let came = watch::Sender::new(0);
        let state = State { script, came: came.clone(), ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&state)));
        Self { address, state, came, _tasks: tasks }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests that came so far, in their order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.lock().unwrap().requests.clone()
    }

    /// Waits until so many requests have come.
    pub(crate) async fn asked(&self, times: usize) {
        let mut came = self.came.subscribe();
        let what = format!("{times} requests");
        soon(&what, came.wait_for(|requests| *requests >= times)).await.unwrap();
    }

    /// How many bytes of floods were taken so far.
    pub(crate) fn flooded(&self) -> usize {
        self.state.lock().unwrap().flooded
    }

    /// How many connections were made so far.
    pub(crate) fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        state.lock().unwrap().connections += 1;
        connections.spawn(serve(stream, Arc::clone(&state)));
    }
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut stream = BufStream::new(stream);
    while let Some(request) = read_request(&mut stream).await {
        let reply = {
            let mut state = state.lock().unwrap();
            state.requests.push(request);
            state.came.send_replace(state.requests.len());
            state
                .script
                .pop_front()
                .unwrap_or_else(|| Reply::new(500, &[], "the script is at its end"))
        };
        if play(reply, &mut stream, &state).await.is_none() {
            return;
        }
    }
}

/// Does what the script says. `None` where the connection is at its end.
async fn play(reply: Reply, stream: &mut BufStream<TcpStream>, state: &Mutex<State>) -> Option<()> {
    match reply {
        Reply::Answer(bytes) => send(stream, &bytes).await,
        Reply::Together(barrier, bytes) => {
            barrier.wait().await;
            send(stream, &bytes).await
        }
        Reply::Close(bytes) => {
            send(stream, &bytes).await?;
            None
        }
        Reply::Reset(bytes) => {
            send(stream, &bytes).await?;
            stream.get_ref().set_zero_linger().ok()?;
            None
        }
        Reply::Drip(bytes) => {
            send(stream, &bytes).await?;
            let mut drops = tokio::time::interval(Duration::from_millis(5));
            loop {
                drops.tick().await;
                send(stream, b" ").await?;
            }
        }
        Reply::Flood(bytes) => {
            send(stream, &bytes).await?;
            let wave = [b' '; 64 * 1024];
            loop {
                send(stream, &wave).await?;
                state.lock().unwrap().flooded += wave.len();
            }
        }
        Reply::Silence => std::future::pending().await,
    }
}

async fn send(stream: &mut BufStream<TcpStream>, bytes: &[u8]) -> Option<()> {
    stream.write_all(bytes).await.ok()?;
    stream.flush().await.ok()
}

async fn read_request(stream: &mut BufStream<TcpStream>) -> Option<Request> {
    let line = read_line(stream).await?;
    let mut headers = Vec::new();
    loop {
        let header = read_line(stream).await?;
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let request = Request { line, headers };
    let length = request.header("content-length").map_or(0, |value| value.parse().unwrap());
    stream.read_exact(&mut vec![0; length]).await.ok()?;
    Some(request)
}

async fn read_line(stream: &mut BufStream<TcpStream>) -> Option<String> {
    let mut line = String::new();
    match stream.read_line(&mut line).await {
        Ok(1..) => Some(line.trim_end().to_owned()),
        _ => None,
    }
}
