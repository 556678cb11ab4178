//! The Pod Security Standards, control by control: which of them a pod does not meet.
//!
//! The rules do more than these ask for, and are named by them ([`crate::rules::Source`]); what a namespace's label
//! would refuse is a question of its own.

use serde::Serialize;

use super::standard::{Control, Standard};
use crate::rules::{apparmor, capabilities, probe_host, selinux, sysctls, volume_types};
use crate::subject::Subject;
use crate::view::{Container, Profile, SeLinuxOptions, SecurityContext};

/// A level of the Pod Security Standards, the lowest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Neither of the others is met.
    Privileged,
    /// `baseline` is met.
    Baseline,
    /// `restricted` is met, and with it `baseline`.
    #[default]
    Restricted,
}

impl Level {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 3] = [Self::Privileged, Self::Baseline, Self::Restricted];

    /// As a namespace's label names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

/// A control: its level, its name in the standard, and whether a pod breaks it.
struct Check(Standard, &'static str, fn(&Subject<'_, '_>) -> bool);

/// All controls of both levels.
const CHECKS: [Check; 18] = [
    Check(Standard::Baseline, "HostProcess", |pod| pod.is_host_process()),
    Check(Standard::Baseline, "Host Namespaces", |pod| {
        [pod.spec.host_network, pod.spec.host_pid, pod.spec.host_ipc].contains(&Some(true))
    }),
    Check(Standard::Baseline, "Privileged Containers", |pod| any(pod, |container| container.is_privileged())),
    Check(Standard::Baseline, "Capabilities", |pod| {
        any(pod, |container| container.added_capabilities().iter().any(|name| !is_ordinary(name)))
    }),
    Check(Standard::Baseline, "HostPath Volumes", |pod| has_volume(pod, |kind| kind == "hostPath")),
    Check(Standard::Baseline, "Host Ports", |pod| {
        any(pod, |container| container.ports().iter().any(|port| port.host_port.unwrap_or(0) != 0))
    }),
    Check(Standard::Baseline, "Host Probes / Lifecycle Hooks", |pod| {
        any(pod, |container| probe_host::hosts(container).next().is_some())
    }),
    Check(Standard::Baseline, "AppArmor", breaks_app_armor),
    Check(Standard::Baseline, "SELinux", |pod| {
        let of_pod = pod.spec.security_context.as_ref().and_then(|context| context.se_linux_options.as_ref());
        of_pod.is_some_and(is_more_than_a_containers)
            || any_context(pod, |context| {
                context.se_linux_options.as_ref().is_some_and(is_more_than_a_containers)
            })
    }),
    Check(Standard::Baseline, "/proc Mount Type", |pod| {
        !has_own_users(pod)
            && any_context(pod, |context| {
                !matches!(context.proc_mount.as_deref(), None | Some("" | "Default"))
            })
    }),
    Check(Standard::Baseline, "Seccomp", |pod| {
        let of_pod = pod.spec.security_context.as_ref().and_then(|context| context.seccomp_profile.as_ref());
        of_pod.is_some_and(Profile::is_unconfined)
            || any_context(pod, |context| {
                context.seccomp_profile.as_ref().is_some_and(Profile::is_unconfined)
            })
    }),
    Check(Standard::Baseline, "Sysctls", |pod| {
        let context = pod.spec.security_context.as_ref();
        let sysctls = context.and_then(|context| context.sysctls.as_deref()).unwrap_or_default();
        sysctls.iter().any(|sysctl| !sysctls::SAFE.contains(&sysctl.name.as_str()))
    }),
    Check(Standard::Restricted, "Volume Types", |pod| {
        has_volume(pod, |kind| kind == "hostPath" || !volume_types::ALLOWED.contains(&kind))
    }),
    Check(Standard::Restricted, "Privilege Escalation", |pod| {
        pod.is_linux()
            && any(pod, |container| {
                let context = container.security_context.as_ref();
                context.and_then(|context| context.allow_privilege_escalation) != Some(false)
            })
    }),
    Check(Standard::Restricted, "Running as Non-root", |pod| {
        let of_pod = pod.spec.security_context.as_ref().and_then(|context| context.run_as_non_root);
        !has_own_users(pod)
            && (any(pod, |container| {
                let own = container.security_context.as_ref().and_then(|context| context.run_as_non_root);
                own.or(of_pod) != Some(true)
            }) || of_pod == Some(false))
    }),
    Check(Standard::Restricted, "Running as Non-root user", |pod| {
        let of_pod = pod.spec.security_context.as_ref().and_then(|context| context.run_as_user);
        !has_own_users(pod)
            && (of_pod == Some(0) || any_context(pod, |context| context.run_as_user == Some(0)))
    }),
    Check(Standard::Restricted, "Seccomp", |pod| {
        let of_pod = pod.spec.security_context.as_ref().and_then(|context| context.seccomp_profile.as_ref());
        pod.is_linux()
            && any(pod, |container| {
                let own = container.security_context.as_ref();
                let profile = own.and_then(|context| context.seccomp_profile.as_ref()).or(of_pod);
                let kind = profile.and_then(|profile| profile.kind.as_deref());
                !matches!(kind, Some("RuntimeDefault" | "Localhost"))
            })
    }),
    Check(Standard::Restricted, "Capabilities", |pod| {
        pod.is_linux()
            && any(pod, |container| {
                !container.dropped_capabilities().iter().any(|name| *name == "ALL")
                    || container.added_capabilities().iter().any(|name| *name != "NET_BIND_SERVICE")
            })
    }),
];

/// Every control of both levels.
pub(super) fn controls() -> impl Iterator<Item = Control> {
    CHECKS.iter().map(|Check(standard, name, _)| Control { standard: *standard, id: name })
}

/// The controls that a pod does not meet.
pub(super) fn violations(pod: &Subject<'_, '_>) -> impl Iterator<Item = Control> {
    let broken = CHECKS.iter().filter(|Check(_, _, breaks)| breaks(pod));
    broken.map(|Check(standard, name, _)| Control { standard: *standard, id: name })
}

fn any(pod: &Subject<'_, '_>, breaks: impl Fn(&Container<'_>) -> bool) -> bool {
    pod.slots.iter().any(|slot| breaks(slot.view))
}

fn any_context(pod: &Subject<'_, '_>, breaks: impl Fn(&SecurityContext<'_>) -> bool) -> bool {
    any(pod, |container| container.security_context.as_deref().is_some_and(&breaks))
}

fn has_volume(pod: &Subject<'_, '_>, is: impl Fn(&str) -> bool) -> bool {
    pod.spec.volumes().iter().any(|volume| volume.kind.as_deref().is_some_and(&is))
}

/// In a user namespace of its own root is nobody: Pod Security asks for no other user there, nor for a masked /proc (since
/// 1.35).
fn has_own_users(pod: &Subject<'_, '_>) -> bool {
    pod.spec.host_users == Some(false)
}

/// What runtimes give anyway, less the raw sockets.
fn is_ordinary(name: &str) -> bool {
    name != "NET_RAW" && capabilities::GIVEN.contains(&name)
}

fn is_more_than_a_containers(options: &SeLinuxOptions<'_>) -> bool {
    let is_set = |text: Option<&str>| text.is_some_and(|text| !text.is_empty());
    options.kind.as_deref().is_some_and(|kind| !selinux::ALLOWED.contains(&kind))
        || is_set(options.user.as_deref())
        || is_set(options.role.as_deref())
}

fn breaks_app_armor(pod: &Subject<'_, '_>) -> bool {
    let of_pod = pod.spec.security_context.as_ref().and_then(|context| context.app_armor_profile.as_ref());
    let entries = pod.pod.annotations().into_iter().flat_map(crate::view::Annotations::entries);
    let by_annotation = entries.filter(|entry| entry.key.starts_with(apparmor::ANNOTATION)).any(|entry| {
        let value = entry.value.as_deref().unwrap_or_default();
        !(value.is_empty() || value == "runtime/default" || value.starts_with("localhost/"))
    });
    by_annotation
        || of_pod.is_some_and(Profile::is_unconfined)
        || any_context(pod, |context| context.app_armor_profile.as_ref().is_some_and(Profile::is_unconfined))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::rules::{RuleId, Source};
    use crate::subject::Reach;
    use crate::view::Pod;

    fn broken(pod: &Value) -> Vec<&'static str> {
        let text = pod.to_string();
        let view: Pod<'_> = serde_json::from_str(&text).expect("a pod");
        let subject = Subject::new(&view, Reach::Pod).expect("a spec");
        violations(&subject).map(|control| control.id).collect()
    }

    /// A pod that `restricted` takes, with something changed in it.
    fn with(pointer: &str, value: Value) -> Value {
        let mut pod = json!({"metadata": {"annotations": {}}, "spec": {
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "volumes": [{"name": "v", "emptyDir": {}}],
            "containers": [{"name": "a", "ports": [{"containerPort": 1}], "securityContext": {
                "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}});
        let (at, name) = pointer.rsplit_once('/').expect("a field");
        pod.pointer_mut(at).expect("there")[name] = value;
        pod
    }

    #[test]
    fn each_control_is_broken_by_what_the_standard_names() {
        const POD: &str = "/spec/securityContext";
        const CONTAINER: &str = "/spec/containers/0/securityContext";
        for (pointer, value, expected) in [
            ("/spec/x", json!(1), &[][..]),
            ("/spec/hostPID", json!(true), &["Host Namespaces"]),
            ("/spec/hostNetwork", json!(false), &[]),
            (&format!("{CONTAINER}/privileged"), json!(true), &["Privileged Containers"]),
            (&format!("{CONTAINER}/windowsOptions"), json!({"hostProcess": true}), &["HostProcess"]),
            (&format!("{CONTAINER}/capabilities/add"), json!(["NET_BIND_SERVICE"]), &[]),
            (&format!("{CONTAINER}/capabilities/add"), json!(["CHOWN"]), &["Capabilities"]),
            (&format!("{CONTAINER}/capabilities/add"), json!(["NET_RAW"]), &["Capabilities", "Capabilities"]),
            (&format!("{CONTAINER}/capabilities/drop"), json!(["all"]), &["Capabilities"]),
            (&format!("{CONTAINER}/allowPrivilegeEscalation"), json!(null), &["Privilege Escalation"]),
            ("/spec/volumes/0/hostPath", json!({"path": "/"}), &["HostPath Volumes", "Volume Types"]),
            ("/spec/volumes/0/nfs", json!({}), &["Volume Types"]),
            ("/spec/containers/0/ports/0/hostPort", json!(80), &["Host Ports"]),
            ("/spec/containers/0/ports/0/hostPort", json!(0), &[]),
            (
                "/spec/containers/0/livenessProbe",
                json!({"tcpSocket": {"host": "x"}}),
                &["Host Probes / Lifecycle Hooks"],
            ),
            (&format!("{POD}/appArmorProfile"), json!({"type": "Unconfined"}), &["AppArmor"]),
            (&format!("{CONTAINER}/seLinuxOptions"), json!({"type": "spc_t"}), &["SELinux"]),
            (&format!("{POD}/seLinuxOptions"), json!({"user": "u"}), &["SELinux"]),
            (&format!("{CONTAINER}/procMount"), json!("Unmasked"), &["/proc Mount Type"]),
            (&format!("{CONTAINER}/seccompProfile"), json!({"type": "Unconfined"}), &["Seccomp", "Seccomp"]),
            (&format!("{POD}/seccompProfile"), json!(null), &["Seccomp"]),
            (&format!("{POD}/sysctls"), json!([{"name": "kernel.msgmax"}]), &["Sysctls"]),
            (&format!("{POD}/runAsNonRoot"), json!(null), &["Running as Non-root"]),
            (&format!("{CONTAINER}/runAsNonRoot"), json!(false), &["Running as Non-root"]),
            (&format!("{CONTAINER}/runAsUser"), json!(0), &["Running as Non-root user"]),
        ] {
            assert_eq!(broken(&with(pointer, value.clone())), expected, "{pointer}: {value}");
        }
    }

    #[test]
    fn annotations_user_namespaces_and_windows() {
        let mut pod = with("/spec/x", json!(1));
        pod["metadata"]["annotations"]["container.apparmor.security.beta.kubernetes.io/a"] =
            json!("unconfined");
        assert_eq!(broken(&pod), ["AppArmor"]);
        let mut pod = with("/spec/securityContext", json!({"seccompProfile": {"type": "Localhost"}}));
        pod["spec"]["hostUsers"] = json!(false);
        pod["spec"]["containers"][0]["securityContext"]["procMount"] = json!("Unmasked");
        assert_eq!(broken(&pod), [] as [&str; 0]);
        let windows = json!({"spec": {"os": {"name": "windows"}, "securityContext": {"runAsNonRoot": true},
            "containers": [{"name": "a"}]}});
        assert_eq!(broken(&windows), [] as [&str; 0]);
    }

    #[test]
    fn every_control_that_a_rule_names_is_one_of_the_standard() {
        for rule in RuleId::ALL {
            for source in rule.meta().sources {
                let Source::PodSecurity(level, name) = source else { continue };
                let named =
                    |control: &Control| control.standard.as_str().ends_with(level) && control.id == *name;
                assert!(controls().any(|control| named(&control)), "{rule}: {level}: {name}");
            }
        }
    }
}
