//! Says in each custom resource's status whether it is in force, and by an Event that it is not.
//!
//! Written on top of the version that was seen, so that no replica takes another's word away; nothing is written
//! where nothing is new. While the API server cannot be reached it is tried again, and nobody waits for it.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Seen, Sources, Write};
use crate::docs::crd::PLURAL;
use crate::policy::{API_VERSION, KIND};
use crate::telling::{About, Reason, Tale};

/// How long one write may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long to wait after the first failure, and at most. The first is mostly another replica that was quicker.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// How long saying farewell may hold up the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// The custom resource, as it is asked for.
#[must_use]
pub fn resource() -> ApiResource {
    resource_of(KIND, PLURAL)
}

/// A custom resource of our group.
pub(crate) fn resource_of(kind: &str, plural: &str) -> ApiResource {
    let (group, version) = API_VERSION.split_once('/').unwrap_or_default();
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: API_VERSION.to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    }
}

impl From<DynamicObject> for Seen {
    fn from(object: DynamicObject) -> Self {
        let mut data = object.data;
        let mut take = |field: &str| data.get_mut(field).map(serde_json::Value::take);
        let (spec, status) = (take("spec"), take("status"));
        let fields = object.metadata.managed_fields.iter().flatten();
        let times =
            fields.filter(|entry| entry.subresource.is_none()).filter_map(|entry| entry.time.as_ref());
        let times = times.chain(&object.metadata.creation_timestamp);
        let changed = times.map(|time| time.0.as_second()).max().unwrap_or_default();
        Self {
            uid: object.metadata.uid.unwrap_or_default(),
            generation: object.metadata.generation.unwrap_or_default(),
            resource_version: object.metadata.resource_version.unwrap_or_default(),
            changed,
            spec,
            // One that cannot be read is written anew.
            status: status.and_then(|status| serde_json::from_value(status).ok()).unwrap_or_default(),
        }
    }
}

/// Under which name this replica speaks: its pod's.
#[must_use]
pub fn own_name() -> String {
    std::env::var("HOSTNAME")
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "pod-hardener".to_owned())
}

fn now() -> String {
    let now = OffsetDateTime::now_utc();
    // Kubernetes' times are whole seconds.
    now.replace_nanosecond(0).unwrap_or(now).format(&Rfc3339).unwrap_or_default()
}

/// Reports for ever, as the replica `own`.
pub async fn run(client: Client, sources: Arc<Sources>, own: String, tell: impl Fn(Tale)) {
    let api = Api::all_with(client, &resource());
    let mut wait = PATIENCE.0;
    loop {
        for (name, uid, note) in sources.take_refusals() {
            let about = About {
                api_version: API_VERSION.to_owned(),
                kind: KIND.to_owned(),
                namespace: String::new(),
                name,
                uid,
            };
            tell(Tale { about, reason: Reason::PolicyRefused, note });
        }
        if write(&api, &sources, sources.unsaid(&own, &now())).await {
            wait = PATIENCE.0;
            sources.changed().await;
        } else {
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(PATIENCE.1);
        }
    }
}

/// Takes the replica `own` out of every status, for it goes.
pub async fn leave(client: Client, sources: Arc<Sources>, own: String) {
    let api = Api::all_with(client, &resource());
    let leaving = async {
        // Another replica may go at the same time.
        while !write(&api, &sources, sources.farewell(&own, &now())).await {
            tokio::time::sleep(PATIENCE.0).await;
        }
    };
    if tokio::time::timeout(FAREWELL, leaving).await.is_err() {
        tracing::debug!("the policies still name this replica");
    }
}

/// Writes; whether all of it is done.
async fn write(api: &Api<DynamicObject>, sources: &Sources, writes: Vec<Write>) -> bool {
    let mut done = true;
    for write in writes {
        let patch = json!({
            "metadata": {"resourceVersion": write.resource_version},
            "status": write.status,
        });
        let params = PatchParams::default();
        let patch = Patch::Merge(&patch);
        let written = api.patch_status(&write.name, &params, &patch);
        match tokio::time::timeout(DEADLINE, written).await {
            Ok(Ok(object)) => sources.written(&write, object.into()),
            // It is gone, which the watch will tell.
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => {}
            Ok(Err(error)) => {
                done = false;
                tracing::debug!(policy = write.name, %error, "the status could not be written");
            }
            Err(_) => done = false,
        }
    }
    done
}
