//! A closed loop over HTTP/1.1 with keep-alive and TLS: each connection asks again as soon as it has its answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The longest that an answer may take before the benchmark gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the load goes, and whom to trust there.
#[derive(Clone)]
pub struct Target {
    address: SocketAddr,
    connector: TlsConnector,
}

/// How much load.
#[derive(Debug, Clone, Copy)]
pub struct Amount {
    /// How many ask at once.
    pub connections: usize,
    /// For how long.
    pub time: Duration,
    /// How many requests at most.
    pub requests: usize,
}

/// What came of a load.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Of each request, in milliseconds.
    pub latencies: Vec<f64>,
    /// Answered requests per second.
    pub per_second: f64,
}

impl Target {
    /// A server on an address, with a certificate of this authority.
    ///
    /// # Errors
    /// When the authority is none.
    pub fn new(address: SocketAddr, authority: Vec<u8>) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(authority))?;
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Ok(Self { address, connector: TlsConnector::from(Arc::new(config)) })
    }

    /// Opens one connection.
    ///
    /// # Errors
    /// When nobody listens, or it is somebody else.
    pub async fn connect(&self) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let stream = self.connector.connect(ServerName::from(self.address.ip()), stream).await?;
        Ok(Connection { stream, answer: Vec::with_capacity(64 * 1024) })
    }

    /// A POST of JSON, as bytes on the wire; `headers` are whole lines.
    #[must_use]
    pub fn post(&self, path: &str, headers: &str, body: &[u8]) -> Arc<[u8]> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nAccept: application/json\r\n\
             {headers}Content-Length: {}\r\n\r\n",
            self.address,
            body.len(),
        );
        [head.as_bytes(), body].concat().into()
    }

    /// Asks the same again and again.
    ///
    /// # Errors
    /// When an answer is missing, or none of success.
    pub async fn load(&self, request: &Arc<[u8]>, amount: Amount) -> anyhow::Result<Outcome> {
        let mut connections = Vec::with_capacity(amount.connections);
        for _ in 0..amount.connections {
            let mut connection = self.connect().await?;
            // The handshake and the first answer are no part of what is measured.
            connection.ask(request).await?;
            connections.push(connection);
        }
        let start = Instant::now();
        let deadline = start + amount.time;
        let share = amount.requests.div_ceil(amount.connections);
        let mut tasks = JoinSet::new();
        for connection in connections {
            tasks.spawn(repeat(connection, Arc::clone(request), deadline, share));
        }
        let mut latencies = Vec::new();
        while let Some(task) = tasks.join_next().await {
            latencies.append(&mut task??);
        }
        #[allow(clippy::cast_precision_loss)]
        let per_second = latencies.len() as f64 / start.elapsed().as_secs_f64();
        Ok(Outcome { latencies, per_second })
    }
}

async fn repeat(
    mut connection: Connection,
    request: Arc<[u8]>,
    deadline: Instant,
    share: usize,
) -> anyhow::Result<Vec<f64>> {
    let mut latencies = Vec::new();
    while latencies.len() < share {
        let start = Instant::now();
        if start >= deadline {
            break;
        }
        connection.ask(&request).await?;
        latencies.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(latencies)
}

/// A connection that is kept.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    answer: Vec<u8>,
}

impl Connection {
    /// Sends a request and reads its answer's body.
    ///
    /// # Errors
    /// When the answer is missing, or none of success.
    pub async fn ask(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        tokio::time::timeout(PATIENCE, self.exchange(request)).await.context("no answer in time")?
    }

    async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        self.answer.clear();
        let head = loop {
            self.read().await?;
            if let Some(end) = find(&self.answer, b"\r\n\r\n") {
                break end + 4;
            }
        };
        let text = str::from_utf8(&self.answer[..head])?.to_ascii_lowercase();
        if !text.starts_with("http/1.1 20") {
            let body = String::from_utf8_lossy(&self.answer);
            bail!("not a success: {body}");
        }
        match header(&text, "content-length") {
            Some(length) => {
                let end = head + length.parse::<usize>()?;
                while self.answer.len() < end {
                    self.read().await?;
                }
            }
            // JSON holds no line break of its own kind, so this is where the chunks end.
            None => {
                while !self.answer.ends_with(b"\r\n0\r\n\r\n") {
                    self.read().await?;
                }
            }
        }
        Ok(&self.answer[head..])
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        let count = self.stream.read_buf(&mut self.answer).await?;
        anyhow::ensure!(count > 0, "the connection was closed before the answer's end");
        Ok(())
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| *key == name).map(|(_, value)| value.trim())
}
