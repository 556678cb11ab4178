//! Init containers of ours, which fill emptyDirs with what an image has there.

use std::borrow::Cow;

use super::container::{FALLBACK, quantities};
use super::pod::SECCOMP;
use super::{PatchWriter, Value};
use crate::copy_up::{COMMAND, FROM, PROGRAM, SOURCE, SUB_PATH, TARGETS};
use crate::plan::{Copier, Plan};
use crate::subject::Subject;

/// Puts the plan's copiers before all other init containers.
pub(super) fn write(writer: &mut PatchWriter, subject: &Subject<'_, '_>, plan: &Plan<'_>) {
    const PATH: &str = "/spec/initContainers";
    if subject.spec.init_containers.is_none() {
        writer.append([PATH, ""], false, &plan.copiers, write_one);
        return;
    }
    // The last one first: each is put before those that are there.
    for copier in plan.copiers.iter().rev() {
        writer.add_with(&[PATH, "/0"], |writer| write_one(writer, copier));
    }
}

fn write_one(writer: &mut PatchWriter, copier: &Copier<'_>) {
    let command = [Cow::Borrowed(PROGRAM), Cow::Borrowed(COMMAND)];
    let args: Vec<Cow<'_, str>> = args(copier);
    let all = [Cow::Borrowed("ALL")];
    let capabilities = [Some(("drop", Value::Texts(&all)))];
    let context = [
        Some(("runAsNonRoot", Value::Bool(true))),
        Some(("runAsUser", Value::Int(copier.user))),
        copier.group.map(|group| ("runAsGroup", Value::Int(group))),
        Some(("allowPrivilegeEscalation", Value::Bool(false))),
        Some(("readOnlyRootFilesystem", Value::Bool(true))),
        Some(("capabilities", Value::Map(&capabilities))),
        Some(("seccompProfile", SECCOMP)),
    ];
    let targets: Vec<String> = (0..copier.copies.len()).map(target).collect();
    let mount = |name, path| [("name", Value::Text(name)), ("mountPath", Value::Text(path))].map(Some);
    let mut mounts = vec![mount(&copier.source, SOURCE)];
    mounts.extend(copier.copies.iter().zip(&targets).map(|(copy, target)| mount(&copy.volume, target)));
    let mounts: Vec<Value<'_>> = mounts.iter().map(|fields| Value::Map(fields)).collect();
    let (requests, limits) = (quantities(&copier.requests), quantities(&copier.limits));
    let resources = [("requests", Value::Map(&requests)), ("limits", Value::Map(&limits))].map(Some);
    let fields = [
        Some(("name", Value::Text(&copier.name))),
        Some(("image", Value::Text(copier.image))),
        copier.pull_policy.map(|policy| ("imagePullPolicy", Value::Text(policy))),
        Some(("command", Value::Texts(&command))),
        Some(("args", Value::Texts(&args))),
        Some(("securityContext", Value::Map(&context))),
        Some(("volumeMounts", Value::List(&mounts))),
        Some(("resources", Value::Map(&resources))),
        Some(("terminationMessagePolicy", Value::Text(FALLBACK))),
    ];
    writer.value(&Value::Map(&fields));
}

/// Where the emptyDir of a copy is mounted.
fn target(number: usize) -> String {
    format!("{TARGETS}/{number}")
}

fn args<'v>(copier: &Copier<'v>) -> Vec<Cow<'v, str>> {
    let mut args = vec![Cow::Owned(format!("--{FROM}={SOURCE}"))];
    for (number, copy) in copier.copies.iter().enumerate() {
        let (path, target) = (&copy.path, target(number));
        let limit = copy.size_limit.as_deref().map(|limit| format!(":{limit}")).unwrap_or_default();
        args.push(Cow::Owned(format!("{path}:{target}/{SUB_PATH}{limit}")));
    }
    args
}
