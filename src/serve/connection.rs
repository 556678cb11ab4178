//! One connection: TLS, then HTTP/1.1, every wait with an end.

use std::convert::Infallible;
use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};
use tokio_rustls::rustls::{Error, ServerConfig};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::aside::Aside;
use super::phase::{Phase, Phases};
use super::respond::Answered;
use crate::metrics::{ConnectionFailure, HandshakeFailure};

/// The longest header that is read, in bytes: the API server's are some hundred.
const LONGEST_HEADER: usize = 16 * 1024;
/// The most that is read ahead.
const READ_AHEAD: usize = 32 * 1024;

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For the first request's header.
    pub(super) first_request: Duration,
    /// For each further one's, the time between requests included.
    pub(super) idle: Duration,
}

/// Shakes hands.
pub(super) async fn handshake<S>(
    stream: S,
    config: Arc<ServerConfig>,
    longest: Duration,
) -> Result<TlsStream<S>, HandshakeFailure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match timeout(longest, TlsAcceptor::from(config).accept(stream)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a TLS handshake failed");
            Err(handshake_failure(&error))
        }
        Err(_) => Err(HandshakeFailure::Timeout),
    }
}

fn handshake_failure(error: &io::Error) -> HandshakeFailure {
    match error.get_ref().and_then(|error| error.downcast_ref::<Error>()) {
        Some(Error::NoCertificatesPresented) => HandshakeFailure::NoCertificate,
        Some(Error::InvalidCertificate(_)) => HandshakeFailure::BadCertificate,
        Some(Error::AlertReceived(_)) => HandshakeFailure::Rejected,
        Some(_) => HandshakeFailure::Protocol,
        None if error.kind() == io::ErrorKind::TimedOut => HandshakeFailure::Timeout,
        None => HandshakeFailure::Broken,
    }
}

/// Answers requests until the client goes, is too slow, or shutdown comes.
pub(super) async fn serve<S, F>(
    stream: S,
    patience: Patience,
    mut phases: Phases,
    answer: impl Fn(Request<Incoming>) -> F,
) -> Result<(), ConnectionFailure>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = Answered>,
{
    let asked = AtomicBool::new(false);
    let service = service_fn(|request| {
        asked.store(true, Ordering::Relaxed);
        let answered = answer(request);
        async { Ok::<_, Infallible>(answered.await) }
    });
    // The timer makes the timeout work, which is the one for idle connections too.
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience.idle)
            .max_header_size(LONGEST_HEADER)
            .max_buf_size(READ_AHEAD)
            .serve_connection(TokioIo::new(stream), service)
    );
    let mut first = pin!(sleep(patience.first_request));
    let (mut waiting, mut awaited) = (true, Phase::Draining);
    loop {
        let call = {
            let called = async {
                tokio::select! {
                    biased;
                    () = first.as_mut(), if waiting => Call::FirstRequestIsDue,
                    () = phases.reached(awaited) => Call::Phase,
                }
            };
            let (mut called, mut aside) = (pin!(called), Aside::default());
            tokio::select! {
                biased;
                ended = connection.as_mut() => return ended.map_err(|error| failure(&error)),
                call = poll_fn(|cx| aside.poll(called.as_mut(), cx)) => call,
            }
        };
        match call {
            Call::FirstRequestIsDue if asked.load(Ordering::Relaxed) => waiting = false,
            Call::FirstRequestIsDue => return Err(ConnectionFailure::HeaderTimeout),
            Call::Phase if awaited == Phase::Stopping => return Err(ConnectionFailure::Shutdown),
            Call::Phase => {
                awaited = Phase::Stopping;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// What a connection is called away by.
enum Call {
    /// As long as the first request may take.
    FirstRequestIsDue,
    /// The phase that was awaited.
    Phase,
}

fn failure(error: &hyper::Error) -> ConnectionFailure {
    tracing::debug!(%error, "a connection ended early");
    if error.is_timeout() {
        return ConnectionFailure::HeaderTimeout;
    }
    if error.is_parse() {
        return ConnectionFailure::Protocol;
    }
    match error.source().and_then(|source| source.downcast_ref::<io::Error>()) {
        Some(error) if error.kind() == io::ErrorKind::TimedOut => ConnectionFailure::WriteTimeout,
        _ => ConnectionFailure::Broken,
    }
}
