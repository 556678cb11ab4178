//! Who is shown the status page.
//!
//! Where only this machine can connect, whoever does may look; but not a page from elsewhere, in a browser here, whose
//! name was made to lead to loopback. Anywhere else one brings a token, and the API server says whose it is and whether
//! that one may `get` the path `/`. Where a connection comes from is never a reason to let somebody in: what a proxy
//! beside us passes on, for anybody, comes from loopback as well.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{StatusCode, header::HeaderValue};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use k8s_openapi::api::authorization::v1::NonResourceAttributes;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::answers::{Answer, Answers};
use super::asker::may;
use super::respond::{Answered, text, with};
use crate::review::Requester;
use crate::settings::{Settings, StatusPage};

/// The path that one must be allowed to `get`, as a non-resource URL of the API server.
const PATH: &str = "/";
/// How long the API server may take for both questions.
const DEADLINE: Duration = Duration::from_secs(3);
/// So many are asked about at once.
const AT_ONCE: usize = 4;
/// So many answers are kept.
const MOST: usize = 64;
/// The longest token, in bytes: those of service accounts have about a thousand.
const LONGEST_TOKEN: usize = 8 * 1024;

/// What lets somebody in or not.
#[derive(Debug)]
pub(super) enum Gate {
    /// Whoever asks by a name of this machine.
    Loopback,
    /// Who brings a token.
    Token(Tokens),
}

/// Why somebody is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It was asked for by another name than this machine's.
    Host,
    /// There is no token.
    NoToken,
    /// The API server does not know the token.
    Stranger,
    /// Its owner may not.
    Forbidden(Arc<str>),
    /// The API server did not say.
    Unanswered,
    /// There is nobody to ask.
    Nobody,
}

impl Gate {
    /// As the settings say.
    pub(super) fn new(settings: &Settings, client: Option<Client>) -> Option<Self> {
        match settings.status_page {
            StatusPage::Off => None,
            StatusPage::Auto if settings.admin.ip().is_loopback() => Some(Self::Loopback),
            StatusPage::Auto | StatusPage::Token => Some(Self::Token(Tokens::new(client))),
        }
    }

    /// Whether a request's headers let it in.
    pub(super) async fn lets(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        match self {
            Self::Loopback if headers.get(HOST).is_some_and(is_loopback) => Ok(()),
            Self::Loopback => Err(Refusal::Host),
            Self::Token(tokens) => tokens.lets(&token(headers).ok_or(Refusal::NoToken)?).await,
        }
    }
}

/// Asks the API server about tokens.
pub(super) struct Tokens {
    client: Option<Client>,
    answers: Answers<Box<str>, Result<(), Refusal>>,
    asking: Semaphore,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    fn new(client: Option<Client>) -> Self {
        Self { client, answers: Answers::new(MOST), asking: Semaphore::new(AT_ONCE) }
    }

    async fn lets(&self, token: &str) -> Result<(), Refusal> {
        let Some(client) = &self.client else { return Err(Refusal::Nobody) };
        let token = Box::from(token);
        let place = self.answers.place(&token, Instant::now());
        let answer = place.get_or_init(async || {
            let said = self.ask(client, &token).await;
            Answer { said, at: Instant::now() }
        });
        answer.await.said.clone().unwrap_or(Err(Refusal::Unanswered))
    }

    /// What the API server says; `None`: nothing, in time.
    async fn ask(&self, client: &Client, token: &str) -> Option<Result<(), Refusal>> {
        let _permit = self.asking.try_acquire().ok()?;
        let said = timeout(DEADLINE, ask(client, token)).await;
        let said = said.unwrap_or_else(|_| Err("it did not answer in time".to_owned()));
        said.inspect_err(|error| {
            tracing::warn!(error, "the API server could not be asked who wants to see the status page");
        })
        .ok()
    }
}

