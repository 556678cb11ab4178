//! LimitRanges and ResourceQuotas: who is admitted without us is admitted with us, and within bounds.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::cluster::{until, until_ok};
use crate::fixture::{Fixture, Namespace, Server};
use crate::{Test, pods, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("limits::of_containers_hold", of_containers),
        test("limits::of_pods_hold", of_pods),
        test("limits::a_quota_is_not_used_up", quota_is_not_used_up),
        test("limits::a_quota_that_demands_gets_what_it_demands", quota_demands),
        test("limits::best_effort_stays_where_quotas_tell", best_effort_stays),
    ]
}

/// Requests and limits of memory that a container has or gets.
type Memory = (Option<&'static str>, Option<&'static str>);

struct Case {
    name: &'static str,
    ranges: Value,
    containers: &'static [Memory],
    /// Whether the API server takes the pod without us.
    admitted_alone: bool,
    after: &'static [Memory],
}

fn pod(containers: &[Memory]) -> Value {
    let container = |(number, (request, limit)): (usize, &Memory)| {
        let mut resources = json!({});
        for (kind, amount) in [("requests", request), ("limits", limit)] {
            if let Some(amount) = amount {
                resources[kind]["memory"] = json!(amount);
            }
        }
        json!({"name": format!("c{number}"), "image": "a", "resources": resources})
    };
    let containers: Vec<Value> = containers.iter().enumerate().map(container).collect();
    pods::plain_with("limited", json!({"containers": containers}))
}

