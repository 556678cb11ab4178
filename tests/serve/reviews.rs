//! What is answered to whom.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pod_hardener::policy::{PolicySet, parse};
use serde_json::{Value, json};

use crate::harness::{bytes, review, settings, start, start_with};

#[tokio::test]
async fn a_pod_comes_back_hardened() {
    let server = start(settings()).await;
    let review = review();
    let answer = server.client().await.post(&bytes(&review)).await.unwrap();
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let response = answer.response();
    assert_eq!(response["uid"], review["request"]["uid"]);
    assert_eq!(response["allowed"], json!(true));
    assert_eq!(response["patchType"], json!("JSONPatch"));
    let patch = STANDARD.decode(response["patch"].as_str().unwrap()).unwrap();
    let patch: json_patch::Patch = serde_json::from_slice(&patch).unwrap();
    let mut pod = review["request"]["object"].clone();
    json_patch::patch(&mut pod, &patch).unwrap();
    assert_eq!(pod["spec"]["securityContext"]["seccompProfile"]["type"], json!("RuntimeDefault"));
    assert_eq!(pod["spec"]["containers"][0]["securityContext"]["capabilities"]["drop"], json!(["ALL"]));
}

fn with(change: impl Fn(&mut Value)) -> Vec<u8> {
    let mut review = review();
    change(&mut review);
    bytes(&review)
}

#[tokio::test]
async fn what_is_no_review_is_a_clear_400() {
    let server = start(settings()).await;
    let whole = bytes(&review());
    let deep =
        format!("{{\"kind\":\"AdmissionReview\",\"request\":{{\"object\":{{\"spec\":{}", "[".repeat(50_000));
    let cases: [(&str, &str, Vec<u8>); 12] = [
        ("empty", "malformed", Vec::new()),
        ("no JSON", "malformed", b"pods, please".to_vec()),
        ("cut", "malformed", whole[..whole.len() / 2].to_vec()),
        ("no UTF-8", "malformed", vec![b'"', 0xff, 0xfe, b'"']),
        ("an array", "malformed", b"[]".to_vec()),
        ("deep", "malformed", deep.into_bytes()),
        ("kind", "kind", with(|review| review["kind"] = json!("TokenReview"))),
        ("version", "version", with(|review| review["apiVersion"] = json!("admission.k8s.io/v1beta1"))),
        ("no request", "no-request", with(|review| review["request"] = Value::Null)),
        ("no uid", "no-uid", with(|review| review["request"]["uid"] = json!(""))),
        (
            "a Deployment",
            "not-a-pod",
            with(|review| {
                review["request"]["resource"] =
                    json!({"group": "apps", "version": "v1", "resource": "deployments"});
            }),
        ),
        ("no object", "no-object", with(|review| review["request"]["object"] = Value::Null)),
    ];
    let mut client = server.client().await;
    for (name, reason, body) in cases {
        let before = server.rejected(reason);
        let answer = client.post(&body).await.unwrap();
        assert_eq!(answer.status, 400, "{name}: {}", answer.text());
        assert_eq!(server.rejected(reason), before + 1, "{name}");
        assert!(answer.text().len() < 600 && answer.text().lines().count() == 1, "{name}: {}", answer.text());
    }
    // The same connection: none of this ended it.
    client.post(&whole).await.unwrap().response();
}

#[tokio::test]
async fn what_nobody_reads_may_be_deep() {
    let server = start(settings()).await;
    let mut body = String::from_utf8(bytes(&review())).unwrap();
    let deep = format!("\"unknown\":{}{},\"containers\"", "[".repeat(50_000), "]".repeat(50_000));
    body = body.replace("\"containers\"", &deep);
    let answer = server.client().await.post(body.as_bytes()).await.unwrap();
    assert_eq!(answer.response()["allowed"], json!(true));
    server.lives().await;
}

