//! The part of the API server's validation that a mutation can run into, after `pkg/apis/core/validation` of 1.37.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::effective::{LISTS, containers, setting};
use crate::list;
use crate::resources::invalid_resources;

const LINUX_ONLY: [&str; 15] = [
    "runAsUser",
    "runAsGroup",
    "seccompProfile",
    "appArmorProfile",
    "seLinuxOptions",
    "fsGroup",
    "fsGroupChangePolicy",
    "sysctls",
    "supplementalGroups",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "supplementalGroupsPolicy",
];

/// What the API server would refuse in a pod.
pub(crate) fn invalid(pod: &Value) -> Vec<String> {
    let mut found = Vec::new();
    invalid_names(pod, &mut found);
    invalid_volumes(pod, &mut found);
    invalid_resources(pod, &mut found);
    invalid_host_settings(pod, &mut found);
    invalid_annotations(pod, &mut found);
    for container in containers(pod) {
        invalid_context(pod, container, &mut found);
    }
    if pod["spec"]["os"]["name"] == "windows" {
        invalid_on_windows(pod, &mut found);
    }
    for container in list(pod, "/spec/ephemeralContainers") {
        for name in ["resources", "ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"] {
            if !container[name].is_null() {
                found.push(format!("{name} in an ephemeral container"));
            }
        }
    }
    found
}

