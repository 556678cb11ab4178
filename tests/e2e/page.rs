//! The status page with a real API server: who is let in, and what of the cluster is shown, in a real browser as well.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::browser::{self, Browser};
use crate::cluster::{ADMIN, Cluster, until_ok};
use crate::fixture::{Fixture, Namespace, WEBHOOK};
use crate::installed::succeeded;
use crate::least_privilege::{Grant, account, grants, grants_of};
use crate::process::{Process, free_ports};
use crate::webhook::{Settings, Webhook, ask_admin_with};
use crate::{Test, pods, test};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
/// Where the accounts of these tests are.
const ACCOUNTS: &str = "default";

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("page::the_api_server_says_who_sees_it", who_sees_it),
        test("page::without_a_verb_of_its_role_nobody_is_let_in", every_verb_is_needed),
        test("page::what_is_known_of_the_cluster_is_on_it", what_is_on_it),
        browser::needed(test("page::in_a_browser", in_a_browser)),
    ]
}

/// A server that shows its page to who brings a token.
struct Shown {
    process: Process,
    admin: u16,
}

impl Shown {
    async fn start(cluster: &Cluster, name: &str, grants: &[Grant]) -> Self {
        let kubeconfig = account(cluster, name, grants).await;
        let [listen, admin] = free_ports();
        let args = [
            "serve".to_owned(),
            format!("--listen=127.0.0.1:{listen}"),
            format!("--admin=127.0.0.1:{admin}"),
            format!("--kubeconfig={}", kubeconfig.display()),
            "--status-page=token".to_owned(),
        ];
        let program = Path::new(env!("CARGO_BIN_EXE_pod-hardener"));
        let shown = Self { process: Process::start(name, program, &args, cluster.folder()), admin };
        until_ok(&format!("{name} listens"), async || {
            shown.process.assert_running();
            ask_admin_with(admin, "/livez", "").await.map(drop).ok_or_else(|| "not yet".to_owned())
        })
        .await;
        shown
    }

    async fn get(&self, authorization: &str) -> (u16, String) {
        let header =
            if authorization.is_empty() { String::new() } else { format!("Authorization: {authorization}") };
        ask_admin_with(self.admin, "/", &header).await.expect("an answer")
    }
}

fn role() -> Vec<Grant> {
    grants_of("components/status-page/rbac.yaml", "pod-hardener-status-page")
}

/// A token of a service account of that name, which is made.
async fn token(cluster: &Cluster, name: &str) -> String {
    let path = format!("/api/v1/namespaces/{ACCOUNTS}/serviceaccounts");
    let object = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
    cluster.api(ADMIN).create(&path, &object).await.expect("a service account");
    let args = ["create", "token", name, "--namespace", ACCOUNTS];
    succeeded(&cluster.kubectl(&args).output().expect("kubectl")).trim().to_owned()
}

/// The role for who is to see it, as it is shipped.
fn viewer_role() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/components/status-page/rbac.yaml");
    let text = std::fs::read_to_string(path).expect("a file");
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
    let is_it = |object: &Value| object["metadata"]["name"] == "pod-hardener-status-viewer";
    objects.into_iter().find(is_it).expect("the viewer's role")
}

async fn who_sees_it(fixture: Arc<Fixture>) {
    let cluster = &fixture.cluster;
    let api = cluster.api(ADMIN);
    let all = [grants(), role()].concat();
    let shown = Shown::start(cluster, "status-page", &all).await;
    let [viewer, stranger] = [token(cluster, "page-viewer").await, token(cluster, "page-stranger").await];
    api.create(&format!("{RBAC}/clusterroles"), &viewer_role()).await.expect("the viewer's role");
    let bindings = format!("{RBAC}/clusterrolebindings");
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "page-viewer"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
            "name": "pod-hardener-status-viewer"},
        "subjects": [{"kind": "ServiceAccount", "name": "page-viewer", "namespace": ACCOUNTS}],
    });
    api.create(&bindings, &binding).await.expect("a binding");

    let basic = |token: &str| format!("Basic {}", BASE64_STANDARD.encode(format!("me:{token}")));
    let bearer = |token: &str| format!("Bearer {token}");
    for (authorization, code) in [
        (String::new(), 401),
        (bearer("garbage"), 401),
        (bearer(&format!("{viewer}x")), 401),
        (basic("garbage"), 401),
        (bearer(&stranger), 403),
        (basic(&stranger), 403),
        (bearer(ADMIN), 200),
    ] {
        let (found, text) = shown.get(&authorization).await;
        assert_eq!(found, code, "{authorization}: {text}");
        assert_eq!(text.contains("<h1>pod-hardener</h1>"), code == 200, "{text}");
        assert_eq!(text.contains("system:serviceaccount:default:page-stranger may not see"), code == 403);
    }
    // The binding may be some moments old before the API server goes by it.
    for authorization in [bearer(&viewer), basic(&viewer)] {
        until_ok("who is bound sees it", async || match shown.get(&authorization).await {
            (200, _) => Ok(()),
            (code, text) => Err(format!("{code} {text}")),
        })
        .await;
    }
    api.delete(&format!("{bindings}/page-viewer")).await.expect("deleted");
    until_ok("who is not bound any more does not see it", async || match shown.get(&bearer(&viewer)).await {
        (403, _) => Ok(()),
        (code, text) => Err(format!("{code} {text}")),
    })
    .await;
    shown.process.stop();
}

