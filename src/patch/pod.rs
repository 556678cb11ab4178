//! Operations on pod-level fields.

use super::{PatchWriter, Value};
use crate::plan::{PodEdits, SeLinuxEdits};
use crate::rules::unprivileged_ports;
use crate::subject::Subject;

/// `{"type": "RuntimeDefault"}`
/// A field of a seccomp profile.
pub(super) const RUNTIME_DEFAULT: (&str, Value<'static>) = ("type", Value::Text("RuntimeDefault"));
pub(super) const SECCOMP: Value<'static> = Value::Map(&[Some(RUNTIME_DEFAULT)]);

pub(super) fn write(writer: &mut PatchWriter, subject: &Subject<'_, '_>, edits: &PodEdits<'_>) {
    write_flags(writer, edits);
    write_security_context(writer, subject, edits);
    for key in &edits.annotations_removed {
        writer.remove_below(&["/metadata/annotations"], key);
    }
}

fn write_flags(writer: &mut PatchWriter, edits: &PodEdits<'_>) {
    let flags = [
        (edits.automount_off, "/spec/automountServiceAccountToken"),
        (edits.service_links_off, "/spec/enableServiceLinks"),
        (edits.host_users_off, "/spec/hostUsers"),
        (edits.host_network_off, "/spec/hostNetwork"),
        (edits.host_pid_off, "/spec/hostPID"),
        (edits.host_ipc_off, "/spec/hostIPC"),
    ];
    for (set, path) in flags {
        if set {
            writer.add(&[path], &Value::Bool(false));
        }
    }
}

fn write_security_context(writer: &mut PatchWriter, subject: &Subject<'_, '_>, edits: &PodEdits<'_>) {
    const PATH: &str = "/spec/securityContext";
    let context = subject.spec.security_context.as_ref();
    let sysctl = Value::Map(&[
        Some(("name", Value::Text(unprivileged_ports::SYSCTL))),
        Some(("value", Value::Text("0"))),
    ]);
    let sysctls = [sysctl];
    let has_sysctls = context.is_some_and(|context| context.sysctls.is_some());
    let keeps_policy = context.is_some_and(|context| context.fs_group_change_policy.is_some());
    let sets_policy = edits.fs_group.is_some() && !keeps_policy;
    let has_seccomp = context.is_some_and(|context| context.seccomp_profile.is_some());
    let fields = [
        edits.run_as_non_root.map(|value| ("runAsNonRoot", Value::Bool(value))),
        edits.run_as_user.map(|value| ("runAsUser", Value::Int(value))),
        edits.run_as_group.map(|value| ("runAsGroup", Value::Int(value))),
        edits.fs_group.map(|value| ("fsGroup", Value::Int(value))),
        sets_policy.then_some(("fsGroupChangePolicy", Value::Text("OnRootMismatch"))),
        (edits.seccomp && !has_seccomp).then_some(("seccompProfile", SECCOMP)),
        (edits.unprivileged_ports && !has_sysctls).then_some(("sysctls", Value::List(&sysctls))),
    ];
    writer.merge([PATH, ""], context.is_some(), &fields);
    if edits.seccomp && has_seccomp {
        // The type alone: who knows what else stands there.
        writer.merge([PATH, "/seccompProfile"], true, &[Some(RUNTIME_DEFAULT)]);
    }
    if edits.unprivileged_ports && has_sysctls {
        writer.add(&[PATH, "/sysctls/-"], &sysctl);
    }
    writer.remove_entries([PATH, "/supplementalGroups"], &edits.supplemental_groups_removed);
    if edits.apparmor_removed {
        writer.remove(&[PATH, "/appArmorProfile"]);
    }
    remove_selinux(writer, [PATH, ""], edits.selinux);
}

pub(super) fn remove_selinux(writer: &mut PatchWriter, context: [&str; 2], edits: SeLinuxEdits) {
    for (removed, field) in
        [(edits.kind_removed, "type"), (edits.user_removed, "user"), (edits.role_removed, "role")]
    {
        if removed {
            writer.remove(&[context[0], context[1], "/seLinuxOptions/", field]);
        }
    }
}

pub(super) fn write_volumes(writer: &mut PatchWriter, subject: &Subject<'_, '_>, edits: &PodEdits<'_>) {
    writer.remove_entries(["/spec/volumes", ""], &edits.volumes_removed);
    let exists = subject.spec.volumes.is_some();
    writer.append(["/spec/volumes", ""], exists, &edits.volumes_added, |writer, volume| {
        let directory = [
            volume.size_limit.as_deref().map(|limit| ("sizeLimit", Value::Text(limit))),
            volume.in_memory.then_some(("medium", Value::Text("Memory"))),
        ];
        let fields = [("name", Value::Text(&volume.name)), ("emptyDir", Value::Map(&directory))].map(Some);
        writer.value(&Value::Map(&fields));
    });
    let exists = exists || !edits.volumes_added.is_empty();
    writer.append(["/spec/volumes", ""], exists, &edits.images_added, |writer, volume| {
        let image = [
            Some(("reference", Value::Text(volume.reference))),
            volume.pull_policy.map(|policy| ("pullPolicy", Value::Text(policy))),
        ];
        let fields = [("name", Value::Text(&volume.name)), ("image", Value::Map(&image))].map(Some);
        writer.value(&Value::Map(&fields));
    });
}
