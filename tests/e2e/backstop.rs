//! The backstop: it denies what the engine would change, and nothing else; of all pods that there are at hand.

use std::sync::Arc;

use pod_hardener::authority::policy::Action;
use pod_hardener::backstop::{State, documents, state};
use pod_hardener::facts::{Account, Facts, Space};
use pod_hardener::harden::harden;
use pod_hardener::policy::{POLICY_LABEL, PolicySet, Preset, parse};
use pod_hardener::rules::{RuleId, RuleResult};
use pod_hardener::subject::{Reach, Subject};
use pod_hardener::view::Pod;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::api::Answer;
use crate::cluster::{ADMIN, NODE, REFUSED, until};
use crate::corpus::{for_each_corpus, prepare, report, taken_without_us};
use crate::fixture::{Fixture, Namespace, Server};
use crate::manifests::{Corpus, Sample};
use crate::pods::{annotated, as_sent, plain};
use crate::{Test, test};

#[path = "../../src/backstop/cases.rs"]
mod cases;

use cases::{POLICIES, SOON, cases};

/// By this label a namespace comes under a backstop of these tests: others are not to be disturbed.
const LABEL: &str = "e2e-backstop";

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = vec![
        test("backstop::check_and_engine_agree_on_every_case", agreement),
        test("backstop::exemptions_end_by_the_api_servers_clock", clock),
        test("backstop::ephemeral_containers_are_judged_alone", ephemeral_containers),
        test("backstop::policies_are_selected_as_by_the_engine", selection),
        test("backstop::mirrors_of_static_pods_pass", mirrors),
        test("backstop::a_pod_of_fifty_containers_is_within_the_costs", many_containers),
        test("backstop::what_only_warns_admits", warns),
        test("backstop::what_is_stored_is_what_was_written", stored),
    ];
    tests.extend(for_each_corpus("backstop::corpus", |fixture, corpus| agrees(fixture, corpus)));
    tests
}

fn path(resource: &str) -> String {
    format!("/apis/admissionregistration.k8s.io/v1/{resource}")
}

/// Installs a backstop for namespaces whose label has this value, and waits until it is there.
async fn install(fixture: &Fixture, value: &str, policies: &PolicySet, action: Action) {
    let api = fixture.cluster.api(ADMIN);
    let [mut policy, mut binding] = documents(policies, action, &[]);
    let name = format!("e2e-backstop-{value}");
    policy["metadata"]["name"] = json!(name);
    binding["metadata"]["name"] = json!(name);
    binding["spec"]["policyName"] = json!(name);
    binding["spec"]["matchResources"] = json!({"namespaceSelector": {"matchLabels": {LABEL: value}}});
    api.create(&path("validatingadmissionpolicies"), &policy).await.expect("a policy");
    api.create(&path("validatingadmissionpolicybindings"), &binding).await.expect("a binding");
    fixture
        .with_temp_namespace(Server::None, &[(LABEL, value)], async |namespace| {
            let acts = async || match namespace.try_pod(&plain("probe")).await {
                Ok(accepted) => !accepted.warnings.is_empty(),
                Err(refused) => refused.message.contains(DENIED),
            };
            until("the backstop acts", acts).await;
        })
        .await;
}

const DENIED: &str = "neither hardened nor exempted: ";

/// The rules for which the backstop denied a pod; none where it did not.
fn denied(answer: &Answer) -> Vec<&str> {
    let Err(refused) = answer else { return Vec::new() };
    let said = refused.message.split_once(DENIED).unwrap_or_else(|| panic!("refused: {}", refused.message)).1;
    let list = said.split_once(". The webhook").expect("the end of the list").0;
    list.split("), ").filter_map(|entry| entry.split_once(" (")).map(|(rule, _)| rule).collect()
}

