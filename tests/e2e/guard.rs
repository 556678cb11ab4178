//! The guard: pods that fail, as their status says it. There is no kubelet here; the tests write what one would.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use pod_hardener::docs::profiles::PROFILES_PLURAL;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cluster::{ADMIN, until, until_ok};
use crate::fixture::{Fixture, Namespace, Server};
use crate::least_privilege::failing::failed;
use crate::least_privilege::{account, grants, may_lead};
use crate::policy_definition::define;
use crate::telling::until_told;
use crate::webhook::{Settings, Webhook, until_called};
use crate::{Test, pods, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![test("guard::pods_that_fail_are_looked_after", looked_after)]
}

const PROFILES: &str = "/apis/pod-hardener.dev/v1alpha1/imageprofiles";
/// By which a namespace says what the guard does there.
const MODE: &str = "pod-hardener-guard";
const SAID: &str = "open /data/db/LOCK: read-only file system";

const POLICIES: &str = "\
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: heals}
spec: {selector: {namespaceLabels: {pod-hardener-guard: heal}}, guard: {mode: heal}}
---
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: heals-little}
spec: {selector: {namespaceLabels: {pod-hardener-guard: little}}, guard: {mode: heal, namespaceLimit: 1}}
---
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: looks-away}
spec: {selector: {namespaceLabels: {pod-hardener-guard: away}}, guard: {mode: \"off\"}}
";

/// A server that looks after pods, and hardens those of the namespaces that carry its name.
struct Stage {
    fixture: Arc<Fixture>,
    webhook: Webhook,
    name: String,
}

async fn looked_after(fixture: Arc<Fixture>) {
    define(&fixture, PROFILES_PLURAL, PROFILES).await;
    let cluster = &fixture.cluster;
    let name = "guard";
    let kubeconfig = account(cluster, name, &grants()).await;
    // Where the account is, its Lease is too.
    may_lead(cluster, "least-privilege", name).await;
    let policies = cluster.folder().join("guard.policies.yaml");
    std::fs::write(&policies, POLICIES).expect("a policy file");
    let settings = Settings {
        name,
        args: vec![
            format!("--kubeconfig={}", kubeconfig.display()),
            format!("--policy={}", policies.display()),
        ],
        failure_policy: "Fail",
        timeout_seconds: 10,
    };
    let webhook = Webhook::start_in(cluster, settings, &["POD_NAMESPACE=least-privilege"]).await;
    let stage = Stage { fixture: Arc::clone(&fixture), webhook, name: name.to_owned() };
    until("it leads", async || stage.webhook.metric("pod_hardener_guard_leader").await == Some(1.0)).await;
    tokio::join!(
        stage.within("suggest", async |namespace| stage.suggests(namespace).await),
        stage.within("heal", async |namespace| stage.heals(namespace).await),
        stage.within("heal", async |namespace| stage.lets_nobody_gain_on_the_node(namespace).await),
        stage.within("heal", async |namespace| stage.respects_budgets(namespace).await),
        stage.within("heal", async |namespace| stage.leaves_alone(namespace).await),
        stage.within("little", async |namespace| stage.stops(namespace).await),
        stage.within("heal", async |namespace| stage.is_not_abused(namespace).await),
        stage.within("away", async |namespace| stage.looks_away(namespace).await),
    );
    stage.webhook.process().stop();
}

fn deployment(name: &str, image: &str) -> Value {
    let labels = json!({"app": name});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": image}]}},
        },
    })
}

/// A pod whose container is ready, and was started as that user.
fn runs_as(pod: &Value, uid: i64) -> Value {
    let mut pod = failed(pod, "", 0);
    let status = &mut pod["status"]["containerStatuses"][0];
    status["state"] = json!({"running": {}});
    status["ready"] = json!(true);
    status["user"] = json!({"linux": {"uid": uid, "gid": uid}});
    pod
}

