//! An HTTP proxy that keeps a list of what passes. Every host is this machine to it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What a connection asked for first.
#[derive(Debug, Clone)]
pub(crate) struct Passage {
    /// `CONNECT host:port`, or `GET http://host:port`.
    pub(crate) to: String,
    /// The value of `proxy-authorization`.
    pub(crate) authorization: Option<String>,
}

/// The proxy. It ends when it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    passed: Arc<Mutex<Vec<Passage>>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Starts on a free port of the loopback interface.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let passed = Arc::new(Mutex::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&passed)));
        Self { address, passed, _tasks: tasks }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What passed so far.
    pub(crate) fn passed(&self) -> Vec<Passage> {
        self.passed.lock().unwrap().clone()
    }
}

async fn accept(listener: TcpListener, passed: Arc<Mutex<Vec<Passage>>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(pass(stream, Arc::clone(&passed)));
    }
}

/// Passes on one connection. `None` where a side hung up.
async fn pass(stream: TcpStream, passed: Arc<Mutex<Vec<Passage>>>) -> Option<()> {
    let mut client = BufStream::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if client.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let mut words = head.split([' ', '\r']);
    let (method, target) = (words.next()?, words.next()?);
    let is_tunnel = method == "CONNECT";
    let host = target.trim_start_matches("http://").split('/').next()?;
    let scheme = if is_tunnel { "" } else { "http://" };
    let authorization = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("proxy-authorization").then(|| value.to_owned())
    });
    let to = format!("{method} {scheme}{host}");
    passed.lock().unwrap().push(Passage { to, authorization });
    let port: u16 = host.rsplit(':').next()?.parse().unwrap();
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    if is_tunnel {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
        client.flush().await.ok()?;
    } else {
        server.write_all(head.as_bytes()).await.ok()?;
    }
    copy_bidirectional(&mut client, &mut server).await.ok()?;
    Some(())
}
