//! Responses.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};

use crate::metrics::Rejection;

/// What is sent: always whole, so its length is always known.
pub(super) type Answered = Response<Full<Bytes>>;

/// A body of a media type.
pub(super) fn respond(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Answered {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// A line for people.
pub(super) fn text(status: StatusCode, line: &str) -> Answered {
    respond(status, "text/plain; charset=utf-8", format!("{line}\n"))
}

/// Why a request was not reviewed.
pub(super) fn reject(rejection: Rejection, line: &str) -> Answered {
    let status = match rejection {
        Rejection::Overload | Rejection::Memory => StatusCode::TOO_MANY_REQUESTS,
        Rejection::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Rejection::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
        Rejection::Path => StatusCode::NOT_FOUND,
        Rejection::Method => StatusCode::METHOD_NOT_ALLOWED,
        Rejection::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Rejection::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Rejection::Truncated
        | Rejection::Malformed
        | Rejection::Kind
        | Rejection::Version
        | Rejection::NoRequest
        | Rejection::NoUid
        | Rejection::NotAPod
        | Rejection::NotValidated
        | Rejection::NoObject => StatusCode::BAD_REQUEST,
    };
    let response = text(status, line);
    match rejection {
        // The API server's client comes back by itself after that many seconds, within its own timeout.
        Rejection::Overload | Rejection::Memory => with(response, RETRY_AFTER, "1"),
        Rejection::Method => with(response, ALLOW, "POST"),
        // The rest of the body is not waited for.
        Rejection::TooLarge | Rejection::BodyTimeout => with(response, CONNECTION, "close"),
        _ => response,
    }
}

/// The response with one more header.
pub(super) fn with(mut response: Answered, name: HeaderName, value: &'static str) -> Answered {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}
