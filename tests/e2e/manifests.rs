//! Real manifests, made into bare pods.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// A collection of pods.
#[derive(Clone, Copy)]
pub(crate) struct Corpus {
    pub(crate) name: &'static str,
    pub(crate) samples: fn() -> Vec<Sample>,
    /// With fewer pods than this that the API server takes something is wrong with the test.
    pub(crate) at_least: usize,
}

/// Public projects' manifests, where they are at hand: they are not part of this repository.
pub(crate) fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/public")
}

/// Pods with everything in them that is easy to get wrong; part of this repository.
pub(crate) fn tricky() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/tricky")
}

/// A pod, and where it is from.
pub(crate) struct Sample {
    pub(crate) source: String,
    pub(crate) pod: Value,
}

/// Every pod and pod template below this folder, each as a bare pod with a name of its own.
pub(crate) fn samples(folder: &Path) -> Vec<Sample> {
    samples_through(folder, |file| std::fs::read_to_string(file).expect("a manifest"))
}

/// The same, where `read` says what is in a file.
pub(crate) fn samples_through(folder: &Path, read: impl Fn(&Path) -> String) -> Vec<Sample> {
    let mut samples = Vec::new();
    for file in files(folder) {
        // As Kubernetes reads YAML: 0644 is octal.
        let options = serde_saphyr::options! { legacy_octal_numbers: true };
        let documents = serde_saphyr::from_multiple_with_options::<Value>(&read(&file), options);
        let Ok(documents) = documents else {
            // A key that is there twice, or a template.
            continue;
        };
        for object in documents.iter().flat_map(objects) {
            let Some(pod) = bare_pod(object, &format!("sample-{}", samples.len())) else {
                continue;
            };
            let file = file.strip_prefix(folder).unwrap_or(&file).display();
            let source = format!("{file}: {} {}", object["kind"], object["metadata"]["name"]);
            samples.push(Sample { source, pod });
        }
    }
    samples
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|end| ["yaml", "yml", "json"].iter().any(|e| end == *e)) {
            found.push(path);
        }
    }
    found
}

/// The object itself, or those in a list.
fn objects(document: &Value) -> Vec<&Value> {
    match document["items"].as_array() {
        Some(items) => items.iter().flat_map(objects).collect(),
        None => vec![document],
    }
}

fn bare_pod(object: &Value, name: &str) -> Option<Value> {
    let kind = object["kind"].as_str()?;
    let template = match kind {
        "Pod" => object,
        "PodTemplate" => &object["template"],
        "CronJob" => &object["spec"]["jobTemplate"]["spec"]["template"],
        "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet" | "ReplicationController" | "Job" => {
            &object["spec"]["template"]
        }
        _ => return None,
    };
    let mut spec = template["spec"].clone();
    spec.as_object()?;
    add_claims(object, &mut spec);
    let mut metadata = json!({"name": name});
    for field in ["labels", "annotations"] {
        if let Some(values) = template["metadata"].get(field) {
            metadata[field] = values.clone();
        }
    }
    Some(json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": spec,
    }))
}

/// The volumes that a StatefulSet's controller gives its pods, in place of those of the same name.
fn add_claims(object: &Value, spec: &mut Value) {
    let claims = list(&object["spec"]["volumeClaimTemplates"]);
    let names: Vec<&Value> = claims.map(|claim| &claim["metadata"]["name"]).collect();
    if names.is_empty() {
        return;
    }
    let mut volumes: Vec<Value> = list(&spec["volumes"]).cloned().collect();
    volumes.retain(|volume| !names.contains(&&volume["name"]));
    volumes.extend(
        names.into_iter().map(|name| json!({"name": name, "persistentVolumeClaim": {"claimName": name}})),
    );
    spec["volumes"] = json!(volumes);
}

/// Why no mutation can make the Pod Security Standard `restricted` admit this pod.
pub(crate) fn obstacles(pod: &Value) -> Vec<&'static str> {
    let spec = &pod["spec"];
    let mut found = Vec::new();
    if list(&spec["volumes"]).any(|volume| !has_restricted_type(volume)) {
        found.push("a volume of a type that restricted forbids");
    }
    let sysctls = list(&spec["securityContext"]["sysctls"]);
    if sysctls.into_iter().any(|sysctl| !is_safe(&sysctl["name"])) {
        found.push("a sysctl that restricted forbids");
    }
    let containers = crate::pods::containers(pod);
    if containers.iter().any(|container| names_a_host(container)) {
        found.push("a probe or a lifecycle handler that names a host");
    }
    let mut contexts: Vec<&Value> = vec![&spec["securityContext"]];
    contexts.extend(containers.iter().map(|container| &container["securityContext"]));
    if contexts.iter().any(|context| context["windowsOptions"]["hostProcess"] == true) {
        found.push("a Windows host process");
    }
    found
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn has_restricted_type(volume: &Value) -> bool {
    let allowed = [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ];
    let mut fields = volume.as_object().into_iter().flat_map(|fields| fields.keys());
    fields.all(|field| field == "name" || allowed.contains(&field.as_str()))
}

fn is_safe(sysctl: &Value) -> bool {
    // Those that every supported version takes.
    let safe = [
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    ];
    sysctl.as_str().is_some_and(|name| safe.contains(&name))
}

fn names_a_host(container: &Value) -> bool {
    let lifecycle = &container["lifecycle"];
    let handlers = [
        &container["livenessProbe"],
        &container["readinessProbe"],
        &container["startupProbe"],
        &lifecycle["postStart"],
        &lifecycle["preStop"],
    ];
    let mut actions = handlers.iter().flat_map(|handler| [&handler["httpGet"], &handler["tcpSocket"]]);
    actions.any(|action| action["host"].as_str().is_some_and(|host| !host.is_empty()))
}
