//! Pods to send, and what to look for in those that come back.

use serde_json::{Value, json};

/// Where the token of the service account is mounted.
pub(crate) const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The fields of a pod that hold containers.
pub(crate) const CONTAINER_FIELDS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// A pod as most people write it: an image and a port.
pub(crate) fn plain(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [
            {"name": "nginx", "image": "shop:1.29", "ports": [{"containerPort": 80}]},
        ]},
    })
}

/// A plain pod with `spec` laid over its own.
pub(crate) fn plain_with(name: &str, spec: Value) -> Value {
    let mut pod = plain(name);
    json_patch::merge(&mut pod["spec"], &spec);
    pod
}

/// A plain pod with annotations.
pub(crate) fn annotated(name: &str, annotations: Value) -> Value {
    let mut pod = plain(name);
    pod["metadata"]["annotations"] = annotations;
    pod
}

pub(crate) fn annotation<'a>(pod: &'a Value, name: &str) -> Option<&'a str> {
    pod["metadata"]["annotations"].get(name)?.as_str()
}

/// Every container of every type.
pub(crate) fn containers(pod: &Value) -> Vec<&Value> {
    let lists = CONTAINER_FIELDS.iter().map(|field| &pod["spec"][field]);
    lists.filter_map(Value::as_array).flatten().collect()
}

/// The container of that name.
pub(crate) fn container<'a>(pod: &'a Value, name: &str) -> &'a Value {
    let found = containers(pod).into_iter().find(|container| container["name"] == name);
    found.unwrap_or_else(|| panic!("no container {name} in {pod}"))
}

/// A field of the security context as it applies: the container's own, else the pod's.
pub(crate) fn effective<'a>(pod: &'a Value, container: &'a Value, field: &str) -> &'a Value {
    match &container["securityContext"][field] {
        Value::Null => &pod["spec"]["securityContext"][field],
        own => own,
    }
}

/// The containers that the API server takes, and no kubelet starts: root that may not be root.
pub(crate) fn unstartable(pod: &Value) -> Vec<&str> {
    let contradicts = |container: &&Value| {
        let applies = |field| effective(pod, container, field);
        applies("runAsNonRoot") == true && applies("runAsUser") == 0
    };
    let found = containers(pod).into_iter().filter(contradicts);
    found.filter_map(|container| container["name"].as_str()).collect()
}

/// What keeps this container from being as hard as the built-in policy makes a plain one.
pub(crate) fn weaknesses(pod: &Value, container: &Value) -> Vec<String> {
    let own = &container["securityContext"];
    let user = effective(pod, container, "runAsUser");
    let drops_all = own["capabilities"]["drop"].as_array().is_some_and(|names| names.contains(&json!("ALL")));
    let checks = [
        ("runAsNonRoot", effective(pod, container, "runAsNonRoot") == true),
        ("runAsUser", user.as_u64().is_some_and(|user| user > 0)),
        ("seccompProfile", effective(pod, container, "seccompProfile")["type"] == "RuntimeDefault"),
        ("capabilities", drops_all),
        ("allowPrivilegeEscalation", own["allowPrivilegeEscalation"] == false),
        ("readOnlyRootFilesystem", own["readOnlyRootFilesystem"] == true),
    ];
    let failed = checks.into_iter().filter(|(_, holds)| !holds);
    failed.map(|(field, _)| format!("{}: {field}", container["name"])).collect()
}

/// Fails unless every container of the pod is hardened.
pub(crate) fn assert_hardened(pod: &Value) {
    let all = containers(pod);
    assert!(!all.is_empty(), "a pod without containers: {pod}");
    let weak: Vec<String> = all.into_iter().flat_map(|container| weaknesses(pod, container)).collect();
    assert!(weak.is_empty(), "not hardened: {weak:?} in {pod}");
    let stamp = annotation(pod, crate::fixture::HARDENED);
    assert!(stamp.is_some(), "no annotation says that it is hardened: {pod}");
}

/// Fails if anything of ours is in the pod.
pub(crate) fn assert_untouched(pod: &Value) {
    assert_eq!(annotation(pod, crate::fixture::HARDENED), None, "{pod}");
    for container in containers(pod) {
        assert!(container["securityContext"].is_null(), "{container}");
    }
}

/// The names of the volumes with a service account's token that the API server adds.
pub(crate) fn token_volumes(pod: &Value) -> Vec<&str> {
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    let names = volumes.filter_map(|volume| volume["name"].as_str());
    names.filter(|name| name.starts_with("kube-api-access-")).collect()
}

/// The containers that have the token mounted.
pub(crate) fn token_readers(pod: &Value) -> Vec<&str> {
    let reads = |container: &&Value| {
        let mounts = container["volumeMounts"].as_array().into_iter().flatten();
        mounts.into_iter().any(|mount| mount["mountPath"] == TOKEN_PATH)
    };
    let readers = containers(pod).into_iter().filter(reads);
    readers.filter_map(|container| container["name"].as_str()).collect()
}

/// The volume mounted at this path of a container.
pub(crate) fn volume_at<'a>(pod: &'a Value, container: &'a Value, path: &str) -> Option<&'a Value> {
    let mounts = container["volumeMounts"].as_array()?;
    let name = &mounts.iter().find(|mount| mount["mountPath"] == path)?["name"];
    let volumes = pod["spec"]["volumes"].as_array()?;
    volumes.iter().find(|volume| &volume["name"] == name)
}

/// The object as its author could have written it: without what the API server adds of its own.
pub(crate) fn as_sent(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in ["uid", "creationTimestamp", "resourceVersion", "generation"] {
            metadata.remove(field);
        }
    }
    object
}
