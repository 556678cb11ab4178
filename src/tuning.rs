//! Tuning by annotation: another user, more writable paths, instead of an exemption.

use std::borrow::Cow;

use crate::annotation::{FS_GROUP, Ours, RUN_AS_GROUP, RUN_AS_USER, Refusal, RefusalReason, WRITABLE_PATHS};
use crate::exemption::{excerpt, position};
use crate::plan::{is_within, normalize, real};
use crate::subject::Subject;

/// The highest uid and gid that the API server takes.
const HIGHEST_ID: i64 = 2_147_483_647;
/// More directories than an image ever needs; bounds what one annotation can make us write.
const MOST_PATHS: usize = 32;

/// Where no writable directory may be put: it would hide the system, or the token.
pub(crate) const FORBIDDEN: [&str; 8] = ["/etc", "/proc", "/sys", "/dev", "/bin", "/sbin", "/usr", TOKEN];

/// Where the kubelet mounts the token.
pub(crate) const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What the annotations of a pod ask for.
#[derive(Debug, Clone, Default)]
pub struct Tuning<'v> {
    /// The group that is to own volumes.
    pub fs_group: Option<i64>,
    pod: Wishes<'v>,
    containers: Vec<Wishes<'v>>,
}

#[derive(Debug, Clone, Default)]
struct Wishes<'v> {
    user: Option<i64>,
    group: Option<i64>,
    paths: Vec<&'v str>,
}

impl<'v> Tuning<'v> {
    /// The uid for a container.
    #[must_use]
    pub fn run_as_user(&self, number: usize) -> Option<i64> {
        self.containers.get(number).and_then(|wishes| wishes.user).or(self.pod.user)
    }

    /// The gid for a container.
    #[must_use]
    pub fn run_as_group(&self, number: usize) -> Option<i64> {
        self.containers.get(number).and_then(|wishes| wishes.group).or(self.pod.group)
    }

    /// The writable paths for a container: the pod's and its own.
    pub fn writable_paths(&self, number: usize) -> impl Iterator<Item = &'v str> + use<'v> {
        let own = self.containers.get(number).map(|wishes| wishes.paths.clone());
        self.pod.paths.clone().into_iter().chain(own.into_iter().flatten())
    }
}

/// Reads the tuning of a pod; what is not honoured goes to `refusals`.
#[must_use]
pub fn read<'v>(
    subject: &Subject<'v, '_>,
    entries: &[Ours<'v>],
    refusals: &mut Vec<Refusal<'v>>,
) -> Tuning<'v> {
    let mut tuning = Tuning::default();
    for entry in entries {
        let wishes = match entry.container {
            None => &mut tuning.pod,
            Some(name) => {
                let Some(number) = position(subject, name) else { continue };
                tuning.containers.resize_with(subject.slots.len(), Wishes::default);
                &mut tuning.containers[number]
            }
        };
        let outcome = match entry.name {
            RUN_AS_USER => id(entry).map(|id| wishes.user = Some(id)),
            RUN_AS_GROUP => id(entry).map(|id| wishes.group = Some(id)),
            FS_GROUP if entry.container.is_none() => id(entry).map(|id| tuning.fs_group = Some(id)),
            WRITABLE_PATHS => {
                wishes.paths = paths(entry, refusals);
                Ok(())
            }
            _ => Ok(()),
        };
        if let Err(message) = outcome {
            refusals.push(refusal(entry, RefusalReason::Malformed, message));
        }
    }
    tuning
}

fn refusal<'v>(entry: &Ours<'v>, reason: RefusalReason, message: String) -> Refusal<'v> {
    Refusal { key: Cow::Borrowed(entry.key), reason, message }
}

fn id(entry: &Ours<'_>) -> Result<i64, String> {
    let value = entry.value.unwrap_or_default();
    match value.trim().parse::<i64>() {
        Ok(0) => Err("is never 0: exempt the container from run-as-non-root instead".to_owned()),
        Ok(id) if (1..=HIGHEST_ID).contains(&id) => Ok(id),
        _ => Err(format!("\"{}\" is no id from 1 to {HIGHEST_ID}", excerpt(value))),
    }
}

fn paths<'v>(entry: &Ours<'v>, refusals: &mut Vec<Refusal<'v>>) -> Vec<&'v str> {
    let value = entry.value.unwrap_or_default();
    let mut paths = Vec::new();
    for path in value.split(',').map(str::trim).filter(|path| !path.is_empty()) {
        match check_path(path) {
            Ok(()) if paths.len() < MOST_PATHS => paths.push(path),
            Ok(()) => {
                let message = format!("names more than {MOST_PATHS} paths");
                refusals.push(refusal(entry, RefusalReason::NotAllowed, message));
                break;
            }
            Err(message) => refusals.push(refusal(entry, RefusalReason::NotAllowed, message)),
        }
    }
    if value.trim().is_empty() {
        let message = "names no path: write absolute paths separated by commas".to_owned();
        refusals.push(refusal(entry, RefusalReason::Malformed, message));
    }
    paths
}

/// Whether an emptyDir may be put on a path, by annotation or policy.
///
/// # Errors
/// For people: what is wrong with the path.
pub fn check_path(path: &str) -> Result<(), String> {
    let odd = |c: char| c == ':' || c.is_control();
    if !path.starts_with('/') || path.contains(odd) || path.len() > 255 {
        return Err(format!("\"{}\" is no absolute path without \":\"", excerpt(path)));
    }
    if path.split('/').any(|part| part == "..") {
        return Err(format!("\"{}\" goes up with \"..\": write the path itself", excerpt(path)));
    }
    let clean = normalize(path);
    // /lib, /lib64, /libx32 …
    let library = clean.split('/').nth(1).is_some_and(|first| first.starts_with("lib"));
    let forbidden = |root: &&str| is_within(&real(&clean), &real(root));
    if clean == "/" || library || FORBIDDEN.iter().any(forbidden) {
        return Err(format!("\"{}\" is not a place for a writable directory", excerpt(path)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_path;

    #[test]
    fn paths_that_hide_the_system_are_refused() {
        for path in [
            "/",
            "//",
            "/.",
            "/etc",
            "/etc/",
            "//etc",
            "/etc/nginx",
            "/proc/1",
            "/sys",
            "/dev/shm",
            "/bin",
            "/sbin",
            "/lib",
            "/lib64",
            "/libx32",
            "/usr",
            "/usr/bin",
            "tmp",
            "",
            "/a:b",
            "/x/../etc",
            "/var/run/secrets/kubernetes.io/serviceaccount",
            "/run/secrets/kubernetes.io/serviceaccount/x",
        ] {
            assert!(check_path(path).is_err(), "{path}");
        }
        for path in
            ["/tmp", "/var/cache/nginx", "/run", "/var/run", "/var/lib/x", "/etcd", "/home/app", "/opt"]
        {
            assert!(check_path(path).is_ok(), "{path}");
        }
    }
}
