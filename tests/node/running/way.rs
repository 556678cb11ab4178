//! The ways in which a workload is run: as it is, as others harden it, and as we do.

use serde_json::{Value, json};

use super::file::{File, WAYS};
use crate::installation::IMAGE;

/// A way; in the order of their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// Nobody touches it.
    Unmodified,
    /// With everything at once and no facts, as is usual.
    Naive,
    /// Our three postures, by policy: nobody knows the image.
    Safe,
    Isolated,
    Full,
    /// In posture `full`, with the facts that are built in.
    BuiltIn,
    /// Nobody knows the image; what the guard suggests is approved.
    Suggest,
    /// Nobody knows the image; the guard heals.
    Heal,
    /// With the facts that are built in, to which the guard adds.
    Both,
}

impl Way {
    /// What is asked first is done first.
    pub(crate) const ALL: [Self; 9] = [
        Self::Unmodified,
        Self::BuiltIn,
        Self::Heal,
        Self::Both,
        Self::Isolated,
        Self::Suggest,
        Self::Naive,
        Self::Full,
        Self::Safe,
    ];

    pub(crate) const fn name(self) -> &'static str {
        WAYS[self as usize]
    }

    /// Where workloads are run this way; so is the policy called.
    pub(crate) fn namespace(self) -> String {
        format!("running-{}", self.name())
    }

    /// Whether we have nothing to do with it.
    pub(crate) const fn is_without_us(self) -> bool {
        matches!(self, Self::Unmodified | Self::Naive)
    }

    /// Whether the guard looks after it.
    pub(crate) const fn is_guarded(self) -> bool {
        matches!(self, Self::Suggest | Self::Heal | Self::Both)
    }

    /// The policy's spec.
    pub(crate) fn policy(self) -> Value {
        let posture = |posture: &str| json!({"unknown": posture, "floor": posture});
        // There are more workloads than a namespace's own limits are made for.
        let guard = |mode: &str| json!({"mode": mode, "rounds": 6, "namespaceLimit": 10_000, "clusterLimit": 10_000, "unreadySeconds": 60, "readLogs": true});
        let mut spec = json!({"selector": {"namespaces": [self.namespace()]}, "guard": {"mode": "off"}});
        match self {
            Self::Unmodified | Self::Naive => spec["preset"] = json!("observe"),
            Self::Safe => spec["posture"] = posture("safe"),
            Self::Isolated => spec["posture"] = posture("isolated"),
            Self::Full | Self::BuiltIn => spec["posture"] = posture("full"),
            Self::Suggest => spec["guard"] = guard("suggest"),
            Self::Heal | Self::Both => spec["guard"] = guard("heal"),
        }
        if self == Self::BuiltIn || self.is_guarded() {
            let (_, image, tag) = IMAGE;
            let copy_up = json!({"image": format!("{image}:{tag}"), "pullPolicy": "Never"});
            spec["rules"] = json!({"read-only-root-filesystem": {"copyUp": copy_up}});
        }
        spec
    }

    /// The image as a pod names it: by a name that nobody knows, or by the one that it is known by.
    pub(crate) fn image(self, name: &str, file: &File) -> String {
        match self {
            Self::BuiltIn | Self::Both => file.image.clone(),
            _ => format!("localhost/workloads/{name}:1"),
        }
    }

    /// A Deployment as its author wrote it.
    pub(crate) fn deployment(self, name: &str, file: &File) -> Value {
        let ports: Vec<Value> = file.config.ports.iter().map(|port| json!({"containerPort": port})).collect();
        let mut spec = json!({
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": "app",
                "image": self.image(name, file),
                "imagePullPolicy": "Never",
                "ports": ports,
                "readinessProbe": {
                    "exec": {"command": ["sh", "-c", file.probe]},
                    "periodSeconds": 2, "timeoutSeconds": 5, "failureThreshold": 1,
                },
            }],
        });
        if self.is_without_us() {
            // So that the table can say of what it died; we set it ourselves.
            spec["containers"][0]["terminationMessagePolicy"] = json!("FallbackToLogsOnError");
        }
        if self == Self::Naive {
            naive(&mut spec);
        }
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {
                "replicas": 1,
                "strategy": {"type": "Recreate"},
                "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": {"app": name}}, "spec": spec},
            },
        })
    }
}

/// What mutating policies on the market do.
fn naive(spec: &mut Value) {
    spec["automountServiceAccountToken"] = json!(false);
    spec["securityContext"] = json!({
        "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    spec["volumes"] = json!([{"name": "tmp", "emptyDir": {}}]);
    let container = &mut spec["containers"][0];
    container["securityContext"] = json!({
        "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
    });
    container["volumeMounts"] = json!([{"name": "tmp", "mountPath": "/tmp"}]);
    container["resources"] = json!({
        "requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"},
    });
}
