//! The exceptions: a case for each, in which native policy and engine differ.

use std::sync::Arc;

use pod_hardener::native::EXCEPTIONS;
use pod_hardener::policy::PolicySet;
use serde_json::{Value, json};
use time::Date;

use super::{Both, TODAY, both, comparable, policy, with_native, without_names};
use crate::Test;
use crate::fixture::{Fixture, HARDENED, Namespace, Server};
use crate::pods;
use crate::support::facts;

/// A pod of which the two make something different, and why.
struct Case {
    exception: &'static str,
    policy: &'static str,
    /// What the engine knows of the cluster: see `support::facts`.
    known: Value,
    pod: Value,
}

pub(crate) fn tests() -> Vec<Test> {
    vec![
        super::native_test("native::every_exception_is_one", every_exception),
        super::native_test("native::exemptions_end_as_of_the_day_given", dates),
    ]
}

/// Whether a difference is one of those that the list names. Only these can be among pods that know no cluster.
pub(super) fn is_covered(pod: &Value, native: &Value, engine: &Value) -> bool {
    let by_name = without_names(native) == without_names(engine);
    let annotations = pod["metadata"]["annotations"].as_object();
    let until = annotations.is_some_and(|all| all.keys().any(|key| key.ends_with("/exempt-until")));
    let mounts = pods::containers(pod).into_iter().flat_map(|container| {
        let mounts = container["volumeMounts"].as_array().into_iter().flatten();
        mounts.filter_map(|mount| mount["mountPath"].as_str()).collect::<Vec<_>>()
    });
    let parents = mounts.into_iter().any(|path| path.split('/').any(|part| part == ".."));
    by_name || until || parents
}

fn plain() -> Value {
    pods::plain_with("case", json!({"serviceAccountName": "default"}))
}

fn annotated(annotations: Value) -> Value {
    pods::annotated("case", annotations)
}

const RESTRICTED: &str = "{preset: restricted}";

#[allow(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<Case> {
    let reason = "pod-hardener.dev/exempt-reason";
    let exempt = "pod-hardener.dev/exempt";
    let exempted = json!({exempt: "capabilities", reason: "a test"});
    let case = |exception, policy, known, pod| Case { exception, policy, known, pod };
    let mut other_account = plain();
    other_account["spec"]["serviceAccountName"] = json!("other");
    let mut parents = plain();
    parents["spec"]["volumes"] = json!([{"name": "work", "emptyDir": {}}]);
    parents["spec"]["containers"][0]["volumeMounts"] =
        json!([{"name": "work", "mountPath": "/work/../data"}]);
    let mut odd_name = plain();
    odd_name["spec"]["containers"][0]["name"] = json!("a--b");
    let mut known = plain();
    known["spec"]["containers"][0]["image"] = json!("nginx:1");
    let mut many = plain();
    let containers: Vec<Value> =
        (0..1500).map(|number| json!({"name": format!("c{number}"), "image": "image:1"})).collect();
    many["spec"]["containers"] = json!(containers);
    vec![
        case("nobody-is-told", RESTRICTED, Value::Null, plain()),
        case(
            "expiry",
            RESTRICTED,
            Value::Null,
            annotated(json!({exempt: "capabilities", reason: "a test",
                "pod-hardener.dev/exempt-until": "2027-06-30"})),
        ),
        case(
            "authority",
            "{preset: restricted, exemptions: {authorization: rbac}}",
            Value::Null,
            annotated(exempted.clone()),
        ),
        case(
            "namespace-exemptions",
            "{preset: restricted, exemptions: {namespaces: true}}",
            json!({"annotations": exempted}),
            plain(),
        ),
        case(
            "compensation",
            "{preset: restricted, exemptions: {compensation: user-namespace}}",
            json!({"userNamespaces": true}),
            annotated(json!({exempt: "run-as-non-root", reason: "a test"})),
        ),
        case("bindings", RESTRICTED, json!({"account": {"bound": false}}), other_account),
        case(
            "account",
            "{preset: restricted, rules: {service-account-token: {scope: default-account}}}",
            json!({"account": {"bound": false, "automount": true}}),
            plain(),
        ),
        case(
            "limit-ranges",
            RESTRICTED,
            json!({"limits": [{"type": "Container", "max": {"memory": "64Mi"}}]}),
            plain(),
        ),
        case("images", RESTRICTED, Value::Null, known),
        case("messages", RESTRICTED, Value::Null, plain()),
        case(
            "namespace-range",
            "{preset: restricted, rules: {run-as-non-root: {strategy: namespace-range}}}",
            json!({"annotations": {"openshift.io/sa.scc.uid-range": "5000/10"}}),
            plain(),
        ),
        case("parent-directories", RESTRICTED, Value::Null, parents),
        case("volume-names", RESTRICTED, Value::Null, odd_name),
        case(
            "many-names",
            RESTRICTED,
            Value::Null,
            annotated(json!({exempt: "capabilities,".repeat(40), reason: "a test"})),
        ),
        case("size", RESTRICTED, Value::Null, many),
    ]
}