fn after(pod: &Value, seconds: i64) -> String {
    let created = pod["metadata"]["creationTimestamp"].as_str().expect("a time");
    let created = OffsetDateTime::parse(created, &Rfc3339).expect("a time");
    (created + time::Duration::seconds(seconds)).format(&Rfc3339).expect("a time")
}

impl Stage {
    /// In a new namespace whose label says what the guard does there.
    async fn within(&self, mode: &str, test: impl AsyncFnOnce(&Namespace)) {
        let labels = [(crate::webhook::LABEL, self.name.as_str()), (MODE, mode)];
        self.fixture
            .with_temp_namespace(Server::None, &labels, async |namespace| {
                until_called(&namespace.api, &namespace.name, |pod| {
                    pods::annotation(pod, crate::fixture::HARDENED).is_some()
                })
                .await;
                test(namespace).await;
            })
            .await;
    }

    async fn deploy(&self, namespace: &Namespace, name: &str, image: &str) -> Value {
        self.deploy_as(namespace, &deployment(name, image)).await
    }

    async fn deploy_as(&self, namespace: &Namespace, workload: &Value) -> Value {
        let path = format!("/apis/apps/v1/namespaces/{}/deployments", namespace.name);
        namespace.api.create(&path, workload).await.expect("a Deployment");
        self.pod_of(namespace, workload["metadata"]["name"].as_str().expect("a name"), "").await
    }

    /// The pod of a workload that is not this one.
    async fn pod_of(&self, namespace: &Namespace, app: &str, other_than: &str) -> Value {
        let path = namespace.path(&format!("pods?labelSelector=app%3D{app}"));
        let mut found = Value::Null;
        until_ok(&format!("{app} has a pod"), async || {
            let pods = namespace.api.get(&path).await.map_err(|refused| refused.message)?.object;
            let mut items = pods["items"].as_array().cloned().unwrap_or_default();
            items.retain(|pod| {
                pod["metadata"]["uid"] != other_than && pod["metadata"]["deletionTimestamp"].is_null()
            });
            found = items.pop().ok_or_else(|| format!("{pods}"))?;
            Ok(())
        })
        .await;
        assert!(pods::annotation(&found, crate::fixture::HARDENED).is_some(), "{found}");
        found
    }

    /// Says of a pod what a kubelet would.
    async fn say(&self, namespace: &Namespace, pod: &Value) {
        let name = pod["metadata"]["name"].as_str().expect("a name");
        let mut pod = pod.clone();
        // On top of whatever it is now.
        pod["metadata"]["resourceVersion"] = Value::Null;
        let said = namespace.api.replace(&namespace.path(&format!("pods/{name}/status")), &pod).await;
        said.unwrap_or_else(|refused| panic!("{name}: {}", refused.message));
    }

    async fn fail(&self, namespace: &Namespace, pod: &Value, message: &str, restarts: u32) {
        self.say(namespace, &failed(pod, message, restarts)).await;
    }

    /// What is learnt of an image there.
    async fn learnt(&self, namespace: &Namespace, image: &str) -> Vec<Value> {
        let profiles = self.fixture.cluster.api(ADMIN).get(PROFILES).await.expect("profiles").object;
        let mut items = profiles["items"].as_array().cloned().expect("items");
        items.retain(|profile| {
            let images = &profile["spec"]["match"];
            images["namespaces"] == json!([namespace.name])
                && images["repositories"] == json!([format!("docker.io/library/{image}")])
        });
        items
    }

    async fn until_learnt(
        &self,
        namespace: &Namespace,
        image: &str,
        is_it: impl Fn(&Value) -> bool,
    ) -> Value {
        let mut found = Value::Null;
        until_ok(&format!("something is learnt of {image}"), async || {
            let learnt = self.learnt(namespace, image).await;
            found = learnt.iter().find(|profile| is_it(profile)).cloned().ok_or(format!("{learnt:?}"))?;
            Ok(())
        })
        .await;
        found
    }

