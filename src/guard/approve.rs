//! Puts a suggestion in force, as an administrator does: `pod-hardener profiles approve`.

use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::{Client, Error};
use serde_json::json;

use crate::docs::profiles::PROFILES_PLURAL;
use crate::profiles::{ImageProfile, KIND, Origin, parse_object};
use crate::sources::report::resource_of;

/// Why a profile is not put in force.
#[derive(Debug, thiserror::Error)]
pub enum ApproveError {
    /// There is none of that name.
    #[error("there is no ImageProfile `{0}`: kubectl get imageprofiles lists them")]
    NotFound(String),
    /// It is no suggestion.
    #[error("ImageProfile `{0}` was not learnt: it is in force already")]
    NotLearnt(String),
    /// What stands there is no profile.
    #[error("ImageProfile `{0}` cannot be read: {1}")]
    Invalid(String, String),
    /// The API server did not take it.
    #[error(transparent)]
    Cluster(#[from] Box<Error>),
}

/// Puts a learnt profile in force; as it is then.
///
/// # Errors
/// When there is none of that name, it was not learnt, or the API server does not take it.
pub async fn approve(client: Client, name: &str) -> Result<ImageProfile, ApproveError> {
    let api: Api<DynamicObject> = Api::all_with(client, &resource_of(KIND, PROFILES_PLURAL));
    let found = api.get_opt(name).await.map_err(Box::new)?;
    let found = found.ok_or_else(|| ApproveError::NotFound(name.to_owned()))?;
    let invalid = |why| ApproveError::Invalid(name.to_owned(), why);
    let profile = parse_object(name, found.data.get("spec")).map_err(invalid)?;
    if profile.spec.source != Origin::Learnt {
        return Err(ApproveError::NotLearnt(name.to_owned()));
    }
    // On top of what was looked at: what the guard adds meanwhile nobody has seen.
    let patch = json!({
        "metadata": {"resourceVersion": found.metadata.resource_version},
        "spec": {"approved": true},
    });
    let patch = Patch::Merge(&patch);
    let object = api.patch(name, &PatchParams::default(), &patch).await.map_err(Box::new)?;
    parse_object(name, object.data.get("spec")).map_err(invalid)
}
