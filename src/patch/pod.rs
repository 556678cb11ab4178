//! Operations on pod-level fields.

use super::{PatchWriter, Value};
use crate::plan::{PodEdits, SeLinuxEdits};
use crate::rules::unprivileged_ports;
use crate::subject::Subject;

/// `{"type": "RuntimeDefault"}`
pub(super) const fn seccomp_value() -> Value<'static> {
    Value::Map(&[("type", Value::Text("RuntimeDefault"))])
}

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
    let sysctl =
        Value::Map(&[("name", Value::Text(unprivileged_ports::SYSCTL)), ("value", Value::Text("0"))]);
    let sysctls = [sysctl];
    let has_sysctls = context.is_some_and(|context| context.sysctls.is_some());
    let mut fields: Vec<(&str, Value<'_>)> = Vec::with_capacity(8);
    if let Some(value) = edits.run_as_non_root {
        fields.push(("runAsNonRoot", Value::Bool(value)));
    }
    for (name, value) in
        [("runAsUser", edits.run_as_user), ("runAsGroup", edits.run_as_group), ("fsGroup", edits.fs_group)]
    {
        fields.extend(value.map(|value| (name, Value::Int(value))));
    }
    let keeps_policy = context.is_some_and(|context| context.fs_group_change_policy.is_some());
    if edits.fs_group.is_some() && !keeps_policy {
        fields.push(("fsGroupChangePolicy", Value::Text("OnRootMismatch")));
    }
    if edits.seccomp {
        fields.push(("seccompProfile", seccomp_value()));
    }
    if edits.unprivileged_ports && !has_sysctls {
        fields.push(("sysctls", Value::List(&sysctls)));
    }
    writer.merge([PATH, ""], context.is_some(), &fields);
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
        let limit = volume.size_limit.as_deref().unwrap_or_default();
        let fields = [("sizeLimit", Value::Text(limit)), ("medium", Value::Text("Memory"))];
        // Either, both or none of them.
        let (first, end) = (usize::from(volume.size_limit.is_none()), 1 + usize::from(volume.in_memory));
        let directory = Value::Map(fields.get(first..end).unwrap_or_default());
        writer.value(&Value::Map(&[("name", Value::Text(&volume.name)), ("emptyDir", directory)]));
    });
    let exists = exists || !edits.volumes_added.is_empty();
    writer.append(["/spec/volumes", ""], exists, &edits.images_added, |writer, volume| {
        let policy = volume.pull_policy.unwrap_or_default();
        let fields = [("reference", Value::Text(volume.reference)), ("pullPolicy", Value::Text(policy))];
        let image = Value::Map(&fields[..1 + usize::from(volume.pull_policy.is_some())]);
        writer.value(&Value::Map(&[("name", Value::Text(&volume.name)), ("image", image)]));
    });
}
