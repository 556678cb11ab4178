//! The conditions of `manifests/base/webhook.yaml`: what is not worth a call is not sent, and nothing else is kept back.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::{Answer, Api};
use crate::cluster::{Cluster, NODE, REFUSED, until, until_ok};
use crate::fixture::Fixture;
use crate::installed::{Calls, Installed};
use crate::{Test, pods, test};

/// Whose word an exemption needs.
const POLICY: &str = "\
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: base}
spec: {exemptions: {authorization: rbac, namespaces: true}}
";

const SHOP: &str = "shop";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/shop/deployments";
const CRON_JOBS: &str = "/apis/batch/v1/namespaces/shop/cronjobs";
const PODS: &str = "/api/v1/namespaces/shop/pods";

pub(crate) fn tests() -> Vec<Test> {
    vec![test("match_conditions::what_counts_is_sent_and_nothing_else", what_counts_is_sent)]
}

fn exempting() -> Value {
    json!({"pod-hardener.dev/exempt": "seccomp", "pod-hardener.dev/exempt-reason": "SHOP-1"})
}

fn template() -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "a", "image": "nginx:1"}]}})
}

fn deployment(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": template()},
    })
}

fn cron_job(name: &str) -> Value {
    let mut template = template();
    template["spec"]["restartPolicy"] = json!("Never");
    json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name},
        "spec": {"schedule": "0 0 1 1 *", "suspend": true, "jobTemplate": {"spec": {"template": template}}},
    })
}

async fn what_counts_is_sent(fixture: Arc<Fixture>) {
    let cluster = Cluster::start(&fixture.binaries).await;
    let policy = cluster.folder().join("rbac.yaml");
    std::fs::write(&policy, POLICY).expect("a policy file");
    let installed = Installed::into(cluster, &fixture.binaries, "base", policy.to_str()).await;
    installed.namespace(SHOP).await;
    until_ok("both are called", async || {
        let (before, name) = (installed.calls().await, "until-called");
        installed.api.create(PODS, &pods::plain(name)).await.map_err(|refused| refused.message)?;
        let after = installed.calls().await;
        installed.api.delete(&format!("{PODS}/{name}")).await.expect("a deletion");
        let is_called = (after.mutate, after.validate) == (before.mutate + 1, before.validate + 1);
        if is_called { Ok(()) } else { Err(format!("{before:?} {after:?}")) }
    })
    .await;
    of_people(&installed).await;
    of_pods(&installed).await;
    of_controllers(&installed).await;
    nothing_hostile_is_let_through(&installed).await;
    no_condition_failed(&installed).await;
    installed.stop();
}

/// What the step sends, by the server's own count.
async fn sends(
    installed: &Installed,
    what: &str,
    mutate: u64,
    validate: u64,
    step: impl Future<Output = Answer>,
) {
    let before = installed.calls().await;
    step.await.unwrap_or_else(|refused| panic!("{what}: {}", refused.message));
    let after = installed.calls().await;
    let sent = Calls { mutate: after.mutate - before.mutate, validate: after.validate - before.validate };
    assert_eq!(sent, Calls { mutate, validate }, "{what}");
}

/// Changes what is there, and replaces it; whatever else changed it meanwhile.
async fn change(api: &Api, path: &str, edit: impl Fn(&mut Value)) -> Answer {
    loop {
        let mut object = api.get(path).await?.object;
        edit(&mut object);
        match api.replace(path, &object).await {
            Err(refused) if refused.code == 409 => {}
            answer => return answer,
        }
    }
}