async fn agreement(fixture: Arc<Fixture>) {
    let policies = PolicySet::new(parse("cases", POLICIES).expect("policies"));
    install(&fixture, "cases", &policies, Action::Deny).await;
    let soon = OffsetDateTime::now_utc() + time::Duration::days(15);
    let soon = soon.format(format_description!("[year]-[month]-[day]")).expect("a date");
    let mut names: Vec<&str> = cases().iter().map(|case| case.policy).collect();
    names.sort_unstable();
    names.dedup();
    let mut wrong = Vec::new();
    for name in names {
        let labels = [(LABEL, "cases"), (POLICY_LABEL, name)];
        fixture
            .with_temp_namespace(Server::None, &labels, async |namespace| {
                for case in cases().into_iter().filter(|case| case.policy == name) {
                    let pod = case.pod.to_string().replace(SOON, &soon);
                    let answer = namespace.try_pod(&serde_json::from_str(&pod).expect("JSON")).await;
                    let denied = denied(&answer);
                    if denied != case.rules {
                        wrong.push(format!("{} under {name}: {denied:?}, not {:?}", case.name, case.rules));
                    }
                }
            })
            .await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the engine makes of a pod: whether a rule changes something that the API server can judge, and the pod then.
fn hardened(policies: &PolicySet, preset: &str, pod: &Value) -> (bool, Value) {
    let text = pod.to_string();
    let view: Pod<'_> = serde_json::from_str(&text).expect("a pod");
    let subject = Subject::new(&view, Reach::Pod).expect("a spec");
    let space = Space { labels: [(POLICY_LABEL.into(), preset.into())].into(), ..Space::default() };
    let facts = Facts {
        space: Some(Arc::new(space)),
        account: Some(Arc::new(Account::default())),
        ..Facts::of_namespace("e2e")
    };
    let hardened = harden(&subject, policies, &facts, OffsetDateTime::now_utc());
    let [injected, replaced] =
        [RuleResult::Injected, RuleResult::Replaced].map(|result| hardened.results.of(result));
    let unseen = [RuleId::resources, RuleId::service_account_token];
    let is_changed = injected.union(replaced).iter().any(|rule| !unseen.contains(&rule));
    let patch: json_patch::Patch = serde_json::from_slice(&hardened.patch.into_json()).expect("a patch");
    let mut pod = pod.clone();
    json_patch::patch(&mut pod, &patch).expect("the patch applies");
    (is_changed, pod)
}

/// Every pod is denied if the engine would change it, and only then; what the engine makes of it is admitted.
async fn agrees(fixture: Arc<Fixture>, corpus: Corpus) {
    let policies = PolicySet::from(Preset::Restricted);
    install(&fixture, corpus.name, &policies, Action::Deny).await;
    let samples = taken_without_us(&fixture, corpus).await;
    let seen = fixture
        .with_temp_namespace(Server::None, &[], async |namespace| {
            prepare(namespace, &samples).await;
            let mut seen = Vec::new();
            for sample in &samples {
                let mut pod = as_sent(&namespace.admits(&sample.pod).await.object);
                pod["metadata"].as_object_mut().expect("metadata").remove("namespace");
                seen.push(pod);
            }
            seen
        })
        .await;
    let mut failures = Vec::new();
    for preset in Preset::ALL.map(Preset::as_str) {
        let labels = [(LABEL, corpus.name), (POLICY_LABEL, preset)];
        fixture
            .with_temp_namespace(Server::None, &labels, async |namespace| {
                prepare(namespace, &samples).await;
                for (sample, pod) in samples.iter().zip(&seen) {
                    failures.extend(disagreement(namespace, &policies, preset, sample, pod).await);
                }
            })
            .await;
    }
    report(&samples, &failures);
}

async fn disagreement(
    namespace: &Namespace,
    policies: &PolicySet,
    preset: &str,
    sample: &Sample,
    pod: &Value,
) -> Option<String> {
    let source = &sample.source;
    let (is_changed, hardened) = hardened(policies, preset, pod);
    let answer = namespace.try_pod(&sample.pod).await;
    let denied = denied(&answer);
    if denied.is_empty() == is_changed {
        return Some(format!("{source} under {preset}: denied for {denied:?}, changed: {is_changed}"));
    }
    match namespace.try_pod(&hardened).await {
        Ok(_) => None,
        Err(refused) => Some(format!("{source} under {preset}: hardened, and refused: {}", refused.message)),
    }
}

/// In so many seconds, as an exemption's end.
fn from_now(seconds: i64) -> String {
    let time = OffsetDateTime::now_utc() + time::Duration::seconds(seconds);
    time.format(&Rfc3339).expect("a time")
}

fn exempted_until(end: &str) -> Value {
    annotated(
        "exempted",
        json!({"pod-hardener.dev/exempt": "all", "pod-hardener.dev/exempt-reason": "x",
            "pod-hardener.dev/exempt-until": end}),
    )
}

/// The time of creation is filled in before validation; of an update the fields' managers know the time. Five minutes
/// are allowed for clocks that differ.
async fn clock(fixture: Arc<Fixture>) {
    install(&fixture, "clock", &PolicySet::from(Preset::Restricted), Action::Deny).await;
    fixture
        .with_temp_namespace(Server::None, &[(LABEL, "clock")], async |namespace| {
            for (seconds, is_honoured) in [(3600, true), (-200, true), (-3600, false)] {
                let answer = namespace.try_pod(&exempted_until(&from_now(seconds))).await;
                assert_eq!(denied(&answer).is_empty(), is_honoured, "{seconds}: {answer:?}");
            }
            let stored = namespace.create("pods", &exempted_until(&from_now(-295))).await.object;
            until("its exemption ends while it runs", async || {
                let answer = debug(namespace, &stored, &json!({})).await;
                !denied(&answer).is_empty()
            })
            .await;
        })
        .await;
}

/// Adds an ephemeral container, but for keeping it.
async fn debug(namespace: &Namespace, pod: &Value, context: &Value) -> Answer {
    let mut pod = pod.clone();
    let container = json!({"name": "debug", "image": "debug", "securityContext": context});
    match pod["spec"]["ephemeralContainers"].as_array_mut() {
        Some(containers) => containers.push(container),
        None => pod["spec"]["ephemeralContainers"] = json!([container]),
    }
    pod["metadata"]["resourceVersion"].take();
    let name = pod["metadata"]["name"].as_str().expect("a name");
    let path = namespace.path(&format!("pods/{name}/ephemeralcontainers?dryRun=All"));
    namespace.api.replace(&path, &pod).await
}

/// Of a running pod only what is new counts; what it is exempted from, its ephemeral containers are.
async fn ephemeral_containers(fixture: Arc<Fixture>) {
    let policies = PolicySet::from(Preset::Restricted);
    let hard = json!({"runAsNonRoot": true, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]}});
    install(&fixture, "ephemeral", &policies, Action::Deny).await;
    fixture
        .with_temp_namespace(Server::None, &[(LABEL, "ephemeral")], async |namespace| {
            // Hardened by less than what the namespace has; of that the pod's seccomp profile is inherited.
            let (_, mut pod) = hardened(&policies, "safe", &plain("pod"));
            pod["metadata"]["annotations"] =
                json!({"pod-hardener.dev/exempt": "all", "pod-hardener.dev/exempt-reason": "x"});
            let mut stored = namespace.create("pods", &pod).await.object;
            assert_eq!(denied(&debug(namespace, &stored, &json!({})).await), [""; 0]);
            stored["metadata"]["annotations"] = json!({});
            let replaced = namespace.api.replace(&namespace.path("pods/pod"), &stored).await;
            let stored = replaced.expect("the pod, not exempted any more").object;
            assert_eq!(
                denied(&debug(namespace, &stored, &json!({})).await),
                ["run-as-non-root", "capabilities", "privilege-escalation", "read-only-root-filesystem"]
            );
            assert_eq!(denied(&debug(namespace, &stored, &hard).await), [""; 0]);
        })
        .await;
}

