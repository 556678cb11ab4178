//! Exempted from `run-as-non-root`: a user namespace instead, or hardened all the same.

use std::sync::Arc;

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::facts::{Facts, Space};
use crate::harden::harden;
use crate::policy::{Compensation, Policy, PolicySet, Preset};
use crate::rules::{Mode, RuleId};
use crate::subject::{Reach, Subject};
use crate::view::Pod;

struct Case {
    name: &'static str,
    policy: fn(&mut Policy),
    space: &'static [(&'static str, &'static str)],
    nodes: bool,
    spec: Value,
    /// What the refusal says; empty: there is none, the exemption is honoured.
    refused: &'static str,
    host_users: Value,
}

fn apply(pod: &Value, policies: &PolicySet, facts: &Facts<'_>) -> (Value, String, bool) {
    let bytes = serde_json::to_vec(pod).expect("JSON");
    let view: Pod<'_> = serde_json::from_slice(&bytes).expect("a pod");
    let subject = Subject::new(&view, Reach::Pod).expect("a spec");
    let hardened = harden(&subject, policies, facts, OffsetDateTime::UNIX_EPOCH);
    let patch: json_patch::Patch = serde_json::from_slice(&hardened.patch.to_json()).expect("a patch");
    let mut patched = pod.clone();
    json_patch::patch(&mut patched, &patch).expect("it applies");
    let refusals: Vec<&str> = hardened.refusals.iter().map(|refusal| refusal.message.as_str()).collect();
    (patched, refusals.join("; "), hardened.exemptions.rules().contains(RuleId::run_as_non_root))
}

fn run(cases: &[Case]) {
    for case in cases {
        let mut policy: Policy = Preset::Restricted.into();
        policy.exemptions.compensation = Compensation::UserNamespace;
        (case.policy)(&mut policy);
        let policies = PolicySet::new(vec![policy]);
        let labels = case.space.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        let space = Some(Arc::new(Space { labels, ..Space::default() }));
        let facts = Facts { space, user_namespaces: case.nodes, ..Facts::default() };
        let annotations =
            json!({"a.pod-hardener.dev/exempt": "run-as-non-root", "pod-hardener.dev/exempt-reason": "r"});
        let pod = json!({"metadata": {"annotations": annotations}, "spec": case.spec});
        let (patched, refusal, exempted) = apply(&pod, &policies, &facts);
        let name = case.name;
        assert!(
            refusal.contains(case.refused) && refusal.is_empty() == case.refused.is_empty(),
            "{name}: {refusal}"
        );
        assert_eq!(exempted, case.refused.is_empty(), "{name}: exempted");
        assert_eq!(patched["spec"]["hostUsers"], case.host_users, "{name}: hostUsers");
        let (again, _, _) = apply(&patched, &policies, &facts);
        assert_eq!(again, patched, "{name}: a second pass changes something");
    }
}

fn one(context: Value) -> Value {
    json!({"containers": [{"name": "a", "securityContext": context}, {"name": "b"}]})
}

fn with(field: &str, value: Value) -> Value {
    let mut spec = one(Value::Null);
    spec[field] = value;
    spec
}

const RESTRICTED: (&str, &str) = ("pod-security.kubernetes.io/enforce", "restricted");
const VERSION: &str = "pod-security.kubernetes.io/enforce-version";

fn plain() -> Case {
    Case {
        name: "compensated",
        policy: |_| {},
        space: &[],
        nodes: true,
        spec: one(Value::Null),
        refused: "",
        host_users: json!(false),
    }
}

#[test]
fn a_user_namespace_instead() {
    let off = Value::Null;
    run(&[
        plain(),
        Case {
            name: "not asked for",
            policy: |policy| policy.exemptions.compensation = Compensation::None,
            host_users: off.clone(),
            ..plain()
        },
        Case { name: "has one", spec: with("hostUsers", json!(false)), nodes: false, ..plain() },
        Case {
            name: "gets one by rule",
            policy: |policy| policy.modes[RuleId::user_namespace as usize] = Mode::Default,
            nodes: false,
            ..plain()
        },
        Case {
            name: "observing",
            policy: |policy| policy.modes[RuleId::run_as_non_root as usize] = Mode::Observe,
            host_users: off.clone(),
            ..plain()
        },
        Case { name: "baseline", space: &[("pod-security.kubernetes.io/enforce", "baseline")], ..plain() },
        Case {
            name: "network of its own",
            spec: one(json!({"capabilities": {"add": ["CAP_NET_ADMIN"]}})),
            ..plain()
        },
    ]);
}

#[test]
fn hardened_all_the_same() {
    let off = Value::Null;
    run(&[
        Case { name: "nodes", nodes: false, refused: "not every node", host_users: off.clone(), ..plain() },
        Case {
            name: "author",
            spec: with("hostUsers", json!(true)),
            refused: "hostUsers: true",
            host_users: json!(true),
            ..plain()
        },
        Case {
            name: "network",
            spec: with("hostNetwork", json!(true)),
            refused: "hostNetwork",
            host_users: off.clone(),
            ..plain()
        },
        Case {
            name: "nfs",
            spec: with("volumes", json!([{"name": "n", "nfs": {}}])),
            refused: "NFS",
            host_users: off.clone(),
            ..plain()
        },
        Case {
            name: "hostPath",
            spec: with("volumes", json!([{"name": "n", "hostPath": {"path": "/"}}])),
            refused: "hostPath",
            host_users: off.clone(),
            ..plain()
        },
        Case {
            name: "privileged",
            spec: one(json!({"privileged": true})),
            refused: "privileged",
            host_users: off.clone(),
            ..plain()
        },
        Case {
            name: "node's capability",
            spec: one(json!({"capabilities": {"add": ["SYS_TIME"]}})),
            refused: "SYS_TIME",
            host_users: off,
            ..plain()
        },
    ]);
}

#[test]
fn what_pod_security_admits() {
    let dropped = || one(json!({"capabilities": {"drop": ["ALL"]}}));
    run(&[
        Case {
            name: "restricted",
            space: &[RESTRICTED],
            refused: "ALL capabilities",
            host_users: Value::Null,
            ..plain()
        },
        Case { name: "restricted, by choice", space: &[RESTRICTED], spec: dropped(), ..plain() },
        Case {
            name: "restricted, waived",
            space: &[RESTRICTED, (VERSION, "v1.35")],
            spec: dropped(),
            ..plain()
        },
        Case {
            name: "restricted, before",
            space: &[RESTRICTED, (VERSION, "v1.34")],
            spec: dropped(),
            refused: "lets no root in",
            host_users: Value::Null,
            ..plain()
        },
        Case {
            name: "restricted, added",
            space: &[RESTRICTED],
            spec: one(json!({"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}})),
            refused: "ALL capabilities",
            host_users: Value::Null,
            ..plain()
        },
    ]);
}
