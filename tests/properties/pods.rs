//! Pods. Most of them would be taken by the API server; the others must survive all the same.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::containers::{VOLUMES, container, ephemeral, init_container, pod_resources, profile, selinux};
use crate::repair::repaired;
use crate::values::{Field, Json, flag, maybe, object, one_of, seldom, sometimes, uid};

/// Names of containers, the first for the first of each pod: one is as long as a name can be.
const NAMES: [&str; 8] = [
    "web",
    "a",
    "sixty-three-characters-as-long-as-the-name-of-a-container-can-b",
    "data",
    "web-a",
    "b",
    "c",
    "d",
];

const PREFIX: &str = "pod-hardener.dev";

/// A Linux pod.
pub(crate) fn pod() -> Json {
    let resources = resources_of_pod();
    let spec = (spec_fields(), resources).prop_map(|(mut spec, resources)| {
        if let (_, Some(resources)) = resources {
            spec["resources"] = resources;
        }
        spec
    });
    (metadata(), spec, containers(), prop::bool::weighted(0.8))
        .prop_map(|(metadata, spec, containers, repair)| {
            let pod = assemble(metadata, spec, containers);
            if repair { repaired(pod) } else { pod }
        })
        .boxed()
}

/// A Linux pod with ephemeral containers: their number known before, and the pod.
pub(crate) fn debugged_pod() -> BoxedStrategy<(usize, Value)> {
    (pod(), vec(ephemeral(), 1..4), any::<prop::sample::Index>())
        .prop_map(|(mut pod, mut added, known)| {
            let known = known.index(added.len());
            for (number, container) in added.iter_mut().enumerate() {
                container["name"] = json!(format!("debug-{number}"));
            }
            pod["spec"]["ephemeralContainers"] = json!(added);
            (known, repaired(pod))
        })
        .boxed()
}

/// A Windows pod without any Linux field.
pub(crate) fn windows_pod() -> Json {
    let options = || {
        object(vec![
            sometimes("hostProcess", one_of(&[true])),
            maybe(
                "runAsUserName",
                one_of(&["ContainerAdministrator", "ContainerUser", "NT AUTHORITY\\SYSTEM"]),
            ),
        ])
    };
    let context = move || object(vec![maybe("runAsNonRoot", flag()), maybe("windowsOptions", options())]);
    let container = move || {
        object(vec![
            maybe("securityContext", context()),
            maybe("ports", one_of(&[json!([{"containerPort": 80, "hostPort": 80}])])),
        ])
    };
    let spec = object(vec![maybe("securityContext", context()), maybe("hostNetwork", flag())]);
    (metadata(), spec, vec(container(), 1..3), vec(container(), 0..2))
        .prop_map(|(metadata, mut spec, containers, inits)| {
            spec["os"] = json!({"name": "windows"});
            assemble(metadata, spec, (containers, inits))
        })
        .boxed()
}

fn containers() -> impl Strategy<Value = (Vec<Value>, Vec<Value>)> {
    (vec(container(), 1..4), vec(init_container(), 0..3))
}

fn resources_of_pod() -> Field {
    sometimes("resources", pod_resources())
}

fn spec_fields() -> Json {
    let context = object(vec![
        maybe("runAsNonRoot", flag()),
        maybe("runAsUser", uid()),
        maybe("runAsGroup", uid()),
        seldom("fsGroup", uid()),
        seldom("supplementalGroups", one_of(&[json!([]), json!([0]), json!([0, 5, 0, 7])])),
        maybe("seccompProfile", profile()),
        maybe("appArmorProfile", profile()),
        seldom("seLinuxOptions", selinux()),
        sometimes(
            "sysctls",
            one_of(&[
                json!([]),
                json!([{"name": "kernel.msgmax", "value": "1"}]),
                json!([{"name": "net/ipv4/ip_unprivileged_port_start", "value": "80"}]),
                json!([{"name": "net.ipv4.ip_unprivileged_port_start", "value": "80"}]),
                json!([{"name": "net.ipv4.tcp_syncookies", "value": "1"}]),
            ]),
        ),
    ]);
    object(vec![
        maybe("securityContext", context),
        sometimes("hostNetwork", flag()),
        seldom("hostPID", flag()),
        seldom("hostIPC", flag()),
        sometimes("hostUsers", flag()),
        maybe("automountServiceAccountToken", flag()),
        seldom("serviceAccountName", one_of(&["default", "builder", ""])),
        seldom("enableServiceLinks", flag()),
        seldom("nodeSelector", one_of(&[json!({"kubernetes.io/os": "windows"})])),
        seldom("os", one_of(&[json!({"name": "linux"})])),
        maybe(
            "extraVolumes",
            one_of(&[
                json!([token_volume()]),
                json!([{"name": "host", "hostPath": {"path": "/"}}]),
                json!([{"name": "old", "nfs": {"server": "s", "path": "/"}}]),
                json!([token_volume(), {"name": "kube-api-access-mine", "emptyDir": {}}]),
            ]),
        ),
    ])
}