const SELECTING: &str = r#"
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: lab}
spec: {preset: observe, selector: {namespaceLabels: {e2e-lab: "yes"}}}
---
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: team}
spec: {preset: safe, selector: {namespaces: [x, "e2e-n?ne-*"], namespaceLabels: {e2e-team: a.b}}}
---
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: legacy}
spec: {preset: observe, selector: {podLabels: {legacy: "1"}}}
---
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: strong}
spec: {preset: enforced, selector: {images: ["reg.example/*"], serviceAccounts: [default]}}
"#;

/// By the namespace's label, by its name and labels; what a pod's author chooses weakens nothing without the right to.
async fn selection(fixture: Arc<Fixture>) {
    let policies = PolicySet::new(parse("policies", SELECTING).expect("policies"));
    install(&fixture, "selection", &policies, Action::Deny).await;
    let labelled = |mut pod: Value| {
        pod["metadata"]["labels"]["legacy"] = json!("1");
        pod
    };
    let (_, restricted) = hardened(&policies, "restricted", &plain("pod"));
    let mut escalating = restricted.clone();
    escalating["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = json!(true);
    let mut of_registry = escalating.clone();
    of_registry["spec"]["containers"][0]["image"] = json!("reg.example/nginx");
    let restricting =
        ["run-as-non-root", "capabilities", "privilege-escalation", "seccomp", "read-only-root-filesystem"];
    let expected: [(&[(&str, &str)], &str, Value, &[&str]); 10] = [
        (&[], ADMIN, plain("pod"), &restricting),
        (&[], ADMIN, escalating, &[]),
        (&[], ADMIN, of_registry, &["privilege-escalation"]),
        (&[("e2e-lab", "yes")], ADMIN, plain("pod"), &[]),
        (&[("e2e-lab", "yes"), (POLICY_LABEL, "safe")], ADMIN, plain("pod"), &restricting[2..4]),
        (&[("e2e-lab", "no"), (POLICY_LABEL, "unknown")], ADMIN, plain("pod"), &restricting),
        (&[("e2e-team", "a.b")], ADMIN, plain("pod"), &restricting[2..4]),
        (&[("e2e-team", "axb")], ADMIN, plain("pod"), &restricting),
        // Who may exempt from everything may choose a weaker policy; others get the stronger of both.
        (&[], ADMIN, labelled(plain("pod")), &[]),
        (&[], REFUSED, labelled(restricted), &[]),
    ];
    for (labels, user, pod, rules) in expected {
        let labels = [&[(LABEL, "selection")], labels].concat();
        fixture
            .with_temp_namespace(Server::None, &labels, async |namespace| {
                let answer = namespace.seen_by(&fixture, user).try_pod(&pod).await;
                assert_eq!(denied(&answer), rules, "{labels:?} {user}: {pod}");
            })
            .await;
    }
    fixture
        .with_temp_namespace(Server::None, &[(LABEL, "selection")], async |namespace| {
            let refused = namespace.seen_by(&fixture, REFUSED).refuses(&labelled(plain("pod"))).await;
            // Where the authorizer had a say, the message cannot tell which policy it was.
            assert!(refused.contains("neither hardened nor exempted"), "{refused}");
            let mut owned = labelled(plain("pod"));
            owned["metadata"]["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet",
                "name": "o", "uid": "00010203-0405-0607-0809-0a0b0c0d0e0f", "controller": true}]);
            let controller = "system:serviceaccount:kube-system:replicaset-controller";
            let api = fixture.cluster.api_as(controller);
            let answer = api.create(&namespace.path("pods?dryRun=All"), &owned).await;
            let refused = answer.expect_err("nobody asked who wrote the template").message;
            assert!(refused.contains("neither hardened nor exempted"), "{refused}");
        })
        .await;
}

