//! Containers of every type, as nasty as they come.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use crate::values::{
    Json, bytes, cpu, flag, maybe, object, one_of, resource_list, seldom, some_of, sometimes, uid,
};

/// Volumes that every pod of these tests has, beside what it is given; some are called as ours would be.
pub(crate) const VOLUMES: [&str; 8] =
    ["data", "tmp-web", "tmp-a", "cache", "config", "claim", "block", "shared-tmp"];

const CAPABILITIES: [&str; 12] = [
    "ALL",
    "all",
    "NET_BIND_SERVICE",
    "CAP_NET_BIND_SERVICE",
    "SYS_ADMIN",
    "CAP_SYS_ADMIN",
    "sys_admin",
    "CHOWN",
    "cap_chown",
    "NET_RAW",
    "KILL",
    "SETUID",
];

/// What a container has but its name.
pub(crate) fn container() -> Json {
    object(vec![
        maybe(
            "image",
            one_of(&[
                "shop",
                "registry.example/team/app@sha256:0f",
                "nginx:1.29",
                "caddy",
                "quay.io/minio/minio",
                "grafana/loki",
                "linuxserver/openssh-server",
                "prom/prometheus",
            ]),
        ),
        maybe("securityContext", security_context()),
        maybe(
            "resources",
            object(vec![maybe("requests", resource_list()), maybe("limits", resource_list())]),
        ),
        maybe("volumeMounts", vec(mount(), 0..4).prop_map(Into::into)),
        maybe("ports", vec(port(), 0..3).prop_map(Into::into)),
        sometimes(
            "volumeDevices",
            one_of(&[
                json!([{"name": "block", "devicePath": "/dev/xvda"}]),
                json!([{"name": "block", "devicePath": "/tmp"}]),
            ]),
        ),
        seldom(
            "livenessProbe",
            one_of(&[
                json!({"httpGet": {"port": 80, "host": "10.0.0.1"}}),
                json!({"tcpSocket": {"port": "web"}}),
            ]),
        ),
        seldom("lifecycle", one_of(&[json!({"preStop": {"httpGet": {"port": 1, "host": "metadata"}}})])),
        maybe(
            "env",
            one_of(&[json!([{"name": "A", "value": "\"ü\n"}, {"name": "HOME", "value": "/"}]), json!([])]),
        ),
    ])
}

/// An ephemeral container that the API server would take.
pub(crate) fn ephemeral() -> Json {
    object(vec![
        maybe("image", one_of(&["busybox"])),
        maybe("targetContainerName", one_of(&["web", "a"])),
        maybe("securityContext", security_context()),
        maybe("volumeMounts", vec(mount(), 0..3).prop_map(Into::into)),
        maybe("stdin", flag()),
    ])
}

pub(crate) fn init_container() -> Json {
    (container(), any::<bool>())
        .prop_map(|(mut container, sidecar)| {
            if sidecar {
                container["restartPolicy"] = json!("Always");
            }
            container
        })
        .boxed()
}

fn security_context() -> Json {
    object(vec![
        maybe("runAsNonRoot", flag()),
        maybe("runAsUser", uid()),
        maybe("runAsGroup", uid()),
        sometimes("privileged", one_of(&[true, true, true, false])),
        maybe("allowPrivilegeEscalation", flag()),
        maybe("readOnlyRootFilesystem", flag()),
        maybe(
            "capabilities",
            object(vec![maybe("add", some_of(&CAPABILITIES, 3)), maybe("drop", some_of(&CAPABILITIES, 3))]),
        ),
        maybe("seccompProfile", profile()),
        maybe("appArmorProfile", profile()),
        seldom("seLinuxOptions", selinux()),
        sometimes("procMount", one_of(&["Default", "Unmasked"])),
    ])
}

pub(crate) fn profile() -> Json {
    one_of(&[
        json!({"type": "RuntimeDefault"}),
        json!({"type": "Unconfined"}),
        json!({"type": "Localhost", "localhostProfile": "p"}),
    ])
}

pub(crate) fn selinux() -> Json {
    object(vec![
        maybe("type", one_of(&["spc_t", "container_t", "", "container_engine_t"])),
        maybe("user", one_of(&["", "system_u"])),
        maybe("role", one_of(&["sysadm_r"])),
        maybe("level", one_of(&["s0:c1,c2"])),
    ])
}

fn mount() -> Json {
    let paths = [
        "/tmp",
        "/tmp/",
        "//tmp",
        "/x/../tmp",
        "tmp",
        "/tmp/cache",
        "/data",
        "/var/cache",
        "/",
        "/etc/config",
        "/var/lib/app",
        "/tmpfs",
    ];
    let mut names = VOLUMES.to_vec();
    names.retain(|name| *name != "block");
    object(vec![
        one_of(&names).prop_map(|name| ("name", Some(name))).boxed(),
        one_of(&paths).prop_map(|path| ("mountPath", Some(path))).boxed(),
        maybe("readOnly", flag()),
        sometimes("mountPropagation", one_of(&["None", "HostToContainer", "Bidirectional"])),
        seldom("subPath", one_of(&["sub"])),
    ])
}

fn port() -> Json {
    object(vec![
        one_of(&[80, 443, 1023, 1024, 8080]).prop_map(|port| ("containerPort", Some(port))).boxed(),
        sometimes("hostPort", one_of(&[0, 80, 8080])),
        maybe("protocol", one_of(&["TCP", "UDP"])),
    ])
}

/// `resources` of a pod.
pub(crate) fn pod_resources() -> Json {
    let list = || object(vec![maybe("cpu", cpu()), maybe("memory", bytes())]);
    object(vec![maybe("requests", list()), maybe("limits", list())])
}