async fn of_people(installed: &Installed) {
    let api = &installed.api;
    let web = format!("{DEPLOYMENTS}/web");
    sends(installed, "a new Deployment", 0, 1, api.create(DEPLOYMENTS, &deployment("web"))).await;
    sends(
        installed,
        "a label of it",
        0,
        0,
        change(api, &web, |it| it["metadata"]["labels"]["a"] = json!("b")),
    )
    .await;
    sends(
        installed,
        "a strategy",
        0,
        0,
        change(api, &web, |it| it["spec"]["strategy"] = json!({"type": "Recreate"})),
    )
    .await;
    let image = "/spec/template/spec/containers/0/image";
    let set = |it: &mut Value| *it.pointer_mut(image).expect("an image") = json!("nginx:2");
    sends(installed, "its template", 0, 1, change(api, &web, set)).await;
    sends(installed, "no change at all", 0, 0, change(api, &web, |_| {})).await;
    let scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "web", "namespace": SHOP},
        "spec": {"replicas": 0}});
    sends(installed, "its scale", 0, 0, api.replace(&format!("{web}/scale"), &scale)).await;
    sends(installed, "its status", 0, 0, change(api, &format!("{web}/status"), |_| {})).await;

    let night = format!("{CRON_JOBS}/night");
    sends(installed, "a new CronJob", 0, 1, api.create(CRON_JOBS, &cron_job("night"))).await;
    sends(
        installed,
        "its schedule",
        0,
        0,
        change(api, &night, |it| it["spec"]["schedule"] = json!("1 0 1 1 *")),
    )
    .await;
    let set = |it: &mut Value| {
        it["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]["a"] = json!("b")
    };
    sends(installed, "its template", 0, 1, change(api, &night, set)).await;

    let space = format!("/api/v1/namespaces/{SHOP}");
    sends(
        installed,
        "a namespace's label",
        0,
        1,
        change(api, &space, |it| it["metadata"]["labels"]["a"] = json!("b")),
    )
    .await;
    let note = |it: &mut Value| it["metadata"]["annotations"]["a"] = json!("b");
    sends(installed, "its annotation", 0, 1, change(api, &space, note)).await;
    let finalizer = |it: &mut Value| it["metadata"]["finalizers"] = json!(["example.com/a"]);
    sends(installed, "its finalizer", 0, 0, change(api, &space, finalizer)).await;
    change(api, &space, |it| it["metadata"]["finalizers"] = json!([])).await.expect("no finalizer");
}

async fn of_pods(installed: &Installed) {
    let api = &installed.api;
    sends(installed, "a pod", 1, 1, api.create(PODS, &pods::plain("web"))).await;
    let web = format!("{PODS}/web");
    sends(installed, "its label", 0, 0, change(api, &web, |it| it["metadata"]["labels"]["a"] = json!("b")))
        .await;
    sends(installed, "its status", 0, 0, change(api, &format!("{web}/status"), |_| {})).await;
    sends(
        installed,
        "its annotation",
        0,
        1,
        change(api, &web, |it| it["metadata"]["annotations"]["a"] = json!("b")),
    )
    .await;
    let image = |it: &mut Value| it["spec"]["containers"][0]["image"] = json!("nginx:2");
    sends(installed, "its image", 0, 1, change(api, &web, image)).await;
    let ephemeral = format!("{web}/ephemeralcontainers");
    sends(installed, "no ephemeral container", 0, 0, change(api, &ephemeral, |_| {})).await;
    let debug = |it: &mut Value| {
        it["spec"]["ephemeralContainers"] = json!([{"name": "debug", "image": "busybox:1"}]);
    };
    sends(installed, "an ephemeral container", 1, 1, change(api, &ephemeral, debug)).await;
    sends(installed, "the same again", 0, 0, change(api, &ephemeral, |_| {})).await;
}

/// What they make was validated as a template; the pods are hardened all the same.
async fn of_controllers(installed: &Installed) {
    let path = format!("{DEPLOYMENTS}/web");
    let before = installed.calls().await;
    let set = |it: &mut Value| it["spec"]["replicas"] = json!(2);
    change(&installed.api, &path, set).await.expect("two replicas");
    until("its two pods are there", async || {
        let list = installed.api.get(&format!("{PODS}?labelSelector=app%3Dweb")).await.expect("pods").object;
        // And the one that somebody made.
        list["items"].as_array().map(Vec::len) == Some(3)
    })
    .await;
    let after = installed.calls().await;
    assert_eq!(
        (after.mutate, after.validate),
        (before.mutate + 2, before.validate),
        "a ReplicaSet and two pods"
    );
    // By hand, nothing that only looks like it is kept back.
    let mut set = deployment("by-hand");
    set["kind"] = json!("ReplicaSet");
    // Of no pod that is there.
    set["spec"]["selector"]["matchLabels"]["app"] = json!("by-hand");
    set["spec"]["template"]["metadata"]["labels"]["app"] = json!("by-hand");
    set["metadata"]["ownerReferences"] = owned();
    let sets = "/apis/apps/v1/namespaces/shop/replicasets";
    sends(installed, "a ReplicaSet by hand", 0, 1, installed.api.create(sets, &set)).await;
    let mut mirror = pods::annotated("web-node-1", json!({"kubernetes.io/config.mirror": "a"}));
    mirror["spec"]["nodeName"] = json!("node-1");
    mirror["spec"]["automountServiceAccountToken"] = json!(false);
    sends(installed, "a mirror by hand", 1, 1, installed.api.create(PODS, &mirror)).await;
    mirror["metadata"]["name"] = json!("static-node-1");
    let node = installed.cluster.api(NODE);
    sends(installed, "a static pod's mirror", 0, 0, node.create(PODS, &mirror)).await;
}

