//! TLS, as a server and as a client.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::certificates::Files;

/// For a server that shows this certificate, and speaks HTTP/1.1.
pub(crate) fn acceptor(files: &Files) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(&files.certificate).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(&files.key).expect("a key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a configuration");
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// A replica of ours, at its own address.
pub(crate) struct Peer {
    address: String,
    name: ServerName<'static>,
    connector: TlsConnector,
}

impl Peer {
    /// The pod at this address, which is to show a certificate for the name by one of these authorities (PEM).
    pub(crate) fn new(address: &str, name: &str, authorities: &[u8]) -> Self {
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(authorities) {
            roots.add(authority.expect("a certificate")).expect("an authority");
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            address: format!("{address}:8443"),
            name: ServerName::try_from(name.to_owned()).expect("a name"),
            connector: TlsConnector::from(Arc::new(config)),
        }
    }

    async fn connect(&self) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(&self.address).await?;
        self.connector.connect(self.name.clone(), stream).await
    }

    /// The certificate that it shows.
    pub(crate) async fn certificate(&self) -> Option<Vec<u8>> {
        let stream = self.connect().await.ok()?;
        Some(stream.get_ref().1.peer_certificates()?.first()?.to_vec())
    }

    /// The body of its answer.
    pub(crate) async fn post(&self, path: &str, body: &[u8]) -> Vec<u8> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: replica\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let mut stream = self.connect().await.expect("a connection");
        stream.write_all(&[head.as_bytes(), body].concat()).await.expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        let head = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
        answer.split_off(head + 4)
    }
}
