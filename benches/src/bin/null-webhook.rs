//! The floor: the same HTTP, TLS and framing as ours, but it reads only the request's uid and its answer is constant:
//! a file holds all of it that follows the uid.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

#[derive(Deserialize)]
struct Review<'a> {
    #[serde(borrow)]
    request: Uid<'a>,
}

#[derive(Deserialize)]
struct Uid<'a> {
    uid: &'a str,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [answer_flag, answer_file, listen, cert_flag, cert, key_flag, key] = arguments.as_slice() else {
        anyhow::bail!("--answer FILE --listen=ADDRESS:PORT --tls-cert FILE --tls-key FILE, in this order");
    };
    anyhow::ensure!(
        (answer_flag.as_str(), cert_flag.as_str(), key_flag.as_str())
            == ("--answer", "--tls-cert", "--tls-key")
    );
    let address: SocketAddr = listen.strip_prefix("--listen=").context("--listen=ADDRESS:PORT")?.parse()?;
    let rest: Arc<str> = std::fs::read_to_string(answer_file)?.into();
    let acceptor = acceptor(&PathBuf::from(cert), &PathBuf::from(key))?;
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (acceptor, rest) = (acceptor.clone(), Arc::clone(&rest));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(|request| answer(request, &rest));
            let mut http = hyper::server::conn::http1::Builder::new();
            // A caller that goes away in the middle is no news here.
            let _ = http.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, rest: &str) -> Result<Response<Full<Bytes>>, Infallible> {
    const HEAD: &str =
        "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"response\":{\"uid\":\"";
    let body = match request.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Ok(bad_request()),
    };
    let Ok(review) = serde_json::from_slice::<Review<'_>>(&body) else { return Ok(bad_request()) };
    let answer = [HEAD, review.request.uid, rest].concat();
    let mut response = Response::new(Full::new(Bytes::from(answer)));
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    Ok(response)
}

fn bad_request() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

fn acceptor(certificate: &std::path::Path, key: &std::path::Path) -> anyhow::Result<TlsAcceptor> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate)?.collect();
    let key = PrivateKeyDer::from_pem_file(key)?;
    let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain?, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
