//! `pod-hardener report`: against the cluster and against files, and against what the API server itself says.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::cluster::{ADMIN, until_ok};
use crate::corpus::{for_each_corpus, prepare, report as assert_none, taken_without_us};
use crate::fixture::{Fixture, Namespace, Server};
use crate::least_privilege::{Grant, account};
use crate::manifests::{Corpus, Sample};
use crate::policy_definition::define_from;
use crate::{Test, ours, test};

/// Definitions of the report objects, as far as we write them, after the projects that they name; and where the
/// objects are.
const DEFINITIONS: [(&str, &str, &str, &str); 2] = [
    ("policyreport", "policyreport.yaml", "/apis/wgpolicyk8s.io/v1alpha2", "policyreports"),
    ("openreports", "openreports.yaml", "/apis/openreports.io/v1alpha1", "reports"),
];

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = vec![
        test("report::live_and_files_agree", live_and_files_agree),
        test("report::running_pods_count_at_their_workload", running_pods),
        test("report::it_only_reads_and_says_what_it_may_not", only_reads),
        test("report::policy_reports_are_taken", policy_reports),
    ];
    tests.extend(for_each_corpus("report::pod_security_agrees", pod_security_agrees));
    tests
}

/// Our program's `report`, with something on its standard input.
fn report(args: &[&str], input: &str) -> Output {
    ours::run(&[&["report"], args].concat(), input)
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// The report of a namespace.
fn of_cluster(fixture: &Fixture, namespace: &Namespace, args: &[&str]) -> Value {
    let kubeconfig = fixture.cluster.kubeconfig(ADMIN);
    let kubeconfig = kubeconfig.to_str().expect("UTF-8");
    let fixed = ["-o", "json", "--kubeconfig", kubeconfig, "-n", &namespace.name];
    serde_json::from_str(&text(&report(&[&fixed, args].concat(), ""))).expect("JSON")
}

/// The report of objects in a stream.
fn of_files(objects: &[Value], args: &[&str]) -> Value {
    let stream: String = objects.iter().map(Value::to_string).collect();
    serde_json::from_str(&text(&report(&[&["-o", "json", "-"], args].concat(), &stream))).expect("JSON")
}

/// What two reports are to agree on, workload by workload.
fn essence(report: &Value) -> BTreeMap<String, Value> {
    let workloads = report["workloads"].as_array().expect("workloads");
    let one = |workload: &Value| {
        let findings = workload["findings"].as_array().expect("findings").iter();
        let findings: BTreeSet<String> = findings
            .map(|found| {
                format!("{} {} {} {}", found["rule"], found["result"], found["container"], found["note"])
            })
            .collect();
        let name = format!("{}/{}", workload["kind"], workload["name"]);
        let fields = ["policy", "posture", "changes", "likelihood", "before", "after", "secure"];
        let mut kept: Value = fields.iter().map(|field| (*field, workload[*field].clone())).collect();
        kept["findings"] = json!(findings);
        (name, kept)
    };
    workloads.iter().map(one).collect()
}

fn template(labels: &Value, spec: &Value) -> Value {
    json!({"metadata": {"labels": labels}, "spec": spec})
}

fn deployment(name: &str, replicas: u32, spec: &Value) -> Value {
    let labels = json!({"app": name});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": labels}, "template": template(&labels, spec)}})
}

fn plain() -> Value {
    json!({"containers": [{"name": "web", "image": "shop:1", "ports": [{"containerPort": 80}]}]})
}

/// A workload of each kind: with pods, without, on the node, of a known image.
fn workloads() -> Vec<Value> {
    let labels = json!({"app": "store"});
    let store = json!({"containers": [{"name": "db", "image": "postgres:17",
        "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]});
    // Nodes that other tests make are not for it.
    let agent = json!({"hostPID": true, "nodeSelector": {"report": "none"}, "volumes": [{"name": "n", "hostPath": {"path": "/"}}],
        "containers": [{"name": "agent", "image": "agent:1", "securityContext": {"privileged": true},
            "volumeMounts": [{"name": "n", "mountPath": "/host"}]}]});
    let job = json!({"restartPolicy": "Never", "containers": [{"name": "job", "image": "job:1"}]});
    vec![
        deployment("web", 2, &plain()),
        deployment("idle", 0, &plain()),
        deployment("proxy", 1, &json!({"containers": [{"name": "p", "image": "nginx:1.29"}]})),
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "store"}, "spec": {
            "replicas": 0, "serviceName": "store", "selector": {"matchLabels": labels},
            "template": template(&labels, &store), "volumeClaimTemplates": [{"metadata": {"name": "data"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}]}}),
        json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent"}, "spec": {
            "selector": {"matchLabels": {"app": "agent"}},
            "template": template(&json!({"app": "agent"}), &agent)}}),
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "night"}, "spec": {
            "schedule": "0 0 1 1 *", "suspend": true, "jobTemplate": {"spec": {
                "template": template(&json!({"app": "night"}), &job)}}}}),
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "lonely"}, "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": "lonely"}},
            "template": template(&json!({"app": "lonely"}), &plain())}}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare", "labels": {"app": "bare"}},
            "spec": plain()}),
    ]
}