fn is_label(name: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    !name.is_empty()
        && name.len() <= 63
        && name.bytes().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

fn invalid_names(pod: &Value, found: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    let volumes = list(pod, "/spec/volumes").iter();
    let names = containers(pod).map(|one| ("container", one)).chain(volumes.map(|one| ("volume", one)));
    for (kind, one) in names {
        let name = one["name"].as_str().unwrap_or_default();
        if !is_label(name) || !seen.insert((kind, name)) {
            found.push(format!("{kind} name {name}"));
        }
    }
}

fn invalid_volumes(pod: &Value, found: &mut Vec<String>) {
    let volumes: BTreeSet<&str> =
        list(pod, "/spec/volumes").iter().filter_map(|volume| volume["name"].as_str()).collect();
    for container in containers(pod) {
        let mut paths = BTreeSet::new();
        let mounts = list(container, "/volumeMounts").iter().map(|mount| (mount, &mount["mountPath"]));
        let devices = list(container, "/volumeDevices").iter().map(|device| (device, &device["devicePath"]));
        for (one, path) in mounts.chain(devices) {
            let path = path.as_str().unwrap_or_default();
            if path.is_empty() || !paths.insert(path) {
                found.push(format!("path {path} taken"));
            }
            if !volumes.contains(one["name"].as_str().unwrap_or_default()) {
                found.push(format!("no volume {}", one["name"]));
            }
            if one["mountPropagation"] == "Bidirectional"
                && container["securityContext"]["privileged"] != true
            {
                found.push("Bidirectional without privileged".to_owned());
            }
        }
    }
}

fn invalid_host_settings(pod: &Value, found: &mut Vec<String>) {
    let spec = &pod["spec"];
    let on = |name: &str| spec[name] == true;
    let mut names = BTreeSet::new();
    for sysctl in list(pod, "/spec/securityContext/sysctls") {
        let name = sysctl["name"].as_str().unwrap_or_default();
        if !names.insert(name) {
            found.push(format!("sysctl {name} twice"));
        }
        let name = name.replace('/', ".");
        if on("hostNetwork") && name.starts_with("net.") || on("hostIPC") && name.starts_with("kernel.msg") {
            found.push(format!("sysctl {name} of the host"));
        }
    }
    if spec["hostUsers"] == false {
        let devices = containers(pod).any(|container| !list(container, "/volumeDevices").is_empty());
        if on("hostNetwork") || on("hostPID") || on("hostIPC") || devices {
            found.push("hostUsers false".to_owned());
        }
    }
    let is_host_process = |container| {
        setting(pod, container, "windowsOptions")["hostProcess"] == true
            || pod["spec"]["securityContext"]["windowsOptions"]["hostProcess"] == true
    };
    let processes = containers(pod).filter(|container| is_host_process(container)).count();
    if processes > 0 && (!on("hostNetwork") || processes != containers(pod).count()) {
        found.push("host process".to_owned());
    }
}

fn invalid_context(pod: &Value, container: &Value, found: &mut Vec<String>) {
    let context = &container["securityContext"];
    if context["allowPrivilegeEscalation"] == false {
        let added = list(context, "/capabilities/add");
        if context["privileged"] == true || added.iter().any(|name| name == "CAP_SYS_ADMIN") {
            found.push("allowPrivilegeEscalation false beside privileged or CAP_SYS_ADMIN".to_owned());
        }
    }
    if context["procMount"] == "Unmasked" && pod["spec"]["hostUsers"] != false {
        found.push("Unmasked without hostUsers false".to_owned());
    }
    for context in [context, &pod["spec"]["securityContext"]] {
        for name in ["seccompProfile", "appArmorProfile"] {
            let (local, profile) = (context[name]["type"] == "Localhost", &context[name]["localhostProfile"]);
            if local == profile.is_null() {
                found.push(format!("{name} and its localhostProfile"));
            }
        }
    }
}

fn invalid_annotations(pod: &Value, found: &mut Vec<String>) {
    let Some(annotations) = pod["metadata"]["annotations"].as_object() else { return };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let annotations: BTreeMap<&str, String> =
        annotations.iter().map(|(key, value)| (key.as_str(), text(value))).collect();
    if annotations.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > 256 * 1024 {
        found.push("annotations too long".to_owned());
    }
    let pod_context = &pod["spec"]["securityContext"];
    let pod_key = "seccomp.security.alpha.kubernetes.io/pod".to_owned();
    let mut pairs = vec![(pod_key, &pod_context["seccompProfile"])];
    for container in containers(pod) {
        let name = container["name"].as_str().unwrap_or_default();
        let key = format!("container.seccomp.security.alpha.kubernetes.io/{name}");
        pairs.push((key, &container["securityContext"]["seccompProfile"]));
        let key = format!("container.apparmor.security.beta.kubernetes.io/{name}");
        pairs.push((key, setting(pod, container, "appArmorProfile")));
    }
    let windows = pod["spec"]["os"]["name"] == "windows";
    for (key, profile) in pairs.into_iter().filter(|(key, _)| !(windows && key.contains("apparmor"))) {
        let Some(value) = annotations.get(key.as_str()) else { continue };
        let agrees = match profile["type"].as_str() {
            Some("RuntimeDefault") => value == "runtime/default" || value == "docker/default",
            Some("Unconfined") => value == "unconfined",
            Some("Localhost") => {
                value.strip_prefix("localhost/")
                    == Some(profile["localhostProfile"].as_str().unwrap_or_default())
            }
            _ => true,
        };
        if !agrees {
            found.push(format!("annotation {key} contradicts the field"));
        }
    }
}

fn invalid_on_windows(pod: &Value, found: &mut Vec<String>) {
    let contexts = containers(pod).map(|container| &container["securityContext"]);
    for context in contexts.chain([&pod["spec"]["securityContext"]]) {
        for name in LINUX_ONLY {
            if !context[name].is_null() {
                found.push(format!("{name} on Windows"));
            }
        }
    }
    for name in ["hostUsers", "hostPID", "hostIPC"] {
        if pod["spec"][name] == true || name == "hostUsers" && !pod["spec"][name].is_null() {
            found.push(format!("{name} on Windows"));
        }
    }
}

/// The pod as the API server's defaulting leaves it, as far as it touches what is hardened.
pub(crate) fn defaulted(pod: &Value) -> Value {
    let mut pod = pod.clone();
    let host_network = pod["spec"]["hostNetwork"] == true;
    let spec = &mut pod["spec"];
    for (name, value) in [
        ("enableServiceLinks", Value::from(true)),
        ("serviceAccountName", Value::from("default")),
        ("securityContext", serde_json::json!({})),
    ] {
        if spec.get(name).is_none_or(|own| own.is_null() || own == "") {
            spec[name] = value;
        }
    }
    for name in LISTS {
        for container in spec.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten() {
            default_container(container, host_network);
        }
    }
    pod
}

fn default_container(container: &mut Value, host_network: bool) {
    if let Some(limits) = container.pointer("/resources/limits").and_then(Value::as_object).cloned() {
        for (name, limit) in limits.into_iter().filter(|(name, _)| !name.starts_with("x-")) {
            let requests = &mut container["resources"]["requests"];
            if requests.get(&name).is_none_or(Value::is_null) {
                requests[&name] = limit;
            }
        }
    }
    for port in container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        if host_network && port.get("hostPort").is_none_or(|own| own.as_i64().unwrap_or(0) == 0) {
            port["hostPort"] = port["containerPort"].clone();
        }
    }
}