async fn every_verb_is_needed(fixture: Arc<Fixture>) {
    let all = role();
    assert_eq!(all.len(), 2);
    for (number, left_out) in all.iter().enumerate() {
        let rest: Vec<Grant> = all.iter().filter(|grant| *grant != left_out).cloned().collect();
        let shown = Shown::start(&fixture.cluster, &format!("status-page-{number}"), &rest).await;
        let (code, text) = shown.get(&format!("Bearer {ADMIN}")).await;
        assert_eq!(code, 503, "{left_out:?}: {text}");
        shown.process.stop();
    }
}

/// A server of its own, whose page is on loopback, and a namespace whose pods it hardens.
async fn watched(fixture: &Fixture, name: &'static str) -> (Webhook, Namespace) {
    let cluster = &fixture.cluster;
    let args = vec![format!("--kubeconfig={}", cluster.kubeconfig(WEBHOOK).display())];
    let settings = Settings { name, args, failure_policy: "Fail", timeout_seconds: 10 };
    let webhook = Webhook::start(cluster, settings).await;
    let namespace = fixture.namespace_of(name, name, &[]).await;
    crate::webhook::until_called(&namespace.api, &namespace.name, |pod| {
        pods::annotation(pod, crate::fixture::HARDENED).is_some()
    })
    .await;
    (webhook, namespace)
}

/// An exempted pod whose reason is hostile, one on a path of the node, one that needs nothing much.
async fn fill(namespace: &Namespace) {
    let soon = time::OffsetDateTime::now_utc().date() + time::Duration::days(3);
    let mut legacy = pods::annotated(
        "legacy",
        json!({
            "pod-hardener.dev/exempt": "read-only-root-filesystem",
            "pod-hardener.dev/exempt-reason": HOSTILE,
            "pod-hardener.dev/exempt-until": soon.to_string(),
        }),
    );
    legacy["metadata"]["labels"] = json!({"app": "legacy"});
    let log = pods::plain_with(
        "log-agent",
        json!({
            "containers": [{"name": "agent", "image": "fluent-bit:4"}],
            "volumes": [{"name": "logs", "hostPath": {"path": "/var/log"}}],
        }),
    );
    for pod in [legacy, log, pods::plain("web"), pods::plain("api")] {
        namespace.create("pods", &pod).await;
    }
}

const HOSTILE: &str = "SHOP-7: writes <script>alert(1)</script> beside its program";

/// Until the page has all of this.
async fn until_shown(webhook: &Webhook, needles: &[&str]) {
    until_ok("the page shows it", async || {
        let (code, text) = webhook.admin("/").await.ok_or("no answer")?;
        let missing: Vec<&&str> = needles.iter().filter(|needle| !text.contains(**needle)).collect();
        if code == 200 && missing.is_empty() { Ok(()) } else { Err(format!("{code}: {missing:?} in {text}")) }
    })
    .await;
}

async fn what_is_on_it(fixture: Arc<Fixture>) {
    let (webhook, namespace) = watched(&fixture, "page-content").await;
    fill(&namespace).await;
    until_shown(
        &webhook,
        &[
            "page-content/web<",
            "observed</span> host-path",
            "page-content/legacy<br>",
            "SHOP-7: writes &lt;script&gt;alert(1)&lt;/script&gt; beside",
            "in contact</span>",
            "resourcequotas",
        ],
    )
    .await;
    let (_, text) = webhook.admin("/").await.expect("an answer");
    assert!(!text.contains("<script>"), "{text}");
    webhook.process().stop();
}

