//! A service on loopback that knows every job, and says that it runs. It denies lists, so that each job has to be asked
//! about by itself. It stands in for the simulator, which would have to hold a million jobs. It runs in a thread of its
//! own.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_mins(2);

/// It listens for as long as the process lives.
pub(crate) struct Service {
    address: SocketAddr,
    /// Questions about one job.
    asked: watch::Sender<u64>,
}

impl Service {
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let asked = watch::Sender::new(0);
        let (listener, counter) = (listener.into_std()?, asked.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::spawn(move || runtime.block_on(accept(listener, counter)));
        Ok(Self { address, asked })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until it is asked about a job from now on.
    pub(crate) async fn is_asked(&self) -> anyhow::Result<()> {
        let before = *self.asked.borrow();
        let mut asked = self.asked.subscribe();
        timeout(PATIENCE, asked.wait_for(|&asked| asked > before))
            .await
            .context("nobody asked about a job")??;
        Ok(())
    }
}

async fn accept(listener: std::net::TcpListener, asked: watch::Sender<u64>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(converse(BufStream::new(stream), asked.clone()));
    }
}

/// Answers the requests of one connection until it ends.
async fn converse(mut stream: BufStream<TcpStream>, asked: watch::Sender<u64>) -> io::Result<()> {
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let job_id = line
            .split_whitespace()
            .nth(1)
            .and_then(|path| path.rsplit_once("/jobs/"))
            .map(|(_, job_id)| job_id.to_owned());
        while line.trim_end() != "" {
            line.clear();
            stream.read_line(&mut line).await?;
        }
        let (status, body) = match job_id {
            Some(job_id) => {
                asked.send_modify(|asked| *asked += 1);
                ("200 OK", format!(r#"{{"jobId":"{job_id}","status":"RUNNING"}}"#))
            }
            None => ("403 Forbidden\r\nx-amzn-errortype: AccessDeniedException", "{}".to_owned()),
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes()).await?;
        stream.flush().await?;
    }
}