fn owned() -> Value {
    json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "controller": true,
        "uid": "6d2a1b1c-0000-4000-8000-000000000000"}])
}

/// Somebody who may write everything, and exempt from nothing, tries ways around a condition.
async fn nothing_hostile_is_let_through(installed: &Installed) {
    let refused = installed.cluster.api(REFUSED);
    let denied = |what: &str, answer: Answer| match answer {
        Ok(accepted) => panic!("{what}: {}", accepted.object),
        Err(refused) => assert!(refused.message.contains("may not exempt"), "{what}: {}", refused.message),
    };
    let web = format!("{DEPLOYMENTS}/web");
    let exempt = |it: &mut Value| it["spec"]["template"]["metadata"]["annotations"] = exempting();
    denied("the template", change(&refused, &web, exempt).await);
    let more = |it: &mut Value| {
        exempt(it);
        it["spec"]["replicas"] = json!(1);
        it["metadata"]["labels"]["c"] = json!("d");
    };
    denied("the template and more", change(&refused, &web, more).await);
    let owner = |it: &mut Value| {
        exempt(it);
        it["metadata"]["ownerReferences"] = owned();
    };
    denied("with an owner", change(&refused, &web, owner).await);
    let huge = |it: &mut Value| {
        exempt(it);
        it["spec"]["template"]["spec"]["containers"] = many_containers();
    };
    denied("a template as large as can be stored", change(&refused, &web, huge).await);
    let night = format!("{CRON_JOBS}/night");
    let set = |it: &mut Value| {
        it["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["annotations"] = exempting()
    };
    denied("a CronJob's template", change(&refused, &night, set).await);
    let space = format!("/api/v1/namespaces/{SHOP}");
    let choose = |it: &mut Value| it["metadata"]["labels"]["pod-hardener.dev/policy"] = json!("observe");
    denied("another policy for the namespace", change(&refused, &space, choose).await);
    let all = |it: &mut Value| it["metadata"]["annotations"]["pod-hardener.dev/exempt"] = json!("all");
    denied("the namespace exempted", change(&refused, &space, all).await);
    let mut pod = pods::annotated("sly", exempting());
    pod["metadata"]["annotations"]["kubernetes.io/config.mirror"] = json!("a");
    pod["metadata"]["ownerReferences"] = owned();
    pod["spec"]["nodeName"] = json!("node-1");
    denied("a pod that takes itself for a mirror of a controller's", refused.create(PODS, &pod).await);
    let note = |it: &mut Value| it["metadata"]["annotations"] = exempting();
    denied("a pod that is there", change(&refused, &format!("{PODS}/web"), note).await);
}

/// About a megabyte of them.
fn many_containers() -> Value {
    let mut value = String::new();
    for number in 0..400 {
        let _ = write!(value, "{number:09}");
    }
    (0..250)
        .map(|number| {
            json!({"name": format!("c{number}"), "image": "nginx:1", "env": [{"name": "A", "value": value}]})
        })
        .collect()
}

/// A condition that fails would let everything through; the API server counts that.
async fn no_condition_failed(installed: &Installed) {
    let metrics = installed.kubectl(&["get", "--raw", "/metrics"]);
    let failed: Vec<&str> = metrics
        .lines()
        .filter(|line| line.starts_with("apiserver_admission_match_condition_evaluation_errors_total{"))
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert!(metrics.contains("apiserver_admission_match_condition_exclusions_total{"), "none was ever asked");
}
