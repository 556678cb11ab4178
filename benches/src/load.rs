//! A closed loop over HTTP/1.1 with keep-alive and TLS: each connection asks again as soon as it has its answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
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

/// A POST of JSON.
#[derive(Debug)]
pub struct Post {
    path: Uri,
    headers: HeaderMap,
    bodies: Vec<Bytes>,
    /// Which body is sent next.
    next: AtomicUsize,
}

impl Post {
    /// To a path; with a bearer token where one is needed.
    ///
    /// # Errors
    /// When path or token hold what may not be in them.
    pub fn new(path: &str, token: Option<&str>, body: Vec<u8>) -> anyhow::Result<Arc<Self>> {
        Self::in_turn(path, token, vec![body])
    }

    /// The same with one body after the other, and the first again.
    ///
    /// # Errors
    /// As [`Self::new`], and when there is no body.
    pub fn in_turn(path: &str, token: Option<&str>, bodies: Vec<Vec<u8>>) -> anyhow::Result<Arc<Self>> {
        anyhow::ensure!(!bodies.is_empty(), "nothing to send");
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("127.0.0.1"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(token) = token {
            headers.insert(AUTHORIZATION, format!("Bearer {token}").parse()?);
        }
        let bodies = bodies.into_iter().map(Bytes::from).collect();
        Ok(Arc::new(Self { path: path.parse()?, headers, bodies, next: AtomicUsize::new(0) }))
    }

    fn body(&self) -> Bytes {
        self.bodies[self.next.fetch_add(1, Ordering::Relaxed) % self.bodies.len()].clone()
    }
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
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Whoever asks is told when it fails.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Connection { sender, _driver: driver })
    }

    /// Asks so many times a second, on so many connections, each after its last answer.
    ///
    /// # Errors
    /// When an answer is missing, or none of success.
    pub async fn pace(&self, post: &Arc<Post>, per_second: u32, amount: Amount) -> anyhow::Result<Outcome> {
        let each = Duration::from_secs(1) * u32::try_from(amount.connections)? / per_second;
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for number in 0..amount.connections {
            let (mut connection, post) = (self.connect().await?, Arc::clone(post));
            let first = start + each * u32::try_from(number)? / u32::try_from(amount.connections)?;
            tasks.spawn(async move {
                let mut times = tokio::time::interval_at(first.into(), each);
                let mut latencies = Vec::new();
                while start.elapsed() < amount.time {
                    times.tick().await;
                    let asked = Instant::now();
                    connection.ask(&post).await?;
                    latencies.push(asked.elapsed().as_secs_f64() * 1e3);
                }
                anyhow::Ok(latencies)
            });
        }
        outcome(tasks, start).await
    }

    /// Asks on many connections and does not mind what the answers say; how often there was each status.
    ///
    /// # Errors
    /// When nobody listens at first.
    pub async fn flood(&self, post: &Arc<Post>, amount: Amount) -> anyhow::Result<BTreeMap<u16, usize>> {
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..amount.connections {
            let (mut connection, target, post) = (self.connect().await?, self.clone(), Arc::clone(post));
            tasks.spawn(async move {
                let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
                while start.elapsed() < amount.time {
                    match timeout(PATIENCE, connection.exchange(&post)).await {
                        Ok(Ok((status, _))) => *counts.entry(status.as_u16()).or_default() += 1,
                        // The connection was ended: another one, if there can be one.
                        _ => {
                            *counts.entry(0).or_default() += 1;
                            match target.connect().await {
                                Ok(new) => connection = new,
                                Err(_) => break,
                            }
                        }
                    }
                }
                counts
            });
        }
        let mut all: BTreeMap<u16, usize> = BTreeMap::new();
        while let Some(counts) = tasks.join_next().await {
            for (status, count) in counts? {
                *all.entry(status).or_default() += count;
            }
        }
        Ok(all)
    }

    /// Asks the same again and again.
    ///
    /// # Errors
    /// When an answer is missing, or none of success.
    pub async fn load(&self, post: &Arc<Post>, amount: Amount) -> anyhow::Result<Outcome> {
        let mut connections = Vec::with_capacity(amount.connections);
        for _ in 0..amount.connections {
            let mut connection = self.connect().await?;
            // The handshake and the first answer are no part of what is measured.
            connection.ask(post).await?;
            connections.push(connection);
        }
        let start = Instant::now();
        let deadline = start + amount.time;
        let share = amount.requests.div_ceil(amount.connections);
        let mut tasks = JoinSet::new();
        for connection in connections {
            tasks.spawn(repeat(connection, Arc::clone(post), deadline, share));
        }
        outcome(tasks, start).await
    }
}

async fn outcome(mut tasks: JoinSet<anyhow::Result<Vec<f64>>>, start: Instant) -> anyhow::Result<Outcome> {
    let mut latencies = Vec::new();
    while let Some(task) = tasks.join_next().await {
        latencies.append(&mut task??);
    }
    #[allow(clippy::cast_precision_loss)]
    let per_second = latencies.len() as f64 / start.elapsed().as_secs_f64();
    Ok(Outcome { latencies, per_second })
}

async fn repeat(
    mut connection: Connection,
    post: Arc<Post>,
    deadline: Instant,
    share: usize,
) -> anyhow::Result<Vec<f64>> {
    let mut latencies = Vec::new();
    while latencies.len() < share {
        let start = Instant::now();
        if start >= deadline {
            break;
        }
        connection.ask(&post).await?;
        latencies.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(latencies)
}

/// A connection that is kept.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Moves the bytes; ends with the sender.
    _driver: JoinHandle<()>,
}

impl Connection {
    /// Sends a request and reads its answer's body.
    ///
    /// # Errors
    /// When the answer is missing, or none of success.
    pub async fn ask(&mut self, post: &Post) -> anyhow::Result<Bytes> {
        let exchange = timeout(PATIENCE, self.exchange(post)).await;
        let (status, body) = exchange.context("no answer in time")??;
        anyhow::ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
        Ok(body)
    }

    async fn exchange(&mut self, post: &Post) -> anyhow::Result<(StatusCode, Bytes)> {
        let mut request = Request::new(Full::new(post.body()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = post.path.clone();
        *request.headers_mut() = post.headers.clone();
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        Ok((status, body))
    }
}
