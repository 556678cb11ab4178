//! Between a log line and the standard error: a queue and a thread.
//!
//! Where nobody reads what is written, a write waits; where there is no room, it fails. No review may wait for it
//! or fail with it: what does not fit into the queue is lost, and that is said as soon as there is room.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

/// How many lines may wait.
const LINES: usize = 1024;

/// How long the end of the process waits for them.
const FAREWELL: Duration = Duration::from_secs(1);

enum Message {
    Line(Box<[u8]>),
    /// Answered when all before it is written.
    Flush(SyncSender<()>),
}

/// Takes lines, and never waits.
#[derive(Clone)]
pub(super) struct Spool {
    queue: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

/// Gives what waits a moment to be written, when it is dropped.
pub(super) struct Flush(SyncSender<Message>);

impl Spool {
    /// Starts the thread that writes to `out`. It calls `say` with the number of lines that were lost.
    pub(super) fn start(
        out: impl Write + Send + 'static,
        say: impl Fn(u64) + Send + 'static,
    ) -> io::Result<(Self, Flush)> {
        let (queue, lines) = sync_channel(LINES);
        let lost = Arc::new(AtomicU64::new(0));
        let missing = Arc::clone(&lost);
        let thread = std::thread::Builder::new().name("log".to_owned());
        thread.spawn(move || write(&lines, &missing, out, say))?;
        Ok((Self { queue: queue.clone(), lost }, Flush(queue)))
    }
}

/// Each call is one line.
impl Write for Spool {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.queue.try_send(Message::Line(line.into())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        let deadline = Instant::now() + FAREWELL;
        let (done, written) = sync_channel(1);
        let mut message = Message::Flush(done);
        while let Err(TrySendError::Full(back)) = self.0.try_send(message) {
            if Instant::now() >= deadline {
                return;
            }
            message = back;
            std::thread::sleep(Duration::from_millis(5));
        }
        // Whether it comes or not, the process ends.
        let _ = written.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

fn write(lines: &Receiver<Message>, lost: &AtomicU64, mut out: impl Write, say: impl Fn(u64)) {
    for message in lines {
        match message {
            Message::Line(line) if out.write_all(&line).is_err() => {
                lost.fetch_add(1, Ordering::Relaxed);
            }
            Message::Line(_) => {
                let count = lost.swap(0, Ordering::Relaxed);
                if count > 0 {
                    say(count);
                }
            }
            // Who asked may have gone.
            Message::Flush(done) => drop(done.try_send(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::AtomicBool;

    use super::*;

    /// Takes what is written, unless it is full.
    #[derive(Clone, Default)]
    struct Disk {
        full: Arc<AtomicBool>,
        text: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.full.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.text.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let disk = Disk::default();
        let said = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&said);
        let (mut spool, flush) =
            Spool::start(disk.clone(), move |lost| count.store(lost, Ordering::Relaxed)).unwrap();
        for (line, full) in [("one\n", false), ("two\n", true), ("three\n", true), ("four\n", false)] {
            disk.full.store(full, Ordering::Relaxed);
            spool.write_all(line.as_bytes()).unwrap();
            drop(Flush(flush.0.clone()));
        }
        assert_eq!(disk.text.lock().unwrap().as_slice(), b"one\nfour\n");
        assert_eq!(said.load(Ordering::Relaxed), 2);
    }
}
