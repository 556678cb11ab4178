use std::sync::Arc;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;

use super::*;
use crate::cluster::Cluster;
use crate::policy::{Preset, parse};
use crate::review::{Reply, Told, World, answer, reply};

const NOW: OffsetDateTime = datetime!(2026-07-01 12:00 UTC);
const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

fn restricted() -> Arc<PolicySet> {
    Arc::new(Preset::Restricted.into())
}

/// A pod of a ReplicaSet as an API server asks about it.
fn review() -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u-1", "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "shop", "operation": "CREATE",
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller", "groups": ["g"]},
        "object": {
            "metadata": {"generateName": "web-", "labels": {"app": "web"}, "annotations": {"a": "b"},
                "managedFields": [{"time": "2026-07-01T12:00:00Z"}]},
            "spec": {
                "containers": [{"name": "web", "image": "registry.test/web:1", "args": ["--quick"],
                    "volumeMounts": [{"name": "kube-api-access-ab1cd", "mountPath": TOKEN_PATH, "readOnly": true}]}],
                "volumes": [{"name": "kube-api-access-ab1cd",
                    "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}],
            },
        },
        "oldObject": null, "dryRun": false,
    }})
}

fn ask(review: &Value, remembered: &Remembered, policies: &Arc<PolicySet>, now: OffsetDateTime) -> Answer {
    ask_in(&Cluster::default(), review, remembered, policies, now)
}

fn ask_in(
    cluster: &Cluster,
    review: &Value,
    remembered: &Remembered,
    policies: &Arc<PolicySet>,
    now: OffsetDateTime,
) -> Answer {
    let memory = Some(remembered.under(policies));
    let world = World { policies, cluster, now, memory };
    match reply(review.to_string().as_bytes(), &world, Told::default()).expect("a review") {
        Reply::Answer(answer) => answer,
        Reply::Ask(question) => panic!("{question:?}"),
    }
}

/// Asks until the answer is known, and says whether it was then.
fn learn(review: &Value, remembered: &Remembered, policies: &Arc<PolicySet>) -> bool {
    let anew = ask(review, remembered, policies, NOW);
    assert!(!anew.record.remembered);
    assert!(!ask(review, remembered, policies, NOW).record.remembered, "once seen is not kept");
    ask(review, remembered, policies, NOW).record.remembered
}

/// What is told of an answer, without whether it was remembered.
fn told(answer: &Answer) -> (String, String) {
    let record = Record { remembered: false, ..answer.record.clone() };
    (String::from_utf8_lossy(&answer.body).into_owned(), format!("{record:?}"))
}

#[test]
fn replicas_are_answered_as_before_each_with_its_uid() {
    let (remembered, policies) = (Remembered::default(), restricted());
    assert!(learn(&review(), &remembered, &policies));
    // In these things, and in none on which an answer depends, do replicas differ.
    let other = review().to_string().replace("ab1cd", "x9y8z").replace("u-1", "an\\\"other");
    let mut other: Value = serde_json::from_str(&other.replace("12:00:00Z", "12:00:07Z")).expect("JSON");
    other["request"]["object"]["spec"]["containers"][0]["args"] = json!([]);
    let known = ask(&other, &remembered, &policies, NOW);
    assert!(known.record.remembered);
    assert_eq!(known.record.uid, "an\"other");
    let anew = answer(other.to_string().as_bytes(), &policies, NOW).expect("an answer");
    assert_eq!(told(&known), told(&anew));
}

#[test]
fn whatever_an_answer_depends_on_makes_another() {
    let (remembered, policies) = (Remembered::default(), restricted());
    assert!(learn(&review(), &remembered, &policies));
    let spec = "/request/object/spec";
    for (pointer, value) in [
        ("/request/namespace", json!("other")),
        ("/request/userInfo/username", json!("somebody")),
        ("/request/userInfo/groups", json!(["system:nodes"])),
        ("/request/dryRun", json!(true)),
        ("/request/name", json!("web-1")),
        ("/request/object/metadata/labels", json!({"app": "db"})),
        ("/request/object/metadata/annotations", json!({"a": "b", "pod-hardener.dev/run-as-user": "7"})),
        ("/request/object/spec/hostPID", json!(true)),
        ("/request/object/spec/nodeSelector", json!({"disk": "ssd"})),
        ("/request/object/spec/containers/0/image", json!("registry.test/web:2")),
        ("/request/object/spec/containers/0/env", json!([{"name": "A", "value": "b"}])),
        ("/request/object/spec/volumes/0/name", json!("kube-api-access-other")),
        ("/request/object/spec/containers/0/volumeMounts/0/name", json!("kube-api-access-12345")),
    ] {
        let mut other = review();
        let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
        other.pointer_mut(parent).expect(spec)[field] = value;
        let answered = ask(&other, &remembered, &policies, NOW);
        assert!(!answered.record.remembered, "{pointer}");
    }
    assert!(ask(&review(), &remembered, &policies, NOW).record.remembered, "they took no other's place");
}

