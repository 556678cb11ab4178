//! Requests to the API server, with objects as plain JSON: typed ones drop what they do not know.

use http_body_util::BodyExt as _;
use hyper::{Method, Request};
use kube::client::Body;
use serde_json::{Value, json};

/// A client that is one user.
#[derive(Clone)]
pub(crate) struct Api {
    client: kube::Client,
}

/// What the API server made of a request that it accepted.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) object: Value,
    /// The texts of the `Warning` headers, which kubectl prints.
    pub(crate) warnings: Vec<String>,
}

/// Why the API server refused a request.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) code: u16,
    pub(crate) message: String,
}

pub(crate) type Answer = Result<Accepted, Refused>;

impl Api {
    pub(crate) fn new(url: &str, authority: Vec<u8>, token: &str, acting_as: Option<&str>) -> Self {
        let mut config = kube::Config::new(url.parse().expect("a URL"));
        config.root_cert = Some(vec![authority]);
        config.auth_info.token = Some(token.to_owned().into());
        config.auth_info.impersonate = acting_as.map(str::to_owned);
        config.connect_timeout = Some(std::time::Duration::from_secs(10));
        let client = kube::Client::try_from(config).expect("a client");
        Self { client }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn create(&self, path: &str, object: &Value) -> Answer {
        self.send(Method::POST, path, Some(("application/json", object))).await
    }

    pub(crate) async fn replace(&self, path: &str, object: &Value) -> Answer {
        self.send(Method::PUT, path, Some(("application/json", object))).await
    }

    /// Merges a part into an object.
    #[allow(dead_code, reason = "the tests on a node do so")]
    pub(crate) async fn merge(&self, path: &str, part: &Value) -> Answer {
        self.send(Method::PATCH, path, Some(("application/merge-patch+json", part))).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        let options = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
        self.send(Method::DELETE, path, Some(("application/json", &options))).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<(&str, &Value)>) -> Answer {
        let mut request = Request::builder().method(&method).uri(path);
        if let Some((content_type, _)) = body {
            request = request.header("content-type", content_type);
        }
        let bytes = body.map_or_else(Vec::new, |(_, object)| object.to_string().into_bytes());
        let request = request.body(Body::from(bytes)).expect("a request");
        let response = self.client.send(request).await;
        let response = response.map_err(|error| unanswered(&method, path, &error))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await;
        let body = body.map_err(|error| unanswered(&method, path, &error))?;
        let mut object: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or(Value::Null);
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            // Who wrote which field is of no interest here, and fills a failure's message.
            metadata.remove("managedFields");
        }
        if !head.status.is_success() {
            return Err(Refused {
                code: head.status.as_u16(),
                message: object["message"].as_str().unwrap_or_default().to_owned(),
            });
        }
        let headers = head.headers.get_all("warning").iter();
        let warnings = headers.filter_map(|header| header.to_str().ok()).map(warning).collect();
        Ok(Accepted { object, warnings })
    }
}

fn unanswered(method: &Method, path: &str, error: &dyn std::error::Error) -> Refused {
    let mut message = format!("{method} {path}: {error}");
    let mut cause = error.source();
    while let Some(deeper) = cause {
        message = format!("{message}: {deeper}");
        cause = deeper.source();
    }
    Refused { code: 0, message }
}

/// The text in a header such as `299 - "the \"text\""`.
fn warning(header: &str) -> String {
    let text = header.strip_prefix("299 - ").unwrap_or(header);
    serde_json::from_str(text).unwrap_or_else(|_| text.to_owned())
}
