//! Pod Security `restricted`, after the source of `k8s.io/pod-security-admission` 0.37.

use serde_json::Value;

use crate::effective::containers;
use crate::list;

const VOLUMES: [&str; 9] = [
    "configMap",
    "downwardAPI",
    "emptyDir",
    "projected",
    "secret",
    "csi",
    "persistentVolumeClaim",
    "ephemeral",
    "image",
];
const SYSCTLS: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
];

/// What Pod Security forbids in a pod.
pub(crate) fn forbidden(pod: &Value) -> Vec<String> {
    let mut found = unrepairable(pod);
    let spec = &pod["spec"];
    let linux = spec["os"]["name"] != "windows";
    let own_users = spec["hostUsers"] == false;
    for name in ["hostPID", "hostIPC", "hostNetwork"] {
        if spec[name] == true {
            found.push(name.to_owned());
        }
    }
    forbidden_in_context(&spec["securityContext"], own_users, &mut found);
    for container in containers(pod) {
        let context = &container["securityContext"];
        forbidden_in_context(context, own_users, &mut found);
        if list(container, "/ports").iter().any(|port| port["hostPort"].as_i64().unwrap_or(0) != 0) {
            found.push("hostPort".to_owned());
        }
        if context["privileged"] == true {
            found.push("privileged".to_owned());
        }
        if !matches!(context["procMount"].as_str(), None | Some("Default")) {
            found.push("procMount".to_owned());
        }
        let inherited = |name: &str| {
            if context[name].is_null() { &spec["securityContext"][name] } else { &context[name] }
        };
        if !own_users && *inherited("runAsNonRoot") != true {
            found.push("runAsNonRoot is not true".to_owned());
        }
        if linux {
            forbidden_on_linux(context, inherited("seccompProfile"), &mut found);
        }
    }
    for (key, value) in pod["metadata"]["annotations"].as_object().into_iter().flatten() {
        let profile = key.starts_with("container.apparmor.security.beta.kubernetes.io/");
        let value = value.as_str().unwrap_or_default();
        if profile && !(value.is_empty() || value == "runtime/default" || value.starts_with("localhost/")) {
            found.push(format!("annotation {key}"));
        }
    }
    found
}

fn forbidden_in_context(context: &Value, own_users: bool, found: &mut Vec<String>) {
    if !own_users && context["runAsUser"] == 0 {
        found.push("runAsUser 0".to_owned());
    }
    if !own_users && context["runAsNonRoot"] == false {
        found.push("runAsNonRoot false".to_owned());
    }
    if context["seccompProfile"]["type"] == "Unconfined" || context["appArmorProfile"]["type"] == "Unconfined"
    {
        found.push("Unconfined".to_owned());
    }
    let options = &context["seLinuxOptions"];
    let allowed = [
        None,
        Some(""),
        Some("container_t"),
        Some("container_init_t"),
        Some("container_kvm_t"),
        Some("container_engine_t"),
    ];
    let is_set = |name: &str| !options[name].as_str().unwrap_or_default().is_empty();
    if !allowed.contains(&options["type"].as_str()) || is_set("user") || is_set("role") {
        found.push("seLinuxOptions".to_owned());
    }
}

fn forbidden_on_linux(context: &Value, seccomp: &Value, found: &mut Vec<String>) {
    if context["allowPrivilegeEscalation"] != false {
        found.push("allowPrivilegeEscalation is not false".to_owned());
    }
    if !list(context, "/capabilities/drop").iter().any(|name| name == "ALL") {
        found.push("ALL is not dropped".to_owned());
    }
    if list(context, "/capabilities/add").iter().any(|name| name != "NET_BIND_SERVICE") {
        found.push("a capability is added".to_owned());
    }
    if !["RuntimeDefault", "Localhost"].contains(&seccomp["type"].as_str().unwrap_or_default()) {
        found.push("seccompProfile is unset".to_owned());
    }
}

/// What no mutation repairs: volume types, sysctls, hosts of probes, host processes.
pub(crate) fn unrepairable(pod: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for volume in list(pod, "/spec/volumes") {
        let fields = volume.as_object().into_iter().flatten();
        for (kind, _) in fields.filter(|(name, value)| *name != "name" && !value.is_null()) {
            if !VOLUMES.contains(&kind.as_str()) && !kind.starts_with("x-") {
                found.push(format!("volume type {kind}"));
            }
        }
    }
    for sysctl in list(pod, "/spec/securityContext/sysctls") {
        if !SYSCTLS.contains(&sysctl["name"].as_str().unwrap_or_default()) {
            found.push(format!("sysctl {}", sysctl["name"]));
        }
    }
    let contexts = containers(pod).map(|container| &container["securityContext"]);
    if contexts
        .chain([&pod["spec"]["securityContext"]])
        .any(|context| context["windowsOptions"]["hostProcess"] == true)
    {
        found.push("hostProcess".to_owned());
    }
    for container in containers(pod) {
        for pointer in ["/livenessProbe/httpGet/host", "/lifecycle/preStop/httpGet/host"] {
            if container.pointer(pointer).is_some() {
                found.push("probe host".to_owned());
            }
        }
    }
    found
}
