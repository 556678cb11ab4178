//! How far shutdown has come.

use tokio::sync::watch;

/// The phases of a server's life, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// New connections are taken.
    Serving,
    /// They still are, for whoever has not heard yet; but each ends with its next answer.
    Leaving,
    /// No more of them; open requests are finished.
    Draining,
    /// Nothing is waited for any more.
    Stopping,
}

/// Tells the phase.
#[derive(Debug, Clone)]
pub(super) struct Phases(watch::Receiver<Phase>);

impl Phases {
    /// Serving, until the sender says otherwise.
    pub(super) fn new() -> (watch::Sender<Phase>, Self) {
        let (sender, receiver) = watch::channel(Phase::Serving);
        (sender, Self(receiver))
    }

    /// Whether the phase has come.
    pub(super) fn has_come(&self, phase: Phase) -> bool {
        *self.0.borrow() >= phase
    }

    /// Waits until the phase has come. A server that is gone has come to its end.
    pub(super) async fn reached(&mut self, phase: Phase) {
        let _ = self.0.wait_for(|now| *now >= phase).await;
    }
}
