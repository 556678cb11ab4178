//! What is insecure in a pod as a whole.

use super::{Look, cel_words, words};
use crate::cel::list;
use crate::rules::{sysctls, volume_types};

pub(super) const HOST_NAMESPACES: &[Look] = &[Look::Pod {
    find: |seen| {
        words(&[
            (seen.spec.host_network == Some(true), "hostNetwork"),
            (seen.spec.host_pid == Some(true), "hostPID"),
            (seen.spec.host_ipc == Some(true), "hostIPC"),
        ])
    },
    cel: || {
        cel_words(
            &["hostNetwork", "hostPID", "hostIPC"]
                .map(|name| (format!("$spec.?{name}.orValue(false)"), name)),
        )
    },
}];

/// Whose token it is: another account's is another token.
pub(super) const SERVICE_ACCOUNT_TOKEN: &[Look] = &[Look::Pod {
    find: |seen| match seen.spec.automount_service_account_token {
        Some(false) => Vec::new(),
        _ => vec![seen.spec.account().to_owned()],
    },
    cel: || {
        "($spec.?automountServiceAccountToken.orValue(true) ? [$spec.?serviceAccountName.orValue('default')] : [])"
            .to_owned()
    },
}];

pub(super) const USER_NAMESPACE: &[Look] = &[Look::Pod {
    find: |seen| words(&[(seen.spec.host_users != Some(false), "hostUsers")]),
    cel: || cel_words(&[("$spec.?hostUsers.orValue(true)".to_owned(), "hostUsers")]),
}];

pub(super) const SERVICE_LINKS: &[Look] = &[Look::Pod {
    find: |seen| words(&[(seen.spec.enable_service_links != Some(false), "enableServiceLinks")]),
    cel: || cel_words(&[("$spec.?enableServiceLinks.orValue(true)".to_owned(), "enableServiceLinks")]),
}];

/// By their paths: another directory under the same name is another volume.
pub(super) const HOST_PATH: &[Look] = &[Look::Pod {
    find: |seen| {
        let paths = seen.spec.volumes().iter().filter_map(|volume| volume.host_path.as_deref());
        paths.map(str::to_owned).collect()
    },
    cel: || {
        "$spec.?volumes.orValue([]).map(v, v.?hostPath.hasValue(), v.hostPath.?path.orValue(''))".to_owned()
    },
}];

pub(super) const VOLUME_TYPES: &[Look] = &[Look::Pod {
    find: |seen| {
        let volumes = seen.spec.volumes().iter();
        let forbidden = volumes.filter_map(|volume| {
            let kind = volume.kind.as_deref().filter(|kind| !volume_types::ALLOWED.contains(kind))?;
            Some(format!("{kind} {}", volume.name.as_str()))
        });
        forbidden.collect()
    },
    cel: || {
        let fine = list(volume_types::ALLOWED.into_iter().chain(["name"]));
        format!(
            "$spec.?volumes.orValue([]).map(v, v.exists(k, !(k in {fine})), \
             v.filter(k, !(k in {fine}))[0] + ' ' + v.name)"
        )
    },
}];

pub(super) const SYSCTLS: &[Look] = &[Look::Pod {
    find: |seen| {
        let context = seen.spec.security_context.as_ref();
        let sysctls = context.and_then(|context| context.sysctls.as_deref()).unwrap_or_default();
        let names = sysctls.iter().map(|sysctl| sysctl.name.as_str());
        names.filter(|name| !sysctls::SAFE.contains(name)).map(str::to_owned).collect()
    },
    cel: || {
        let safe = list(sysctls::SAFE);
        format!("$spec.?securityContext.?sysctls.orValue([]).map(s, !(s.name in {safe}), s.name)")
    },
}];