    /// Whether it is still there as it was.
    async fn is_there(&self, namespace: &Namespace, pod: &Value) -> bool {
        let name = pod["metadata"]["name"].as_str().expect("a name");
        let now = namespace.api.get(&namespace.path(&format!("pods/{name}"))).await;
        now.is_ok_and(|now| {
            now.object["metadata"]["uid"] == pod["metadata"]["uid"]
                && now.object["metadata"]["deletionTimestamp"].is_null()
        })
    }

    async fn until_outcome(&self, outcome: &str, more_than: f64) {
        let series = format!("pod_hardener_guard_outcomes_total{{outcome=\"{outcome}\"}}");
        until(&format!("{outcome} is counted"), async || {
            self.webhook.metric(&series).await.is_some_and(|count| count > more_than)
        })
        .await;
    }

    async fn suggests(&self, namespace: &Namespace) {
        let pod = self.deploy(namespace, "web", "suggested:1").await;
        self.fail(namespace, &pod, SAID, 1).await;
        let profile = self.until_learnt(namespace, "suggested", |_| true).await;
        let (name, spec) = (profile["metadata"]["name"].as_str().expect("a name"), &profile["spec"]);
        assert_eq!((&spec["approved"], &spec["source"]), (&json!(false), &json!("learnt")), "{spec}");
        assert_eq!(spec["writablePaths"][0]["path"], "/data/db");
        assert_eq!(spec["match"]["tags"], json!(["1"]));
        let evidence = spec["evidence"][0].as_str().expect("evidence");
        assert!(evidence.contains("Deployment/web") && evidence.contains("sha256:0a0a"), "{evidence}");
        until_told(namespace, ("Deployment", "web"), "RemedySuggested", &format!("approve {name}")).await;
        let hardened = async || self.admitted(namespace, "suggested:1").await;
        let before = hardened().await;
        assert!(is_as_before(&before), "{before}");
        assert!(self.is_there(namespace, &pod).await);

        let approve = |name: &str| {
            let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_pod-hardener")));
            let kubeconfig = self.fixture.cluster.kubeconfig(ADMIN);
            let output = command.args(["profiles", "approve", name, "--kubeconfig"]).arg(kubeconfig).output();
            let output = output.expect("our program");
            (
                output.status.code(),
                String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
            )
        };
        let (code, text) = approve("nothing-of-that-name");
        assert!(code == Some(2) && text.contains("kubectl get imageprofiles"), "{code:?}: {text}");
        let (code, text) = approve(name);
        assert!(code == Some(0) && text.contains("is in force"), "{code:?}: {text}");
        until("it is in force", async || !is_as_before(&hardened().await)).await;
        // It is still the owner's to restart.
        assert!(self.is_there(namespace, &pod).await);
    }

