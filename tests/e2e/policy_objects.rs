//! Policies that are custom resources: taken up while the server runs, whole, and reported.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kube::api::{Api, DynamicObject};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use pod_hardener::metrics::Metrics;
use pod_hardener::policy::Preset;
use pod_hardener::sources::{Sources, report};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::cluster::{ADMIN, until, until_ok};
use crate::fixture::{Fixture, Namespace, Server};
use crate::policy_definition::{PATH, document, file, install};
use crate::{Test, pods, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("policy_objects::come_into_force_and_go", come_into_force_and_go),
        test("policy_objects::a_wrong_version_leaves_the_last_good", a_wrong_version),
        test("policy_objects::replicas_do_not_fight", replicas_do_not_fight),
        test("policy_objects::no_pod_is_hardened_by_half_a_policy", no_half_policy),
    ]
}

/// How many pods a second are admitted while a policy changes, and how often it does.
const RATE: u32 = 200;
const EDITS: u32 = 4;

/// A policy for one namespace, in which two rules say the same number.
fn policy(namespace: &Namespace, number: u32) -> Value {
    let spec = json!({
        "selector": {"namespaces": [namespace.name]},
        "rules": {
            "run-as-non-root": {"runAsUser": 1000 + number},
            "read-only-root-filesystem": {"sizeLimit": format!("{number}Mi")},
        },
    });
    document(&namespace.name, &spec)
}