#[tokio::test]
async fn what_is_no_request_for_a_review() {
    let server = start(settings()).await;
    for (line, content_type, status, reason) in [
        ("GET /mutate", "application/json", 405, "method"),
        ("PUT /mutate", "application/json", 405, "method"),
        ("POST /", "application/json", 404, "path"),
        ("GET /validate", "application/json", 405, "method"),
        ("POST /validate", "application/yaml", 415, "content-type"),
        ("POST /mutate/", "application/json", 404, "path"),
        ("POST /metrics", "application/json", 404, "path"),
        ("POST /mutate", "application/yaml", 415, "content-type"),
        ("POST /mutate", "", 415, "content-type"),
    ] {
        let mut client = server.client().await;
        let before = server.rejected(reason);
        let head = format!(
            "{line} HTTP/1.1\r\nHost: h\r\nContent-Type: {content_type}\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        client.send(head).await.unwrap();
        let answer = client.answer().await.unwrap();
        assert_eq!(answer.status, status, "{line} {content_type}");
        assert_eq!(answer.header("allow"), (status == 405).then_some("POST"), "{line}");
        assert_eq!(server.rejected(reason), before + 1, "{line} {content_type}");
    }
}

#[tokio::test]
async fn a_body_in_pieces_is_one_body() {
    let server = start(settings()).await;
    let body = bytes(&review());
    let mut client = server.client().await;
    client
        .send("POST /mutate HTTP/1.1\r\nHost: h\r\nContent-Type: application/json; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await
        .unwrap();
    for piece in body.chunks(100) {
        client.send([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()).await.unwrap();
    }
    client.send("0\r\n\r\n").await.unwrap();
    assert!(client.answer().await.unwrap().response()["patch"].is_string());
    // A length is known, and yet it comes in two.
    client.send(crate::client::head(body.len())).await.unwrap();
    client.send(&body[..50]).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    client.send(&body[50..]).await.unwrap();
    assert!(client.answer().await.unwrap().response()["patch"].is_string());
}

fn on_error(answer: &str) -> PolicySet {
    let text = format!(
        "apiVersion: pod-hardener.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {{name: p}}\nspec: {{onError: {answer}}}\n"
    );
    PolicySet::new(parse("p", &text).unwrap())
}

#[tokio::test]
async fn of_a_pod_that_cannot_be_read_policy_says_what_becomes() {
    let body = with(|review| review["request"]["object"]["spec"]["containers"] = json!(5));
    let open = start_with(settings(), on_error("allow")).await;
    let response = open.client().await.post(&body).await.unwrap().response();
    assert_eq!(response["allowed"], json!(true));
    assert!(response.get("patch").is_none(), "{response}");
    assert!(!response["warnings"].as_array().unwrap().is_empty());
    assert_eq!(
        open.value("pod_hardener_admission_requests_total{endpoint=\"mutate\",outcome=\"failed-open\"}"),
        1
    );
    let closed = start_with(settings(), on_error("deny")).await;
    let response = closed.client().await.post(&body).await.unwrap().response();
    assert_eq!(response["allowed"], json!(false));
    assert!(response["status"]["message"].is_string(), "{response}");
    assert_eq!(
        closed.value("pod_hardener_admission_requests_total{endpoint=\"mutate\",outcome=\"failed-closed\"}"),
        1
    );
}

#[tokio::test]
async fn a_dry_run_is_answered_and_not_counted() {
    let server = start(settings()).await;
    let body = with(|review| review["request"]["dryRun"] = json!(true));
    let response = server.client().await.post(&body).await.unwrap().response();
    assert!(response["patch"].is_string());
    let injected = "pod_hardener_rule_results_total{result=\"injected\",rule=\"seccomp\"}";
    assert_eq!(server.value(injected), 0);
    assert_eq!(
        server.value("pod_hardener_admission_requests_total{endpoint=\"mutate\",outcome=\"patched\"}"),
        0
    );
    server.lives().await;
    assert_eq!(server.value(injected), 1);
}

/// A Deployment that exempts, validated.
fn deployment() -> Value {
    let mut review = review();
    let request = &mut review["request"];
    request["resource"] = json!({"group": "apps", "version": "v1", "resource": "deployments"});
    let annotations =
        json!({"pod-hardener.dev/exempt": "seccomp", "pod-hardener.dev/exempt-reason": "SHOP-1"});
    let template = json!({"metadata": {"annotations": annotations}, "spec": request["object"]["spec"]});
    request["object"] = json!({"metadata": {"name": "web"}, "spec": {"template": template}});
    review
}

const VALIDATED: &str = "pod_hardener_admission_requests_total{endpoint=\"validate\",outcome=\"allowed\"}";

#[tokio::test]
async fn a_workload_is_validated_and_not_changed() {
    let server = start(settings()).await;
    let mut client = server.client().await;
    let response = client.validate(&bytes(&deployment())).await.unwrap().response();
    assert_eq!((&response["allowed"], response.get("patch")), (&json!(true), None));
    let mut warnings = response["warnings"].as_array().unwrap().iter().filter_map(Value::as_str);
    let said = warnings.any(|line| line.starts_with("pod-hardener: pods of Deployment/web will be hardened"));
    assert!(said, "{response}");
    assert_eq!(server.value(VALIDATED), 1);
    assert_eq!(server.value("pod_hardener_admission_duration_seconds_count{endpoint=\"validate\"}"), 1);
    assert_eq!(server.value("pod_hardener_rule_results_total{result=\"injected\",rule=\"seccomp\"}"), 0);
    let mut dry = deployment();
    dry["request"]["dryRun"] = json!(true);
    client.validate(&bytes(&dry)).await.unwrap().response();
    assert_eq!(server.value(VALIDATED), 1);
    let other = with(|review| review["request"]["resource"]["resource"] = json!("services"));
    assert_eq!(client.validate(&other).await.unwrap().status, 400);
    assert_eq!(server.rejected("not-validated"), 1);
    // The same connection serves both.
    client.post(&bytes(&review())).await.unwrap().response();
}

#[tokio::test]
async fn where_nobody_can_be_asked_nobody_may_exempt() {
    let text = "apiVersion: pod-hardener.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {name: p}\nspec: {exemptions: {authorization: rbac}}\n";
    let server = start_with(settings(), PolicySet::new(parse("p", text).unwrap())).await;
    let response = server.client().await.validate(&bytes(&deployment())).await.unwrap().response();
    assert_eq!((&response["allowed"], &response["status"]["code"]), (&json!(false), &json!(503)));
    let denied = VALIDATED.replace("allowed", "denied");
    assert_eq!(server.value(&denied), 1);
}
