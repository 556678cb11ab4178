//! A real Prometheus asks our server and the API server while both are used: every query of every dashboard, every
//! example in docs/metrics.md and what every alert looks at has data, and alerts that should go off do.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pod_hardener::metrics::TABLE;
use serde_json::{Value, json};

use crate::cluster::{ADMIN, Cluster, until, until_ok};
use crate::fixture::{Fixture, WEBHOOK};
use crate::installed::{manifests, succeeded, until_usable};
use crate::process::{Process, free_ports};
use crate::webhook::{
    LABEL, Registration, Settings, VALIDATED, Webhook, ask_admin, register, register_validation,
};
use crate::{ASSETS, Test, pods, test};

/// How long it is used.
const USE: Duration = Duration::from_secs(30);
/// Between two steps of that.
const STEP: Duration = Duration::from_millis(500);

/// Whose result is rightly empty, and why.
const RIGHTLY_EMPTY: [(&str, &str); 1] = [(
    "(min(pod_hardener_certificate_authority_expiry_timestamp_seconds > 0)",
    "certificates are files here",
)];

/// What goes off of what is done here; whatever else does is nobody's fault but ours.
const GO_OFF: [&str; 5] = [
    "PodHardenerBlocks",
    "PodHardenerExemptionsExpired",
    "PodHardenerExemptionsExpiring",
    "PodHardenerPassedOver",
    "PodHardenerPolicyRefused",
];

/// What a busy machine may make go off.
const MAY_GO_OFF: [&str; 2] = ["PodHardenerSlowCalls", "PodHardenerSlowReviews"];

pub(crate) fn tests() -> Vec<Test> {
    let mut all = vec![test("monitoring::every_query_and_every_alert_has_data", has_data)];
    if program("prometheus").is_none() {
        for test in &mut all {
            test.ignored = Some("SKIPPED: Prometheus is there only with the newest version".to_owned());
        }
    }
    all
}

/// A program that is among the assets, on one version only.
fn program(name: &str) -> Option<PathBuf> {
    let assets = std::env::var_os(ASSETS).unwrap_or_default();
    std::env::split_paths(&assets).map(|folder| folder.join(name)).find(|file| file.is_file())
}

async fn has_data(fixture: Arc<Fixture>) {
    let cluster = &fixture.cluster;
    let stage = Stage::set(cluster).await;
    let prometheus = Prometheus::start(cluster, &stage.webhook).await;
    stage.is_used(cluster).await;
    prometheus.finds_every_target().await;
    for (what, query) in dashboard_queries() {
        prometheus.has(&what, &query).await;
    }
    for family in TABLE {
        prometheus.has(family.name, &family.query()).await;
    }
    prometheus.judges().await;
    let (_, metrics) = stage.webhook.admin("/metrics").await.expect("metrics");
    promtool_finds_nothing(&metrics);
    prometheus.process.stop();
    stage.leave(cluster).await;
}

/// A server, and who calls it.
struct Stage {
    webhook: Webhook,
    policy: PathBuf,
}

/// Namespaces, each after the webhook that is registered for it: ours, and two whose servers are not there.
const NAMESPACES: [&str; 3] = ["monitored", "gone-open", "gone-closed"];

const POLICY: &str = "\
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: monitored}
spec: {exemptions: {requireReason: true}}
";

impl Stage {
    async fn set(cluster: &Cluster) -> Self {
        let policy = cluster.folder().join("monitored.yaml");
        std::fs::write(&policy, POLICY).expect("a policy file");
        let settings = Settings {
            name: "monitored",
            args: vec![
                format!("--kubeconfig={}", cluster.kubeconfig(WEBHOOK).display()),
                format!("--policy={}", policy.display()),
            ],
            failure_policy: "Fail",
            timeout_seconds: 10,
        };
        let webhook = Webhook::start(cluster, settings).await;
        register_validation(cluster, "monitored", &webhook).await;
        let [nobody] = free_ports();
        for (name, failure_policy) in [("gone-open", "Ignore"), ("gone-closed", "Fail")] {
            let url = format!("https://127.0.0.1:{nobody}/mutate");
            let label = (LABEL, name);
            register(cluster, &Registration { name, url, label, failure_policy, timeout_seconds: 1 }).await;
        }
        let api = cluster.api(ADMIN);
        for name in NAMESPACES {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": name, "labels": {LABEL: name, VALIDATED: "yes"}}});
            api.create("/api/v1/namespaces", &namespace).await.expect("a namespace");
            until_usable(&api, name).await;
        }
        Self { webhook, policy }
    }