/// Creates them, and waits until so many pods are there.
async fn run(namespace: &Namespace, objects: &[Value], pods: usize) {
    for object in objects {
        let group = object["apiVersion"].as_str().expect("a version");
        let root = if group == "v1" { "/api/v1".to_owned() } else { format!("/apis/{group}") };
        let plural = format!("{}s", object["kind"].as_str().expect("a kind").to_lowercase());
        let path = format!("{root}/namespaces/{}/{plural}", namespace.name);
        let created = namespace.api.create(&path, object).await;
        created.unwrap_or_else(|refused| panic!("{path}: {}", refused.message));
    }
    until_ok("its pods are there", async || {
        let list = namespace.api.get(&namespace.path("pods")).await.expect("pods").object;
        let count = list["items"].as_array().map_or(0, Vec::len);
        if count == pods { Ok(()) } else { Err(format!("{count} of {pods}")) }
    })
    .await;
}

/// Which policy applies is told by the namespace, whatever policies other tests have put into the cluster.
const BY_LABEL: (&str, &str) = ("pod-hardener.dev/policy", "restricted");

async fn live_and_files_agree(fixture: Arc<Fixture>) {
    let objects = workloads();
    fixture
        .with_temp_namespace(Server::None, &[BY_LABEL], async |namespace| {
            run(namespace, &objects, 5).await;
            let live = of_cluster(&fixture, namespace, &[]);
            let (live, files) = (essence(&live), essence(&of_files(&objects, &[])));
            let names = |report: &BTreeMap<String, Value>| report.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(&live), names(&files));
            for (name, one) in &live {
                assert_eq!(one, &files[name], "{name}");
            }
        })
        .await;
}

async fn running_pods(fixture: Arc<Fixture>) {
    let objects = workloads();
    fixture
        .with_temp_namespace(Server::BuiltIn, &[BY_LABEL], async |namespace| {
            run(namespace, &objects, 5).await;
            let all = of_cluster(&fixture, namespace, &[]);
            let by_name = |name: &str| {
                let mut workloads = all["workloads"].as_array().expect("workloads").iter();
                workloads
                    .find(|workload| workload["name"] == name)
                    .unwrap_or_else(|| panic!("no {name}: {all}"))
            };
            let (web, idle, lonely) = (by_name("web"), by_name("idle"), by_name("lonely"));
            // The pods that run were hardened; the template of which none runs was not.
            for (workload, kind, pods, changes) in [
                (web, "Deployment", 2, false),
                (idle, "Deployment", 0, true),
                (lonely, "ReplicaSet", 1, false),
                (by_name("bare"), "Pod", 1, false),
            ] {
                assert_eq!(
                    (&workload["kind"], &workload["pods"], &workload["changes"]),
                    (&json!(kind), &json!(pods), &json!(changes)),
                    "{workload}"
                );
            }
            assert_eq!(web["before"]["podSecurity"], "restricted");
            assert_eq!(all["summary"]["pods"], 5);
            let some = of_cluster(&fixture, namespace, &["-l", "app in (web,idle)"]);
            assert_eq!(some["summary"]["workloads"], 2);
            let kubeconfig = fixture.cluster.kubeconfig(ADMIN);
            let kubeconfig = kubeconfig.to_str().expect("UTF-8");
            let check = ["--check", "--kubeconfig", kubeconfig, "-n", &namespace.name, "-l"];
            let code = |label: &'static str| report(&[&check[..], &[label]].concat(), "").status.code();
            assert_eq!((code("app=web"), code("app=idle")), (Some(0), Some(1)));
        })
        .await;
}

