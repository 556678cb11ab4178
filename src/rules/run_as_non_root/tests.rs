//! The table of `run-as-non-root`.

use serde_json::{Value, json};

use crate::rules::Mode::{Default, Enforce, Observe};
use crate::rules::RuleId;
use crate::rules::RuleResult::{Injected, Observed, Replaced};
use crate::facts::{Facts, Space};
use crate::rules::run_as_non_root::Strategy;
use crate::rules::testing::{Case, only, table, table_of_pods, table_with};

const POD: &str = "/spec/securityContext";
const A: &str = "/spec/containers/0/securityContext";
const B: &str = "/spec/containers/1/securityContext";

fn all() -> Value {
    json!({"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532})
}

/// What is written at the pod where nothing was.
fn ids() -> Value {
    json!({"runAsUser": 65532, "runAsGroup": 65532})
}

fn non_root() -> Value {
    json!({"runAsNonRoot": true})
}

#[test]
fn unset() {
    table(RuleId::run_as_non_root, &[
        Case { name: "one write at the pod", mode: Default, results: &[Injected; 4],
            spec: json!({"initContainers": [{"name": "i"}, {"name": "s", "restartPolicy": "Always"}],
                "containers": [{"name": "a"}, {"name": "b", "securityContext": null}]}),
            expect: &[(POD, ids()), (A, non_root()), ("/spec/initContainers/1/securityContext", non_root())] },
        Case { name: "observe changes nothing", mode: Observe, results: &[Observed],
            spec: json!({"containers": [{"name": "a"}]}), expect: &[(POD, Value::Null)] },
        Case { name: "an empty context", mode: Default, results: &[Injected],
            spec: json!({"securityContext": {}, "containers": [{"name": "a"}]}), expect: &[(POD, ids()), (A, non_root())] },
    ]);
}

#[test]
fn chosen_by_the_author() {
    table(RuleId::run_as_non_root, &[
        Case { name: "a uid keeps the image's group", mode: Default, results: &[Injected],
            spec: json!({"securityContext": {"runAsUser": 1000}, "containers": [{"name": "a"}]}),
            expect: &[(POD, json!({"runAsUser": 1000})), (A, non_root())] },
        Case { name: "a group alone is kept", mode: Default, results: &[Injected],
            spec: json!({"securityContext": {"runAsGroup": 5}, "containers": [{"name": "a"}]}),
            expect: &[(POD, json!({"runAsGroup": 5, "runAsUser": 65532})), (A, non_root())] },
        Case { name: "the image's numeric user", mode: Enforce, results: &[],
            spec: json!({"securityContext": {"runAsNonRoot": true}, "containers": [{"name": "a"}]}),
            expect: &[(POD, json!({"runAsNonRoot": true}))] },
        Case { name: "per container", mode: Default, results: &[Injected, Injected],
            spec: json!({"containers": [{"name": "a", "securityContext": {"runAsUser": 7, "runAsGroup": 7}}, {"name": "b"}]}),
            expect: &[(POD, ids()), (A, json!({"runAsUser": 7, "runAsGroup": 7, "runAsNonRoot": true}))] },
    ]);
}

#[test]
fn root_by_the_author() {
    let container_root = json!({"containers": [{"name": "a", "securityContext": {"runAsUser": 0}}, {"name": "b"}]});
    table(RuleId::run_as_non_root, &[
        Case { name: "insisted on: never runAsNonRoot beside it", mode: Default, results: &[Observed, Injected],
            spec: container_root.clone(),
            expect: &[(A, json!({"runAsUser": 0})), (POD, json!({"runAsUser": 65532})),
                (B, json!({"runAsNonRoot": true, "runAsGroup": 65532}))] },
        Case { name: "enforce", mode: Enforce, results: &[Replaced, Injected], spec: container_root,
            expect: &[(A, json!({"runAsUser": 65532, "runAsNonRoot": true})), (POD, ids()), (B, non_root())] },
        Case { name: "pod root, container not", mode: Default, results: &[Observed, Injected],
            spec: json!({"securityContext": {"runAsUser": 0}, "containers": [{"name": "a"},
                {"name": "b", "securityContext": {"runAsUser": 9}}]}),
            expect: &[(POD, json!({"runAsUser": 0})), (A, Value::Null), (B, json!({"runAsUser": 9, "runAsNonRoot": true}))] },
        Case { name: "pod root that nobody inherits", mode: Enforce, results: &[Replaced],
            spec: json!({"securityContext": {"runAsUser": 0, "runAsGroup": 0, "runAsNonRoot": false},
                "containers": [{"name": "a", "securityContext": all()}]}),
            expect: &[(POD, all()), (A, all())] },
        Case { name: "runAsNonRoot false", mode: Default, results: &[Observed],
            spec: json!({"containers": [{"name": "a", "securityContext": {"runAsNonRoot": false}}]}),
            expect: &[(POD, Value::Null), (A, json!({"runAsNonRoot": false}))] },
        Case { name: "runAsNonRoot false, enforce", mode: Enforce, results: &[Replaced],
            spec: json!({"securityContext": {"runAsNonRoot": false}, "containers": [{"name": "a"}]}),
            expect: &[(POD, all())] },
        Case { name: "group 0", mode: Enforce, results: &[Replaced],
            spec: json!({"securityContext": {"runAsUser": 5, "runAsGroup": 0}, "containers": [{"name": "a"}]}),
            expect: &[(POD, json!({"runAsUser": 5, "runAsGroup": 65532})), (A, non_root())] },
        Case { name: "supplemental group 0", mode: Enforce, results: &[Replaced],
            spec: json!({"securityContext": {"runAsUser": 5, "runAsGroup": 5, "runAsNonRoot": true,
                "supplementalGroups": [0, 4, 0]}, "containers": [{"name": "a"}]}),
            expect: &[("/spec/securityContext/supplementalGroups", json!([4]))] },
    ]);
}

#[test]
fn needing_root() {
    table(RuleId::run_as_non_root, &[
        Case { name: "privileged", mode: Default, results: &[Observed, Injected],
            spec: json!({"containers": [{"name": "a", "securityContext": {"privileged": true}}, {"name": "b"}]}),
            expect: &[(POD, Value::Null), (A, json!({"privileged": true})), (B, all())] },
        Case { name: "a capability only root can use", mode: Default, results: &[Observed],
            spec: json!({"containers": [{"name": "a", "securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}}]}),
            expect: &[(POD, Value::Null)] },
        Case { name: "binding low ports is none", mode: Default, results: &[Injected],
            spec: json!({"containers": [{"name": "a", "securityContext": {"capabilities": {"add": ["NET_BIND_SERVICE"]}}}]}),
            expect: &[(POD, ids())] },
        Case { name: "enforce", mode: Enforce, results: &[Injected],
            spec: json!({"containers": [{"name": "a", "securityContext": {"privileged": true}}]}),
            expect: &[(POD, ids()), (A, json!({"privileged": true, "runAsNonRoot": true}))] },
    ]);
}

#[test]
fn windows() {
    let spec = |context: Value| json!({"os": {"name": "windows"}, "containers": [{"name": "a", "securityContext": context}]});
    table(RuleId::run_as_non_root, &[
        Case { name: "image's user", mode: Default, results: &[Observed], spec: spec(Value::Null),
            expect: &[(POD, Value::Null), (A, Value::Null)] },
        Case { name: "enforce", mode: Enforce, results: &[Replaced], spec: spec(Value::Null),
            expect: &[(A, json!({"runAsNonRoot": true, "windowsOptions": {"runAsUserName": "ContainerUser"}}))] },
        Case { name: "administrator", mode: Enforce, results: &[Replaced],
            spec: spec(json!({"windowsOptions": {"runAsUserName": "containeradministrator"}})),
            expect: &[(A, json!({"runAsNonRoot": true, "windowsOptions": {"runAsUserName": "ContainerUser"}}))] },
        Case { name: "chosen", mode: Default, results: &[Injected],
            spec: spec(json!({"windowsOptions": {"runAsUserName": "app"}})),
            expect: &[(A, json!({"runAsNonRoot": true, "windowsOptions": {"runAsUserName": "app"}}))] },
    ]);
}

#[test]
fn by_annotation() {
    let pod = |annotations: Value, spec: Value| json!({"metadata": {"annotations": annotations}, "spec": spec});
    table_of_pods(RuleId::run_as_non_root, &[
        Case { name: "user and group", mode: Default, results: &[Injected],
            spec: pod(json!({"pod-hardener.dev/run-as-user": "999", "pod-hardener.dev/run-as-group": "998"}),
                json!({"containers": [{"name": "a"}]})),
            expect: &[(POD, json!({"runAsUser": 999, "runAsGroup": 998})), (A, non_root())] },
        Case { name: "one container", mode: Default, results: &[Injected, Injected],
            spec: pod(json!({"b.pod-hardener.dev/run-as-user": "999"}),
                json!({"containers": [{"name": "a"}, {"name": "b"}]})),
            expect: &[("/spec/containers/1/securityContext/runAsUser", json!(999)),
                ("/spec/containers/0/securityContext/runAsUser", json!(65532))] },
        Case { name: "fsGroup", mode: Default, results: &[Injected, Injected],
            spec: pod(json!({"pod-hardener.dev/fs-group": "70"}), json!({"containers": [{"name": "a"}]})),
            expect: &[("/spec/securityContext/fsGroup", json!(70)),
                ("/spec/securityContext/fsGroupChangePolicy", json!("OnRootMismatch"))] },
        Case { name: "never 0", mode: Default, results: &[Injected],
            spec: pod(json!({"pod-hardener.dev/run-as-user": "0"}), json!({"containers": [{"name": "a"}]})),
            expect: &[("/spec/securityContext/runAsUser", json!(65532))] },
        Case { name: "one container exempted", mode: Enforce, results: &[crate::rules::RuleResult::Exempted, Injected],
            spec: pod(json!({"a.pod-hardener.dev/exempt": "run-as-non-root", "pod-hardener.dev/exempt-reason": "r"}),
                json!({"containers": [{"name": "a"}, {"name": "b"}]})),
            expect: &[(POD, Value::Null), (A, Value::Null), (B, all())] },
    ]);
}

#[test]
fn by_the_namespaces_range() {
    let annotations = [("openshift.io/sa.scc.uid-range".into(), "5000/10".into())].into();
    let space = Space { annotations, ..Space::default() };
    let facts = Facts { space: Some(std::sync::Arc::new(space)), ..Facts::default() };
    let check = |mode, cases: &[Case<'_>]| {
        let mut policy = only(RuleId::run_as_non_root, mode);
        policy.rules.run_as_non_root.strategy = Strategy::NamespaceRange;
        table_with(&policy, &facts, RuleId::run_as_non_root, cases);
    };
    let pod = json!({"runAsUser": 5000, "fsGroup": 5000, "fsGroupChangePolicy": "OnRootMismatch"});
    check(Default, &[
        Case { name: "unset", mode: Default, results: &[Injected, Injected],
            spec: json!({"containers": [{"name": "a"}]}), expect: &[(POD, pod.clone()), (A, non_root())] },
        Case { name: "chosen", mode: Default, results: &[Injected],
            spec: json!({"securityContext": {"runAsUser": 7, "fsGroup": 8}, "containers": [{"name": "a"}]}),
            expect: &[(POD, json!({"runAsUser": 7, "fsGroup": 8})), (A, non_root())] },
    ]);
    check(Enforce, &[
        Case { name: "root", mode: Enforce, results: &[Replaced, Injected],
            spec: json!({"securityContext": {"runAsUser": 0}, "containers": [{"name": "a"}]}),
            expect: &[(POD, pod), (A, non_root())] },
        Case { name: "group 0 by the author", mode: Enforce, results: &[Replaced, Injected],
            spec: json!({"securityContext": {"runAsGroup": 0}, "containers": [{"name": "a"}]}),
            expect: &[("/spec/securityContext/runAsGroup", json!(65532))] },
    ]);
}
