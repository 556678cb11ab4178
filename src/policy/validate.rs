//! What the types of a policy cannot say. The API server is told the same in the custom resource's definition: see
//! [`crate::docs::crd`].

use serde_json::Value;

use super::{API_VERSION, Authorization, HardeningPolicy, KIND};
use crate::profiles::Reference;
use crate::rules::resources::{Defaults, Quantities};
use crate::view::is_quantity;

/// So many entries may a list of a policy have …
pub const MOST_ITEMS: usize = 256;
/// … so many a map …
pub const MOST_KEYS: usize = 64;
/// … and so many characters a text: the API server weighs what its checks could cost at most.
pub const LONGEST_TEXT: usize = 512;

/// What the types cannot say. The message begins with the field: by it the line is found.
pub(super) fn validate(document: &HardeningPolicy) -> Result<(), String> {
    validate_head(&document.api_version, &document.kind, KIND, &document.metadata.name)?;
    let prefix = &document.spec.annotation_prefix;
    if prefix.len() > 180 || !prefix.split('.').all(is_label) {
        return Err(format!("spec.annotationPrefix `{prefix}` is no DNS name of at most 180 characters"));
    }
    validate_exemptions(document)?;
    validate_posture(document)?;
    document.spec.guard.validate()?;
    validate_ids(document)?;
    validate_paths(document)?;
    validate_resources(document)?;
    let spec = serde_json::to_value(&document.spec).map_err(|error| format!("spec: {error}"))?;
    validate_sizes(&spec, "spec")
}

/// What every document of ours begins with; `expected` is the kind that is read.
pub(crate) fn validate_head(api_version: &str, kind: &str, expected: &str, name: &str) -> Result<(), String> {
    if api_version != API_VERSION {
        return Err(format!("apiVersion is `{api_version}`, must be `{API_VERSION}`"));
    }
    if kind != expected {
        return Err(format!("kind is `{kind}`, must be `{expected}`"));
    }
    if !is_label(name) {
        return Err("metadata.name must be 1 to 63 of a-z, 0-9 and -".to_owned());
    }
    Ok(())
}

/// A part of a DNS name.
fn is_label(name: &str) -> bool {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&name.len())
        && name.chars().all(inside)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

fn validate_exemptions(document: &HardeningPolicy) -> Result<(), String> {
    let exemptions = &document.spec.exemptions;
    if exemptions.max_days.is_some_and(|days| !(1..=36_500).contains(&days)) {
        return Err("spec.exemptions.maxDays must be from 1 to 36500".to_owned());
    }
    // Who writes these believes that somebody is asked.
    let rbac = exemptions.authorization == Authorization::Rbac;
    for (field, given) in [
        ("trustedControllers", !exemptions.trusted_controllers.is_empty()),
        ("pinImages", exemptions.pin_images),
    ] {
        if given && !rbac {
            return Err(format!("spec.exemptions.{field} needs authorization `rbac`"));
        }
    }
    Ok(())
}

/// Who writes a rung believes that pods stand on it.
fn validate_posture(document: &HardeningPolicy) -> Result<(), String> {
    let floor = document.spec.floor();
    if document.spec.posture.unknown < floor {
        return Err(format!(
            "spec.posture.unknown is below spec.posture.floor, which is `{}` here",
            floor.as_str()
        ));
    }
    Ok(())
}

/// Bounds that hold for all lists, maps and texts.
pub(crate) fn validate_sizes(value: &Value, path: &str) -> Result<(), String> {
    match value {
        Value::String(text) if text.chars().count() > LONGEST_TEXT => {
            Err(format!("{path} is longer than {LONGEST_TEXT} characters"))
        }
        Value::Array(items) if items.len() > MOST_ITEMS => {
            Err(format!("{path} has more than {MOST_ITEMS} entries"))
        }
        Value::Object(fields) if fields.len() > MOST_KEYS => {
            Err(format!("{path} has more than {MOST_KEYS} entries"))
        }
        Value::Array(items) => items.iter().try_for_each(|item| validate_sizes(item, path)),
        Value::Object(fields) => {
            fields.iter().try_for_each(|(field, value)| validate_sizes(value, &format!("{path}.{field}")))
        }
        _ => Ok(()),
    }
}

fn validate_ids(document: &HardeningPolicy) -> Result<(), String> {
    let params = &document.spec.rules.run_as_non_root;
    for (field, id) in [
        ("runAsUser", Some(params.run_as_user)),
        ("runAsGroup", Some(params.run_as_group)),
        ("fsGroup", params.fs_group),
    ] {
        if id.is_some_and(|id| !(1..=2_147_483_647).contains(&id)) {
            return Err(format!("spec.rules.run-as-non-root.{field} must be from 1 to 2147483647"));
        }
    }
    Ok(())
}

fn validate_paths(document: &HardeningPolicy) -> Result<(), String> {
    let params = &document.spec.rules.read_only_root_filesystem;
    for path in &params.writable_paths {
        crate::tuning::check_path(path)
            .map_err(|message| format!("spec.rules.read-only-root-filesystem.writablePaths: {message}"))?;
    }
    if !params.size_limit.is_empty() && !is_quantity(&params.size_limit) {
        let limit = &params.size_limit;
        return Err(format!("spec.rules.read-only-root-filesystem.sizeLimit `{limit}` is no quantity"));
    }
    if let Some(image) = params.copy_up.image.as_deref().filter(|image| Reference::parse(image).is_none()) {
        return Err(format!("spec.rules.read-only-root-filesystem.copyUp.image `{image}` is no image"));
    }
    Ok(())
}

fn validate_resources(document: &HardeningPolicy) -> Result<(), String> {
    let params = &document.spec.rules.resources;
    for (kind, defaults) in [
        ("containers", &params.containers),
        ("initContainers", &params.init_containers),
        ("sidecars", &params.sidecars),
    ] {
        validate_defaults(defaults).map_err(|message| format!("spec.rules.resources.{kind}.{message}"))?;
    }
    Ok(())
}

fn validate_defaults(defaults: &Defaults) -> Result<(), String> {
    let fields = |quantities: &Quantities| {
        let Quantities { cpu, memory, ephemeral_storage } = quantities.clone();
        [("cpu", cpu), ("memory", memory), ("ephemeral-storage", ephemeral_storage)]
    };
    let requests = fields(&defaults.requests);
    let limits = fields(&defaults.limits);
    for ((name, request), (_, limit)) in requests.iter().zip(&limits) {
        for (list, quantity) in [("requests", request), ("limits", limit)] {
            if !quantity.is_empty() && !is_quantity(quantity) {
                return Err(format!("{list}.{name} `{quantity}` is no quantity"));
            }
        }
        let above = crate::view::compare_quantities(request, limit).is_some_and(std::cmp::Ordering::is_gt);
        if above {
            return Err(format!("requests.{name} `{request}` is above limits.{name} `{limit}`"));
        }
    }
    Ok(())
}