async fn mirrors(fixture: Arc<Fixture>) {
    install(&fixture, "mirrors", &PolicySet::from(Preset::Restricted), Action::Deny).await;
    fixture
        .with_temp_namespace(Server::None, &[(LABEL, "mirrors")], async |namespace| {
            let mut mirror = annotated("nginx", json!({"kubernetes.io/config.mirror": "0123456789"}));
            mirror["spec"]["nodeName"] = json!("node-1");
            namespace.seen_by(&fixture, NODE).admits(&mirror).await;
            assert!(
                !denied(&namespace.try_pod(&mirror).await).is_empty(),
                "anybody can write the annotation"
            );
        })
        .await;
}

/// With three annotations for each of them.
async fn many_containers(fixture: Arc<Fixture>) {
    let policies = PolicySet::from(Preset::Enforced);
    install(&fixture, "many", &policies, Action::Deny).await;
    let mut pod = plain("many");
    let container =
        |number: usize| json!({"name": format!("c{number}"), "image": "x", "ports": [{"containerPort": 80}]});
    pod["spec"]["containers"] = (0..25).map(container).collect();
    pod["spec"]["initContainers"] = (25..50).map(container).collect();
    let mut exempted = pod.clone();
    for number in 0..50 {
        for (name, value) in [("exempt", "all"), ("exempt-reason", "x"), ("exempt-until", "2999-01-01")] {
            exempted["metadata"]["annotations"][format!("c{number}.pod-hardener.dev/{name}")] = json!(value);
        }
    }
    fixture
        .with_temp_namespace(Server::None, &[(LABEL, "many")], async |namespace| {
            for pod in [&pod, &exempted] {
                let (_, hardened) = hardened(&policies, "enforced", pod);
                namespace.admits(&hardened).await;
            }
            let refused = namespace.refuses(&pod).await;
            assert!(refused.contains("run-as-non-root (c25, c26 and 48 more)"), "{refused}");
        })
        .await;
}

async fn warns(fixture: Arc<Fixture>) {
    install(&fixture, "warns", &PolicySet::from(Preset::Restricted), Action::Warn).await;
    fixture
        .with_temp_namespace(Server::None, &[(LABEL, "warns")], async |namespace| {
            let warnings = namespace.admits(&plain("nginx")).await.warnings;
            assert!(warnings.iter().any(|warning| warning.contains(DENIED)), "{warnings:?}");
        })
        .await;
}

/// The API server's own spelling of what was written.
async fn stored(fixture: Arc<Fixture>) {
    let api = fixture.cluster.api(ADMIN);
    let policies = PolicySet::new(parse("policies", SELECTING).expect("policies"));
    let [policy, binding] = documents(&policies, Action::Deny, &[]);
    let create = async |resource: &str, object: &Value| {
        let answer = api.create(&format!("{}?dryRun=All", path(resource)), object).await;
        answer.unwrap_or_else(|refused| panic!("{resource}: {refused:?}")).object
    };
    let stored = create("validatingadmissionpolicies", &policy).await;
    let bound = create("validatingadmissionpolicybindings", &binding).await;
    let (policy, binding) = (
        serde_json::from_value(stored).expect("a policy"),
        serde_json::from_value(bound).expect("a binding"),
    );
    assert_eq!(state(Some(&policy), Some(&binding), &policies), State::Current);
    assert_eq!(state(Some(&policy), Some(&binding), &Preset::Restricted.into()), State::Drifted);
}
