//! `read-only-root-filesystem`

mod content;

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Desk, Meta, Mode, Note, Place, Source};
use crate::copy_up::SUB_PATH;
use crate::plan::{Copied, EmptyDir, Mount, is_within, normalize, real, volume_name};
use crate::profiles::{Content, Medium, WritablePath};
use crate::view::ContainerType;
pub(crate) use content::{COPIER, CopyUser, Obstacle, is_copier, settle};

/// Documentation and presets.
pub const META: Meta = Meta {
    summary: "a read-only root file system, with a writable /tmp",
    mode: Mode::Default,
    enforced: Mode::Enforce,
    safe: false,
    pod_wide: false,
    sets: "`readOnlyRootFilesystem: true`, and an emptyDir of the container's own on `/tmp` and on every other path that policy or annotation names. A path that the author mounts already, in whatever spelling, is left as it is. Where the image's profile says that the image's files must be there, an init container copies them (`copyUp`). A new ephemeral container gets its target's /tmp, since no volume can be added to a running pod",
    replaces: "`false`",
    why: "What cannot be written cannot be replaced: no dropped tools, no changed binaries, no persistence inside the container.",
    live_with: "Name the other paths that the image writes: `pod-hardener.dev/writable-paths: /var/cache/nginx,/run`. An emptyDir hides what the image has there.",
    sources: &[
        Source::OwaspK01,
        Source::Cis("5.7.3", "Apply SecurityContext to your Pods and Containers"),
        Source::Kubernetes("https://kubernetes.io/docs/tasks/configure-pod-container/security-context/"),
    ],
};

/// Parameters of `read-only-root-filesystem`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Params {
    /// How strictly the rule is applied; unset: as the preset says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Absolute paths that get an emptyDir in every container whose root becomes read-only.
    pub writable_paths: Vec<String>,
    /// The `sizeLimit` of each emptyDir, a quantity; above it the kubelet evicts the pod. Empty: none.
    pub size_limit: String,
    /// How a directory comes to hold the image's files whose profile says that they must be there (`content: needed`).
    #[serde(skip_serializing_if = "CopyUp::is_unset")]
    pub copy_up: CopyUp,
}

/// The init container that copies what an image has in a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct CopyUp {
    /// Its image: pod-hardener's own, in the webhook's version or a newer one, from where every pod may pull it. Unset:
    /// there is none, and the root of such a container stays writable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// When it is pulled; unset: as Kubernetes does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_policy: Option<PullPolicy>,
}

impl CopyUp {
    fn is_unset(&self) -> bool {
        *self == Self::default()
    }
}

/// When an image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PullPolicy {
    /// At every start.
    Always,
    /// Where the node has none.
    IfNotPresent,
    /// Not at all: the node has it.
    Never,
}

impl PullPolicy {
    /// As the API names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

impl Default for Params {
    fn default() -> Self {
        Self {
            mode: None,
            writable_paths: vec!["/tmp".to_owned()],
            size_limit: "1Gi".to_owned(),
            copy_up: CopyUp::default(),
        }
    }
}

pub(super) fn check<'v>(desk: &mut Desk<'v, '_>, params: &'v Params) {
    if !desk.subject.is_linux() {
        return;
    }
    for (number, slot) in desk.slots() {
        let place = Place::Container(number);
        let context = slot.view.security_context.as_ref();
        let read_only = context.and_then(|context| context.read_only_root_filesystem);
        match read_only {
            Some(true) => {}
            None => {
                let copies = desk.stances.get(number).is_some_and(|stance| stance.copy_user.is_some());
                let text = if copies {
                    "readOnlyRootFilesystem true, an init container copies the image's files"
                } else {
                    "readOnlyRootFilesystem true"
                };
                desk.inject(place, Note::new(text), |plan| {
                    plan.containers[number].read_only_root = true;
                });
            }
            Some(false) => {
                let note = Note::new("readOnlyRootFilesystem: false");
                desk.replace_or_keep(place, note, |plan| {
                    plan.containers[number].read_only_root = true;
                });
                if !desk.replaces() {
                    continue;
                }
            }
        }
        add_writable_paths(desk, params, number, read_only == Some(true));
    }
}

