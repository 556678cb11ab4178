//! Whoever sends reviews chooses names, images, annotations and much else. None of it makes a time series.

use std::collections::BTreeSet;

use pod_hardener::metrics::Metrics;
use pod_hardener::settings::{Count, Settings};
use serde_json::{Value, json};

use crate::harness::{Running, bytes, review, settings, start};

const REVIEWS: u32 = 10_000;
const CLIENTS: u32 = 4;

/// What nobody should be able to smuggle into a label, a line or a name.
const ODD: [&str; 10] = [
    "plain",
    "",
    "a\"b",
    "line\nbreak 1",
    "\\",
    "{x=\"y\"} 1",
    "ключ-名前-🦀",
    "\u{0}\u{1b}[31m",
    "__name__",
    "../../etc/passwd",
];

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }

    /// A text that was not there before, with something odd in it; sometimes a long one.
    fn text(&mut self) -> String {
        let number = self.below(usize::MAX >> 33);
        let odd = ODD[self.below(ODD.len())];
        if self.below(50) == 0 { format!("{number}{}", odd.repeat(200)) } else { format!("{odd}{number}") }
    }

    fn body(&mut self) -> Vec<u8> {
        let mut review = review();
        let request = &mut review["request"];
        for field in ["uid", "name", "namespace"] {
            request[field] = json!(self.text());
        }
        request["userInfo"] = json!({"username": self.text(), "groups": [self.text()]});
        let key = [
            "exempt",
            "exempt-until",
            "exempt-reason",
            "run-as-user",
            "writable-paths",
            "policy",
            "hardened",
        ];
        let annotation = format!("pod-hardener.dev/{}", key[self.below(key.len())]);
        let of_container = format!("{}.pod-hardener.dev/exempt", self.text());
        request["object"]["metadata"] = json!({
            "name": self.text(), "namespace": self.text(),
            "labels": {"pod-hardener.dev/policy": self.text()},
            "annotations": {annotation: self.text(), of_container: self.text(), self.text(): self.text()},
        });
        request["object"]["spec"] = json!({
            "serviceAccountName": self.text(),
            "containers": [{"name": self.text(), "image": self.text(), "securityContext": {"privileged": self.below(2) == 0}}],
        });
        match self.below(12) {
            0 => request["operation"] = json!(self.text()),
            1 => {
                request["resource"] = json!({"group": self.text(), "version": "v1", "resource": self.text()})
            }
            2 => request["subResource"] = json!(self.text()),
            3 => request["object"]["spec"] = json!(self.text()),
            4 => review["kind"] = json!(self.text()),
            5 => review["apiVersion"] = json!(self.text()),
            6 => {
                let resource = ["namespaces", "secrets", "pods"][self.below(3)];
                request["resource"] = json!({"group": "", "version": "v1", "resource": resource});
            }
            7 => {
                request["resource"] = json!({"group": "apps", "version": "v1", "resource": "deployments"});
                let pod = request["object"].take();
                request["object"] = json!({"metadata": {"name": self.text()}, "spec": {"template": pod}});
            }
            8 => return self.text().into_bytes(),
            _ => {}
        }
        bytes(&review)
    }
}

fn series(server: &Running) -> BTreeSet<String> {
    let text = server.metrics.render().unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

/// Reviews answered so far.
fn answered(server: &Running) -> u64 {
    let text = server.metrics.render().unwrap();
    let lines = text.lines().filter(|line| line.starts_with("pod_hardener_admission_requests_total{"));
    lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
}

async fn attack(server: &Running, reviews: u32) {
    let clients = (0..CLIENTS).map(|number| async move {
        let mut dice = Dice(u64::from(number) + 1);
        let mut client = server.client().await;
        for _ in 0..reviews / CLIENTS {
            let body = dice.body();
            let to_validate = dice.below(2) == 0;
            let answer = if to_validate { client.validate(&body).await } else { client.post(&body).await };
            answer.unwrap();
        }
    });
    futures::future::join_all(clients).await;
}

#[tokio::test]
async fn ten_thousand_hostile_reviews_make_no_series() {
    let server = start(settings()).await;
    let before = series(&server);
    attack(&server, REVIEWS).await;
    let after = series(&server);
    assert_eq!(after, before);
    // What docs/metrics.md says: it is made from the same table.
    assert_eq!(after.len(), Metrics::promised(0));
    assert!(after.len() < 1000, "{} series", after.len());
    assert!(answered(&server) > u64::from(REVIEWS) / 2, "most of them were reviews: {}", answered(&server));
    server.lives().await;
}

#[tokio::test]
async fn namespaces_are_counted_up_to_the_setting_and_no_further() {
    let server = start(Settings { metrics_namespaces: Count(20), ..settings() }).await;
    attack(&server, 400).await;
    let all = series(&server);
    assert_eq!(all.len(), Metrics::promised(20));
    let others = "pod_hardener_namespace_reviews_total{namespace=\"(others)\",outcome=\"patched\"}";
    assert!(server.value(others) > 0, "more than twenty namespaces came");
    let mut named: Vec<Value> = Vec::new();
    for line in
        all.iter().filter_map(|line| line.strip_prefix("pod_hardener_namespace_reviews_total{namespace="))
    {
        let name = line.rsplit_once(",outcome=").unwrap().0;
        if !named.contains(&json!(name)) {
            named.push(json!(name));
        }
    }
    assert_eq!(named.len(), 21, "{named:?}");
}
