//! The generated MutatingAdmissionPolicy: on every pod it does what the engine does, but for what its list of exceptions
//! says; and each exception is one.

use std::path::Path;
use std::sync::Arc;

use pod_hardener::facts::Facts;
use pod_hardener::native::{Native, applied};
use pod_hardener::policy::{Policy, PolicySet, parse};
use pod_hardener::posture::{Posture, PosturePolicy};
use pod_hardener::rules::{Mode, RuleId};
use serde_json::{Value, json};
use time::Date;
use time::macros::date;

use crate::cluster::{ADMIN, until};
use crate::corpus::{changes, prepare, report, taken_without_us};
use crate::fixture::{Fixture, HARDENED, Namespace, Server};
use crate::manifests::{Corpus, Sample, corpus, samples_through, tricky};
use crate::pods::{self, as_sent};
use crate::{Test, generated, test};

mod cases;
mod others;

/// By this label a namespace comes under a policy of these tests.
const LABEL: &str = "e2e-native";

/// Every rule that can change something does, whatever presets say.
const EVERYTHING: &str = "{preset: enforced, rules: {user-namespace: {mode: enforce}, service-links: {mode: default}, \
    service-account-token: {scope: all}, read-only-root-filesystem: {writablePaths: [/tmp, /tmp/deep, /var/tmp/], \
    sizeLimit: ''}, run-as-non-root: {fsGroup: 2000}, capabilities: {allowed: [net_bind_service, CHOWN]}}}";

const ENFORCED: &str = "{preset: enforced, rules: {service-account-token: {scope: default-account}}}";

const PUBLIC: Corpus =
    Corpus { name: "public", samples: || crate::manifests::samples(&corpus()), at_least: 240 };
const TRICKY: Corpus =
    Corpus { name: "tricky", samples: || crate::manifests::samples(&tricky()), at_least: 40 };
const GENERATED: Corpus = Corpus { name: "generated", samples: generated::samples, at_least: 150 };
const FIXTURES: Corpus = Corpus { name: "fixtures", samples: golden, at_least: 50 };

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for collection in [PUBLIC, TRICKY, GENERATED, FIXTURES] {
        for (name, spec) in
            [("restricted", "{preset: restricted}"), ("enforced", ENFORCED), ("all", EVERYTHING)]
        {
            let bound =
                native_test(&format!("native::agrees::{name}::{}", collection.name), move |fixture| {
                    agreement(fixture, collection, name, spec)
                });
            let is_public = collection.name == PUBLIC.name;
            tests.push(if is_public { bound.needs(&corpus()) } else { bound });
        }
    }
    tests.extend(cases::tests());
    tests.extend(others::tests());
    tests
}

/// A test that needs the API: it is stable since 1.36.
fn native_test<F, T>(name: &str, run: F) -> Test
where
    F: FnOnce(Arc<Fixture>) -> T + Send + 'static,
    T: Future<Output = ()>,
{
    let name = name.to_owned();
    let named = name.clone();
    test(&named, async move |fixture: Arc<Fixture>| {
        let served = fixture.cluster.api(ADMIN).get(&path("mutatingadmissionpolicies")).await;
        if served.is_ok_and(|answer| answer.object["kind"] == "MutatingAdmissionPolicyList") {
            run(fixture).await;
        } else {
            println!("{name}: this Kubernetes has no MutatingAdmissionPolicy in v1");
        }
    })
}

fn path(resource: &str) -> String {
    format!("/apis/admissionregistration.k8s.io/v1/{resource}")
}

/// The policy where nothing is known of images, and no last message is asked for, as by the native one.
fn without_images(policy: Policy) -> PolicySet {
    without_images_of(without_messages(policy))
}

fn without_messages(policy: Policy) -> Policy {
    Policy { fallback_to_logs_on_error: false, ..policy }
}

/// The policy where nothing is known of images.
fn without_images_of(mut policy: Policy) -> PolicySet {
    let full = Posture::Full;
    policy.posture = PosturePolicy { unknown: full, persistent_volumes: full, floor: Some(full) };
    PolicySet::new(vec![policy]).with_profiles(Arc::default())
}

