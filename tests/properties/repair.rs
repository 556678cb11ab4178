//! Takes out of generated pods what the API server would refuse anyway, so that most of them get past it; and brings
//! together what only goes together.

use serde_json::{Map, Value};

use crate::effective::LISTS;
use crate::list;
use crate::resources::is_request_above_limit;

/// The pod without its commonest mistakes.
pub(crate) fn repaired(mut pod: Value) -> Value {
    let spec = &mut pod["spec"];
    let own_users = spec.get("hostUsers") == Some(&Value::Bool(false));
    if own_users && let Some(spec) = spec.as_object_mut() {
        for name in ["hostNetwork", "hostPID", "hostIPC"] {
            spec.shift_remove(name);
        }
    }
    for name in LISTS {
        for container in spec.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten() {
            repair_resources(container);
            repair_context(container, own_users);
            repair_mounts(container, own_users);
        }
    }
    pod
}

fn repair_resources(container: &mut Value) {
    for resource in ["cpu", "memory", "ephemeral-storage"] {
        if is_request_above_limit(container, resource) {
            field(container, &["resources", "requests"]).map(|requests| requests.shift_remove(resource));
        }
    }
}

fn repair_context(container: &mut Value, own_users: bool) {
    let context = &container["securityContext"];
    let powerful = context["privileged"] == true
        || list(context, "/capabilities/add").iter().any(|name| name == "CAP_SYS_ADMIN");
    let Some(context) = field(container, &["securityContext"]) else { return };
    if powerful && context.get("allowPrivilegeEscalation") == Some(&Value::Bool(false)) {
        context.shift_remove("allowPrivilegeEscalation");
    }
    if !own_users {
        context.shift_remove("procMount");
    }
}

fn repair_mounts(container: &mut Value, own_users: bool) {
    let privileged = container["securityContext"]["privileged"] == true;
    if own_users && let Some(container) = container.as_object_mut() {
        container.shift_remove("volumeDevices");
    }
    for mount in container.get_mut("volumeMounts").and_then(Value::as_array_mut).into_iter().flatten() {
        let propagation = if privileged { "Bidirectional" } else { "HostToContainer" };
        if let Some(own) = mount.get_mut("mountPropagation") {
            *own = Value::from(propagation);
        }
    }
    let device = list(container, "/volumeDevices").first().map(|device| device["devicePath"].clone());
    if let Some(mounts) = container.get_mut("volumeMounts").and_then(Value::as_array_mut) {
        mounts.retain(|mount| Some(&mount["mountPath"]) != device.as_ref());
    }
}

fn field<'v>(mut value: &'v mut Value, path: &[&str]) -> Option<&'v mut Map<String, Value>> {
    for name in path {
        value = value.get_mut(name)?;
    }
    value.as_object_mut()
}