    /// For half a minute; nothing that is refused is looked at, for that is what is to be counted.
    async fn is_used(&self, cluster: &Cluster) {
        let api = cluster.api(ADMIN);
        let (start, mut round) = (Instant::now(), 0);
        while start.elapsed() < USE {
            for pod in sent(round) {
                let _counted = api.create("/api/v1/namespaces/monitored/pods", &pod).await;
            }
            let _counted =
                api.create("/apis/apps/v1/namespaces/monitored/deployments", &deployment(round)).await;
            for name in ["gone-open", "gone-closed"] {
                let pod = pods::plain(&format!("pod-{round}"));
                let _counted = api.create(&format!("/api/v1/namespaces/{name}/pods"), &pod).await;
            }
            if round == 4 {
                std::fs::write(&self.policy, "no: policy\n").expect("a policy file");
            }
            round += 1;
            tokio::time::sleep(STEP).await;
        }
    }

    /// Nothing that calls a server which is gone stays behind.
    async fn leave(&self, cluster: &Cluster) {
        let api = cluster.api(ADMIN);
        let group = "/apis/admissionregistration.k8s.io/v1";
        for name in NAMESPACES {
            api.delete(&format!("{group}/mutatingwebhookconfigurations/{name}")).await.expect("a deletion");
        }
        api.delete(&format!("{group}/validatingwebhookconfigurations/monitored")).await.expect("a deletion");
        for name in NAMESPACES {
            api.delete(&format!("/api/v1/namespaces/{name}")).await.expect("a deletion");
        }
        self.webhook.process().stop();
    }
}

/// One of each kind.
fn sent(round: u32) -> Vec<Value> {
    let today = time::OffsetDateTime::now_utc().date();
    let exempt = |rule: &str, days: i64| {
        json!({"pod-hardener.dev/exempt": rule, "pod-hardener.dev/exempt-reason": "it is measured",
            "pod-hardener.dev/exempt-until": (today + time::Duration::days(days)).to_string()})
    };
    let named = |kind: &str| format!("{kind}-{round}");
    let mut exempted = pods::annotated(&named("exempted"), exempt("seccomp", 3));
    // As somebody wrote it whose exemption ended since.
    let mut ended = pods::annotated(&named("ended"), exempt("capabilities", -3));
    for pod in [&mut exempted, &mut ended] {
        pod["metadata"]["labels"] = json!({"pod-hardener.dev/exempted": "true"});
    }
    let host_path = json!({"volumes": [{"name": "logs", "hostPath": {"path": "/var/log"}}]});
    let unknown_policy = json!({"pod-hardener.dev/policy": "nothing"});
    let mut chosen = pods::plain(&named("chosen"));
    chosen["metadata"]["labels"] = unknown_policy;
    vec![
        pods::plain(&named("plain")),
        pods::plain_with(&named("host-path"), host_path),
        pods::annotated(&named("misspelt"), json!({"pod-hardener.dev/exempt": "secomp"})),
        exempted,
        ended,
        chosen,
    ]
}

fn deployment(round: u32) -> Value {
    let labels = json!({"app": "web"});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": format!("web-{round}")},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "a"}]}}},
    })
}

/// Every query of every dashboard, with what it is asked for.
fn dashboard_queries() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for name in ["overview", "operations"] {
        let file = manifests(&format!("monitoring/dashboards/{name}.json"));
        let text = std::fs::read_to_string(&file).expect("a dashboard");
        let dashboard: Value = serde_json::from_str(&text).expect("JSON");
        for panel in dashboard["panels"].as_array().expect("panels") {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let query = target["expr"].as_str().expect("a query");
                // As Grafana fills them in.
                let query = query.replace("$__rate_interval", "20s").replace("$__range", "1m");
                assert!(!query.contains('$'), "{query}");
                all.push((format!("{name}: {}", panel["title"]), query));
            }
        }
    }
    assert!(all.len() > 40, "{} queries", all.len());
    all
}

/// The series that an expression looks at: names of metrics with their conditions.
fn selectors(expression: &str) -> Vec<String> {
    let mut found = Vec::new();
    for prefix in ["pod_hardener_", "apiserver_"] {
        for (at, _) in expression.match_indices(prefix) {
            let rest = &expression[at..];
            let end = rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
            let (name, rest) = rest.split_at(end.unwrap_or(rest.len()));
            let conditions = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
            let conditions = conditions.map_or_else(String::new, |(inside, _)| format!("{{{inside}}}"));
            found.push(format!("{name}{conditions}"));
        }
    }
    found
}

