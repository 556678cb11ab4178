//! Threads that serve connections, each by itself.
//!
//! A runtime that shares its tasks among threads wakes a second thread at each request, so that it may look for
//! more work. A review takes less time than that: here a connection stays with its thread, and nobody is woken.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::time::sleep;

/// What is still open when the server has ended hears of it within this time, or is cut.
const FAREWELL: Duration = Duration::from_secs(1);

/// The threads; they end when this is dropped.
#[derive(Debug)]
pub(super) struct Workers(Vec<Worker>);

#[derive(Debug)]
struct Worker {
    handle: Handle,
    open: Arc<AtomicUsize>,
    /// Ends the thread when it is dropped.
    _stop: oneshot::Sender<()>,
}

impl Workers {
    /// Starts so many.
    pub(super) fn start(count: usize) -> io::Result<Self> {
        (0..count.max(1)).map(|_| Worker::start()).collect::<io::Result<_>>().map(Self)
    }

    /// Gives a connection to the thread that has the fewest.
    pub(super) fn take(&self, stream: TcpStream) -> io::Result<(TcpStream, Seat)> {
        let worker = self.0.iter().min_by_key(|worker| worker.open.load(Ordering::Relaxed));
        let worker = worker.ok_or(io::ErrorKind::NotFound)?;
        let stream = stream.into_std()?;
        // From now on it is that thread that waits for the connection's bytes.
        let _entered = worker.handle.enter();
        let stream = TcpStream::from_std(stream)?;
        Ok((stream, Seat::new(worker.handle.clone(), Arc::clone(&worker.open))))
    }
}

impl Worker {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let open = Arc::new(AtomicUsize::new(0));
        let left = Arc::clone(&open);
        std::thread::Builder::new().name("connections".to_owned()).spawn(move || {
            runtime.block_on(async {
                // Nothing is ever sent: it is dropped.
                let _ = stopped.await;
                let gone = async {
                    while left.load(Ordering::Relaxed) > 0 {
                        sleep(Duration::from_millis(5)).await;
                    }
                };
                let _ = tokio::time::timeout(FAREWELL, gone).await;
            });
        })?;
        Ok(Self { handle, open, _stop: stop })
    }
}

/// A connection's place on a thread.
#[derive(Debug)]
pub(super) struct Seat {
    handle: Handle,
    open: Arc<AtomicUsize>,
}

impl Seat {
    fn new(handle: Handle, open: Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self { handle, open }
    }

    /// On the runtime in which this is called.
    pub(super) fn here() -> Self {
        Self::new(Handle::current(), Arc::default())
    }

    /// Runs there, and then gives the place back.
    pub(super) fn run(self, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.handle.clone();
        handle.spawn(async move {
            task.await;
            drop(self);
        });
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn connections_are_spread_over_the_threads() {
        let workers = Workers::start(2).expect("threads");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("an address");
        let mut clients = Vec::new();
        for _ in 0..4 {
            clients.push(TcpStream::connect(listener.local_addr().expect("bound")).await.expect("connected"));
            let (stream, _) = listener.accept().await.expect("accepted");
            let (mut stream, seat) = workers.take(stream).expect("taken");
            seat.run(async move {
                let byte = stream.read_u8().await.expect("a byte");
                stream.write_u8(byte + 1).await.expect("written");
                std::future::pending::<()>().await;
            });
        }
        assert!(workers.0.iter().all(|worker| worker.open.load(Ordering::Relaxed) == 2));
        for client in &mut clients {
            client.write_u8(1).await.expect("written");
            assert_eq!(client.read_u8().await.expect("an answer"), 2);
        }
    }
}