async fn only_reads(fixture: Arc<Fixture>) {
    let grants: Vec<Grant> = [
        ("", &["namespaces", "limitranges", "resourcequotas", "serviceaccounts", "nodes", "pods"][..]),
        ("", &["replicationcontrollers"]),
        ("apps", &["deployments", "replicasets", "statefulsets", "daemonsets"]),
        ("batch", &["jobs", "cronjobs"]),
        ("rbac.authorization.k8s.io", &["rolebindings", "clusterrolebindings"]),
        ("pod-hardener.dev", &["hardeningpolicies", "imageprofiles"]),
    ]
    .into_iter()
    .flat_map(|(group, resources)| {
        let verbs = |resource: &'static str| {
            let get = (resource == "replicasets").then(|| Grant::new(group, resource, "get"));
            get.into_iter().chain([Grant::new(group, resource, "list")])
        };
        resources.iter().flat_map(move |resource| verbs(resource)).collect::<Vec<_>>()
    })
    .collect();
    let reader = account(&fixture.cluster, "report-reader", &grants).await;
    let pods = [Grant::new("", "pods", "list"), Grant::new("apps", "deployments", "list")];
    let little = account(&fixture.cluster, "report-little", &pods).await;
    let nothing = account(&fixture.cluster, "report-nothing", &[]).await;
    let objects = [deployment("web", 1, &plain())];
    fixture
        .with_temp_namespace(Server::None, &[BY_LABEL], async |namespace| {
            run(namespace, &objects, 1).await;
            let ask = |kubeconfig: &Path| {
                let kubeconfig = kubeconfig.to_str().expect("UTF-8");
                report(&["-o", "json", "--kubeconfig", kubeconfig, "-n", &namespace.name], "")
            };
            let all: Value = serde_json::from_str(&text(&ask(&reader))).expect("JSON");
            let notes = all["notes"].to_string();
            assert!(!notes.contains("not known") && !notes.contains("not looked at"), "{notes}");
            assert_eq!(all["workloads"], of_cluster(&fixture, namespace, &[])["workloads"]);
            let some = ask(&little);
            assert_eq!(some.status.code(), Some(3), "not all could be read");
            let some: Value = serde_json::from_slice(&some.stdout).expect("JSON");
            assert_eq!(some["summary"]["pods"], 1);
            let notes = some["notes"].to_string();
            for what in ["not known: serviceaccounts", "not looked at: cronjobs"] {
                assert!(notes.contains(what), "{what}: {notes}");
            }
            let none = ask(&nothing);
            assert_eq!((none.status.code(), none.stdout.len()), (Some(3), 0));
            let said = String::from_utf8_lossy(&none.stderr);
            assert!(said.contains("reading pods") && said.contains("forbidden"), "{said}");
        })
        .await;
}

/// What `kubectl apply` says to a text.
fn apply(fixture: &Fixture, namespace: &Namespace, args: &[&str], text: &str) -> Result<String, String> {
    let mut command = fixture.cluster.kubectl(&["apply", "--validate=strict", "-f", "-"]);
    command.args(args).arg("--namespace").arg(&namespace.name);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("kubectl");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("its input");
    let output = child.wait_with_output().expect("its output");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.success() { Ok(said) } else { Err(said) }
}

