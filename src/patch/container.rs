//! Operations on one container.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::pod::{remove_selinux, seccomp_value};
use super::{PatchWriter, Value};
use crate::plan::{ContainerEdits, ResourceEdits};
use crate::subject::{Slot, Subject};

/// The end of the log, where a container fails without a message of its own.
pub(super) const FALLBACK: &str = "FallbackToLogsOnError";

pub(super) fn write(writer: &mut PatchWriter, slot: &Slot<'_, '_>, edits: &ContainerEdits<'_>) {
    let mut base = String::with_capacity(40);
    for part in ["/spec/", slot.kind.field(), "/"] {
        base.push_str(part);
    }
    // Writing to a string cannot fail.
    let _ = write!(base, "{}", slot.index);
    write_security_context(writer, slot, edits, &base);
    write_resources(writer, slot, edits, &base);
    write_mounts(writer, slot, edits, &base);
    write_environment(writer, slot, edits, &base);
    for index in &edits.host_ports_removed {
        writer.remove(&[&base, "/ports/", &index.to_string(), "/hostPort"]);
    }
}

fn write_security_context(
    writer: &mut PatchWriter,
    slot: &Slot<'_, '_>,
    edits: &ContainerEdits<'_>,
    base: &str,
) {
    const PATH: &str = "/securityContext";
    let path = [base, PATH];
    let context = slot.view.security_context.as_ref();
    let own = context.and_then(|context| context.capabilities.as_ref());
    let all = [Cow::Borrowed("ALL")];
    // What becomes of the capabilities, as far as it is not an append to the author's own drop list.
    let mut capabilities: Vec<(&str, Value<'_>)> = Vec::with_capacity(2);
    let appends = edits.drop_all && own.is_some_and(|own| own.drop.is_some());
    if edits.drop_all && !appends {
        capabilities.push(("drop", Value::Texts(&all)));
    }
    if let Some(added) = &edits.capabilities_added {
        capabilities.push(("add", Value::Texts(added)));
    }
    let windows = edits.windows_user.map(|user| [("runAsUserName", Value::Text(user))]);
    let has_windows = context.is_some_and(|context| context.windows_options.is_some());

    let mut fields: Vec<(&str, Value<'_>)> = Vec::with_capacity(8);
    for (set, name, value) in [
        (edits.privileged_off, "privileged", false),
        (edits.privilege_escalation_off, "allowPrivilegeEscalation", false),
        (edits.read_only_root, "readOnlyRootFilesystem", true),
    ] {
        if set {
            fields.push((name, Value::Bool(value)));
        }
    }
    fields.extend(edits.run_as_non_root.map(|value| ("runAsNonRoot", Value::Bool(value))));
    fields.extend(edits.run_as_user.map(|value| ("runAsUser", Value::Int(value))));
    fields.extend(edits.run_as_group.map(|value| ("runAsGroup", Value::Int(value))));
    if edits.seccomp {
        fields.push(("seccompProfile", seccomp_value()));
    }
    if edits.proc_mount_default {
        fields.push(("procMount", Value::Text("Default")));
    }
    if own.is_none() && !capabilities.is_empty() {
        fields.push(("capabilities", Value::Map(&capabilities)));
    }
    if let Some(windows) = windows.as_ref().filter(|_| !has_windows) {
        fields.push(("windowsOptions", Value::Map(windows)));
    }
    writer.merge(path, context.is_some(), &fields);

    if own.is_some() {
        writer.merge([base, "/securityContext/capabilities"], true, &capabilities);
    }
    if appends {
        writer.add(&[base, PATH, "/capabilities/drop/-"], &Value::Text("ALL"));
    }
    if let Some(windows) = windows.as_ref().filter(|_| has_windows) {
        writer.merge([base, "/securityContext/windowsOptions"], true, windows);
    }
    if edits.apparmor_removed {
        writer.remove(&[base, PATH, "/appArmorProfile"]);
    }
    remove_selinux(writer, path, edits.selinux);
}

fn write_resources(writer: &mut PatchWriter, slot: &Slot<'_, '_>, edits: &ContainerEdits<'_>, base: &str) {
    let own = slot.view.resources.as_ref();
    let requests = quantities(&edits.requests);
    let limits = quantities(&edits.limits);
    let Some(own) = own else {
        let fields = [("requests", Value::Map(&requests)), ("limits", Value::Map(&limits))];
        let fields = match (requests.is_empty(), limits.is_empty()) {
            (true, true) => &[],
            (true, false) => &fields[1..],
            (false, true) => &fields[..1],
            (false, false) => &fields[..],
        };
        writer.merge([base, "/resources"], false, fields);
        return;
    };
    writer.merge([base, "/resources/requests"], own.requests.is_some(), &requests);
    writer.merge([base, "/resources/limits"], own.limits.is_some(), &limits);
}

pub(super) fn quantities<'e>(edits: &'e ResourceEdits<'_>) -> Vec<(&'static str, Value<'e>)> {
    if edits.is_empty() {
        return Vec::new();
    }
    let mut quantities = Vec::with_capacity(3);
    for (name, value) in [
        ("cpu", edits.cpu.as_deref()),
        ("memory", edits.memory.as_deref()),
        ("ephemeral-storage", edits.ephemeral_storage.as_deref()),
    ] {
        quantities.extend(value.map(|value| (name, Value::Text(value))));
    }
    quantities
}

fn write_mounts(writer: &mut PatchWriter, slot: &Slot<'_, '_>, edits: &ContainerEdits<'_>, base: &str) {
    const PATH: &str = "/volumeMounts";
    for index in &edits.propagation_lowered {
        let value = Value::Text("HostToContainer");
        writer.add(&[base, PATH, "/", &index.to_string(), "/mountPropagation"], &value);
    }
    writer.remove_entries([base, PATH], &edits.mounts_removed);
    let exists = slot.view.volume_mounts.is_some();
    writer.append([base, PATH], exists, &edits.mounts_added, |writer, mount| {
        let sub_path = mount.sub_path.unwrap_or_default();
        let fields = [
            ("name", Value::Text(&mount.volume)),
            ("mountPath", Value::Text(&mount.path)),
            ("subPath", Value::Text(sub_path)),
        ];
        writer.value(&Value::Map(&fields[..2 + usize::from(mount.sub_path.is_some())]));
    });
}

/// `FallbackToLogsOnError` where the field is unset. `File` is what the API fills in before anybody is asked; what a
/// container writes into that file goes first all the same.
pub(super) fn write_fallback(writer: &mut PatchWriter, subject: &Subject<'_, '_>) {
    for slot in subject.slots.iter().filter(|slot| slot.in_scope) {
        let own = slot.view.termination_message_policy.as_deref().unwrap_or_default();
        if own.is_empty() || own == "File" {
            let index = slot.index.to_string();
            let path = ["/spec/", slot.kind.field(), "/", &index, "/terminationMessagePolicy"];
            writer.add(&path, &Value::Text(FALLBACK));
        }
    }
}

fn write_environment(writer: &mut PatchWriter, slot: &Slot<'_, '_>, edits: &ContainerEdits<'_>, base: &str) {
    let exists = slot.view.env.is_some();
    writer.append([base, "/env"], exists, &edits.environment_added, |writer, (name, value)| {
        writer.value(&Value::Map(&[("name", Value::Text(name)), ("value", Value::Text(value))]));
    });
}
