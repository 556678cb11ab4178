//! Writes the Secret and the configurations, each upon the version that was seen.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::held::Held;
use super::known::Registered;
use super::plan::Change;
use super::{CONFIGURATION, Lives, SECRET, make};

/// How long one write may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// Whose fields are those that are written, in the objects' own records.
const MANAGER: &str = "pod-hardener";

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// Somebody else has written meanwhile; the watch will tell.
    #[error("it has changed meanwhile")]
    Conflict,
    /// It cannot be made.
    #[error("{0}")]
    Make(#[from] rcgen::Error),
    /// The API server does not take it.
    #[error("{0}")]
    Refused(#[source] Box<kube::Error>),
    /// There was no answer.
    #[error("no answer in time")]
    Timeout,
}

/// Makes what is to be made.
pub(super) fn made(
    change: Change,
    name: &str,
    lives: Lives,
    now: OffsetDateTime,
) -> Result<Held, rcgen::Error> {
    let Change { key, mut authorities, leaf, .. } = change;
    let key = match key {
        Some(key) => key,
        None => {
            let (authority, key) = make::authority(now, lives.authority)?;
            authorities.insert(0, authority);
            key
        }
    };
    let mut held = Held { authorities, key: Some(key), leaf, renew: None };
    if held.leaf.is_none() {
        held.leaf = Some(make::leaf(&held, name, now, lives.certificate)?);
    }
    Ok(held)
}

/// Writes the Secret; `seen` is what is there.
pub(super) async fn secret(
    client: &Client,
    namespace: &str,
    seen: Option<&Secret>,
    held: &Held,
) -> Result<Secret, WriteError> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
    let mut secret = seen.cloned().unwrap_or_else(|| {
        let mut secret = Secret { type_: Some("kubernetes.io/tls".to_owned()), ..Secret::default() };
        secret.metadata.name = Some(SECRET.to_owned());
        let label = ("app.kubernetes.io/name".to_owned(), "pod-hardener".to_owned());
        secret.metadata.labels = Some([label].into());
        secret
    });
    held.write(&mut secret);
    match seen {
        // That there is no such namespace is no conflict.
        None => done(api.create(&params, &secret), &[409]).await,
        Some(_) => done(api.replace(SECRET, &params, &secret), &[404, 409]).await,
    }
}

/// Writes a `caBundle` into every webhook of a configuration; nothing else of it is touched.
pub(super) async fn trust<K>(client: &Client, seen: &K, bundle: &[u8]) -> Result<K, WriteError>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::ClusterResourceScope>
        + Registered
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let bundle = k8s_openapi::ByteString(bundle.to_vec());
    let webhooks: Vec<Value> = seen
        .calls()
        .iter()
        .map(|call| json!({"name": call.webhook, "clientConfig": {"caBundle": bundle}}))
        .collect();
    let patch = json!({
        "metadata": {"resourceVersion": seen.meta().resource_version},
        "webhooks": webhooks,
    });
    let api: Api<K> = Api::all(client.clone());
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    done(api.patch(CONFIGURATION, &params, &Patch::Strategic(patch)), &[404, 409]).await
}

/// `conflicts`: with these codes the API server says that something else is there than was seen.
async fn done<T>(
    writing: impl Future<Output = Result<T, kube::Error>>,
    conflicts: &[u16],
) -> Result<T, WriteError> {
    match tokio::time::timeout(DEADLINE, writing).await {
        Ok(Ok(object)) => Ok(object),
        Ok(Err(kube::Error::Api(status))) if conflicts.contains(&status.code) => Err(WriteError::Conflict),
        Ok(Err(error)) => Err(WriteError::Refused(Box::new(error))),
        Err(_) => Err(WriteError::Timeout),
    }
}