/// A running Prometheus with the alerts of the manifests.
struct Prometheus {
    process: Process,
    port: u16,
}

impl Prometheus {
    async fn start(cluster: &Cluster, webhook: &Webhook) -> Self {
        let [port] = free_ports();
        let server = cluster.url().trim_start_matches("https://").to_owned();
        let config = json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [manifests("monitoring/alerts.yaml")],
            "scrape_configs": [
                {"job_name": "pod-hardener",
                    "static_configs": [{"targets": [format!("127.0.0.1:{}", webhook.admin_port())]}]},
                {"job_name": "apiserver", "scheme": "https", "scrape_interval": "3s",
                    "authorization": {"credentials": ADMIN},
                    "tls_config": {"ca_file": cluster.folder().join("ca.crt")},
                    "static_configs": [{"targets": [server]}]},
            ],
        });
        let file = cluster.folder().join("prometheus.yaml");
        std::fs::write(&file, config.to_string()).expect("a file");
        let args = [
            format!("--config.file={}", file.display()),
            format!("--storage.tsdb.path={}", cluster.folder().join("prometheus").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ];
        let program = program("prometheus").expect("Prometheus");
        let process = Process::start("prometheus", &program, &args, cluster.folder());
        until("Prometheus is ready", async || {
            process.assert_running();
            ask_admin(port, "/-/ready").await.is_some_and(|(code, _)| code == 200)
        })
        .await;
        Self { process, port }
    }

    /// `data` of what its API answers.
    async fn ask(&self, path: &str) -> Value {
        let (code, answer) = ask_admin(self.port, &format!("/api/v1/{path}")).await.expect("an answer");
        let mut answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!((code, &answer["status"]), (200, &json!("success")), "{path}: {answer}");
        answer["data"].take()
    }

    async fn query(&self, query: &str) -> Value {
        self.ask(&format!("query?query={}", encoded(query))).await["result"].take()
    }

    async fn finds_every_target(&self) {
        let targets = self.ask("targets").await;
        let targets = targets["activeTargets"].as_array().expect("targets");
        assert_eq!(targets.len(), 2);
        for target in targets {
            assert_eq!(target["health"], "up", "{target}");
        }
    }

    async fn has(&self, what: &str, query: &str) {
        if let Some((_, why)) = RIGHTLY_EMPTY.iter().find(|(beginning, _)| query.starts_with(beginning)) {
            assert_eq!(self.query(query).await, json!([]), "{what}: {query} has data, though {why}");
            return;
        }
        // A rate needs two looks.
        until_ok(&format!("{what} has data"), async || {
            let result = self.query(query).await;
            if result == json!([]) { Err(query.to_owned()) } else { Ok(()) }
        })
        .await;
    }

    /// Its alerts are those of the file, each looks at series that are there, and those go off that should.
    async fn judges(&self) {
        let rules = self.ask("rules").await;
        let rules = rules["groups"][0]["rules"].as_array().expect("rules");
        let file = std::fs::read_to_string(manifests("monitoring/alerts.yaml")).expect("alerts");
        assert_eq!(rules.len(), file.matches("- alert:").count());
        let mut gone_off = BTreeSet::new();
        for rule in rules {
            let (name, query) =
                (rule["name"].as_str().expect("a name"), rule["query"].as_str().expect("a query"));
            assert_eq!(rule["health"], "ok", "{rule}");
            for selector in selectors(query) {
                self.has(name, &selector).await;
            }
            if rule["state"] != "inactive" {
                gone_off.insert(name.to_owned());
                let annotations = &rule["alerts"][0]["annotations"];
                let text = annotations["description"].as_str().expect("a description");
                assert!(!text.contains("{{") && !text.contains("<no value>"), "{annotations}");
            }
        }
        gone_off.retain(|name| !MAY_GO_OFF.contains(&name.as_str()));
        assert_eq!(gone_off, GO_OFF.map(str::to_owned).into());
    }
}

/// As a part of an address.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn promtool_finds_nothing(metrics: &str) {
    let mut command = Command::new(program("promtool").expect("promtool"));
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("promtool");
    child.stdin.take().expect("a pipe").write_all(metrics.as_bytes()).expect("all of it");
    let output = child.wait_with_output().expect("promtool");
    let said = succeeded(&output) + &String::from_utf8_lossy(&output.stderr);
    assert!(said.is_empty(), "{said}");
}
