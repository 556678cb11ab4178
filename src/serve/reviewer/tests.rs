use serde_json::{Value, json};

use super::*;
use time::OffsetDateTime;

use crate::cluster::Cluster;
use crate::policy::parse;
use crate::review::Outcome;

fn panicking(endpoint: Endpoint) -> Reviewer {
    Reviewer { review: |_, _, _| panic!("by intent"), ..Reviewer::from(endpoint) }
}

fn ask(
    reviewer: Reviewer,
    body: &[u8],
    policies: &PolicySet,
    metrics: &Metrics,
) -> Result<Answer, (Rejection, String)> {
    let world =
        World { policies, cluster: &Cluster::default(), now: OffsetDateTime::UNIX_EPOCH, memory: None };
    match review(reviewer, body, &world, Told::default(), metrics)? {
        Reply::Answer(answer) => Ok(answer),
        Reply::Ask(question) => panic!("{question:?}"),
    }
}

fn body() -> Vec<u8> {
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "u1",
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "operation": "CREATE",
            "namespace": "shop",
            "object": {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}]}},
        },
    });
    serde_json::to_vec(&review).unwrap()
}

fn policy(on_error: &str) -> PolicySet {
    let text = format!(
        "apiVersion: pod-hardener.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {{name: p}}\nspec: {{onError: {on_error}}}\n"
    );
    PolicySet::new(parse("p", &text).unwrap())
}

fn response(answer: &Answer) -> Value {
    serde_json::from_slice::<Value>(&answer.body).unwrap()["response"].take()
}

#[test]
fn a_panic_is_answered_as_policy_says() {
    let metrics = Metrics::new().unwrap();
    let reviewer = panicking(Endpoint::Mutate);
    let open = ask(reviewer, &body(), &policy("allow"), &metrics).unwrap();
    assert_eq!(open.record.outcome, Outcome::FailedOpen);
    let told = response(&open);
    assert_eq!(told["allowed"], json!(true));
    assert_eq!(told["uid"], json!("u1"));
    assert!(told.get("patch").is_none(), "{told}");
    assert!(told["warnings"][0].as_str().unwrap().contains("error inside"), "{told}");
    let closed = ask(reviewer, &body(), &policy("deny"), &metrics).unwrap();
    assert_eq!(closed.record.outcome, Outcome::FailedClosed);
    assert_eq!(response(&closed)["allowed"], json!(false));
    assert!(metrics.render().unwrap().contains("pod_hardener_review_panics_total 2"));
    let reviewer = panicking(Endpoint::Validate);
    let open = ask(reviewer, &body(), &policy("allow"), &metrics).unwrap();
    assert_eq!(open.record.outcome, Outcome::FailedOpen);
    assert!(response(&open)["warnings"][0].as_str().unwrap().contains("could not be checked"));
    let closed = ask(reviewer, &body(), &policy("deny"), &metrics).unwrap();
    assert_eq!(response(&closed)["allowed"], json!(false));
}

#[test]
fn a_panic_over_what_is_no_review_is_a_rejection() {
    let metrics = Metrics::new().unwrap();
    let (rejection, _) = ask(panicking(Endpoint::Mutate), b"{", &policy("allow"), &metrics).unwrap_err();
    assert_eq!(rejection, Rejection::Malformed);
}

#[test]
fn without_a_panic_the_engine_answers() {
    let metrics = Metrics::new().unwrap();
    let answered = ask(Endpoint::Mutate.into(), &body(), &policy("deny"), &metrics).unwrap();
    assert_eq!(answered.record.outcome, Outcome::Patched);
    let (rejection, line) = ask(Endpoint::Mutate.into(), b"[]", &policy("deny"), &metrics).unwrap_err();
    assert_eq!(rejection, Rejection::Malformed);
    assert!(line.contains("AdmissionReview"), "{line}");
}
