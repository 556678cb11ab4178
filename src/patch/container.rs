//! Operations on one container.

use std::borrow::Cow;

use super::pod::{RUNTIME_DEFAULT, remove_selinux};
use super::{Field, PatchWriter, Value};
use crate::plan::{ContainerEdits, ResourceEdits};
use crate::subject::{Slot, Subject};

/// The end of the log, where a container fails without a message of its own.
pub(super) const FALLBACK: &str = "FallbackToLogsOnError";

pub(super) fn write(writer: &mut PatchWriter, slot: &Slot<'_, '_>, edits: &ContainerEdits<'_>) {
    let mut base = String::with_capacity(40);
    for part in ["/spec/", slot.kind.field(), "/"] {
        base.push_str(part);
    }
    base.push_str(itoa::Buffer::new().format(slot.index));
    write_security_context(writer, slot, edits, &base);
    write_resources(writer, slot, edits, &base);
    write_mounts(writer, slot, edits, &base);
    write_environment(writer, slot, edits, &base);
    for index in &edits.host_ports_removed {
        writer.remove(&[&base, "/ports/", itoa::Buffer::new().format(*index), "/hostPort"]);
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
    let appends = edits.drop_all && own.is_some_and(|own| own.drop.is_some());
    let capabilities = [
        (edits.drop_all && !appends).then_some(("drop", Value::Texts(&all))),
        edits.capabilities_added.as_ref().map(|added| ("add", Value::Texts(added))),
    ];
    let windows = [edits.windows_user.map(|user| ("runAsUserName", Value::Text(user)))];
    let has_windows = context.is_some_and(|context| context.windows_options.is_some());
    // Of a profile that is replaced the type alone: who knows what else stands there.
    let seccomp = [edits.seccomp.then_some(RUNTIME_DEFAULT)];
    let has_seccomp = context.is_some_and(|context| context.seccomp_profile.is_some());
    let is_new = |fields: &[Field<'_>], exists: bool| !exists && fields.iter().any(Option::is_some);

    let fields = [
        edits.privileged_off.then_some(("privileged", Value::Bool(false))),
        edits.privilege_escalation_off.then_some(("allowPrivilegeEscalation", Value::Bool(false))),
        edits.read_only_root.then_some(("readOnlyRootFilesystem", Value::Bool(true))),
        edits.run_as_non_root.map(|value| ("runAsNonRoot", Value::Bool(value))),
        edits.run_as_user.map(|value| ("runAsUser", Value::Int(value))),
        edits.run_as_group.map(|value| ("runAsGroup", Value::Int(value))),
        is_new(&seccomp, has_seccomp).then_some(("seccompProfile", Value::Map(&seccomp))),
        edits.proc_mount_default.then_some(("procMount", Value::Text("Default"))),
        is_new(&capabilities, own.is_some()).then_some(("capabilities", Value::Map(&capabilities))),
        is_new(&windows, has_windows).then_some(("windowsOptions", Value::Map(&windows))),
    ];
    writer.merge(path, context.is_some(), &fields);

    if own.is_some() {
        writer.merge([base, "/securityContext/capabilities"], true, &capabilities);
    }
    if appends {
        writer.add(&[base, PATH, "/capabilities/drop/-"], &Value::Text("ALL"));
    }
    if has_seccomp {
        writer.merge([base, "/securityContext/seccompProfile"], true, &seccomp);
    }
    if has_windows {
        writer.merge([base, "/securityContext/windowsOptions"], true, &windows);
    }
    if edits.apparmor_removed {
        writer.remove(&[base, PATH, "/appArmorProfile"]);
    }
    remove_selinux(writer, path, edits.selinux);
}

fn write_resources(writer: &mut PatchWriter, slot: &Slot<'_, '_>, edits: &ContainerEdits<'_>, base: &str) {
    let (requests, limits) = (quantities(&edits.requests), quantities(&edits.limits));
    let Some(own) = slot.view.resources.as_ref() else {
        let fields = [
            (!edits.requests.is_empty()).then_some(("requests", Value::Map(&requests))),
            (!edits.limits.is_empty()).then_some(("limits", Value::Map(&limits))),
        ];
        writer.merge([base, "/resources"], false, &fields);
        return;
    };
    writer.merge([base, "/resources/requests"], own.requests.is_some(), &requests);
    writer.merge([base, "/resources/limits"], own.limits.is_some(), &limits);
}

pub(super) fn quantities<'e>(edits: &'e ResourceEdits<'_>) -> [Field<'e>; 3] {
    let field =
        |name, value: &'e Option<Cow<'_, str>>| value.as_deref().map(|value| (name, Value::Text(value)));
    [
        field("cpu", &edits.cpu),
        field("memory", &edits.memory),
        field("ephemeral-storage", &edits.ephemeral_storage),
    ]
}

fn write_mounts(writer: &mut PatchWriter, slot: &Slot<'_, '_>, edits: &ContainerEdits<'_>, base: &str) {
    const PATH: &str = "/volumeMounts";
    for index in &edits.propagation_lowered {
        let value = Value::Text("HostToContainer");
        writer.add(&[base, PATH, "/", itoa::Buffer::new().format(*index), "/mountPropagation"], &value);
    }
    writer.remove_entries([base, PATH], &edits.mounts_removed);
    let exists = slot.view.volume_mounts.is_some();
    writer.append([base, PATH], exists, &edits.mounts_added, |writer, mount| {
        let fields = [
            Some(("name", Value::Text(&mount.volume))),
            Some(("mountPath", Value::Text(&mount.path))),
            mount.sub_path.map(|path| ("subPath", Value::Text(path))),
        ];
        writer.value(&Value::Map(&fields));
    });
}

/// `FallbackToLogsOnError` where the field is unset. `File` is what the API fills in before anybody is asked; what a
/// container writes into that file goes first all the same.
pub(super) fn write_fallback(writer: &mut PatchWriter, subject: &Subject<'_, '_>) {
    for slot in subject.slots.iter().filter(|slot| slot.in_scope) {
        let own = slot.view.termination_message_policy.as_deref().unwrap_or_default();
        if own.is_empty() || own == "File" {
            let mut index = itoa::Buffer::new();
            let index = index.format(slot.index);
            let path = ["/spec/", slot.kind.field(), "/", index, "/terminationMessagePolicy"];
            writer.add(&path, &Value::Text(FALLBACK));
        }
    }
}

fn write_environment(writer: &mut PatchWriter, slot: &Slot<'_, '_>, edits: &ContainerEdits<'_>, base: &str) {
    let exists = slot.view.env.is_some();
    writer.append([base, "/env"], exists, &edits.environment_added, |writer, (name, value)| {
        let fields = [("name", Value::Text(name)), ("value", Value::Text(value))].map(Some);
        writer.value(&Value::Map(&fields));
    });
}