#[test]
fn under_other_policies_everything_is_worked_out_anew() {
    let (remembered, policies) = (Remembered::default(), restricted());
    assert!(learn(&review(), &remembered, &policies));
    let others = restricted();
    assert!(learn(&review(), &remembered, &others));
    assert!(!ask(&review(), &remembered, &policies, NOW).record.remembered, "it was forgotten");
}

#[test]
fn what_ends_some_day_is_never_remembered() {
    let (remembered, policies) = (Remembered::default(), restricted());
    let mut exempted = review();
    let exempt = |review: &mut Value, domain: &str| {
        review["request"]["object"]["metadata"]["annotations"] = json!({
            format!("{domain}/exempt"): "read-only-root-filesystem",
            "pod-hardener.dev/exempt-reason": "it writes",
            "pod-hardener.dev/exempt-until": "2026-07-02",
        });
    };
    for domain in ["pod-hardener.dev", "web.pod-hardener.dev"] {
        exempt(&mut exempted, domain);
        assert!(!learn(&exempted, &remembered, &policies), "{domain}");
    }
    let late = ask(&exempted, &remembered, &policies, datetime!(2026-07-03 0:00 UTC));
    assert!(late.record.exempted.is_empty());
}

#[test]
fn an_answer_that_may_name_the_token_volume_is_no_other_pods() {
    let (remembered, policies) = (Remembered::default(), restricted());
    let mut named = review();
    let host = json!({"name": "kube-api-access-host", "hostPath": {"path": "/"}});
    named["request"]["object"]["spec"]["volumes"].as_array_mut().expect("volumes").push(host);
    let anew = answer(named.to_string().as_bytes(), &policies, NOW).expect("an answer");
    assert!(String::from_utf8_lossy(&anew.body).contains("kube-api-access-host"), "the warning names it");
    assert!(!learn(&named, &remembered, &policies));
    // Nor is what logs and metrics are made from.
    let mut called = review();
    called["request"]["name"] = json!("kube-api-access-ab1cd");
    assert!(!learn(&called, &remembered, &policies));
}

/// Only the volume's name may differ: policies can go by what else is called so.
#[test]
fn what_is_called_like_the_token_volume_is_told_apart() {
    let (remembered, policies) = (Remembered::default(), restricted());
    let labelled = |name: &str, token: &str| {
        let mut labelled: Value =
            serde_json::from_str(&review().to_string().replace("ab1cd", token)).expect("JSON");
        labelled["request"]["object"]["metadata"]["labels"] = json!({ "app": name });
        labelled
    };
    assert!(learn(&labelled("kube-api-access-other", "ab1cd"), &remembered, &policies));
    assert!(!ask(&labelled("kube-api-access-proxy", "ab1cd"), &remembered, &policies, NOW).record.remembered);
    assert!(!learn(&labelled("kube-api-access-ab1cd", "ab1cd"), &remembered, &policies));
    let mut without = labelled("kube-api-access-other", "ab1cd");
    without["request"]["object"]["spec"] = json!({"containers": [{"name": "web", "image": "i"}]});
    assert!(learn(&without, &remembered, &policies));
    without["request"]["object"]["metadata"]["labels"] = json!({"app": "kube-api-access-proxy"});
    assert!(!ask(&without, &remembered, &policies, NOW).record.remembered);
}

#[test]
fn who_comes_alone_takes_nobodys_place() {
    let (remembered, policies) = (Remembered::default(), restricted());
    assert!(learn(&review(), &remembered, &policies));
    for number in 0..PLACES * 8 {
        let mut stranger = review();
        stranger["request"]["namespace"] = json!(format!("shop-{number}"));
        assert!(!ask(&stranger, &remembered, &policies, NOW).record.remembered);
    }
    assert!(ask(&review(), &remembered, &policies, NOW).record.remembered);
}

#[test]
fn an_answer_with_much_to_tell_takes_no_room() {
    let (remembered, policies) = (Remembered::default(), restricted());
    let mut refused = review();
    let annotations =
        (0..150).map(|number| (format!("c{number}.pod-hardener.dev/exempt-reason"), json!("r")));
    refused["request"]["object"]["metadata"]["annotations"] = Value::Object(annotations.collect());
    let cluster = Cluster::connected();
    for _ in 0..4 {
        let answer = ask_in(&cluster, &refused, &remembered, &policies, NOW);
        assert_eq!((answer.record.remembered, answer.record.notes.len()), (false, 150));
    }
    let few = (0..3).map(|number| (format!("c{number}.pod-hardener.dev/exempt-reason"), json!("r")));
    refused["request"]["object"]["metadata"]["annotations"] = Value::Object(few.collect());
    let known = (0..3).map(|_| ask_in(&cluster, &refused, &remembered, &policies, NOW).record).last();
    assert!(known.is_some_and(|record| record.remembered && record.notes.len() == 3));
}