/// Whether the author made the root read-only.
pub(crate) fn is_read_only(desk: &Desk<'_, '_>, number: usize) -> bool {
    let context = desk.subject.slots[number].view.security_context.as_ref();
    context.and_then(|context| context.read_only_root_filesystem) == Some(true)
}

/// What is to be mounted on a path.
struct Directory<'v> {
    path: Cow<'v, str>,
    size_limit: &'v str,
    in_memory: bool,
    /// Whether it is filled with what the image has there.
    filled: bool,
}

/// Mounts an emptyDir on each path. Where the author made the root read-only, only what the annotation asks for.
fn add_writable_paths<'v>(desk: &mut Desk<'v, '_>, params: &'v Params, number: usize, by_author: bool) {
    // A copier of ours writes nowhere else.
    if is_copier(desk.subject, params, number) {
        return;
    }
    let usual = |path: &'v str| (normalize(path), params.size_limit.as_str(), false, false);
    let from_policy: &'v [String] = if by_author { &[] } else { &params.writable_paths };
    let profile = desk.profile(number).filter(|_| !by_author);
    let of_image: &'v [WritablePath] =
        profile.and_then(|profile| profile.facts.writable_paths.as_deref()).unwrap_or_default();
    let copies = desk.stances.get(number).is_some_and(|stance| stance.copy_user.is_some());
    let of_image = of_image.iter().filter(|entry| !is_taken_in_image(desk, number, &entry.path));
    let of_image = of_image.map(|entry| {
        let size = entry.size.as_deref().unwrap_or(&params.size_limit);
        let filled = copies && entry.content == Content::Needed;
        (beside_mounts(desk, number, &entry.path), size, entry.medium == Medium::Memory, filled)
    });
    let asked = desk.tuning.writable_paths(number).map(usual);
    let mut directories: Vec<Directory<'v>> = Vec::new();
    // What the image knows of a path goes before what others know of it.
    for (path, size_limit, in_memory, filled) in
        from_policy.iter().map(|path| usual(path)).chain(of_image).chain(asked)
    {
        if let Some(known) = directories.iter_mut().find(|other| other.path == path) {
            if filled {
                *known = Directory { path, size_limit, in_memory, filled };
            }
        } else if !is_taken(desk, number, &path) {
            directories.push(Directory { path, size_limit, in_memory, filled });
        }
    }
    let mut copies = Vec::new();
    for directory in &directories {
        let path = &directory.path;
        let covers = |other: &Directory<'_>| {
            other.path != *path && is_within(path, &other.path) && (other.filled || !directory.filled)
        };
        if directories.iter().any(covers) {
            continue;
        }
        if desk.subject.slots[number].kind == ContainerType::Ephemeral {
            mount_targets_volume(desk, number, path.clone());
        } else {
            copies.extend(mount_empty_dir(desk, directory, number, by_author));
        }
    }
    if !copies.is_empty() {
        content::add_copier(desk, params, number, copies);
    }
}

/// A path is taken by a mount or device on it or above it: a directory of that volume is its owner's.
fn is_taken(desk: &Desk<'_, '_>, number: usize, path: &str) -> bool {
    taken(desk, number).any(|taken| is_within(path, &taken))
}

/// The same of a path that an image's profile names: there it is known what is a link. Elsewhere the path counts as it is
/// written, for the API server's own checks of what policy and annotations name.
fn is_taken_in_image(desk: &Desk<'_, '_>, number: usize, path: &str) -> bool {
    taken(desk, number).any(|taken| is_within(&real(path), &real(&taken)))
}

/// Where the author mounts something.
fn taken<'d>(desk: &'d Desk<'_, '_>, number: usize) -> impl Iterator<Item = Cow<'d, str>> {
    let view = desk.subject.slots[number].view;
    let mounts = view.mounts().iter().map(|mount| &mount.mount_path);
    let devices = view.devices().iter().map(|device| &device.device_path);
    mounts.chain(devices).map(|path| normalize(path))
}