async fn every_exception(fixture: Arc<Fixture>) {
    let cases = cases();
    let of_cases: Vec<&str> = cases.iter().map(|case| case.exception).collect();
    let listed: Vec<&str> = EXCEPTIONS.iter().map(|exception| exception.name).collect();
    assert_eq!(of_cases, listed);
    let wrong = fixture
        .with_temp_namespace(Server::None, &[], async |plain| {
            account(plain).await;
            let mut wrong = Vec::new();
            for case in cases {
                let policy = policy(&format!("case-{}", case.exception), case.policy);
                let differs = async |native: &Namespace| {
                    account(native).await;
                    let policies = match case.exception {
                        "images" => PolicySet::new(vec![super::without_messages(policy.clone())]),
                        "messages" => super::without_images_of(policy.clone()),
                        _ => super::without_images(policy.clone()),
                    };
                    differs([native, plain], policies, &case).await
                };
                if !with_native(&fixture, &policy, None, Server::None, differs).await {
                    wrong.push(case.exception);
                }
            }
            wrong
        })
        .await;
    assert!(wrong.is_empty(), "no difference: {wrong:?}");
}

async fn account(namespace: &Namespace) {
    let other = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "other"}});
    namespace.create("serviceaccounts", &other).await;
}

async fn differs(namespaces: [&Namespace; 2], policies: PolicySet, case: &Case) -> bool {
    let Both { native, engine } = both(namespaces, &policies, &facts(&case.known), &case.pod).await;
    let native = match native {
        Ok(native) => native,
        Err(reason) => {
            assert!(
                case.exception == "size" && reason.contains("cost limit"),
                "{}: {reason}",
                case.exception
            );
            return true;
        }
    };
    let told = |pod: &Value| pods::annotation(pod, HARDENED).is_some();
    let is_silent = told(&engine) && !told(&native);
    (case.exception == "nobody-is-told" && is_silent) || comparable(&native) != comparable(&engine)
}

/// With a day to go by, an exemption counts as it does for the engine on that day.
async fn dates(fixture: Arc<Fixture>) {
    let policy = policy("dates", "{preset: restricted, exemptions: {maxDays: 365}}");
    let policies = super::without_images(super::only_applied(&policy));
    let ends = [
        "2027-06-30",
        "2027-06-31",
        "2027-01-01",
        "2026-12-31",
        "2026-12-31T23:59:59Z",
        "2027-06-30T12:00:00Z",
        "2027-06-30T12:00:00.5+02:00",
        "2027-06-30T25:00:00Z",
        "2027-02-29",
        "2028-06-30",
        "9999-12-31",
        "9999-12-31T23:59:59-23:00",
        "0000-01-01",
        "tomorrow",
        "",
    ];
    let as_of: Option<Date> = Some(TODAY);
    let wrong = fixture
        .with_temp_namespace(Server::None, &[], async |plain| {
            with_native(&fixture, &policy, as_of, Server::None, async |native| {
                let mut wrong = Vec::new();
                for end in ends {
                    let pod = annotated(json!({
                        "pod-hardener.dev/exempt": "capabilities, read-only-root-filesystem",
                        "pod-hardener.dev/exempt-reason": "a test",
                        "pod-hardener.dev/exempt-until": end,
                    }));
                    let Both { native, engine } =
                        both([native, plain], &policies, &facts(&Value::Null), &pod).await;
                    let native = native.map(|native| comparable(&native));
                    if native != Ok(comparable(&engine)) {
                        wrong.push(format!("{end}: {native:?}"));
                    }
                }
                wrong
            })
            .await
        })
        .await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
