//! Requests' bodies, bounded in size and time each, and in bytes all together.

use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::metrics::{ByteGauge, Rejection, TakenBytes};
use crate::settings::Settings;

/// A body up to this length is always received: ordinary reviews are shorter, and large ones never keep them out.
/// How many there are at once is bounded by the number of reviews.
const ORDINARY: usize = 64 * 1024;

/// Receives bodies.
#[derive(Debug)]
pub(super) struct Bodies {
    most: usize,
    longest: Duration,
    /// In bytes, what all bodies that are not ordinary may take together.
    room: Semaphore,
    /// What of it is taken, for who watches.
    taken: ByteGauge,
}

/// Room for a body, to be kept until its review is over; an ordinary one needs none.
#[derive(Debug)]
pub(super) struct Room<'r>(
    #[allow(dead_code, reason = "given back when it is dropped")] Option<(SemaphorePermit<'r>, TakenBytes)>,
);

impl Bodies {
    pub(super) fn new(settings: &Settings, taken: ByteGauge) -> Self {
        Self {
            most: settings.max_body_bytes.0,
            longest: settings.body_timeout.0,
            room: Semaphore::new(settings.max_bodies_bytes.0),
            taken,
        }
    }

    /// Takes room for a body by the length that it says it has, before any of it is kept; one that does not say may be
    /// the longest.
    pub(super) fn room_for(&self, body: &Incoming) -> Result<Room<'_>, Rejection> {
        // What says that it is too long needs not come first.
        if body.size_hint().lower() > self.most as u64 {
            return Err(Rejection::TooLarge);
        }
        let length = length(body).unwrap_or(self.most);
        if length <= ORDINARY {
            return Ok(Room(None));
        }
        let bytes = u32::try_from(length).map_err(|_| Rejection::Memory)?;
        let room = self.room.try_acquire_many(bytes).map_err(|_| Rejection::Memory)?;
        Ok(Room(Some((room, self.taken.take(bytes)))))
    }

    /// Receives a body whole.
    pub(super) async fn receive(&self, body: Incoming) -> Result<Bytes, Rejection> {
        let whole = timeout(self.longest, collect(body, self.most)).await;
        whole.unwrap_or(Err(Rejection::BodyTimeout))
    }

    /// Takes a body off the connection and keeps nothing of it: who is still sending reads no answer, and a connection
    /// that ends in the middle looks like a failure.
    pub(super) async fn discard(&self, body: Incoming) {
        let mut body = Limited::new(body, self.most);
        let all = async { while let Some(Ok(_)) = body.frame().await {} };
        // Too slow: the connection ends with the answer.
        let _ = timeout(self.longest, all).await;
    }

    pub(super) fn describe(&self, rejection: Rejection) -> String {
        match rejection {
            Rejection::TooLarge => format!("the body is longer than {} bytes", self.most),
            Rejection::BodyTimeout => format!("the body took longer than {:?}", self.longest),
            Rejection::Overload => "as many reviews as are allowed are being made, come back".to_owned(),
            Rejection::Memory => "other long bodies take what memory there is for them, come back".to_owned(),
            _ => "the body ended early".to_owned(),
        }
    }
}

/// As the header says it.
fn length(body: &Incoming) -> Option<usize> {
    body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok())
}

/// A body that came in one piece, as most do, is not copied.
async fn collect(body: Incoming, most: usize) -> Result<Bytes, Rejection> {
    let length = length(&body);
    let mut body = Limited::new(body, most);
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            if error.is::<LengthLimitError>() { Rejection::TooLarge } else { Rejection::Truncated }
        })?;
        let Ok(piece) = frame.into_data() else { continue };
        if whole.is_empty() {
            if length == Some(piece.len()) {
                return Ok(piece);
            }
            whole.reserve_exact(length.unwrap_or_default());
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.into())
}
