//! The envelope, and what can be wrong with it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::question::Requester;
use crate::view::{Pod, Text, Unread};

/// An AdmissionReview with the pod in it, all borrowed from the body.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdmissionReview<'a, P = Pod<'a>, O = OldPod<'a>> {
    /// `admission.k8s.io/v1`
    #[serde(borrow, default)]
    pub api_version: Text<'a>,
    /// `AdmissionReview`
    #[serde(borrow, default)]
    pub kind: Text<'a>,
    /// The question. Boxed, as it is large and would be moved again and again.
    #[serde(borrow, bound(deserialize = "P: Deserialize<'de>, O: Deserialize<'de>"))]
    pub request: Option<Box<Request<'a, P, O>>>,
}

/// `request`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request<'a, P = Pod<'a>, O = OldPod<'a>> {
    /// Comes back in the answer.
    #[serde(borrow, default)]
    pub uid: Text<'a>,
    /// Of what kind the object is, for who reads logs.
    #[serde(borrow, default)]
    pub resource: GroupVersionResource<'a>,
    /// `ephemeralcontainers`, or nothing.
    #[serde(borrow)]
    pub sub_resource: Option<Text<'a>>,
    /// The object's name; empty when the API server is to make one.
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    /// Its namespace.
    #[serde(borrow)]
    pub namespace: Option<Text<'a>>,
    /// `CREATE`, `UPDATE` …
    #[serde(borrow, default)]
    pub operation: Text<'a>,
    /// Who asks.
    #[serde(borrow)]
    pub user_info: Option<UserInfo<'a>>,
    /// The pod.
    #[serde(bound(deserialize = "P: Deserialize<'de>"))]
    pub object: Option<P>,
    /// The pod as it was.
    #[serde(bound(deserialize = "O: Deserialize<'de>"))]
    pub old_object: Option<O>,
    /// Whether nothing is to be stored.
    pub dry_run: Option<bool>,
}

/// `request.resource`
#[derive(Debug, Default, Hash, Deserialize)]
pub struct GroupVersionResource<'a> {
    /// Empty for pods.
    #[serde(borrow, default)]
    pub group: Text<'a>,
    /// `v1`
    #[serde(borrow, default)]
    pub version: Text<'a>,
    /// `pods`
    #[serde(borrow, default)]
    pub resource: Text<'a>,
}

impl GroupVersionResource<'_> {
    /// For an error's message.
    pub(super) fn describe(&self) -> String {
        let name = format!("{} in group \"{}\"", self.resource.as_str(), self.group.as_str());
        crate::exemption::excerpt(&name).into_owned()
    }
}

/// `request.userInfo`
#[derive(Debug, Default, Hash, Deserialize)]
pub struct UserInfo<'a> {
    /// The user's name.
    #[serde(borrow, default)]
    pub username: Text<'a>,
    /// The user's uid.
    #[serde(borrow)]
    pub uid: Option<Text<'a>>,
    /// The user's groups.
    #[serde(borrow)]
    pub groups: Option<Vec<Text<'a>>>,
    /// What the authenticator adds: a map of lists, read only where somebody has to be asked.
    #[serde(borrow)]
    pub extra: Option<Unread<'a>>,
}

impl UserInfo<'_> {
    /// The user, to be asked about.
    #[must_use]
    pub fn requester(&self) -> Requester {
        let groups = self.groups.iter().flatten().map(|group| group.as_str().to_owned());
        let extra: Option<BTreeMap<String, Option<Vec<String>>>> =
            self.extra.and_then(|extra| serde_json::from_str(extra.text()).ok());
        let extra = extra.into_iter().flatten().map(|(key, values)| (key, values.unwrap_or_default()));
        Requester {
            username: self.username.as_str().to_owned(),
            uid: self.uid.as_deref().unwrap_or_default().to_owned(),
            groups: groups.collect(),
            extra: extra.collect(),
        }
    }
}

/// `request.oldObject`: which ephemeral containers were there.
#[derive(Debug, Default, Hash, Deserialize)]
pub struct OldPod<'a> {
    #[serde(borrow)]
    spec: Option<OldSpec<'a>>,
}

#[derive(Debug, Default, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OldSpec<'a> {
    #[serde(borrow)]
    ephemeral_containers: Option<Vec<OldContainer<'a>>>,
}

