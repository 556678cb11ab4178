//! Accepts connections, as many as are allowed.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::phase::{Phase, Phases};
use super::workers::{Seat, Workers};
use crate::metrics::{ConnectionFailure, Counters};

const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Hands each connection to `serve`, in a task of its own, until draining begins.
///
/// On `workers`, or where this runs. One above what `slots` allow is closed at once: a client that is told soon can go elsewhere.
pub(super) async fn accept<F>(
    listener: TcpListener,
    slots: Arc<Semaphore>,
    mut phases: Phases,
    workers: Option<&Workers>,
    failures: &Counters<ConnectionFailure>,
    serve: impl Fn(TcpStream) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut pause = SHORTEST_PAUSE;
    loop {
        let accepted = tokio::select! {
            biased;
            () = phases.reached(Phase::Draining) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                pause = SHORTEST_PAUSE;
                let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
                    failures.count(ConnectionFailure::Limit);
                    continue;
                };
                // Without it an answer may wait for an acknowledgement. A connection that is gone already shows it later.
                let _ = stream.set_nodelay(true);
                let seated = match workers {
                    Some(workers) => workers.take(stream),
                    None => Ok((stream, Seat::here())),
                };
                let Ok((stream, seat)) = seated else {
                    failures.count(ConnectionFailure::Broken);
                    continue;
                };
                let served = serve(stream);
                seat.run(async move {
                    served.await;
                    drop(slot);
                });
            }
            Err(error) if is_the_clients(&error) => failures.count(ConnectionFailure::Broken),
            Err(error) => {
                failures.count(ConnectionFailure::Accept);
                tracing::warn!(%error, "no connection can be accepted");
                // Most likely there are no file descriptors: those come back with time only.
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Whether the error is of one connection rather than of the listener.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
