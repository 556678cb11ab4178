//! A request's body, bounded in size and time.

use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use tokio::time::timeout;

use crate::metrics::Rejection;

/// Receives a body whole.
pub(super) async fn receive(body: Incoming, most: usize, longest: Duration) -> Result<Bytes, Rejection> {
    // What says that it is too long needs not come first.
    if body.size_hint().lower() > most as u64 {
        return Err(Rejection::TooLarge);
    }
    timeout(longest, collect(body, most)).await.unwrap_or(Err(Rejection::BodyTimeout))
}

/// A body that came in one piece, as most do, is not copied.
async fn collect(body: Incoming, most: usize) -> Result<Bytes, Rejection> {
    let expected = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
    let mut body = Limited::new(body, most);
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            if error.is::<LengthLimitError>() { Rejection::TooLarge } else { Rejection::Truncated }
        })?;
        let Ok(piece) = frame.into_data() else { continue };
        if whole.is_empty() {
            if expected == Some(piece.len()) {
                return Ok(piece);
            }
            whole.reserve_exact(expected.unwrap_or_default());
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.into())
}