#[derive(Debug, Default, Hash, Deserialize)]
struct OldContainer<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
}

impl OldPod<'_> {
    /// The names of the ephemeral containers that were there.
    #[must_use]
    pub fn ephemeral_containers(&self) -> Vec<&str> {
        let containers = self.spec.as_ref().and_then(|spec| spec.ephemeral_containers.as_ref());
        containers.into_iter().flatten().map(|container| container.name.as_str()).collect()
    }
}

/// Why a body is no review that can be answered: the caller's mistake, HTTP 400.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// No JSON, or no object of this shape.
    #[error("the body is no AdmissionReview: {0}")]
    Malformed(#[source] serde_json::Error),
    /// Another kind.
    #[error("the body's kind is \"{0}\", expected AdmissionReview")]
    Kind(String),
    /// Another version.
    #[error(
        "the body's apiVersion is \"{0}\", expected admission.k8s.io/v1 (admissionReviewVersions: [\"v1\"])"
    )]
    Version(String),
    /// Nothing is asked.
    #[error("the AdmissionReview has no request")]
    NoRequest,
    /// An answer could not be matched to the question.
    #[error("the request has no uid")]
    NoUid,
    /// Not about pods.
    #[error(
        "the request is about {0}, this webhook answers for pods only: correct the rules of its configuration"
    )]
    NotAPod(String),
    /// Not about pods, workloads or namespaces.
    #[error(
        "the request is about {0}, which is not validated here: correct the rules of the webhook's configuration"
    )]
    NotValidated(String),
    /// A pod is to be created and is not there.
    #[error("the request has no object")]
    NoObject,
}

impl ReviewError {
    /// As a metric label.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Kind(_) => "kind",
            Self::Version(_) => "version",
            Self::NoRequest => "no-request",
            Self::NoUid => "no-uid",
            Self::NotAPod(_) => "not-a-pod",
            Self::NotValidated(_) => "not-validated",
            Self::NoObject => "no-object",
        }
    }

    /// Every label that [`Self::reason`] can give.
    pub const REASONS: [&'static str; 8] =
        ["malformed", "kind", "version", "no-request", "no-uid", "not-a-pod", "not-validated", "no-object"];
}

impl<'a> AdmissionReview<'a> {
    /// Reads a body with a pod in it.
    ///
    /// # Errors
    /// When it is no JSON, or not of this shape.
    pub fn parse(body: &'a [u8]) -> serde_json::Result<Self> {
        Self::read(body)
    }
}

impl<'a, P: Deserialize<'a>, O: Deserialize<'a>> AdmissionReview<'a, P, O> {
    /// Reads a body. The text is checked once as a whole, which is quicker than string by string.
    ///
    /// # Errors
    /// When it is no JSON, or not of this shape.
    pub(super) fn read(body: &'a [u8]) -> serde_json::Result<Self> {
        match std::str::from_utf8(body) {
            Ok(text) => crate::view::read_json(text),
            // Says where it is not UTF-8.
            Err(_) => serde_json::from_slice(body),
        }
    }
}

/// The envelope without its pod: for a pod that could not be read.
pub(super) type Envelope<'a> = AdmissionReview<'a, IgnoredAny>;

impl<'a, P, O> AdmissionReview<'a, P, O> {
    /// Checks the envelope and opens it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn open_any(self) -> Result<Box<Request<'a, P, O>>, ReviewError> {
        let excerpt = |text: &str| crate::exemption::excerpt(text).into_owned();
        if self.kind != "AdmissionReview" {
            return Err(ReviewError::Kind(excerpt(&self.kind)));
        }
        if self.api_version != "admission.k8s.io/v1" {
            return Err(ReviewError::Version(excerpt(&self.api_version)));
        }
        let request = self.request.ok_or(ReviewError::NoRequest)?;
        if request.uid.is_empty() {
            return Err(ReviewError::NoUid);
        }
        Ok(request)
    }

    /// The same, for pods only.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn open(self) -> Result<Box<Request<'a, P, O>>, ReviewError> {
        let request = self.open_any()?;
        let resource = &request.resource;
        if resource.resource != "pods" || !resource.group.is_empty() {
            return Err(ReviewError::NotAPod(resource.describe()));
        }
        Ok(request)
    }
}
