//! A client that can also misbehave.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use crate::harness::within;

pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The AdmissionReview's `response`.
    pub(crate) fn response(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        serde_json::from_slice::<Value>(&self.body).unwrap()["response"].take()
    }
}

pub(crate) struct Client {
    pub(crate) stream: TlsStream<TcpStream>,
}

/// What a client trusts and shows.
pub(crate) struct Identity<'p> {
    pub(crate) roots: &'p str,
    /// Certificate and key.
    pub(crate) own: Option<(&'p str, &'p str)>,
    pub(crate) versions: &'p [&'static SupportedProtocolVersion],
    pub(crate) protocols: &'p [&'p [u8]],
}

static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

impl<'p> Identity<'p> {
    pub(crate) fn new(roots: &'p str) -> Self {
        Self { roots, own: None, versions: &BOTH, protocols: &[] }
    }

    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.roots.as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match self.own {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => {
                let cert = CertificateDer::from_pem_slice(cert.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![cert], key).unwrap()
            }
        };
        config.alpn_protocols = self.protocols.iter().map(|name| name.to_vec()).collect();
        Arc::new(config)
    }
}

/// A request for `/mutate` with a body of that length.
pub(crate) fn head(length: usize) -> String {
    head_to("/mutate", length)
}

fn head_to(path: &str, length: usize) -> String {
    format!(
        "POST {path}?timeout=10s HTTP/1.1\r\nHost: webhook\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, roots: &str) -> io::Result<Self> {
        Self::connect_as(address, "localhost", Identity::new(roots).config()).await
    }

    pub(crate) async fn connect_as(
        address: SocketAddr,
        name: &str,
        config: Arc<ClientConfig>,
    ) -> io::Result<Self> {
        let tcp = within(TcpStream::connect(address)).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        Ok(Self { stream: within(TlsConnector::from(config).connect(name, tcp)).await? })
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        within(async {
            self.stream.write_all(bytes.as_ref()).await?;
            self.stream.flush().await
        })
        .await
    }

    pub(crate) async fn answer(&mut self) -> io::Result<Answer> {
        within(read_answer(&mut self.stream)).await
    }

    pub(crate) async fn post(&mut self, body: &[u8]) -> io::Result<Answer> {
        self.send([head(body.len()).as_bytes(), body].concat()).await?;
        self.answer().await
    }

    /// The same, to `/validate`.
    pub(crate) async fn validate(&mut self, body: &[u8]) -> io::Result<Answer> {
        self.send([head_to("/validate", body.len()).as_bytes(), body].concat()).await?;
        self.answer().await
    }

    /// Waits for the end of the connection, orderly or not.
    pub(crate) async fn ended(&mut self) {
        ended(&mut self.stream).await;
    }

    /// The certificate that the server showed.
    pub(crate) fn peer(&self) -> Vec<u8> {
        self.stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    }
}

/// Waits for the end of a stream, orderly or not.
pub(crate) async fn ended(stream: &mut (impl AsyncRead + Unpin)) {
    let mut rest = Vec::new();
    // An error is an end, too.
    let _ = within(stream.read_to_end(&mut rest)).await;
}

/// A plain request, one connection.
pub(crate) async fn plain(address: SocketAddr, method: &str, path: &str) -> Answer {
    plain_with(address, method, path, "Host: admin\r\n").await
}

/// The same with these headers, a line each.
pub(crate) async fn plain_with(address: SocketAddr, method: &str, path: &str, headers: &str) -> Answer {
    let mut stream = within(TcpStream::connect(address)).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
    within(stream.write_all(request.as_bytes())).await.unwrap();
    within(read_answer(&mut stream)).await.unwrap()
}

async fn read_answer(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Answer> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut answer = Answer { status, headers, body: Vec::new() };
    let length = answer.header("content-length").expect("a length").parse().unwrap();
    answer.body = vec![0; length];
    stream.read_exact(&mut answer.body).await?;
    Ok(answer)
}
