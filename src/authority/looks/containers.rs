//! What is insecure in a container. Where a container says nothing, the pod's own setting counts.

use super::{Look, Seen, cel_words, words};
use crate::cel::list;
use crate::rules::capabilities::GIVEN;
use crate::rules::{probe_host, selinux};
use crate::view::{Container, PodSecurityContext, Profile, SecurityContext};

/// A field of the container's security context, in CEL.
fn own(field: &str) -> String {
    format!("c.?securityContext.?{field}")
}

/// The container's, or else the pod's.
fn either(field: &str) -> String {
    format!("{}.or($spec.?securityContext.?{field})", own(field))
}

fn context<'c, 'a>(container: &'c Container<'a>) -> Option<&'c SecurityContext<'a>> {
    container.security_context.as_deref()
}

fn pods<'s, 'a>(seen: Seen<'s, 'a>) -> Option<&'s PodSecurityContext<'a>> {
    seen.spec.security_context.as_ref()
}

pub(super) const PRIVILEGED: &[Look] = &[Look::Container {
    find: |_, container| words(&[(container.is_privileged(), "privileged")]),
    cel: || cel_words(&[(own("privileged") + ".orValue(false)", "privileged")]),
}];

pub(super) const HOST_PROCESS: &[Look] = &[Look::Container {
    find: |seen, container| {
        let own = context(container).and_then(|context| context.windows_options.as_ref());
        let pods = pods(seen).and_then(|context| context.windows_options.as_ref());
        let host_process = own.and_then(|own| own.host_process).or(pods.and_then(|pods| pods.host_process));
        words(&[(host_process == Some(true), "hostProcess")])
    },
    cel: || cel_words(&[(either("windowsOptions.?hostProcess") + ".orValue(false)", "hostProcess")]),
}];

/// On the host network the API fills them in.
pub(super) const HOST_PORTS: &[Look] = &[Look::Container {
    find: |seen, container| {
        if seen.spec.host_network == Some(true) {
            return Vec::new();
        }
        let ports = container.ports().iter().filter_map(|port| port.host_port);
        ports.filter(|port| *port != 0).map(|port| port.to_string()).collect()
    },
    cel: || {
        "($spec.?hostNetwork.orValue(false) ? [] : \
         c.?ports.orValue([]).map(p, p.?hostPort.orValue(0) != 0, string(p.hostPort)))"
            .to_owned()
    },
}];

const ADMINISTRATOR: &str = "containeradministrator";

pub(super) const RUN_AS_NON_ROOT: &[Look] = &[
    Look::Container {
        find: |seen, container| {
            let (own, pods) = (context(container), pods(seen));
            let user = own.and_then(|own| own.run_as_user).or(pods.and_then(|pods| pods.run_as_user));
            let group = own.and_then(|own| own.run_as_group).or(pods.and_then(|pods| pods.run_as_group));
            let non_root = own.and_then(|own| own.run_as_non_root);
            let non_root = non_root.or(pods.and_then(|pods| pods.run_as_non_root));
            let of_windows = own.and_then(|own| own.windows_options.as_ref()?.run_as_user_name.as_deref());
            let of_windows = of_windows
                .or_else(|| pods.and_then(|pods| pods.windows_options.as_ref()?.run_as_user_name.as_deref()));
            words(&[
                (user.unwrap_or(0) == 0 && non_root != Some(true), "may be root"),
                (user == Some(0), "root"),
                (group.unwrap_or(0) == 0, "may be in group 0"),
                (group == Some(0), "group 0"),
                (of_windows.is_some_and(|user| user.eq_ignore_ascii_case(ADMINISTRATOR)), "administrator"),
            ])
        },
        cel: || {
            let (user, group) = (either("runAsUser"), either("runAsGroup"));
            let non_root = either("runAsNonRoot");
            let of_windows = either("windowsOptions.?runAsUserName");
            cel_words(&[
                (format!("{user}.orValue(0) == 0 && !{non_root}.orValue(false)"), "may be root"),
                (format!("{user}.orValue(1) == 0"), "root"),
                (format!("{group}.orValue(0) == 0"), "may be in group 0"),
                (format!("{group}.orValue(1) == 0"), "group 0"),
                (format!("{of_windows}.orValue('').lowerAscii() == '{ADMINISTRATOR}'"), "administrator"),
            ])
        },
    },
    Look::Pod {
        find: |seen| {
            let groups = pods(seen).and_then(|context| context.supplemental_groups.as_deref());
            words(&[(groups.is_some_and(|groups| groups.contains(&0)), "supplemental group 0")])
        },
        cel: || {
            let groups = "0 in $spec.?securityContext.?supplementalGroups.orValue([])";
            cel_words(&[(groups.to_owned(), "supplemental group 0")])
        },
    },
];