async fn create(namespace: &Namespace, plural: &str, kind: &str, name: &str, spec: &Value) {
    let metadata = json!({"name": name});
    let object = json!({"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec});
    namespace.create(plural, &object).await;
}

async fn check(fixture: &Fixture, cases: &[Case]) {
    for case in cases {
        let pod = pod(case.containers);
        let spec = json!({"limits": case.ranges});
        fixture
            .with_temp_namespace(Server::None, &[], async |namespace| {
                create(namespace, "limitranges", "LimitRange", "l", &spec).await;
                let alone = namespace.try_pod(&pod).await;
                assert_eq!(alone.is_ok(), case.admitted_alone, "{}: {alone:?}", case.name);
            })
            .await;
        fixture
            .with_temp_namespace(Server::Knowing, &[], async |namespace| {
                create(namespace, "limitranges", "LimitRange", "l", &spec).await;
                // The watch takes a moment to bring it.
                until_ok(case.name, async || {
                    let admitted = namespace.try_pod(&pod).await.map_err(|refused| refused.message)?.object;
                    let amounts = |container: &Value| {
                        ["requests", "limits"]
                            .map(|kind| container["resources"][kind]["memory"].as_str().map(str::to_owned))
                    };
                    let found: Vec<[Option<String>; 2]> =
                        pods::containers(&admitted).into_iter().map(amounts).collect();
                    let expected: Vec<[Option<String>; 2]> = case
                        .after
                        .iter()
                        .map(|(request, limit)| [request, limit].map(|amount| amount.map(str::to_owned)))
                        .collect();
                    if found == expected { Ok(()) } else { Err(format!("{found:?}")) }
                })
                .await;
            })
            .await;
    }
}

const UNSET: Memory = (None, None);

async fn of_containers(fixture: Arc<Fixture>) {
    check(
        &fixture,
        &[
            Case {
                name: "min",
                ranges: json!([{"type": "Container", "min": {"memory": "2Gi"}}]),
                containers: &[UNSET],
                admitted_alone: true,
                after: &[(Some("2Gi"), Some("4Gi"))],
            },
            Case {
                name: "min above the default limit, max",
                ranges: json!([{"type": "Container", "min": {"memory": "1500Mi"}, "max": {"memory": "1600Mi"},
                    "default": {"memory": "1550Mi"}, "defaultRequest": {"memory": "1500Mi"}}]),
                containers: &[UNSET],
                admitted_alone: true,
                after: &[(Some("1500Mi"), Some("1550Mi"))],
            },
            Case {
                name: "a request of the author's below max",
                ranges: json!([{"type": "Container", "min": {"memory": "16Mi"}, "maxLimitRequestRatio": {"memory": "2"}}]),
                containers: &[(Some("100Mi"), None)],
                admitted_alone: false,
                after: &[(Some("100Mi"), Some("200Mi"))],
            },
            Case {
                name: "ratio",
                ranges: json!([{"type": "Container", "maxLimitRequestRatio": {"memory": "4"}}]),
                containers: &[UNSET, (Some("1Mi"), Some("4Mi"))],
                admitted_alone: false,
                after: &[(Some("256Mi"), Some("1Gi")), (Some("1Mi"), Some("4Mi"))],
            },
            Case {
                name: "a broken ratio",
                ranges: json!([{"type": "Container", "maxLimitRequestRatio": {"memory": "1500m"}}]),
                containers: &[UNSET],
                admitted_alone: false,
                after: &[(Some("715827883"), Some("1Gi"))],
            },
        ],
    )
    .await;
}

async fn of_pods(fixture: Arc<Fixture>) {
    let most = |amount: &str| json!([{"type": "Pod", "max": {"memory": amount}}]);
    check(
        &fixture,
        &[
            Case {
                name: "a level for all",
                ranges: most("1Gi"),
                containers: &[UNSET, UNSET],
                admitted_alone: false,
                after: &[(Some("32Mi"), Some("512Mi")), (Some("32Mi"), Some("512Mi"))],
            },
            Case {
                name: "what the author leaves",
                ranges: most("1400Mi"),
                containers: &[(Some("100Mi"), Some("900Mi")), UNSET],
                admitted_alone: true,
                after: &[(Some("100Mi"), Some("900Mi")), (Some("32Mi"), Some("500Mi"))],
            },
            Case {
                name: "nothing fits",
                ranges: most("1000Mi"),
                containers: &[(Some("100Mi"), Some("900Mi")), UNSET],
                admitted_alone: true,
                after: &[(Some("100Mi"), Some("900Mi")), UNSET],
            },
            Case {
                name: "min",
                ranges: json!([{"type": "Pod", "min": {"memory": "3Gi"}}]),
                containers: &[UNSET, UNSET],
                admitted_alone: false,
                after: &[(Some("1536Mi"), Some("1536Mi")), (Some("1536Mi"), Some("1536Mi"))],
            },
            Case {
                name: "ratio",
                ranges: json!([{"type": "Pod", "maxLimitRequestRatio": {"memory": "4"}}]),
                containers: &[(Some("64Mi"), Some("64Mi")), UNSET],
                admitted_alone: true,
                after: &[(Some("64Mi"), Some("64Mi")), (Some("208Mi"), Some("1Gi"))],
            },
        ],
    )
    .await;
}

/// A quota in force: the controller has written its status, which is what the API server judges by.
async fn quota(namespace: &Namespace, spec: &Value) {
    create(namespace, "resourcequotas", "ResourceQuota", "q", spec).await;
    let path = namespace.path("resourcequotas/q");
    until("the quota is in force", async || {
        let quota = namespace.api.get(&path).await.expect("a quota").object;
        quota["status"]["hard"] == quota["spec"]["hard"]
    })
    .await;
}

async fn quota_is_not_used_up(fixture: Arc<Fixture>) {
    let spec = json!({"hard": {"requests.ephemeral-storage": "1Mi", "limits.cpu": "1m"}});
    let own = json!({"resources": {"requests": {"memory": "64Mi"}}});
    let pod = pods::plain_with("nginx", own);
    let mut asking = pod.clone();
    asking["spec"]["containers"][0]["resources"] = json!({"requests": {"ephemeral-storage": "2Mi"}});
    for server in [Server::None, Server::Knowing] {
        fixture
            .with_temp_namespace(server, &[], async |namespace| {
                quota(namespace, &spec).await;
                until_ok("the pod is admitted", async || {
                    namespace.try_pod(&pod).await.map(drop).map_err(|refused| refused.message)
                })
                .await;
                assert!(namespace.refuses(&asking).await.contains("exceeded quota"));
            })
            .await;
    }
}

async fn quota_demands(fixture: Arc<Fixture>) {
    let spec = json!({"hard": {"requests.cpu": "1", "limits.memory": "4Gi"}});
    let pod = pods::plain("nginx");
    fixture
        .with_temp_namespace(Server::None, &[], async |namespace| {
            quota(namespace, &spec).await;
            assert!(namespace.refuses(&pod).await.contains("must specify"));
        })
        .await;
    fixture
        .with_temp_namespace(Server::Knowing, &[], async |namespace| {
            quota(namespace, &spec).await;
            let admitted = namespace.admits(&pod).await.object;
            pods::assert_hardened(&admitted);
            assert_eq!(admitted["spec"]["containers"][0]["resources"]["requests"]["cpu"], "10m");
        })
        .await;
}

async fn best_effort_stays(fixture: Arc<Fixture>) {
    let spec = json!({"hard": {"pods": "0"}, "scopes": ["NotBestEffort"]});
    let mut asking = pods::plain("nginx");
    asking["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "1m"}});
    for server in [Server::None, Server::Knowing] {
        fixture
            .with_temp_namespace(server, &[], async |namespace| {
                quota(namespace, &spec).await;
                until_ok("the pod is admitted", async || {
                    let pod = pods::plain("nginx");
                    let admitted = namespace.try_pod(&pod).await.map_err(|refused| refused.message)?.object;
                    assert_eq!(admitted["status"]["qosClass"], "BestEffort", "{admitted}");
                    Ok(())
                })
                .await;
                assert!(namespace.refuses(&asking).await.contains("exceeded quota"));
            })
            .await;
    }
}
