//! The webhook: `pod-hardener serve`.
//!
//! `server` binds and shuts down, `listener` accepts, `connection` bounds one connection, `mutate` and `admin`
//! answer requests, `gate` says who sees the status page, `asker` finds out what a review asks, `tls` holds the certificates. All waiting here has an end: see [`crate::settings::Settings`].

mod admin;
mod answers;
mod aside;
mod asker;
mod body;
mod connection;
mod error;
mod gate;
mod greeting;
mod listener;
mod logging;
mod mutate;
mod phase;
mod respond;
mod reviewer;
mod server;
mod spool;
mod stall;
mod status_page;
mod tell;
mod throttle;
mod tls;
mod workers;

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

pub use crate::settings::Flags as Args;
pub use error::ServeError;
pub use server::{Ended, Server};
pub use tls::CertificateError;

use crate::policy;
use crate::settings;

/// Runs the webhook until it is told to stop: `pod-hardener serve`.
///
/// The exit code is 0 after an orderly shutdown, 1 when a second signal cut it short.
///
/// # Errors
/// When the server cannot start: one variant per step.
pub fn run(args: Args) -> Result<ExitCode, ServeError> {
    let settings = settings::load(&args)?;
    let _flush = logging::start(&settings).map_err(ServeError::Runtime)?;
    let policies = policy::load(&settings.policy)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // Everything but the webhook's connections, which have threads of their own.
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)?;
    let ended = runtime.block_on(async {
        let signals = signals()?;
        let server = Server::bind(settings, policies).await?;
        let pem = greeting::greet(&server);
        let ended = server.run(signals).await;
        drop(pem);
        Ok::<_, ServeError>(ended)
    })?;
    // What did not end in time must not keep the process.
    runtime.shutdown_background();
    match ended {
        Ended::Drained | Ended::Deadline => Ok(ExitCode::SUCCESS),
        Ended::Aborted => Ok(ExitCode::FAILURE),
    }
}

/// A message for each SIGTERM or SIGINT.
fn signals() -> Result<mpsc::Receiver<()>, ServeError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
    let (sender, receiver) = mpsc::channel(2);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if sender.send(()).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}