/// The rest of what Linux has: who adds `ALL` has each of them.
const OTHERS: [&str; 27] = [
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "DAC_READ_SEARCH",
    "IPC_LOCK",
    "IPC_OWNER",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "NET_ADMIN",
    "NET_BROADCAST",
    "PERFMON",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
];

fn bare(name: &str) -> String {
    name.to_ascii_uppercase().replace("CAP_", "")
}

/// What the container has: given and not dropped, or added.
pub(super) const CAPABILITIES: &[Look] = &[Look::Container {
    find: |_, container| {
        let added: Vec<String> = container.added_capabilities().iter().map(|name| bare(name)).collect();
        let dropped: Vec<String> = container.dropped_capabilities().iter().map(|name| bare(name)).collect();
        let is_dropped = |name: &str| dropped.iter().any(|other| other == "ALL" || other == name);
        let mut has: Vec<String> =
            GIVEN.into_iter().filter(|name| !is_dropped(name)).map(str::to_owned).collect();
        if added.iter().any(|name| name == "ALL") {
            has.extend(GIVEN.into_iter().chain(OTHERS).map(str::to_owned));
        }
        has.extend(added);
        has
    },
    cel: || {
        let names = |field: &str| {
            format!(
                "{}.orValue([]).map(n, n.upperAscii().replace('CAP_', ''))",
                own(&format!("capabilities.?{field}"))
            )
        };
        let (given, all) = (list(GIVEN), list(GIVEN.into_iter().chain(OTHERS)));
        format!(
            "[{}].map(dropped, 'ALL' in dropped ? [] : {given}.filter(n, !(n in dropped)))[0] + \
             [{}].map(added, ('ALL' in added ? {all} : []) + added)[0]",
            names("drop"),
            names("add"),
        )
    },
}];

pub(super) const PRIVILEGE_ESCALATION: &[Look] = &[Look::Container {
    find: |_, container| {
        let allowed = context(container).and_then(|context| context.allow_privilege_escalation);
        words(&[(allowed != Some(false), "allowed")])
    },
    cel: || cel_words(&[(own("allowPrivilegeEscalation") + ".orValue(true)", "allowed")]),
}];

fn kind<'p>(profile: Option<&'p Profile<'_>>) -> Option<&'p str> {
    profile.and_then(|profile| profile.kind.as_deref())
}

const UNCONFINED: &str = "Unconfined";

pub(super) const SECCOMP: &[Look] = &[Look::Container {
    find: |seen, container| {
        let own = kind(context(container).and_then(|context| context.seccomp_profile.as_ref()));
        let kind = own.or_else(|| kind(pods(seen).and_then(|context| context.seccomp_profile.as_ref())));
        words(&[
            (kind.unwrap_or(UNCONFINED) == UNCONFINED, "perhaps unconfined"),
            (kind == Some(UNCONFINED), "unconfined"),
        ])
    },
    cel: || {
        let kind = either("seccompProfile.?type");
        cel_words(&[
            (format!("{kind}.orValue('{UNCONFINED}') == '{UNCONFINED}'"), "perhaps unconfined"),
            (format!("{kind}.orValue('') == '{UNCONFINED}'"), "unconfined"),
        ])
    },
}];

pub(super) const READ_ONLY_ROOT_FILESYSTEM: &[Look] = &[Look::Container {
    find: |_, container| {
        let read_only = context(container).and_then(|context| context.read_only_root_filesystem);
        words(&[(read_only != Some(true), "writable")])
    },
    cel: || cel_words(&[(format!("!{}.orValue(false)", own("readOnlyRootFilesystem")), "writable")]),
}];