async fn policy_reports(fixture: Arc<Fixture>) {
    for (_, file, api, plural) in DEFINITIONS {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/report").join(file);
        define_from(&fixture, &file, &format!("{api}/{plural}")).await;
    }
    let objects = workloads();
    fixture
        .with_temp_namespace(Server::None, &[BY_LABEL], async |namespace| {
            run(namespace, &objects, 5).await;
            let kubeconfig = fixture.cluster.kubeconfig(ADMIN);
            let kubeconfig = kubeconfig.to_str().expect("UTF-8");
            let stream: String = objects.iter().map(Value::to_string).collect();
            for (format, _, api, plural) in DEFINITIONS {
                let files = text(&report(&["-o", format, "-"], &stream));
                apply(&fixture, namespace, &["--dry-run=server"], &files).expect("taken as dry run");
                let live = ["-o", format, "--kubeconfig", kubeconfig, "-n", &namespace.name];
                let live = text(&report(&live, ""));
                apply(&fixture, namespace, &[], &live).expect("taken");
                let again = apply(&fixture, namespace, &[], &live).expect("taken again");
                assert!(again.lines().all(|line| line.ends_with(" unchanged")), "{again}");
                let path = format!("{api}/namespaces/{}/{plural}", namespace.name);
                let list = namespace.api.get(&path).await.expect("a list");
                let items = list.object["items"].as_array().expect("items").clone();
                assert_eq!(items.len(), objects.len());
                let agent = items.iter().find(|item| item["scope"]["name"] == "agent").expect("agent");
                assert!(agent["summary"]["fail"].as_u64().is_some_and(|count| count >= 3), "{agent}");
                // Nothing was dropped as unknown.
                assert!(agent["results"].to_string().contains("hostPID: true"), "{agent}");
            }
            let wrong = text(&report(&["-o", "policyreport", "-"], &stream)).replace("result: ", "outcome: ");
            let refused =
                apply(&fixture, namespace, &["--dry-run=server"], &wrong).expect_err("no such field");
            assert!(refused.contains("outcome"), "the definition is strict: {refused}");
        })
        .await;
}

/// The level that the API server admits a pod at is the one that the report says, before and after.
async fn pod_security_agrees(fixture: Arc<Fixture>, corpus: Corpus) {
    let mut samples = taken_without_us(&fixture, corpus).await;
    if fixture.cluster.version().starts_with("v1.34") {
        // It does not know yet that root in a user namespace is nobody.
        samples.retain(|sample| sample.pod["spec"]["hostUsers"] != false);
    }
    let pods: Vec<Value> = samples.iter().map(|sample| sample.pod.clone()).collect();
    let before = admitted(&fixture, &samples).await;
    for policy in ["restricted", "enforced"] {
        let said = levels(&of_files(&pods, &["--policy", policy]));
        let after = admitted(&fixture, &hardened(&samples, policy)).await;
        let differs = samples.iter().filter_map(|sample| {
            let name = sample.pod["metadata"]["name"].as_str().expect("a name");
            let is = (before[name], after[name]);
            let (first, second) = &said[name];
            let says = (first.as_str(), second.as_str());
            (is != says)
                .then(|| format!("{} ({policy}): {is:?}, and the report says {says:?}", sample.source))
        });
        assert_none(&samples, &differs.collect::<Vec<_>>());
    }
}

/// Level before and after, by the pod's name.
fn levels(report: &Value) -> BTreeMap<String, (String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let workloads = report["workloads"].as_array().expect("workloads").iter();
    workloads
        .map(|one| {
            let level = |when: &str| text(&one[when]["podSecurity"]);
            (text(&one["name"]), (level("before"), level("after")))
        })
        .collect()
}

/// What our command line makes of all of them.
fn hardened(samples: &[Sample], policy: &str) -> Vec<Sample> {
    let stream: String = samples.iter().map(|sample| sample.pod.to_string()).collect();
    let output = ours::run(&["harden", "-q", "-o", "json", "--policy", policy, "-"], &stream);
    let text = text(&output);
    let pods = serde_json::Deserializer::from_str(&text).into_iter().map(|pod| pod.expect("JSON"));
    let hardened: Vec<Sample> =
        samples.iter().zip(pods).map(|(sample, pod)| Sample { source: sample.source.clone(), pod }).collect();
    assert_eq!(hardened.len(), samples.len());
    hardened
}

/// The highest level at which the API server takes each pod, by its name.
async fn admitted(fixture: &Fixture, samples: &[Sample]) -> BTreeMap<String, &'static str> {
    let mut levels = BTreeMap::new();
    for level in ["privileged", "baseline", "restricted"] {
        let label = [("pod-security.kubernetes.io/enforce", level)];
        fixture
            .with_temp_namespace(Server::None, &label, async |namespace| {
                prepare(namespace, samples).await;
                for sample in samples {
                    if namespace.try_pod(&sample.pod).await.is_ok() {
                        let name = sample.pod["metadata"]["name"].as_str().expect("a name");
                        levels.insert(name.to_owned(), level);
                    }
                }
            })
            .await;
    }
    levels
}