    /// A new pod of that image, which is not kept.
    async fn admitted(&self, namespace: &Namespace, image: &str) -> Value {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "new"},
            "spec": {"containers": [{"name": "app", "image": image}]}});
        namespace.admits(&pod).await.object
    }

    async fn heals(&self, namespace: &Namespace) {
        let pod = self.deploy(namespace, "web", "healed:1").await;
        assert!(is_as_before(&pod), "{pod}");
        self.fail(namespace, &pod, SAID, 1).await;
        let profile = self.until_learnt(namespace, "healed", |_| true).await;
        assert_eq!(profile["spec"]["approved"], true, "{profile}");
        until_told(namespace, ("Deployment", "web"), "RemedyInForce", "/data/db is writable").await;
        let uid = pod["metadata"]["uid"].as_str().expect("a uid");
        let next = self.pod_of(namespace, "web", uid).await;
        assert!(!is_as_before(&next), "{next}");
        // In spite of it: the next step, and in the same object.
        let second = async |pod: &Value| {
            self.fail(namespace, pod, "nginx: setgid(101) failed (1: Operation not permitted)", 1).await;
        };
        until_ok("it goes on", async || {
            let pod = self.pod_of(namespace, "web", uid).await;
            second(&pod).await;
            let learnt = self.learnt(namespace, "healed").await;
            let lower = learnt.iter().any(|profile| profile["spec"]["posture"] == "isolated");
            if learnt.len() == 1 && lower { Ok(()) } else { Err(format!("{learnt:?}")) }
        })
        .await;
        self.until_outcome("evicted", 0.0).await;
        // Seen to run well as a user of its own, it goes back up.
        until_ok("it climbs", async || {
            let pod = self.pod_of(namespace, "web", uid).await;
            if !pod["spec"]["securityContext"]["runAsUser"].is_null() {
                return Err(format!("it is of before, and is evicted: {pod}"));
            }
            self.say(namespace, &runs_as(&pod, 999)).await;
            let learnt = self.learnt(namespace, "healed").await;
            let spec = &learnt[0]["spec"];
            let is_up = spec["user"] == 999 && spec["posture"] == "full" && learnt.len() == 1;
            if is_up { Ok(()) } else { Err(format!("{learnt:?}")) }
        })
        .await;
    }

    /// Setuid programs: what they give in a user namespace it puts in force, and what they give on a node it suggests.
    async fn lets_nobody_gain_on_the_node(&self, namespace: &Namespace) {
        const SUDO: &str =
            "sudo: The \"no new privileges\" flag is set, which prevents sudo from running as root.";
        let image = "gains:1";
        // There is no such node, so nobody knows whether it has user namespaces.
        let selector = json!({"nowhere": namespace.name});
        let mut workload = deployment("web", image);
        workload["spec"]["template"]["spec"]["nodeSelector"] = selector.clone();
        let first = self.deploy_as(namespace, &workload).await;
        let uid = first["metadata"]["uid"].as_str().expect("a uid");
        self.fail(namespace, &first, SUDO, 1).await;
        let gains = |profile: &Value, posture: &str| {
            let spec = &profile["spec"];
            spec["allowPrivilegeEscalation"] == true && spec["posture"] == posture
        };
        let is_inside = |profile: &Value| gains(profile, "isolated") && profile["spec"]["approved"] == true;
        let inside = self.until_learnt(namespace, "gains", is_inside).await;
        let mut learnt = Vec::new();
        until_ok("it suggests the rest", async || {
            let pod = self.pod_of(namespace, "web", uid).await;
            self.fail(namespace, &pod, SUDO, 1).await;
            learnt = self.learnt(namespace, "gains").await;
            if learnt.len() == 2 { Ok(()) } else { Err(format!("{learnt:?}")) }
        })
        .await;
        assert!(learnt.iter().any(|it| is_inside(it) && it["metadata"] == inside["metadata"]), "{learnt:?}");
        let waiting = learnt.iter().find(|it| gains(it, "safe")).expect("a suggestion");
        assert_eq!(waiting["spec"]["approved"], false, "{waiting}");
        let name = waiting["metadata"]["name"].as_str().expect("a name");
        until_told(namespace, ("Deployment", "web"), "RemedySuggested", &format!("approve {name}")).await;
        let pod = self.pod_of(namespace, "web", uid).await;
        let admitted = async || {
            let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "new"},
                "spec": {"nodeSelector": selector, "containers": [{"name": "app", "image": image}]}});
            let admitted = namespace.admits(&pod).await.object;
            admitted["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"].clone()
        };
        assert_eq!(admitted().await, json!(false));
        let approved = json!({"spec": {"approved": true}});
        let api = self.fixture.cluster.api(ADMIN);
        api.merge(&format!("{PROFILES}/{name}"), &approved).await.expect("an approved profile");
        until("it is in force", async || admitted().await.is_null()).await;
        assert!(self.is_there(namespace, &pod).await, "nobody is evicted for it");
    }

    async fn respects_budgets(&self, namespace: &Namespace) {
        let pod = self.deploy(namespace, "web", "kept:1").await;
        let budgets = format!("/apis/policy/v1/namespaces/{}/poddisruptionbudgets", namespace.name);
        let budget = json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "keeps"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
        });
        namespace.api.create(&budgets, &budget).await.expect("a PodDisruptionBudget");
        let seen = async || {
            let budget = namespace.api.get(&format!("{budgets}/keeps")).await.expect("the budget").object;
            (budget["status"]["observedGeneration"] == budget["metadata"]["generation"]
                && budget["status"]["expectedPods"] == 1)
                .then_some(budget)
        };
        until("the budget counts", async || seen().await.is_some()).await;
        self.fail(namespace, &pod, SAID, 1).await;
        until_told(namespace, ("Deployment", "web"), "EvictionRefused", "AlwaysAllow").await;
        until_told(namespace, ("Deployment", "web"), "EvictionRefused", "keeps").await;
        assert!(self.is_there(namespace, &pod).await);
        let mut budget = seen().await.expect("the budget");
        budget["spec"]["unhealthyPodEvictionPolicy"] = json!("AlwaysAllow");
        namespace.api.replace(&format!("{budgets}/keeps"), &budget).await.expect("the budget");
        let mut restarts = 1;
        until_ok("it is evicted once the budget lets it", async || {
            if !self.is_there(namespace, &pod).await {
                return Ok(());
            }
            restarts += 1;
            self.fail(namespace, &pod, SAID, restarts).await;
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            Err(format!("{pod}"))
        })
        .await;
    }

    /// A pod that was ready for long, a bare one, one of a Job, one that fails for reasons of its own, and one of an image
    /// about which an administrator has a profile. What is built in is added to.
    async fn leaves_alone(&self, namespace: &Namespace) {
        let ours = json!({"apiVersion": "pod-hardener.dev/v1alpha1", "kind": "ImageProfile",
            "metadata": {"name": "ours"}, "spec": {"match": {"repositories": ["ours"]}, "user": 1000}});
        self.fixture.cluster.api(ADMIN).create(PROFILES, &ours).await.expect("a profile");
        let ready = self.deploy(namespace, "ready", "ready:1").await;
        let mut was = failed(&ready, SAID, 1);
        let condition = |pod: &mut Value, status: &str, at: &str| {
            pod["status"]["conditions"] =
                json!([{"type": "Ready", "status": status, "lastTransitionTime": at, "reason": "Tested"}]);
        };
        let mut runs = was.clone();
        runs["status"]["containerStatuses"][0]["state"] = json!({"running": {}});
        condition(&mut runs, "True", &after(&ready, 5));
        self.say(namespace, &runs).await;
        condition(&mut was, "False", &after(&ready, 5 + 31));
        self.say(namespace, &was).await;
        self.until_learnt(namespace, "ready", |profile| profile["spec"]["approved"] == true).await;

        let bare = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare"},
            "spec": {"containers": [{"name": "app", "image": "bare:1"}]}});
        let bare = namespace.create("pods", &bare).await.object;
        self.fail(namespace, &bare, SAID, 1).await;

        let jobs = format!("/apis/batch/v1/namespaces/{}/jobs", namespace.name);
        let template = json!({"metadata": {"labels": {"app": "once"}},
            "spec": {"restartPolicy": "OnFailure", "containers": [{"name": "app", "image": "once:1"}]}});
        let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"},
            "spec": {"backoffLimit": 6, "template": template}});
        namespace.api.create(&jobs, &job).await.expect("a Job");
        let of_job = self.pod_of(namespace, "once", "").await;
        self.fail(namespace, &of_job, SAID, 1).await;
        self.until_learnt(namespace, "once", |profile| profile["spec"]["approved"] == true).await;

        let other = self.deploy(namespace, "other", "other:1").await;
        self.fail(namespace, &other, "dial tcp 10.0.0.1:5432: connect: connection refused", 3).await;
        let known = self.deploy(namespace, "known", "ours:1").await;
        self.fail(namespace, &known, SAID, 1).await;
        until_told(namespace, ("Deployment", "known"), "NoRemedy", "profile ours (administrator)").await;

        for outcome in ["was-ready", "left-to-job", "unexplained", "outranked"] {
            self.until_outcome(outcome, 0.0).await;
        }
        for pod in [&ready, &bare, &of_job, &other, &known] {
            assert!(self.is_there(namespace, pod).await, "{}", pod["metadata"]);
        }
        for image in ["bare", "other", "ours"] {
            assert_eq!(self.learnt(namespace, image).await, Vec::<Value>::new(), "{image}");
        }

        let nginx = self.deploy(namespace, "nginx", "nginx:1.29").await;
        self.fail(namespace, &nginx, "open() \"/srv/x/y\" failed (30: Read-only file system)", 1).await;
        self.until_learnt(namespace, "nginx", |profile| profile["spec"]["approved"] == true).await;
        let next = self.pod_of(namespace, "nginx", nginx["metadata"]["uid"].as_str().expect("a uid")).await;
        assert_eq!(next["spec"]["securityContext"]["runAsUser"], 101, "as built in: {next}");
        // Nobody copies here what the image may have below /srv/x.
        assert!(is_as_before(&nginx) && !is_as_before(&next), "{next}");
    }

    async fn stops(&self, namespace: &Namespace) {
        let first = self.deploy(namespace, "first", "first:1").await;
        self.fail(namespace, &first, SAID, 1).await;
        self.until_learnt(namespace, "first", |_| true).await;
        let second = self.deploy(namespace, "second", "second:1").await;
        self.fail(namespace, &second, SAID, 1).await;
        until_told(namespace, ("Deployment", "second"), "GuardStopped", "no more than 1 steps").await;
        let open = "pod_hardener_guard_circuits_open{scope=\"namespace\"}";
        until("the circuit is open", async || self.webhook.metric(open).await == Some(1.0)).await;
        assert_eq!(self.learnt(namespace, "second").await, Vec::<Value>::new());
        assert!(self.is_there(namespace, &second).await);
    }

    /// What a program says goes no further than its namespace, and never to the system's directories.
    async fn is_not_abused(&self, namespace: &Namespace) {
        for (number, message) in [
            "open /etc/shadow: read-only file system",
            "open /data/../etc/shadow: read-only file system",
            "open /var/run/secrets/kubernetes.io/serviceaccount/token: read-only file system",
            "open /da\u{0}ta/x: read-only file system",
            "open /\u{ff0f}etc/x: read-only file system",
            "image nginx in namespace kube-system: open /usr/bin/x: read-only file system",
        ]
        .iter()
        .enumerate()
        {
            let (app, image) = (format!("evil-{number}"), format!("evil-{number}"));
            let pod = self.deploy(namespace, &app, &format!("{image}:1")).await;
            self.fail(namespace, &pod, message, 1).await;
            let profile = self.until_learnt(namespace, &image, |_| true).await;
            let spec = &profile["spec"];
            assert!(spec["writablePaths"].is_null(), "{message}: {spec}");
            assert_eq!(spec["posture"], "isolated", "{message}: {spec}");
        }
    }

    async fn looks_away(&self, namespace: &Namespace) {
        let pod = self.deploy(namespace, "web", "away:1").await;
        self.fail(namespace, &pod, SAID, 1).await;
        // The others' are written meanwhile.
        self.until_outcome("in-force", 3.0).await;
        assert_eq!(self.learnt(namespace, "away").await, Vec::<Value>::new());
        assert!(self.is_there(namespace, &pod).await);
    }
}

/// Whether the first container can write nothing at `/data/db`.
fn is_as_before(pod: &Value) -> bool {
    let container = &pod["spec"]["containers"][0];
    let mounts = container["volumeMounts"].as_array().cloned().unwrap_or_default();
    container["securityContext"]["readOnlyRootFilesystem"] == true
        && !mounts.iter().any(|mount| mount["mountPath"] == "/data/db")
}