const LIMITS: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

/// Resources without a limit; ephemeral containers may have none.
pub(super) const RESOURCES: &[Look] = &[Look::Lasting {
    find: |seen, container| {
        let own = container.resources.as_ref().and_then(|own| own.limits.as_ref());
        let pods = seen.spec.resources.as_ref().and_then(|pods| pods.limits.as_ref());
        let mut lists = own.into_iter().chain(pods);
        let (mut cpu, mut memory, mut storage) = (false, false, false);
        lists.by_ref().for_each(|list| {
            cpu |= list.cpu.is_some();
            memory |= list.memory.is_some();
            storage |= list.ephemeral_storage.is_some();
        });
        words(&[(!cpu, LIMITS[0]), (!memory, LIMITS[1]), (!storage, LIMITS[2])])
    },
    cel: || {
        format!(
            "{}.filter(n, !(n in c.?resources.?limits.orValue({{}})) && \
             !(n in $spec.?resources.?limits.orValue({{}})))",
            list(LIMITS)
        )
    },
}];

pub(super) const PROC_MOUNT: &[Look] = &[Look::Container {
    find: |_, container| {
        let value = context(container).and_then(|context| context.proc_mount.as_deref());
        words(&[(!matches!(value.unwrap_or_default(), "Default" | ""), "unmasked")])
    },
    cel: || cel_words(&[(format!("!({}.orValue('') in ['Default', ''])", own("procMount")), "unmasked")]),
}];

const APPARMOR_ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

pub(super) const APPARMOR: &[Look] = &[Look::Container {
    find: |seen, container| {
        let own = kind(context(container).and_then(|context| context.app_armor_profile.as_ref()));
        let kind = own.or_else(|| kind(pods(seen).and_then(|context| context.app_armor_profile.as_ref())));
        let key = format!("{APPARMOR_ANNOTATION}{}", container.name.as_str());
        let annotation = seen.pod.annotations().and_then(|annotations| annotations.get(&key));
        words(&[(kind == Some(UNCONFINED) || annotation == Some("unconfined"), "unconfined")])
    },
    cel: || {
        let kind = either("appArmorProfile.?type");
        cel_words(&[(
            format!(
                "{kind}.orValue('') == '{UNCONFINED}' || \
                 $notes[?'{APPARMOR_ANNOTATION}' + c.name].orValue('') == 'unconfined'"
            ),
            "unconfined",
        )])
    },
}];

pub(super) const SELINUX: &[Look] = &[Look::Container {
    find: |seen, container| {
        let own = context(container).and_then(|context| context.se_linux_options.as_ref());
        let options = own.or_else(|| pods(seen).and_then(|context| context.se_linux_options.as_ref()));
        let Some(options) = options else { return Vec::new() };
        let kind = options.kind.as_deref().filter(|kind| !selinux::ALLOWED.contains(kind));
        let user = options.user.as_deref().filter(|user| !user.is_empty());
        let role = options.role.as_deref().filter(|role| !role.is_empty());
        let all = [("type", kind), ("user", user), ("role", role)];
        all.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?))).collect()
    },
    cel: || {
        format!(
            "[{}.orValue({{}})].map(o, \
             (o.?type.orValue('') in {} ? [] : ['type ' + o.type]) + \
             (o.?user.orValue('') == '' ? [] : ['user ' + o.user]) + \
             (o.?role.orValue('') == '' ? [] : ['role ' + o.role]))[0]",
            either("seLinuxOptions"),
            list(selinux::ALLOWED),
        )
    },
}];

pub(super) const PROBE_HOST: &[Look] = &[Look::Container {
    find: |_, container| probe_host::hosts(container).map(str::to_owned).collect(),
    cel: || {
        let handlers = "[c.?livenessProbe, c.?readinessProbe, c.?startupProbe, \
                        c.?lifecycle.?postStart, c.?lifecycle.?preStop]";
        format!(
            "{handlers}.map(h, h.?httpGet.?host.orValue('') != '', h.?httpGet.?host.orValue('')) + \
             {handlers}.map(h, h.?tcpSocket.?host.orValue('') != '', h.?tcpSocket.?host.orValue(''))"
        )
    },
}];