async fn in_a_browser(fixture: Arc<Fixture>) {
    let (webhook, namespace) = watched(&fixture, "shop").await;
    fill(&namespace).await;
    until_shown(&webhook, &["shop/legacy<br>", "SHOP-7"]).await;
    let port = webhook.admin_port();
    let folder = fixture.cluster.folder().to_owned();
    let browser = tokio::task::spawn_blocking(move || {
        let browser = Browser::start(&folder);
        looks_well(&browser, port);
        is_used_by_keyboard(&browser, port);
        browser
    });
    let browser = browser.await.expect("the browser");
    let browser = tokio::task::spawn_blocking(move || {
        browser.open(&format!("http://127.0.0.1:{port}/"));
        browser.script(
            "document.getElementById('watches').open = true; document.getElementById('decisions-t').focus();\
            document.getElementById('decisions-t').scrollLeft = 5; window.scrollTo(0, 300); window.ours = 1;",
        );
        browser
    });
    let browser = browser.await.expect("the browser");
    namespace.create("pods", &pods::plain("late")).await;
    tokio::task::spawn_blocking(move || goes_on(&browser)).await.expect("the browser");
    webhook.process().stop();
}

/// At the width of a phone and of a desk, light and dark, with and without scripts: nothing is wider than the window, and
/// the browser has nothing to complain about.
fn looks_well(browser: &Browser, port: u16) {
    let mut backgrounds = Vec::new();
    for scheme in ["light", "dark"] {
        for scripts in [true, false] {
            for width in [390, 1280] {
                let as_if = format!("{width} px, {scheme}, scripts {scripts}");
                browser.emulate(width, scheme, scripts);
                browser.open(&format!("http://127.0.0.1:{port}/"));
                assert!(browser.content_width() <= width, "{as_if}: {} px wide", browser.content_width());
                let html = browser.html();
                assert!(html.contains("shop/web") && html.contains("SHOP-7"), "{as_if}: {html}");
                browser.picture(&format!(
                    "status-page-{width}-{scheme}-{}",
                    if scripts { "live" } else { "still" }
                ));
                if scripts {
                    let color = "return getComputedStyle(document.body).backgroundColor";
                    backgrounds.push(browser.script(color).to_string());
                    assert_eq!(
                        browser.script("return document.getElementById('pause').hidden"),
                        json!(false)
                    );
                } else {
                    assert!(html.contains("http-equiv=\"refresh\""), "{html}");
                }
            }
        }
    }
    browser.emulate(1280, "light", true);
    assert_eq!(backgrounds[0], backgrounds[1]);
    assert_ne!(backgrounds[0], backgrounds[2], "light and dark");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// The first stop is the link to the content, and every table can be reached.
fn is_used_by_keyboard(browser: &Browser, port: u16) {
    browser.open(&format!("http://127.0.0.1:{port}/"));
    browser.press_tab();
    assert_eq!(browser.script("return document.activeElement.className"), json!("skip"));
    let mut stops = Vec::new();
    for _ in 0..30 {
        browser.press_tab();
        stops
            .push(browser.script("return document.activeElement.id").as_str().unwrap_or_default().to_owned());
    }
    for stop in ["pause", "watches-s", "coverage-t", "decisions-t", "exemptions-t"] {
        assert!(stops.iter().any(|found| found == stop), "{stop} in {stops:?}");
    }
}

/// What is new comes by itself, and nobody is disturbed by it.
fn goes_on(browser: &Browser) {
    let is_there = "return document.getElementById('decisions').textContent.includes('shop/late')";
    browser.until(is_there);
    let state = browser.script(
        "return [document.activeElement.id, document.getElementById('watches').open, window.scrollY, window.ours,\
         document.title]",
    );
    assert_eq!(state[0], "decisions-t", "the focus stays");
    assert_eq!(state[1], true, "what was opened stays open");
    assert_eq!(state[2], 300, "it is where it was");
    assert_eq!(state[3], 1, "it was not loaded as a whole");
    assert!(state[4].as_str().is_some_and(|title| title.starts_with("pod-hardener: ")), "{state}");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
