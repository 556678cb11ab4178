//! The generated ValidatingAdmissionPolicy: on every case it asks for the very rules that `demands` names.

use std::process::Output;
use std::sync::Arc;

use pod_hardener::authority::policy::{Action, NAME, Settings, documents, in_force};
use pod_hardener::rules::{RuleId, RuleSet};
use serde_json::{Value, json};

use crate::api::Answer;
use crate::cluster::{ADMIN, ALLOWED, REFUSED, until};
use crate::fixture::{Fixture, Namespace, Server};
use crate::{Test, test};

#[path = "../../src/authority/cases.rs"]
mod cases;

use cases::cases;

/// By this label a namespace comes under a check of these tests: others are not to be disturbed.
const LABEL: &str = "e2e-authority";

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("authority::check_and_engine_agree_on_every_case", agreement),
        test("authority::every_way_to_a_pod_is_checked", every_way),
        test("authority::controllers_carry_on_what_was_checked", controllers),
        test("authority::ephemeral_containers_always_ask", ephemeral_containers),
        test("authority::namespaces_ask_for_what_is_ours", namespaces),
        test("authority::namespaces_ask_under_another_prefix", namespaces_under_another_prefix),
        test("authority::what_is_stored_is_in_force_unless_narrowed", stored),
    ]
}

fn path(resource: &str) -> String {
    format!("/apis/admissionregistration.k8s.io/v1/{resource}")
}

/// Installs the check for namespaces whose label has this value, and waits until it denies there.
async fn install(fixture: &Fixture, namespace: &Namespace, value: &str, settings: &Settings) {
    let api = fixture.cluster.api(ADMIN);
    let [mut policy, mut binding] = documents(settings, Action::Deny);
    let name = format!("e2e-authority-{value}");
    policy["metadata"]["name"] = json!(name);
    binding["metadata"]["name"] = json!(name);
    binding["spec"]["policyName"] = json!(name);
    binding["spec"]["matchResources"] = json!({"namespaceSelector": {"matchLabels": {LABEL: value}}});
    // The controller manager does not check the types of what is for every version: over several such policies it
    // takes minutes.
    for rule in policy["spec"]["matchConstraints"]["resourceRules"].as_array_mut().expect("rules") {
        rule["apiVersions"] = json!(["*"]);
    }
    api.create(&path("validatingadmissionpolicies"), &policy).await.expect("a policy");
    api.create(&path("validatingadmissionpolicybindings"), &binding).await.expect("a binding");
    let refused = namespace.seen_by(fixture, REFUSED);
    let mut pod = object("v1", "Pod", "probe", &json!({"spec": exempt("privileged")["spec"]}));
    pod["metadata"]["annotations"] = json!({format!("{}/exempt", settings.prefix): "privileged"});
    until("the check denies", async || refused.try_pod(&pod).await.is_err()).await;
}

/// A namespace under a check of its own.
async fn with_check(fixture: &Fixture, value: &str, settings: &Settings, test: impl AsyncFnOnce(&Namespace)) {
    fixture
        .with_temp_namespace(Server::None, &[(LABEL, value)], async |namespace| {
            install(fixture, namespace, value, settings).await;
            test(namespace).await;
        })
        .await;
}

/// Gives [`ALLOWED`] the right to exempt from `privileged` in the namespace.
async fn grant(fixture: &Fixture, namespace: &Namespace) {
    let group = "rbac.authorization.k8s.io";
    let at = |resource: &str| format!("/apis/{group}/v1/namespaces/{}/{resource}", namespace.name);
    let role = json!({"apiVersion": format!("{group}/v1"), "kind": "Role", "metadata": {"name": "exempt"},
        "rules": [{"apiGroups": ["pod-hardener.dev"], "resources": ["rules"],
                   "resourceNames": ["privileged"], "verbs": ["exempt"]}]});
    let binding = json!({"apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": {"name": "exempt"},
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "exempt"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": ALLOWED}]});
    namespace.api.create(&at("roles"), &role).await.expect("a role");
    namespace.api.create(&at("rolebindings"), &binding).await.expect("a binding");
    let allowed = namespace.seen_by(fixture, ALLOWED);
    let pod = object("v1", "Pod", "probe", &exempt("privileged"));
    until("the right is known", async || allowed.try_pod(&pod).await.is_ok()).await;
}

/// A template that is exempted from these rules.
fn exempt(rules: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": "x"}, "annotations": {
            "pod-hardener.dev/exempt": rules, "pod-hardener.dev/exempt-reason": "a test",
        }},
        "spec": {"containers": [{"name": "app", "image": "app:1"}]},
    })
}