/// The policy with the rules that its native one applies, and no others.
fn only_applied(policy: &Policy) -> Policy {
    let mut only = policy.clone();
    let applied = applied(policy);
    for rule in RuleId::ALL.iter().filter(|rule| !applied.contains(**rule)) {
        only.modes[*rule as usize] = Mode::Off;
    }
    only
}

/// The pods of the golden files; many are no whole pods, and the API server takes them no more than their tests need.
fn golden() -> Vec<Sample> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let first = |file: &Path| {
        let text = std::fs::read_to_string(file).expect("a golden file");
        let pod = text.split("\n---\n").next().expect("a document");
        let head = if pod.contains("\nkind:") { "" } else { "apiVersion: v1\nkind: Pod\n" };
        format!("{head}{pod}\n")
    };
    samples_through(&folder, first)
}

/// A policy of this specification.
pub(crate) fn policy(name: &str, spec: &str) -> Policy {
    let head = "apiVersion: pod-hardener.dev/v1alpha1\nkind: HardeningPolicy\n";
    let text = format!("{head}metadata: {{name: {name}}}\nspec: {spec}\n");
    parse("test", &text).expect("a policy").remove(0)
}

/// A namespace whose pods the native policy hardens, and nobody else. What goes wrong inside it refuses the pod.
pub(crate) async fn with_native<T>(
    fixture: &Fixture,
    policy: &Policy,
    as_of: Option<Date>,
    server: Server,
    test: impl AsyncFnOnce(&Namespace) -> T,
) -> T {
    let label = format!("{}-{}", policy.name, server as u8);
    let native = Native::new(policy, as_of);
    let mut document = native.policy.clone();
    let name = format!("e2e-native-{label}");
    document["metadata"]["name"] = json!(name);
    document["spec"]["failurePolicy"] = json!("Fail");
    let mut binding = native.bindings[0].clone();
    binding["metadata"]["name"] = json!(name);
    binding["spec"] = json!({
        "policyName": name,
        "matchResources": {"namespaceSelector": {"matchLabels": {LABEL: label}}},
    });
    fixture
        .with_temp_namespace(server, &[(LABEL, &label)], async |namespace| {
            let api = fixture.cluster.api(ADMIN);
            api.create(&path("mutatingadmissionpolicies"), &document).await.expect("a policy");
            api.create(&path("mutatingadmissionpolicybindings"), &binding).await.expect("a binding");
            let plain = pods::plain("plain");
            until("the policy is in force", async || match namespace.try_pod(&plain).await {
                Ok(accepted) => is_in_force(&accepted.object),
                Err(refused) => panic!("{}", refused.message),
            })
            .await;
            test(namespace).await
        })
        .await
}

/// Every policy of these tests does at least that.
fn is_in_force(pod: &Value) -> bool {
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] == false
}

/// What there is to compare: the specification, and the annotations but for our own.
pub(crate) fn comparable(pod: &Value) -> Value {
    let mut annotations = pod["metadata"]["annotations"].clone();
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.remove(HARDENED);
        if annotations.is_empty() {
            return json!({"annotations": null, "spec": without_random(&pod["spec"])});
        }
    }
    json!({"annotations": annotations, "spec": without_random(&pod["spec"])})
}

/// The ServiceAccount plugin draws the end of its volume's name by lot.
fn without_random(spec: &Value) -> Value {
    let mut spec = spec.clone();
    visit(&mut spec, &mut |name| {
        if name.starts_with("kube-api-access-") {
            "kube-api-access".clone_into(name);
        }
    });
    spec
}

/// Every name of a volume, where it is and where it is mounted.
fn visit(spec: &mut Value, change: &mut impl FnMut(&mut String)) {
    let lists = pods::CONTAINER_FIELDS.map(|field| format!("/{field}"));
    let mut names: Vec<&mut Value> = Vec::new();
    let Some(fields) = spec.as_object_mut() else { return };
    for (field, value) in fields {
        let entries = value.as_array_mut().into_iter().flatten();
        if field == "volumes" {
            names.extend(entries.filter_map(|volume| volume.get_mut("name")));
        } else if lists.contains(&format!("/{field}")) {
            let mounts = entries.filter_map(|container| container.get_mut("volumeMounts")?.as_array_mut());
            names.extend(mounts.flatten().filter_map(|mount| mount.get_mut("name")));
        }
    }
    for name in names {
        if let Value::String(name) = name {
            change(name);
        }
    }
}

