//! Pods put together at random, always the same ones: combinations that nobody thought of.

use serde_json::{Map, Value, json};

use crate::manifests::Sample;

/// How many; many of them the API server refuses as they are.
const COUNT: u64 = 400;

pub(crate) fn samples() -> Vec<Sample> {
    (0..COUNT).map(|seed| sample(&mut Dice(seed), seed)).collect()
}

/// A source of choices that makes the same ones each time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.roll() % bound.max(1) as u64).unwrap_or(0)
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick(&mut self, choices: &[Value]) -> Value {
        choices[self.below(choices.len())].clone()
    }

    /// Each of the fields, one time in so many, with one of its values.
    fn some_of(&mut self, count: usize, fields: &[(&str, Vec<Value>)]) -> Map<String, Value> {
        let mut object = Map::new();
        for (name, choices) in fields {
            if self.one_in(count) {
                object.insert((*name).to_owned(), self.pick(choices));
            }
        }
        object
    }
}

fn sample(dice: &mut Dice, seed: u64) -> Sample {
    let mut spec = dice.some_of(8, &pod_fields());
    if dice.one_in(2) {
        let context = dice.some_of(5, &pod_context_fields());
        spec.insert("securityContext".to_owned(), Value::Object(context));
    }
    spec.insert("volumes".to_owned(), volumes());
    let count = 1 + dice.below(3);
    let containers: Vec<Value> = (0..count).map(|number| container(dice, number, "c")).collect();
    spec.insert("containers".to_owned(), json!(containers));
    if dice.one_in(2) {
        let init: Vec<Value> = (0..2).map(|number| init_container(dice, number)).collect();
        spec.insert("initContainers".to_owned(), json!(init));
    }
    let annotations = dice.some_of(8, &annotations());
    Sample {
        source: format!("generated from {seed}"),
        pod: json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": format!("generated-{seed}"), "annotations": annotations},
            "spec": spec,
        }),
    }
}

fn container(dice: &mut Dice, number: usize, prefix: &str) -> Value {
    let mut container = dice.some_of(3, &container_fields());
    container.insert("name".to_owned(), json!(format!("{prefix}{number}")));
    container.insert("image".to_owned(), json!("image:1"));
    if dice.one_in(2) {
        let context = dice.some_of(4, &container_context_fields());
        container.insert("securityContext".to_owned(), Value::Object(context));
    }
    Value::Object(container)
}

fn init_container(dice: &mut Dice, number: usize) -> Value {
    let mut container = container(dice, number, "i");
    if dice.one_in(2) {
        container["restartPolicy"] = json!("Always");
    }
    container
}

