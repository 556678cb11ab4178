//! What `status` says of a cluster: the webhook, its certificate, policies and profiles, and how its pods stand.
//!
//! Whoever looks may often read only a part of it: what cannot be read is named, and the rest is shown.

mod pods;
mod server;

use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::{Api, Client};
use serde::Serialize;
use serde_json::Value;

pub use pods::{Pod, Space};
pub use server::{Registered, Replica, Server};

use super::stored::all;
use crate::docs::profiles::PROFILES_PLURAL;
use crate::policy::ACCEPTED;
use crate::posture::Posture;
use crate::profiles::KIND as PROFILE_KIND;
use crate::sources::report;

/// So many objects are listed at once.
const PAGE: u32 = 500;

/// What is in the cluster.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// The webhook.
    pub server: Server,
    /// Policies that are custom resources.
    pub policies: Vec<PolicyRow>,
    /// Profiles that are custom resources.
    pub profiles: Vec<ProfileRow>,
    /// How the pods stand, by namespace.
    pub namespaces: Vec<Space>,
    /// The pods one by one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<Pod>,
    /// What could not be read, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

/// A HardeningPolicy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyRow {
    /// Its name.
    pub name: String,
    /// Whether it is in force as written: `True`, `False`, or `Unknown` where no replica has said.
    pub accepted: String,
    /// How many replicas have said so.
    pub replicas: usize,
    /// What there is to say of it.
    pub message: String,
}

/// An ImageProfile.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProfileRow {
    /// Its name.
    pub name: String,
    /// Whose word it is.
    pub source: String,
    /// How far its containers can be hardened.
    pub posture: String,
    /// The repositories that it is about.
    pub images: Vec<String>,
}

/// Which pods are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Which<'w> {
    /// Of one namespace; `None`: of all.
    pub namespace: Option<&'w str>,
    /// With these labels, as the API server takes a selector.
    pub selector: Option<&'w str>,
    /// The prefix of the annotations that policy has.
    pub prefix: &'w str,
    /// Whether they are wanted one by one.
    pub each: bool,
}

/// Reads all of it.
///
/// # Errors
/// When the pods cannot be listed: the rest is left out, and named.
pub async fn read(client: &Client, which: Which<'_>) -> Result<Overview, kube::Error> {
    let mut overview = Overview::default();
    (overview.namespaces, overview.pods) = pods::read(client, which).await?;
    overview.server = server::read(client, &mut overview.unread).await;
    let listed = objects(client, &report::resource()).await;
    let listed = taken("the policies", listed, &mut overview.unread);
    overview.policies = listed.iter().map(policy).collect();
    let listed = objects(client, &profile_resource()).await;
    let listed = taken("the profiles", listed, &mut overview.unread);
    overview.profiles = listed.iter().map(profile).collect();
    Ok(overview)
}

/// The profiles that are custom resources: name and `spec`.
///
/// # Errors
/// When they cannot be listed.
pub async fn profiles(client: &Client) -> Result<Vec<(String, Option<Value>)>, kube::Error> {
    let listed = objects(client, &profile_resource()).await?;
    let named = listed.into_iter().map(|object| {
        let name = object.metadata.name.unwrap_or_default();
        (name, object.data.get("spec").cloned())
    });
    Ok(named.collect())
}

fn profile_resource() -> ApiResource {
    report::resource_of(PROFILE_KIND, PROFILES_PLURAL)
}

/// What was read; else it is named, with the reason.
fn taken<T: Default>(what: &str, read: Result<T, kube::Error>, unread: &mut Vec<String>) -> T {
    read.unwrap_or_else(|error| {
        unread.push(format!("{what}: {error}"));
        T::default()
    })
}

/// Custom resources of ours; none where the cluster does not know the kind.
async fn objects(client: &Client, resource: &ApiResource) -> Result<Vec<DynamicObject>, kube::Error> {
    let api = Api::all_with(client.clone(), resource);
    match all(&api, ListParams::default().limit(PAGE)).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
        listed => listed,
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn policy(object: &DynamicObject) -> PolicyRow {
    let status = &object.data["status"];
    let conditions = status["conditions"].as_array();
    let accepted = conditions.and_then(|all| all.iter().find(|condition| condition["type"] == ACCEPTED));
    let of = |field: &str| accepted.map(|condition| text(&condition[field]));
    let generation = object.metadata.generation.unwrap_or_default();
    let is_seen = accepted.is_some_and(|condition| condition["observedGeneration"] == generation);
    PolicyRow {
        name: object.metadata.name.clone().unwrap_or_default(),
        accepted: of("status").filter(|_| is_seen).unwrap_or_else(|| "Unknown".to_owned()),
        replicas: status["replicas"].as_array().map_or(0, Vec::len),
        message: of("message")
            .filter(|_| is_seen)
            .unwrap_or_else(|| format!("no replica has looked at generation {generation} yet")),
    }
}

fn profile(object: &DynamicObject) -> ProfileRow {
    let spec = &object.data["spec"];
    let or = |value: &Value, other: &str| value.as_str().unwrap_or(other).to_owned();
    ProfileRow {
        name: object.metadata.name.clone().unwrap_or_default(),
        source: or(&spec["source"], crate::profiles::Origin::default().as_str()),
        posture: or(&spec["posture"], Posture::default().as_str()),
        images: spec["match"]["repositories"].as_array().into_iter().flatten().map(text).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> DynamicObject {
        serde_json::from_value(value).expect("an object")
    }

    #[test]
    fn what_was_said_of_an_older_generation_is_not_said_of_this_one() {
        let of = |generation: i64| {
            let row = policy(&object(json!({
                "metadata": {"name": "shop", "generation": generation},
                "status": {"replicas": [{"name": "a"}, {"name": "b"}], "conditions": [
                    {"type": "Other", "status": "True"},
                    {"type": "Accepted", "status": "False", "message": "no", "observedGeneration": 2}]},
            })));
            (row.accepted, row.replicas, row.message)
        };
        assert_eq!(of(2), ("False".to_owned(), 2, "no".to_owned()));
        assert_eq!(of(3).0, "Unknown");
        let new = policy(&object(json!({"metadata": {"name": "new", "generation": 1}})));
        assert_eq!((new.accepted.as_str(), new.replicas), ("Unknown", 0));
    }

    #[test]
    fn a_profile_that_says_little_says_it_as_an_administrator() {
        let row =
            profile(&object(json!({"metadata": {"name": "p"}, "spec": {"match": {"repositories": ["a"]}}})));
        assert_eq!((row.source.as_str(), row.posture.as_str()), ("administrator", "full"));
        assert_eq!(row.images, ["a"]);
    }
}