fn token_volume() -> Value {
    json!({"name": "kube-api-access-x7k2p", "projected": {"defaultMode": 420, "sources": [
        {"serviceAccountToken": {"path": "token"}}, {"configMap": {"name": "kube-root-ca.crt"}}]}})
}

fn metadata() -> Json {
    let pairs = vec(prop_oneof![2 => annotation(), 1 => other_annotation()], 0..6);
    let annotations = pairs.prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>()));
    object(vec![
        maybe("name", one_of(&["p"])),
        maybe("labels", one_of(&[json!({"app": "web", "n": null})])),
        maybe("annotations", annotations),
    ])
}

/// Exemptions and tuning, honoured or not.
fn annotation() -> impl Strategy<Value = (String, Value)> {
    let names = [
        ("exempt", &["capabilities", "seccomp, run-as-non-root", "all", "sekcomp", "", "privileged"][..]),
        ("exempt-reason", &["ticket 1", " "]),
        ("exempt-until", &["2027-06-01", "2020-01-01", "9999-12-31", "soon"]),
        ("run-as-user", &["1000", "0", "-1", "x"]),
        ("run-as-group", &["1000", "0"]),
        ("fs-group", &["2000", "0"]),
        ("writable-paths", &["/data, /var/cache", "/etc", "/tmp/x,/tmp", "/", "/run"]),
        ("hardened", &["a claim of somebody's"]),
        ("exmept", &["all\u{7}"]),
    ];
    let containers = ["", "", "web.", "a.", "nobody."];
    let names: Vec<(&str, Vec<&str>)> = names.iter().map(|(name, values)| (*name, values.to_vec())).collect();
    (prop::sample::select(containers.to_vec()), prop::sample::select(names), any::<prop::sample::Index>())
        .prop_map(|(container, (name, values), index)| {
            (format!("{container}{PREFIX}/{name}"), json!(values[index.index(values.len())]))
        })
}

fn other_annotation() -> impl Strategy<Value = (String, Value)> {
    prop::sample::select(vec![
        ("container.apparmor.security.beta.kubernetes.io/web".to_owned(), json!("unconfined")),
        ("container.apparmor.security.beta.kubernetes.io/a".to_owned(), json!("runtime/default")),
        ("seccomp.security.alpha.kubernetes.io/pod".to_owned(), json!("unconfined")),
        ("container.seccomp.security.alpha.kubernetes.io/web".to_owned(), json!("runtime/default")),
        ("container.seccomp.security.alpha.kubernetes.io/a".to_owned(), json!("localhost/p")),
        ("kubernetes.io/config.mirror".to_owned(), json!("forged")),
        ("big".to_owned(), json!("ü".repeat(131_000))),
        ("last-applied".to_owned(), json!("{\"a\":\n1}".repeat(400))),
        ("null".to_owned(), Value::Null),
    ])
}

/// Puts the parts together; repairs what the API server would refuse and no test is about.
fn assemble(metadata: Value, mut spec: Value, containers: (Vec<Value>, Vec<Value>)) -> Value {
    let (mut regular, mut inits) = containers;
    for (number, container) in regular.iter_mut().chain(&mut inits).enumerate() {
        container["name"] = json!(NAMES[number]);
        dedupe_mounts(container);
    }
    let extra = spec.as_object_mut().and_then(|spec| spec.remove("extraVolumes")).unwrap_or_default();
    if spec.pointer("/os/name") != Some(&json!("windows")) {
        let extra = extra.as_array().cloned().unwrap_or_default();
        if extra.iter().any(|volume| volume["projected"].is_object()) {
            inject_token(regular.iter_mut().chain(&mut inits));
        }
        let volumes = VOLUMES.iter().map(|name| volume(name)).chain(extra);
        spec["volumes"] = volumes.collect();
    }
    spec["containers"] = json!(regular);
    if !inits.is_empty() {
        spec["initContainers"] = json!(inits);
    }
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
}

fn volume(name: &str) -> Value {
    match name {
        "claim" | "block" => json!({"name": name, "persistentVolumeClaim": {"claimName": name}}),
        "config" => json!({"name": name, "configMap": {"name": "c"}, "x-future": [1]}),
        _ => json!({"name": name, "emptyDir": {}}),
    }
}

fn dedupe_mounts(container: &mut Value) {
    let mut seen = Vec::new();
    if let Some(mounts) = container.get_mut("volumeMounts").and_then(Value::as_array_mut) {
        mounts.retain(|mount| {
            let new = !seen.contains(&mount["mountPath"]);
            seen.push(mount["mountPath"].clone());
            new
        });
    }
}

/// As the ServiceAccount plugin does: into every container.
fn inject_token<'c>(containers: impl Iterator<Item = &'c mut Value>) {
    for container in containers {
        let mount = json!({"name": "kube-api-access-x7k2p", "readOnly": true,
            "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"});
        match container.get_mut("volumeMounts").and_then(Value::as_array_mut) {
            Some(mounts) => mounts.push(mount),
            None => container["volumeMounts"] = json!([mount]),
        }
    }
}