/// An image's path, or where it really is if one of the author's mounts is below that: runtimes mount what has fewer parts
/// first, and ours on `/var/run` would hide theirs on `/run/app`.
fn beside_mounts<'v>(desk: &Desk<'v, '_>, number: usize, path: &'v str) -> Cow<'v, str> {
    let there = real(path);
    if taken(desk, number).any(|taken| is_within(&real(&taken), &there)) { there } else { Cow::Borrowed(path) }
}

/// Names of volumes, and names that mounts and devices refer to: a StatefulSet's claims become volumes only in its pods.
fn is_name_taken(desk: &Desk<'_, '_>, name: &str) -> bool {
    desk.subject.spec.volumes().iter().any(|volume| volume.name == *name)
        || desk.plan.pod.volumes_added.iter().any(|volume| volume.name == name)
        || desk.plan.pod.images_added.iter().any(|volume| volume.name == name)
        || desk.subject.slots.iter().any(|slot| {
            slot.view.mounts().iter().any(|mount| mount.name == *name)
                || slot.view.devices().iter().any(|device| device.name == *name)
        })
}

/// What a copier has to do with it, if anything.
fn mount_empty_dir<'v>(
    desk: &mut Desk<'v, '_>,
    directory: &Directory<'v>,
    number: usize,
    by_author: bool,
) -> Option<Copied<'v>> {
    let path = directory.path.clone();
    let container = &desk.subject.slots[number].view.name;
    let name = volume_name(container, &path, |name| is_name_taken(desk, name));
    let size_limit = Some(Cow::Borrowed(directory.size_limit)).filter(|limit| !limit.is_empty());
    let in_memory = directory.in_memory;
    let sub_path = directory.filled.then_some(SUB_PATH);
    let copied = directory.filled.then(|| Copied {
        path: path.clone(),
        volume: name.clone(),
        size_limit: size_limit.clone(),
    });
    let edit = |plan: &mut crate::plan::Plan<'v>| {
        plan.pod.volumes_added.push(EmptyDir { name: name.clone(), size_limit, in_memory });
        let mount = Mount { volume: name, path: path.clone(), sub_path };
        plan.containers[number].mounts_added.push(mount);
    };
    // The path belongs to the change that made the root read-only; beside the author's own it is one by itself.
    if by_author {
        let note = Note::of("emptyDir on ", path.clone());
        desk.inject(Place::Container(number), note, edit);
    } else {
        desk.also(edit);
    }
    copied
}

/// An ephemeral container cannot bring a volume: it shares the path with the container that it looks into.
fn mount_targets_volume<'v>(desk: &mut Desk<'v, '_>, number: usize, path: Cow<'v, str>) {
    let place = Place::Container(number);
    let Some(volume) = targets_empty_dir(desk, number, &path) else {
        if desk.subject.reaches_pod() {
            return;
        }
        desk.impossible(place, Note::of("a running pod takes no volume for ", path));
        return;
    };
    desk.also(|plan| {
        let mount = Mount { volume: Cow::Owned(volume), path, sub_path: None };
        plan.containers[number].mounts_added.push(mount);
    });
}

/// The emptyDir that the target of an ephemeral container has, or is to have, on a path.
fn targets_empty_dir(desk: &Desk<'_, '_>, number: usize, path: &str) -> Option<String> {
    let subject = desk.subject;
    let name = subject.slots[number].view.target_container_name.as_deref()?;
    let target = subject.slots.iter().position(|slot| slot.view.name.as_str() == name)?;
    let planned = &desk.plan.containers[target].mounts_added;
    if let Some(mount) = planned.iter().find(|mount| mount.path == path) {
        return Some(mount.volume.clone().into_owned());
    }
    let mounts = subject.slots[target].view.mounts();
    let mount = mounts.iter().find(|mount| normalize(&mount.mount_path) == path)?;
    // An ephemeral container may have no subPath: it would see more of the volume than its target does.
    if mount.sub_path.is_some() || mount.sub_path_expr.is_some() {
        return None;
    }
    let volume = subject.spec.volumes().iter().find(|volume| *volume.name == *mount.name)?;
    let empty_dir = volume.kind.as_deref().is_none_or(|kind| kind == "emptyDir");
    empty_dir.then(|| mount.name.as_str().to_owned())
}

#[cfg(test)]
mod tests;
