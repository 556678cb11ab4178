//! Requests' bodies, bounded in size and time each, and in bytes all together.

use std::ops::Deref;
use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::metrics::Rejection;
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
}

/// A body, whole.
#[derive(Debug)]
pub(super) struct Body<'r> {
    bytes: Bytes,
    /// Given back when the review is over.
    _room: Option<SemaphorePermit<'r>>,
}

impl Deref for Body<'_> {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.bytes
    }
}

impl Bodies {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            most: settings.max_body_bytes.0,
            longest: settings.body_timeout.0,
            room: Semaphore::new(settings.max_bodies_bytes.0),
        }
    }

    /// Receives a body whole.
    pub(super) async fn receive(&self, body: Incoming) -> Result<Body<'_>, Rejection> {
        // What says that it is too long needs not come first.
        if body.size_hint().lower() > self.most as u64 {
            return Err(Rejection::TooLarge);
        }
        let length = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
        let room = match self.room_for(length.unwrap_or(self.most)) {
            Ok(room) => room,
            Err(rejection) => {
                self.discard(body).await;
                return Err(rejection);
            }
        };
        let whole = timeout(self.longest, collect(body, length, self.most)).await;
        let bytes = whole.unwrap_or(Err(Rejection::BodyTimeout))?;
        Ok(Body { bytes, _room: room })
    }

    /// Taken by the length that the body says it has, before any of it is kept; one that does not say may be the longest.
    fn room_for(&self, length: usize) -> Result<Option<SemaphorePermit<'_>>, Rejection> {
        if length <= ORDINARY {
            return Ok(None);
        }
        let bytes = u32::try_from(length).map_err(|_| Rejection::Memory)?;
        self.room.try_acquire_many(bytes).map(Some).map_err(|_| Rejection::Memory)
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
            Rejection::Memory => "other long bodies take what memory there is for them, come back".to_owned(),
            _ => "the body ended early".to_owned(),
        }
    }
}

/// A body that came in one piece, as most do, is not copied.
async fn collect(body: Incoming, length: Option<usize>, most: usize) -> Result<Bytes, Rejection> {
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
