//! The API server's time.
//!
//! It is the API server that verifies our certificate, so its clock is the one that counts: every answer of it says what
//! time it is. A clock of ours that jumps changes nothing.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use http_body_util::BodyExt as _;
use hyper::header::DATE;
use kube::client::Body;
use kube::core::Status;
use kube::{Client, Error};
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// What time the API server said that it was, and when.
#[derive(Debug, Default)]
pub(crate) struct Clock(Mutex<Option<(OffsetDateTime, Instant)>>);

impl Clock {
    /// What time it is there; before the first answer, here.
    pub(crate) fn now(&self) -> OffsetDateTime {
        let told = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.map_or_else(OffsetDateTime::now_utc, |(time, at)| time + at.elapsed())
    }

    fn told(&self, time: OffsetDateTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((time, Instant::now()));
    }

    /// Sends a request, and takes the time from its answer.
    pub(crate) async fn request<T: DeserializeOwned>(
        &self,
        client: &Client,
        request: hyper::Request<Vec<u8>>,
    ) -> Result<T, Error> {
        let answer = client.send(request.map(Body::from)).await?;
        if let Some(time) = answer.headers().get(DATE).and_then(|date| parse(date.to_str().ok()?)) {
            self.told(time);
        }
        let is_good = answer.status().is_success();
        let body = answer.into_body().collect().await?.to_bytes();
        if is_good {
            return serde_json::from_slice(&body).map_err(Error::SerdeError);
        }
        let status: Status = serde_json::from_slice(&body).map_err(Error::SerdeError)?;
        Err(Error::Api(Box::new(status)))
    }
}

/// As HTTP writes it: `Tue, 24 Nov 2026 19:32:44 GMT`.
fn parse(date: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(date, &Rfc2822).ok()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_api_servers_time_goes_on_from_what_it_said() {
        let clock = Clock::default();
        assert!((OffsetDateTime::now_utc() - clock.now()).abs() < time::Duration::MINUTE);
        let said = datetime!(2031-02-03 04:05:06 UTC);
        assert_eq!(parse("Mon, 03 Feb 2031 04:05:06 GMT"), Some(said));
        clock.told(said);
        assert!(clock.now() >= said && clock.now() < said + time::Duration::MINUTE);
        assert_eq!(parse("tomorrow"), None);
    }
}