type Field = (&'static str, Vec<Value>);

fn pod_fields() -> Vec<Field> {
    vec![
        ("hostNetwork", vec![json!(true), json!(false)]),
        ("hostPID", vec![json!(true), json!(false)]),
        ("hostIPC", vec![json!(true), json!(false)]),
        ("hostUsers", vec![json!(true), json!(false)]),
        ("shareProcessNamespace", vec![json!(true), json!(false)]),
        ("automountServiceAccountToken", vec![json!(true), json!(false)]),
        ("enableServiceLinks", vec![json!(true), json!(false)]),
        ("serviceAccountName", vec![json!("default"), json!("own")]),
        ("os", vec![json!({"name": "windows"}), json!({"name": "linux"})]),
        ("restartPolicy", vec![json!("Never"), json!("OnFailure")]),
        (
            "resources",
            vec![
                json!({"limits": {"cpu": "1m"}}),
                json!({"limits": {"cpu": "2", "memory": "2Gi"}}),
                json!({"requests": {"memory": "20Mi"}}),
                json!({"requests": {"cpu": "1"}, "limits": {"cpu": "1", "memory": "64Mi"}}),
            ],
        ),
    ]
}

fn pod_context_fields() -> Vec<Field> {
    vec![
        ("runAsUser", vec![json!(0), json!(1000), json!(2_147_483_647)]),
        ("runAsGroup", vec![json!(0), json!(1000)]),
        ("runAsNonRoot", vec![json!(true), json!(false)]),
        ("fsGroup", vec![json!(0), json!(1000)]),
        ("supplementalGroups", vec![json!([]), json!([0]), json!([1000, 0, 0])]),
        ("seccompProfile", seccomp()),
        ("appArmorProfile", apparmor()),
        ("seLinuxOptions", selinux()),
        (
            "sysctls",
            vec![
                json!([]),
                json!([{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]),
                json!([{"name": "net.ipv4.ip_unprivileged_port_start", "value": "1024"}]),
                json!([{"name": "net/ipv4/ip_unprivileged_port_start", "value": "80"}]),
                json!([{"name": "kernel.shm_rmid_forced", "value": "1"}]),
                json!([{"name": "kernel.msgmax", "value": "65536"}]),
            ],
        ),
        ("windowsOptions", vec![json!({"runAsUserName": "ContainerUser"})]),
    ]
}

fn container_context_fields() -> Vec<Field> {
    vec![
        ("runAsUser", vec![json!(0), json!(1000)]),
        ("runAsGroup", vec![json!(0), json!(1000)]),
        ("runAsNonRoot", vec![json!(true), json!(false)]),
        ("privileged", vec![json!(true), json!(false)]),
        ("allowPrivilegeEscalation", vec![json!(true), json!(false)]),
        ("readOnlyRootFilesystem", vec![json!(true), json!(false)]),
        ("procMount", vec![json!("Default"), json!("Unmasked")]),
        ("seccompProfile", seccomp()),
        ("appArmorProfile", apparmor()),
        ("seLinuxOptions", selinux()),
        (
            "capabilities",
            vec![
                json!({}),
                json!({"drop": ["ALL"]}),
                json!({"drop": ["all", "NET_RAW"]}),
                json!({"add": ["SYS_ADMIN"]}),
                json!({"add": ["CAP_SYS_ADMIN"], "drop": ["ALL"]}),
                json!({"add": ["cap_net_bind_service", "NET_BIND_SERVICE", "CHOWN"]}),
                json!({"add": ["ALL"], "drop": ["ALL"]}),
                json!({"add": null, "drop": null}),
            ],
        ),
    ]
}

fn container_fields() -> Vec<Field> {
    vec![
        (
            "ports",
            vec![
                json!([]),
                json!([{"containerPort": 80}]),
                json!([{"containerPort": 8080}, {"containerPort": 53, "protocol": "UDP"}]),
                json!([{"containerPort": 443, "hostPort": 443}]),
                json!([{"containerPort": 443, "hostPort": 8443}]),
            ],
        ),
        (
            "resources",
            vec![
                json!({}),
                json!({"limits": {"cpu": "1m"}}),
                json!({"limits": {"memory": "1Mi", "ephemeral-storage": "1"}}),
                json!({"requests": {"cpu": "3", "memory": "3Gi"}}),
                json!({"requests": {"cpu": "0"}, "limits": {"cpu": "0.5"}}),
                json!({"limits": {"hugepages-2Mi": "4Mi", "memory": "4Mi"}}),
            ],
        ),
        (
            "volumeMounts",
            vec![
                json!([]),
                json!([{"name": "work", "mountPath": "/tmp"}]),
                json!([{"name": "work", "mountPath": "/tmp/"}]),
                json!([{"name": "work", "mountPath": "/work", "mountPropagation": "Bidirectional"}]),
                json!([{"name": "work", "mountPath": "/work", "readOnly": true,
                        "recursiveReadOnly": "IfPossible"}]),
                json!([{"name": "claim", "mountPath": "/var/lib"}, {"name": "work", "mountPath": "/run"}]),
                json!([{"name": "work", "mountPath": crate::pods::TOKEN_PATH}]),
            ],
        ),
        (
            "livenessProbe",
            vec![json!({"httpGet": {"port": 80}}), json!({"tcpSocket": {"port": 80, "host": "127.0.0.1"}})],
        ),
        ("lifecycle", vec![json!({"preStop": {"exec": {"command": ["true"]}}})]),
        ("terminationMessagePolicy", vec![json!("File"), json!("FallbackToLogsOnError")]),
    ]
}

fn annotations() -> Vec<Field> {
    let apparmor = vec![json!("unconfined"), json!("runtime/default"), json!("localhost/a")];
    vec![
        ("container.apparmor.security.beta.kubernetes.io/c0", apparmor.clone()),
        ("container.apparmor.security.beta.kubernetes.io/i1", apparmor),
        ("pod-hardener.dev/run-as-user", vec![json!("1000"), json!("0"), json!("root")]),
        ("pod-hardener.dev/run-as-group", vec![json!("1000"), json!("0")]),
        (
            "pod-hardener.dev/writable-paths",
            vec![json!("/var/cache/a,/run"), json!("/etc"), json!("/tmp, /work/below"), json!("")],
        ),
        ("c0.pod-hardener.dev/writable-paths", vec![json!("/data, /run/"), json!("/var")]),
        ("example.com/theirs", vec![json!("a"), json!("\"~1/\\")]),
    ]
}

fn seccomp() -> Vec<Value> {
    vec![
        json!({"type": "Unconfined"}),
        json!({"type": "RuntimeDefault"}),
        json!({"type": "Localhost", "localhostProfile": "a.json"}),
    ]
}

fn apparmor() -> Vec<Value> {
    vec![
        json!({"type": "Unconfined"}),
        json!({"type": "RuntimeDefault"}),
        json!({"type": "Localhost", "localhostProfile": "a"}),
    ]
}

fn selinux() -> Vec<Value> {
    vec![
        json!({"type": "spc_t"}),
        json!({"type": "container_t", "level": "s0"}),
        json!({"user": "system_u", "role": "sysadm_r"}),
        json!({}),
    ]
}

fn volumes() -> Value {
    json!([
        {"name": "work", "emptyDir": {}},
        {"name": "claim", "persistentVolumeClaim": {"claimName": "claim"}},
    ])
}