/// An object of this kind with that template.
fn object(version: &str, kind: &str, name: &str, template: &Value) -> Value {
    let mut template = template.clone();
    let selector = json!({"matchLabels": {"app": "x"}});
    let spec = match kind {
        "Pod" => {
            template["metadata"]["name"] = json!(name);
            return json!({"apiVersion": version, "kind": kind,
                "metadata": template["metadata"], "spec": template["spec"]});
        }
        "ControllerRevision" => {
            return json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}, "revision": 1,
                "data": {"spec": {"template": template}}});
        }
        "Job" | "CronJob" => {
            template["spec"]["restartPolicy"] = json!("Never");
            let job = json!({"template": template, "suspend": true});
            if kind == "Job" { job } else { json!({"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job}}) }
        }
        "ReplicationController" => json!({"replicas": 0, "selector": {"app": "x"}, "template": template}),
        "StatefulSet" => {
            json!({"replicas": 0, "serviceName": "x", "selector": selector, "template": template})
        }
        "DaemonSet" => json!({"selector": selector, "template": template}),
        _ => json!({"replicas": 0, "selector": selector, "template": template}),
    };
    json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn collection(namespace: &Namespace, version: &str, resource: &str) -> String {
    let root = if version == "v1" { "/api/v1".to_owned() } else { format!("/apis/{version}") };
    format!("{root}/namespaces/{}/{resource}", namespace.name)
}

/// The rules that the API server's message says are demanded, in order; none where it was accepted.
fn demanded(answer: &Answer) -> Vec<&'static str> {
    let Err(refused) = answer else { return Vec::new() };
    assert_eq!(refused.code, 403, "{}", refused.message);
    let list = refused.message.split_once("right for: ").expect("a list of rules").1;
    let list = list.split_once(". A Role").expect("the end of the list").0;
    let named = |rule: &&RuleId| list.split(", ").any(|entry| entry.starts_with(&format!("{rule} (")));
    RuleId::ALL.iter().filter(named).map(|rule| rule.as_str()).collect()
}

async fn agreement(fixture: Arc<Fixture>) {
    let names = |rules: RuleSet| &*rules.iter().map(RuleId::as_str).collect::<Vec<_>>().leak();
    let (all, of_containers) = (names(RuleSet::all()), names(RuleSet::of_containers()));
    for (value, pin_images) in [("plain", false), ("pinned", true)] {
        with_check(&fixture, value, &Settings { pin_images, ..Settings::default() }, async |namespace| {
            let refused = namespace.seen_by(&fixture, REFUSED).api;
            let deployments = collection(namespace, "apps/v1", "deployments");
            let mut wrong = Vec::new();
            for case in cases(all, of_containers).into_iter().filter(|case| case.pin_images == pin_images) {
                let deployment = |template: &Value| object("apps/v1", "Deployment", "case", template);
                let answer = match &case.old {
                    None => {
                        refused.create(&format!("{deployments}?dryRun=All"), &deployment(&case.new)).await
                    }
                    Some(old) => {
                        let created = namespace.api.create(&deployments, &deployment(old)).await;
                        created.unwrap_or_else(|error| panic!("{}: {error:?}", case.name));
                        let one = format!("{deployments}/case");
                        let answer =
                            refused.replace(&format!("{one}?dryRun=All"), &deployment(&case.new)).await;
                        namespace.api.delete(&one).await.expect("a deletion");
                        until("it is gone", async || namespace.api.get(&one).await.is_err()).await;
                        answer
                    }
                };
                let demanded = demanded(&answer);
                let mut expected: Vec<&str> = case.demands.to_vec();
                expected.sort_by_key(|name| RuleId::find(name).map(|rule| rule as usize));
                if demanded != expected {
                    wrong.push(format!("{}: {demanded:?}, not {expected:?}: {answer:?}", case.name));
                }
            }
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        })
        .await;
    }
}

const KINDS: [(&str, &str, &str); 9] = [
    ("v1", "Pod", "pods"),
    ("v1", "ReplicationController", "replicationcontrollers"),
    ("apps/v1", "Deployment", "deployments"),
    ("apps/v1", "ReplicaSet", "replicasets"),
    ("apps/v1", "StatefulSet", "statefulsets"),
    ("apps/v1", "DaemonSet", "daemonsets"),
    ("apps/v1", "ControllerRevision", "controllerrevisions"),
    ("batch/v1", "Job", "jobs"),
    ("batch/v1", "CronJob", "cronjobs"),
];

/// What kubectl says of a manifest, as this user.
fn apply(fixture: &Fixture, namespace: &Namespace, user: &str, object: &Value) -> Output {
    let file = fixture.cluster.folder().join("authority.json");
    std::fs::write(&file, object.to_string()).expect("a file");
    let (file, token) = (format!("--filename={}", file.display()), format!("--token={user}"));
    fixture.kubectl(namespace, &["apply", &file, &token])
}

async fn every_way(fixture: Arc<Fixture>) {
    with_check(&fixture, "kinds", &Settings::default(), async |namespace| {
        grant(&fixture, namespace).await;
        let (allowed, refused) =
            (namespace.seen_by(&fixture, ALLOWED).api, namespace.seen_by(&fixture, REFUSED).api);
        for (version, kind, resource) in KINDS {
            let path = format!("{}?dryRun=All", collection(namespace, version, resource));
            let one = object(version, kind, "x", &exempt("privileged"));
            let answer = refused.create(&path, &one).await;
            assert_eq!(demanded(&answer), ["privileged"], "{kind}");
            allowed.create(&path, &one).await.unwrap_or_else(|error| panic!("{kind}: {error:?}"));
            let two = object(version, kind, "x", &exempt("privileged,seccomp"));
            let error = allowed.create(&path, &two).await.expect_err("only one of them is granted");
            assert!(error.message.contains("may not exempt from seccomp"), "{kind}: {}", error.message);
        }
        let deployment = object("apps/v1", "Deployment", "web", &exempt("privileged"));
        let output = apply(&fixture, namespace, REFUSED, &deployment);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{said}");
        for part in [
            format!("user \"{REFUSED}\" may not exempt from privileged in namespace \"{}\"", namespace.name),
            "privileged (new or changed exemption)".to_owned(),
            "verbs [\"exempt\"], apiGroups [\"pod-hardener.dev\"], resources [\"rules\"]".to_owned(),
        ] {
            assert!(said.contains(&part), "no {part} in {said}");
        }
        let output = apply(&fixture, namespace, ALLOWED, &deployment);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // What is there may be changed in every other way, also by who may not exempt.
        let one = format!("{}/web", collection(namespace, "apps/v1", "deployments"));
        let mut other = deployment.clone();
        other["spec"]["template"]["spec"]["containers"][0]["image"] = json!("app:2");
        other["metadata"]["labels"] = json!({"team": "x"});
        refused.replace(&one, &other).await.expect("a new image, as images are not pinned");
        other["spec"]["template"]["spec"]["hostPID"] = json!(true);
        refused.replace(&one, &other).await.expect("weaker, but not under its exemption");
        // The right is the namespace's: the same elsewhere is refused.
        fixture
            .with_temp_namespace(Server::None, &[(LABEL, "kinds")], async |elsewhere| {
                let allowed = elsewhere.seen_by(&fixture, ALLOWED).api;
                let path = collection(elsewhere, "apps/v1", "deployments");
                assert_eq!(demanded(&allowed.create(&path, &deployment).await), ["privileged"]);
            })
            .await;
    })
    .await;
}

async fn controllers(fixture: Arc<Fixture>) {
    with_check(&fixture, "controllers", &Settings::default(), async |namespace| {
        let by = |name: &str| fixture.cluster.api_as(&format!("system:serviceaccount:kube-system:{name}"));
        let owned = |object: &Value, version: &str, kind: &str| {
            let mut object = object.clone();
            object["metadata"]["ownerReferences"] = json!([{"apiVersion": version, "kind": kind, "name": "o",
                "uid": "00010203-0405-0607-0809-0a0b0c0d0e0f", "controller": true}]);
            object
        };
        let pod = object("v1", "Pod", "x", &exempt("all"));
        let pods = format!("{}?dryRun=All", namespace.path("pods"));
        let of_set = owned(&pod, "apps/v1", "ReplicaSet");
        by("replicaset-controller").create(&pods, &of_set).await.expect("its pod");
        assert!(by("replicaset-controller").create(&pods, &pod).await.is_err(), "nobody's pod");
        let of_other = owned(&pod, "other.dev/v1", "ReplicaSet");
        assert!(
            by("replicaset-controller").create(&pods, &of_other).await.is_err(),
            "of a kind that nobody checks"
        );
        let refused = namespace.seen_by(&fixture, REFUSED).api;
        assert!(!demanded(&refused.create(&pods, &of_set).await).is_empty(), "anybody can write an owner");
        let set = object("apps/v1", "ReplicaSet", "x", &exempt("all"));
        let sets = format!("{}?dryRun=All", collection(namespace, "apps/v1", "replicasets"));
        let of_deployment = owned(&set, "apps/v1", "Deployment");
        by("deployment-controller").create(&sets, &of_deployment).await.expect("its ReplicaSet");
        // From Deployment to pod, by the controllers themselves.
        let mut deployment = object("apps/v1", "Deployment", "web", &exempt("privileged"));
        deployment["spec"]["replicas"] = json!(1);
        let path = collection(namespace, "apps/v1", "deployments");
        namespace.api.create(&path, &deployment).await.expect("a Deployment");
        until("its pod is there", async || {
            let pods = namespace.api.get(&namespace.path("pods")).await.expect("pods").object;
            pods["items"].as_array().is_some_and(|pods| !pods.is_empty())
        })
        .await;
    })
    .await;
}

async fn ephemeral_containers(fixture: Arc<Fixture>) {
    with_check(&fixture, "ephemeral", &Settings::default(), async |namespace| {
        grant(&fixture, namespace).await;
        let api = |user: &str| namespace.seen_by(&fixture, user).api;
        let mut pod = object("v1", "Pod", "x", &exempt("privileged"));
        pod["metadata"]["annotations"] = json!({});
        api(REFUSED).create(&namespace.path("pods"), &pod).await.expect("a pod without exemptions");
        let status = namespace.path("pods/x/status");
        let mut stored = api(REFUSED).get(&status).await.expect("its status").object;
        stored["metadata"]["annotations"] = json!({"pod-hardener.dev/exempt": "privileged"});
        api(REFUSED).replace(&status, &stored).await.expect("the status is nobody's to check");
        let path = namespace.path("pods/x/ephemeralcontainers?dryRun=All");
        let with = |privileged: bool| {
            let mut pod = stored.clone();
            pod["spec"]["ephemeralContainers"] = json!([{"name": "debug", "image": "debug:1",
                "securityContext": {"privileged": privileged}}]);
            pod["metadata"]["resourceVersion"].take();
            pod
        };
        assert_eq!(demanded(&api(REFUSED).replace(&path, &with(true)).await), ["privileged"]);
        api(ALLOWED).replace(&path, &with(true)).await.expect("allowed");
        api(REFUSED).replace(&path, &with(false)).await.expect("owes nothing to the exemption");
    })
    .await;
}

async fn namespaces(fixture: Arc<Fixture>) {
    with_check(&fixture, "namespaces", &Settings::default(), async |namespace| {
        grant(&fixture, namespace).await;
        let all: Vec<&str> = RuleId::ALL.iter().map(|rule| rule.as_str()).collect();
        let path = format!("/api/v1/namespaces/{}", namespace.name);
        let stored = namespace.api.get(&path).await.expect("the namespace").object;
        let changed = |of: &str, key: &str, value: &str| {
            let mut object = stored.clone();
            object["metadata"][of][key] = json!(value);
            object
        };
        let api = |user: &str| namespace.seen_by(&fixture, user).api;
        let dry = format!("{path}?dryRun=All");
        let label = changed("labels", "pod-hardener.dev/policy", "observe");
        assert_eq!(demanded(&api(REFUSED).replace(&dry, &label).await), all);
        let error = api(ALLOWED).replace(&dry, &label).await.expect_err("needs every rule");
        assert!(error.message.contains("may not exempt from host-process"), "{}", error.message);
        let note = changed("annotations", "pod-hardener.dev/exempt", "privileged");
        assert_eq!(demanded(&api(REFUSED).replace(&dry, &note).await), ["privileged"]);
        api(ALLOWED).replace(&dry, &note).await.expect("allowed");
        let other = changed("labels", "team", "x");
        api(REFUSED).replace(&dry, &other).await.expect("not ours");
        namespace.api.replace(&path, &label).await.expect("the administrator may");
        let bare = api(REFUSED).replace(&dry, &stored_without_version(&stored)).await;
        assert_eq!(demanded(&bare), all, "taking it away changes the policy too");
    })
    .await;
}

/// The label that chooses a policy has one name, whatever the annotations' prefix is.
async fn namespaces_under_another_prefix(fixture: Arc<Fixture>) {
    let settings = Settings { prefix: "other.dev".to_owned(), ..Settings::default() };
    with_check(&fixture, "prefix", &settings, async |namespace| {
        let all: Vec<&str> = RuleId::ALL.iter().map(|rule| rule.as_str()).collect();
        let path = format!("/api/v1/namespaces/{}", namespace.name);
        let stored = namespace.api.get(&path).await.expect("the namespace").object;
        let refused = namespace.seen_by(&fixture, REFUSED).api;
        for (key, expected) in
            [("pod-hardener.dev/policy", &all[..]), ("other.dev/x", &all[..]), ("team", &[])]
        {
            let mut labelled = stored.clone();
            labelled["metadata"]["labels"][key] = json!("observe");
            let answer = refused.replace(&format!("{path}?dryRun=All"), &labelled).await;
            if expected.is_empty() {
                answer.expect("not ours");
            } else {
                assert_eq!(demanded(&answer), expected, "{key}");
            }
        }
    })
    .await;
}

fn stored_without_version(object: &Value) -> Value {
    let mut object = object.clone();
    object["metadata"]["resourceVersion"].take();
    object
}

/// The API server's own spelling of what was written.
async fn stored(fixture: Arc<Fixture>) {
    let api = fixture.cluster.api(ADMIN);
    let [policy, binding] = documents(&Settings::default(), Action::Deny);
    let create = async |resource: &str, object: &Value| {
        let answer = api.create(&format!("{}?dryRun=All", path(resource)), object).await;
        answer.unwrap_or_else(|refused| panic!("{resource}: {refused:?}")).object
    };
    let policies = "validatingadmissionpolicies";
    let stored = create(policies, &policy).await;
    let bound = create("validatingadmissionpolicybindings", &binding).await;
    let parsed = serde_json::from_value(stored).expect("a policy");
    assert!(in_force(&parsed, &serde_json::from_value(bound.clone()).expect("a binding")).is_some());
    let mut narrowed = binding.clone();
    narrowed["spec"]["matchResources"] = json!({"namespaceSelector": {"matchLabels": {"a": "b"}}});
    let narrowed = create("validatingadmissionpolicybindings", &narrowed).await;
    assert!(in_force(&parsed, &serde_json::from_value(narrowed).expect("a binding")).is_none());
    assert_eq!(bound["metadata"]["name"], NAME);
}
