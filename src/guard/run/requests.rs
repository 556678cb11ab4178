//! What the guard asks of the API server.

use std::time::Duration;

use futures::AsyncReadExt as _;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::Eviction;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    DeleteOptions, ObjectMeta, OwnerReference, Preconditions,
};
use kube::api::{ApiResource, DynamicObject, LogParams, Patch, PatchParams, PostParams};
use kube::core::Status;
use kube::{Api, Client, Error};
use serde_json::json;

use crate::docs::profiles::PROFILES_PLURAL;
use crate::guard::decide::Change;
use crate::guard::pods::Failure;
use crate::profiles::KIND;
use crate::sources::report::resource_of;

/// How long one request may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// So many lines of a log are read, from its end, and at most so many bytes from their beginning.
const LOG: (i64, i64) = (100, 512 * 1024);

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    /// Somebody else was quicker: what is there now counts.
    #[error("it has changed meanwhile")]
    Conflict,
    /// A PodDisruptionBudget does not allow it; in the API server's words.
    #[error("{0}")]
    Budget(String),
    /// It is gone.
    #[error("it is gone")]
    Gone,
    /// The API server did not take it, or did not answer.
    #[error("{0}")]
    Other(String),
}

impl From<Error> for RequestError {
    fn from(error: Error) -> Self {
        match error {
            Error::Api(status) if status.code == 409 => Self::Conflict,
            Error::Api(status) if status.code == 404 => Self::Gone,
            Error::Api(status) if status.code == 429 => Self::Budget(budget(&status)),
            Error::Api(status) => Self::Other(status.message.clone()),
            other => Self::Other(other.to_string()),
        }
    }
}

/// The cause that names the budget, else the message.
fn budget(status: &Status) -> String {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let cause = causes.map(|cause| cause.message.as_str()).find(|message| !message.is_empty());
    cause.unwrap_or(&status.message).to_owned()
}

async fn in_time<T>(request: impl Future<Output = Result<T, Error>>) -> Result<T, RequestError> {
    let answer = tokio::time::timeout(DEADLINE, request).await;
    Ok(answer.map_err(|_| RequestError::Other("no answer in time".to_owned()))??)
}

/// What makes pods: its template as text, and the workload above it, such as `Deployment/web`.
pub(super) struct Workload {
    pub(super) template: Vec<u8>,
    pub(super) name: String,
}

/// The kinds whose template is known, each in its group.
const KINDS: [(&str, &str, &str); 5] = [
    ("apps", "ReplicaSet", "replicasets"),
    ("apps", "StatefulSet", "statefulsets"),
    ("apps", "DaemonSet", "daemonsets"),
    ("batch", "Job", "jobs"),
    ("", "ReplicationController", "replicationcontrollers"),
];

/// Reads the controller of a pod; `None` for one of a kind whose template is not known here, or that is gone.
pub(super) async fn workload(
    client: &Client,
    namespace: &str,
    owner: &OwnerReference,
) -> Result<Option<Workload>, RequestError> {
    let (group, version) = owner.api_version.split_once('/').unwrap_or(("", &owner.api_version));
    let known = KINDS.iter().find(|(of, kind, _)| *of == group && *kind == owner.kind);
    let Some((_, _, plural)) = known else { return Ok(None) };
    let resource = ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: owner.api_version.clone(),
        kind: owner.kind.clone(),
        plural: (*plural).to_owned(),
    };
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let object = match in_time(api.get(&owner.name)).await {
        Ok(object) if object.metadata.uid.as_deref() == Some(&owner.uid) => object,
        Ok(_) | Err(RequestError::Gone) => return Ok(None),
        Err(error) => return Err(error),
    };
    let template = object.data["spec"]["template"].to_string().into_bytes();
    let mut owners = object.metadata.owner_references.iter().flatten();
    let above = owners.find(|owner| owner.controller == Some(true)).unwrap_or(owner);
    Ok(Some(Workload { template, name: format!("{}/{}", above.kind, above.name) }))
}

/// The end of a container's log: of the one that runs, or ended last.
pub(super) async fn log(client: &Client, failure: &Failure) -> Result<String, RequestError> {
    let api: Api<Pod> = Api::namespaced(client.clone(), &failure.namespace);
    let params = LogParams {
        container: Some(failure.container.clone()),
        tail_lines: Some(LOG.0),
        limit_bytes: Some(LOG.1),
        ..LogParams::default()
    };
    let read = async {
        let mut bytes = Vec::new();
        let mut stream = api.log_stream(&failure.name, &params).await?;
        stream.read_to_end(&mut bytes).await.map_err(|error| Error::Service(error.into()))?;
        // It may be cut within a character, or in another encoding.
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    in_time(read).await
}

/// Writes a profile.
pub(super) async fn write(client: &Client, change: &Change) -> Result<(), RequestError> {
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource_of(KIND, PROFILES_PLURAL));
    let name = &change.profile.metadata.name;
    let failed = |error: serde_json::Error| RequestError::Other(error.to_string());
    if let Some(version) = &change.resource_version {
        let spec = change.profile.spec.whole().map_err(failed)?;
        let patch = json!({"metadata": {"resourceVersion": version}, "spec": spec});
        let (params, patch) = (PatchParams::default(), Patch::Merge(&patch));
        return in_time(api.patch(name, &params, &patch)).await.map(drop);
    }
    let object = serde_json::to_value(&change.profile).and_then(serde_json::from_value).map_err(failed)?;
    in_time(api.create(&PostParams::default(), &object)).await.map(drop)
}

/// Evicts a pod, if it is still the one that was seen and did not change since that version.
pub(super) async fn evict(
    client: &Client,
    failure: &Failure,
    resource_version: &str,
) -> Result<(), RequestError> {
    let eviction = Eviction {
        metadata: ObjectMeta {
            name: Some(failure.name.clone()),
            namespace: Some(failure.namespace.clone()),
            ..ObjectMeta::default()
        },
        delete_options: Some(DeleteOptions {
            preconditions: Some(Preconditions {
                uid: Some(failure.uid.clone()),
                resource_version: Some(resource_version.to_owned()),
            }),
            ..DeleteOptions::default()
        }),
    };
    let api: Api<Pod> = Api::namespaced(client.clone(), &failure.namespace);
    // Not by the client's own call, which sends the preconditions under a name that nobody reads.
    let params = PostParams::default();
    let evicting = api.create_subresource::<_, Status>("eviction", &failure.name, &params, &eviction);
    in_time(evicting).await.map(drop)
}