#[test]
fn a_memory_of_other_policies_is_not_asked() {
    let (remembered, policies) = (Remembered::default(), restricted());
    assert!(learn(&review(), &remembered, &policies));
    let world = World {
        policies: &restricted(),
        cluster: &Cluster::default(),
        now: NOW,
        memory: Some(remembered.under(&policies)),
    };
    let reply = reply(review().to_string().as_bytes(), &world, Told::default()).expect("a review");
    assert!(matches!(reply, Reply::Answer(answer) if !answer.record.remembered));
}

#[test]
fn large_pods_take_no_room() {
    let (remembered, policies) = (Remembered::default(), restricted());
    let mut large = review();
    large["request"]["object"]["metadata"]["annotations"] = json!({"a": "b".repeat(LONGEST)});
    assert!(!learn(&large, &remembered, &policies));
}

#[test]
fn ephemeral_containers_are_looked_at_each_time() {
    let (remembered, policies) = (Remembered::default(), restricted());
    let mut update = review();
    update["request"]["operation"] = json!("UPDATE");
    update["request"]["subResource"] = json!("ephemeralcontainers");
    update["request"]["object"]["spec"]["ephemeralContainers"] = json!([{"name": "debug", "image": "i"}]);
    assert!(!learn(&update, &remembered, &policies));
}

#[test]
fn no_more_is_kept_than_there_is_room_for() {
    let (remembered, policies) = (Remembered::default(), restricted());
    for number in 0..PLACES * 4 {
        let mut other = review();
        other["request"]["namespace"] = json!(format!("shop-{number}"));
        assert!(learn(&other, &remembered, &policies), "the last one is always kept");
    }
    let shelf = remembered.shelf.lock().expect("nobody panicked");
    assert_eq!(shelf.places.len(), PLACES);
}

#[test]
fn what_the_namespace_says_is_part_of_the_grounds() {
    let review = review().to_string();
    let review =
        crate::review::AdmissionReview::parse(review.as_bytes()).expect("JSON").open().expect("a review");
    let bytes = |facts: &Facts<'_>, is_connected| {
        Grounds::of(&review, facts, is_connected).map(|grounds| grounds.bytes)
    };
    let space = |key: &str| {
        let annotations = [(key.into(), "seccomp".into())].into();
        Some(Arc::new(crate::facts::Space { annotations, ..crate::facts::Space::default() }))
    };
    let plain = bytes(&Facts::default(), false);
    assert!(plain.is_some());
    let other = Facts { space: space("pod-hardener.dev/run-as-user"), ..Facts::default() };
    assert_ne!(bytes(&other, false), plain);
    assert_ne!(bytes(&Facts { user_namespaces: true, ..Facts::default() }, false), plain);
    assert_ne!(bytes(&Facts { unreachable: true, ..Facts::default() }, false), plain);
    assert_ne!(bytes(&Facts::default(), true), plain);
    let exempting = Facts { space: space("pod-hardener.dev/exempt"), ..Facts::default() };
    assert_eq!(bytes(&exempting, false), None);
}

#[test]
fn variants_are_told_apart_however_many_there_are() {
    let bytes = |variant: isize| {
        let mut grounds = Grounds::default();
        grounds.write_isize(variant);
        grounds.bytes
    };
    assert_eq!(bytes(3), [3]);
    let all = [0, 1, 254, 255, 256, -1].map(bytes);
    for (number, one) in all.iter().enumerate() {
        assert!(all[..number].iter().all(|other| !one.starts_with(other) && !other.starts_with(one)));
    }
}

/// A policy that is set by who asks: the whole set is what counts, not the preset's name.
#[test]
fn a_policy_of_the_same_name_is_another() {
    let set = |user: u32| {
        let text = format!(
            "apiVersion: pod-hardener.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {{name: p}}\nspec: {{rules: \
             {{run-as-non-root: {{runAsUser: {user}}}}}}}\n"
        );
        Arc::new(PolicySet::new(parse("p", &text).expect("a policy")))
    };
    let (remembered, first, second) = (Remembered::default(), set(1000), set(2000));
    assert!(learn(&review(), &remembered, &first));
    assert_ne!(
        told(&ask(&review(), &remembered, &second, NOW)),
        told(&ask(&review(), &remembered, &first, NOW))
    );
}