/// Volumes by the order in which they are, so that names do not matter.
pub(crate) fn without_names(pod: &Value) -> Value {
    let mut pod = pod.clone();
    let volumes = pod["spec"]["volumes"].as_array().cloned().unwrap_or_default();
    let order: Vec<String> =
        volumes.iter().map(|volume| volume["name"].as_str().unwrap_or_default().to_owned()).collect();
    visit(&mut pod["spec"], &mut |name| {
        if let Some(number) = order.iter().position(|other| other == name) {
            *name = format!("volume-{number}");
        }
    });
    pod
}

/// What the native policy and the engine make of a pod.
pub(crate) struct Both {
    pub(crate) native: Result<Value, String>,
    pub(crate) engine: Value,
}

/// Asks both; `plain` is a namespace that nobody hardens.
pub(crate) async fn both(
    [native, plain]: [&Namespace; 2],
    policies: &PolicySet,
    facts: &Facts<'_>,
    pod: &Value,
) -> Both {
    let admitted = plain.admits(pod).await.object;
    // Those of the pod are made of its containers' only after admission.
    let mut admitted = as_sent(&admitted);
    match pod["spec"].get("resources") {
        Some(resources) => admitted["spec"]["resources"] = resources.clone(),
        None => drop(admitted["spec"].as_object_mut().expect("a spec").remove("resources")),
    }
    let hardened = crate::support::harden_where(&admitted, policies, facts).pod;
    let engine = plain.admits(&hardened).await.object;
    let native = native.try_pod(pod).await.map(|accepted| accepted.object);
    Both { native: native.map_err(|refused| refused.message), engine }
}

async fn agreement(fixture: Arc<Fixture>, corpus: Corpus, name: &str, spec: &str) {
    let samples = taken_without_us(&fixture, corpus).await;
    let policy = policy(&format!("{name}-{}", corpus.name), spec);
    let policies = without_images(only_applied(&policy));
    let plain = async |plain: &Namespace| {
        prepare(plain, &samples).await;
        with_native(&fixture, &policy, None, Server::None, async |native| {
            prepare(native, &samples).await;
            let mut failures = Vec::new();
            for sample in &samples {
                failures.extend(complaint([native, plain], &policies, sample).await);
            }
            failures
        })
        .await
    };
    let failures = fixture.with_temp_namespace(Server::None, &[], plain).await;
    report(&samples, &failures);
}

/// What is wrong, if anything is.
async fn complaint(namespaces: [&Namespace; 2], policies: &PolicySet, sample: &Sample) -> Option<String> {
    let source = &sample.source;
    let facts = Facts::of_namespace("shop");
    let Both { native, engine } = both(namespaces, policies, &facts, &sample.pod).await;
    let native = match native {
        Ok(native) => native,
        Err(reason) => {
            return Some(format!("{source}: the engine's pod is taken, the native one not: {reason}"));
        }
    };
    let (native, engine) = (comparable(&native), comparable(&engine));
    if native != engine && !cases::is_covered(&sample.pod, &native, &engine) {
        return Some(format!("{source}: + native, - engine\n{}", changes(&engine, &native)));
    }
    let mut once = sample.pod.clone();
    once["spec"] = native["spec"].clone();
    once["metadata"]["annotations"] = native["annotations"].clone();
    let left = crate::support::harden_where(&once, policies, &facts).operations;
    let ours =
        |operation: &Value| operation["path"].as_str().is_some_and(|path| path.starts_with("/metadata/"));
    if native == engine && !left.iter().all(ours) {
        return Some(format!("{source}: the engine still has something to do: {left:?}"));
    }
    match namespaces[0].try_pod(&once).await {
        Err(refused) => Some(format!("{source}: not taken twice: {}", refused.message)),
        Ok(accepted) => {
            let twice = comparable(&accepted.object);
            (twice != native)
                .then(|| format!("{source}: the second pass changes\n{}", changes(&native, &twice)))
        }
    }
}

/// Some day before all that the cases' exemptions end.
pub(crate) const TODAY: Date = date!(2027 - 01 - 01);
