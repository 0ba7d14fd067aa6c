//! A door with a certificate before a server that knows no TLS.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A file of `tests/fixtures/tls`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls").join(name)
}

/// The roots that a machine has which knows nothing of the tests' authority.
pub(crate) fn roots_of_a_machine() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ca.pem")
}

/// The door. It ends when it is dropped.
pub(crate) struct Door {
    host: &'static str,
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Door {
    /// Opens on a free port of the loopback interface, before the server at `url`, with the certificate of that
    /// name.
    pub(crate) async fn before(url: &str, certificate: &str) -> Self {
        let to: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
        let chain = CertificateDer::from_pem_file(fixture(&format!("{certificate}.pem"))).unwrap();
        let key = PrivateKeyDer::from_pem_file(fixture(&format!("{certificate}.key"))).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, acceptor, to));
        Self { host: "localhost", address, _tasks: tasks }
    }

    /// The same door, under another name than `localhost`.
    pub(crate) fn with_name(self, host: &'static str) -> Self {
        Self { host, ..self }
    }

    /// Where it is, as `https://localhost:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("https://{}:{}", self.host, self.address.port())
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, to: SocketAddr) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        connections.spawn(async move {
            // A client that does not trust the certificate hangs up.
            let Ok(mut inside) = acceptor.accept(stream).await else { return };
            let Ok(mut server) = TcpStream::connect(to).await else { return };
            let _ = copy_bidirectional(&mut inside, &mut server).await;
        });
    }
}