fn apply(fixture: &Fixture, policy: &Value) {
    let name = policy["metadata"]["name"].as_str().expect("a name");
    let file = file(fixture, name, policy);
    let output = fixture.cluster.kubectl(&["apply", "-f", file.to_str().expect("UTF-8")]).output();
    let output = output.expect("kubectl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What the two rules said to a pod.
fn numbers(pod: &Value) -> (i64, String) {
    let user = pod["spec"]["securityContext"]["runAsUser"].as_i64().unwrap_or_default();
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    let limit = volumes.filter_map(|volume| volume["emptyDir"]["sizeLimit"].as_str()).next();
    (user, limit.unwrap_or_default().to_owned())
}

/// Waits until pods get this user, and says how long that took.
async fn until_user(namespace: &Namespace, user: i64) -> Duration {
    let start = Instant::now();
    until(&format!("pods of {} run as {user}", namespace.name), async || {
        numbers(&namespace.admits(&pods::plain("web")).await.object).0 == user
    })
    .await;
    start.elapsed()
}

async fn object(fixture: &Fixture, name: &str) -> Value {
    let got = fixture.cluster.api(ADMIN).get(&format!("{PATH}/{name}")).await;
    got.expect("the policy").object
}

async fn delete(fixture: &Fixture, name: &str) {
    fixture.cluster.api(ADMIN).delete(&format!("{PATH}/{name}")).await.expect("a deletion");
}

/// Waits until the status says so of a generation.
async fn until_said(fixture: &Fixture, name: &str, generation: i64, accepted: &str) -> Value {
    until_ok(&format!("generation {generation} of {name} is Accepted={accepted}"), async || {
        let status = object(fixture, name).await["status"].take();
        let condition = &status["conditions"][0];
        let said = (&condition["type"], &condition["status"], &condition["observedGeneration"])
            == (&json!("Accepted"), &json!(accepted), &json!(generation));
        if said && status["replicas"][0]["generation"] == generation {
            return Ok(());
        }
        Err(status.to_string())
    })
    .await;
    object(fixture, name).await
}

async fn come_into_force_and_go(fixture: Arc<Fixture>) {
    install(&fixture).await;
    fixture
        .with_temp_namespace(Server::Knowing, &[], async |namespace| {
            let name = namespace.name.as_str();
            apply(&fixture, &policy(namespace, 1));
            let came = until_user(namespace, 1001).await;
            let first = until_said(&fixture, name, 1, "True").await;
            assert_eq!(first["status"]["conditions"][0]["reason"], "Accepted", "{first}");
            apply(&fixture, &policy(namespace, 2));
            let changed = until_user(namespace, 1002).await;
            println!("in force {came:?} after kubectl created the policy, {changed:?} after it changed it");
            assert!(changed < Duration::from_secs(20), "{changed:?}");
            let second = until_said(&fixture, name, 2, "True").await;
            // Nothing is new, so nothing is written.
            tokio::time::sleep(Duration::from_secs(2)).await;
            let later = object(&fixture, name).await;
            assert_eq!(
                later["metadata"]["resourceVersion"], second["metadata"]["resourceVersion"],
                "{later}"
            );
            let table = fixture.cluster.kubectl(&["get", "hp", name]).output().expect("kubectl");
            assert!(String::from_utf8_lossy(&table.stdout).contains("True"), "{table:?}");
            delete(&fixture, name).await;
            until_user(namespace, 65532).await;
        })
        .await;
}

async fn a_wrong_version(fixture: Arc<Fixture>) {
    install(&fixture).await;
    fixture
        .with_temp_namespace(Server::Knowing, &[], async |namespace| {
            let name = namespace.name.as_str();
            apply(&fixture, &policy(namespace, 1));
            until_user(namespace, 1001).await;
            // The API server counts characters where paths have bytes.
            let mut wrong = policy(namespace, 2);
            let path = format!("/{}", "é".repeat(200));
            wrong["spec"]["rules"]["read-only-root-filesystem"]["writablePaths"] = json!([path]);
            apply(&fixture, &wrong);
            let said = until_said(&fixture, name, 2, "False").await;
            let condition = &said["status"]["conditions"][0];
            let message = condition["message"].as_str().unwrap_or_default();
            assert_eq!(condition["reason"], "Invalid", "{said}");
            for needle in ["generation 1 stays in force", "read-only-root-filesystem.writablePaths"] {
                assert!(message.contains(needle), "{message}");
            }
            until_user(namespace, 1001).await;
            let webhook = fixture.webhook(Server::Knowing);
            let refused = webhook.metric("pod_hardener_policies_refused{source=\"objects\"}").await;
            assert!(refused >= Some(1.0), "{refused:?}");
            let events = "/apis/events.k8s.io/v1/namespaces/default/events";
            until_ok("an Event tells of it", async || {
                let events = fixture.cluster.api(ADMIN).get(events).await.expect("events").object;
                let told =
                    events["items"].as_array().into_iter().flatten().any(|event| {
                        event["reason"] == "PolicyRefused" && event["regarding"]["name"] == name
                    });
                if told { Ok(()) } else { Err(events.to_string()) }
            })
            .await;
            apply(&fixture, &policy(namespace, 3));
            until_user(namespace, 1003).await;
            until_said(&fixture, name, 3, "True").await;
            delete(&fixture, name).await;
        })
        .await;
}

async fn no_half_policy(fixture: Arc<Fixture>) {
    install(&fixture).await;
    fixture
        .with_temp_namespace(Server::Knowing, &[], async |namespace| {
            apply(&fixture, &policy(namespace, 1));
            until_user(namespace, 1001).await;
            let done = AtomicBool::new(false);
            let edits = async {
                edit(&fixture, namespace).await;
                done.store(true, Ordering::Relaxed);
            };
            let (admitted, ()) = tokio::join!(admissions(namespace, &done), edits);
            let seen: BTreeSet<&(i64, String)> = admitted.iter().collect();
            let whole: BTreeSet<(i64, String)> = [(1001, "1Mi".to_owned()), (1002, "2Mi".to_owned())].into();
            assert_eq!(
                seen,
                whole.iter().collect(),
                "each pod shows both rules of one version, and both were seen"
            );
            delete(&fixture, &namespace.name).await;
        })
        .await;
}

/// Admits pods at the rate until all is done; each must be admitted.
async fn admissions(namespace: &Namespace, done: &AtomicBool) -> Vec<(i64, String)> {
    // So many at once are fewer than the server takes: what is refused for another reason says nothing here.
    let slots = Arc::new(Semaphore::new(16));
    let mut clock = tokio::time::interval(Duration::from_secs(1) / RATE);
    let (mut all, start) = (JoinSet::new(), Instant::now());
    while !done.load(Ordering::Relaxed) {
        clock.tick().await;
        let slot = Arc::clone(&slots).acquire_owned().await.expect("never closed");
        let (api, path) = (namespace.api.clone(), namespace.path("pods?dryRun=All"));
        all.spawn(async move {
            let answer = api.create(&path, &pods::plain("web")).await;
            drop(slot);
            numbers(&answer.unwrap_or_else(|refused| panic!("{refused:?}")).object)
        });
    }
    let took = start.elapsed();
    let admitted = all.join_all().await;
    println!("{} pods in {took:?} while the policy was edited {EDITS} times", admitted.len());
    admitted
}

/// Edits the policy to and fro by kubectl.
async fn edit(fixture: &Arc<Fixture>, namespace: &Namespace) {
    for edit in 1..=EDITS {
        let (fixture, policy) = (Arc::clone(fixture), policy(namespace, edit % 2 + 1));
        tokio::task::spawn_blocking(move || apply(&fixture, &policy)).await.expect("an edit");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Another replica beside the server: its name appears beside the server's, and goes when it goes.
async fn replicas_do_not_fight(fixture: Arc<Fixture>) {
    install(&fixture).await;
    fixture
        .with_temp_namespace(Server::Knowing, &[], async |namespace| {
            let name = namespace.name.as_str();
            apply(&fixture, &policy(namespace, 1));
            until_said(&fixture, name, 1, "True").await;
            let kubeconfig = Kubeconfig::read_from(fixture.cluster.kubeconfig(ADMIN)).expect("a kubeconfig");
            let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
            let client = Client::try_from(config.expect("a config")).expect("a client");
            let metrics = Arc::new(Metrics::new().expect("metrics"));
            let sources = Sources::new(&Preset::Restricted.into(), metrics);
            let api = Api::<DynamicObject>::all_with(client.clone(), &report::resource());
            let look = async || sources.apply(name, api.get(name).await.expect("the policy").into());
            look().await;
            let run = report::run(client.clone(), Arc::clone(&sources), "another".to_owned(), drop);
            let running = tokio::spawn(run);
            until_replicas(&fixture, name, 2).await;
            // Nobody has anything to say against the other.
            let version = async || object(&fixture, name).await["metadata"]["resourceVersion"].take();
            let before = version().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(version().await, before);
            running.abort();
            look().await;
            report::leave(client, Arc::clone(&sources), "another".to_owned()).await;
            until_replicas(&fixture, name, 1).await;
            delete(&fixture, name).await;
        })
        .await;
}

async fn until_replicas(fixture: &Fixture, name: &str, count: usize) {
    until_ok(&format!("{count} replicas are named"), async || {
        let status = object(fixture, name).await["status"].take();
        let known = status["replicas"].as_array().map(Vec::len);
        if known == Some(count) { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
}