async fn ask(client: &Client, token: &str) -> Result<Result<(), Refusal>, String> {
    let spec = TokenReviewSpec { token: token.to_owned(), audiences: None };
    let review = TokenReview { spec, ..TokenReview::default() };
    let reviewed = Api::<TokenReview>::all(client.clone()).create(&PostParams::default(), &review).await;
    let status = reviewed.map_err(|error| format!("TokenReview: {error}"))?.status.unwrap_or_default();
    let user = match status.user {
        Some(user) if status.authenticated == Some(true) => requester(user),
        _ => return Ok(Err(Refusal::Stranger)),
    };
    let review = may(&user, |spec| {
        let (path, verb) = (Some(PATH.to_owned()), Some("get".to_owned()));
        spec.non_resource_attributes = Some(NonResourceAttributes { path, verb });
    });
    let reviewed = Api::all(client.clone()).create(&PostParams::default(), &review).await;
    let status = reviewed.map_err(|error| format!("SubjectAccessReview: {error}"))?.status;
    let allowed = status.is_some_and(|status| status.allowed && status.denied != Some(true));
    Ok(if allowed { Ok(()) } else { Err(Refusal::Forbidden(user.username.into())) })
}

fn requester(user: UserInfo) -> Requester {
    Requester {
        username: user.username.unwrap_or_default(),
        uid: user.uid.unwrap_or_default(),
        groups: user.groups.unwrap_or_default(),
        extra: user.extra.unwrap_or_default(),
    }
}

/// The token that a request brings: by itself, or as a password, which is what a browser can ask for.
fn token(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    let token = if scheme.eq_ignore_ascii_case("bearer") {
        rest.trim().to_owned()
    } else if scheme.eq_ignore_ascii_case("basic") {
        let decoded = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
        decoded.split_once(':')?.1.trim().to_owned()
    } else {
        return None;
    };
    let is_one =
        !token.is_empty() && token.len() <= LONGEST_TOKEN && token.bytes().all(|b| b.is_ascii_graphic());
    is_one.then_some(token)
}

/// Whether a Host header names this machine to itself, whatever the port.
fn is_loopback(host: &HeaderValue) -> bool {
    let Ok(host) = host.to_str() else { return false };
    let name = match host.strip_prefix('[') {
        Some(rest) => return matches!(rest.split_once(']'), Some(("::1", port)) if is_port(port)),
        None => host
            .split_once(':')
            .map_or(Some(host), |(name, port)| port.bytes().all(|b| b.is_ascii_digit()).then_some(name)),
    };
    name.is_some_and(|name| {
        name.eq_ignore_ascii_case("localhost")
            || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
    })
}

/// Nothing, or a colon and digits.
fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()))
}

impl Refusal {
    /// For who is not let in. A browser is asked for the token only where it does not go over a network as it is.
    pub(super) fn answer(&self, from_loopback: bool) -> Answered {
        let (status, line) = match self {
            Self::Host => (
                StatusCode::MISDIRECTED_REQUEST,
                "the status page is shown under the name localhost or a loopback address".to_owned(),
            ),
            Self::NoToken => (
                StatusCode::UNAUTHORIZED,
                "the status page needs a token, as Authorization: Bearer: docs/status-page.md".to_owned(),
            ),
            Self::Stranger => (StatusCode::UNAUTHORIZED, "the API server does not know this token".to_owned()),
            Self::Forbidden(user) => (
                StatusCode::FORBIDDEN,
                format!(
                    "{user} may not see the status page: that takes a ClusterRole with {{nonResourceURLs: [{PATH}], \
                     verbs: [get]}}"
                ),
            ),
            Self::Unanswered => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the API server could not be asked whose token this is; the log says why".to_owned(),
            ),
            Self::Nobody => (
                StatusCode::FORBIDDEN,
                "the status page needs a token, and no cluster is there to ask whose it is: listen on loopback \
                 (--admin 127.0.0.1:9090)"
                    .to_owned(),
            ),
        };
        let answered = text(status, &line);
        match self {
            Self::NoToken | Self::Stranger if from_loopback => {
                with(answered, WWW_AUTHENTICATE, "Basic realm=\"pod-hardener: a token as the password\"")
            }
            Self::NoToken | Self::Stranger => with(answered, WWW_AUTHENTICATE, "Bearer"),
            Self::Unanswered => with(answered, RETRY_AFTER, "1"),
            _ => answered,
        }
    }
}

#[cfg(test)]
mod tests;
