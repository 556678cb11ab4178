//! Running pods that live on an exemption: counted, and their owners told before it ends and when it has.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{Config, Event};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client};
use time::OffsetDateTime;

use super::{About, Reason, Tale, Teller};
use crate::inventory::stored::Row;
use crate::inventory::{self, Board, EXEMPTED_LABEL, Exemption, Left};
use crate::metrics::Metrics;
use crate::rules::{RuleId, RuleSet};

/// How often ends are compared with the clock.
const INTERVAL: Duration = Duration::from_secs(30);

/// A pod that carries our label, and what it lives on.
#[derive(Debug)]
struct Exempted {
    about: About,
    exemptions: Vec<Exemption>,
}

/// Pods by namespace and name.
type Pods = BTreeMap<(String, String), Exempted>;

/// Watches the pods that carry the label under `prefix`, for as long as the server lives.
pub(super) async fn run(
    client: Client,
    prefix: &'static str,
    teller: Teller,
    metrics: Arc<Metrics>,
    board: Option<Arc<Board>>,
) {
    let config = Config::default().labels(&format!("{prefix}/{EXEMPTED_LABEL}=true"));
    let mut events = pin!(watcher(Api::<PartialObjectMeta<Pod>>::all(client), config).default_backoff());
    let mut clock = tokio::time::interval(INTERVAL);
    let (mut pods, mut listed) = (Pods::new(), Pods::new());
    let mut known = false;
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(event)) => {
                    if matches!(event, Event::InitDone) {
                        known = true;
                        clock.reset_immediately();
                    }
                    apply(&mut pods, &mut listed, event, prefix);
                }
                // It lists anew by itself; what is known stays.
                Some(Err(error)) => tracing::debug!(%error, "watching exempted pods"),
                None => return,
            },
            _ = clock.tick() => {
                let now = OffsetDateTime::now_utc();
                metrics.exempted_pods(&count(&pods, now));
                if let Some(board) = board.as_ref().filter(|_| known) {
                    board.put(pods.values().flat_map(|pod| rows(pod, now)), now);
                }
                pods.values().flat_map(|pod| endings(pod, now)).for_each(|tale| teller.tell(tale));
            }
        }
    }
}

fn apply(pods: &mut Pods, listed: &mut Pods, event: Event<PartialObjectMeta<Pod>>, prefix: &str) {
    let entry = |object: PartialObjectMeta<Pod>| {
        let key = key(&object.metadata);
        (key, exempted(&object.metadata, prefix))
    };
    match event {
        Event::Init => listed.clear(),
        Event::InitApply(object) => listed.extend([entry(object)]),
        Event::InitDone => *pods = std::mem::take(listed),
        Event::Apply(object) => pods.extend([entry(object)]),
        Event::Delete(object) => drop(pods.remove(&key(&object.metadata))),
    }
}

fn key(metadata: &ObjectMeta) -> (String, String) {
    (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default())
}

/// The label is a hint: what counts are the annotations.
fn exempted(metadata: &ObjectMeta, prefix: &str) -> Exempted {
    let annotations = metadata.annotations.iter().flatten();
    let annotations = annotations.map(|(key, value)| (key.as_str(), value.as_str()));
    Exempted { about: About::of_pod(metadata), exemptions: inventory::read(annotations, prefix) }
}

/// How many pods live on an exemption from each rule, by the shortest time that one of them has left.
fn count(pods: &Pods, now: OffsetDateTime) -> Vec<(RuleId, Left, i64)> {
    let mut counts: BTreeMap<(RuleId, Left), i64> = BTreeMap::new();
    for pod in pods.values() {
        let rules = pod.exemptions.iter().fold(RuleSet::default(), |all, next| all.union(next.rules));
        for rule in rules.iter() {
            let of_rule = pod.exemptions.iter().filter(|exemption| exemption.rules.contains(rule));
            if let Some(left) = of_rule.map(|exemption| exemption.left(now)).min() {
                *counts.entry((rule, left)).or_default() += 1;
            }
        }
    }
    let all = RuleId::ALL.iter().flat_map(|rule| Left::ALL.map(|left| (*rule, left)));
    all.map(|(rule, left)| (rule, left, counts.get(&(rule, left)).copied().unwrap_or_default())).collect()
}

/// What a pod lives on, for people.
fn rows(pod: &Exempted, now: OffsetDateTime) -> impl Iterator<Item = (Option<OffsetDateTime>, Row)> {
    let About { kind, namespace, name, .. } = &pod.about;
    pod.exemptions.iter().map(move |exemption| {
        let row = Row { pods: 1, ..exemption.row(namespace, kind, name, now) };
        (exemption.end, row)
    })
}

fn endings(pod: &Exempted, now: OffsetDateTime) -> impl Iterator<Item = Tale> {
    pod.exemptions.iter().filter_map(move |exemption| {
        let (reason, ends) = match exemption.left(now) {
            Left::Expired => (Reason::ExemptionExpired, "ended"),
            Left::Week => (Reason::ExemptionExpiring, "ends"),
            _ => return None,
        };
        let container =
            exemption.container.as_deref().map_or_else(String::new, |name| format!(" of container {name}"));
        let note = format!(
            "the exemption{container} from {} {ends} {} ({}): pods that start after it are hardened",
            inventory::names(exemption.rules),
            exemption.until,
            if exemption.reason.is_empty() { "no reason given" } else { &exemption.reason },
        );
        Some(Tale { about: pod.about.clone(), reason, note })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2027-01-10 12:00 UTC);

    fn pod(name: &str, annotations: &Value) -> PartialObjectMeta<Pod> {
        serde_json::from_value(json!({"metadata": {
            "name": name, "namespace": "shop", "annotations": annotations,
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "u",
                "controller": true}],
        }}))
        .expect("metadata")
    }

    fn counted(pods: &Pods) -> Vec<(&'static str, &'static str, i64)> {
        let all = count(pods, NOW).into_iter().filter(|(_, _, count)| *count > 0);
        all.map(|(rule, left, count)| (rule.as_str(), left.as_str(), count)).collect()
    }

    #[test]
    fn pods_are_counted_by_rule_and_time_left_and_relisted() {
        let (mut pods, mut listed) = (Pods::new(), Pods::new());
        let mut see = |event| apply(&mut pods, &mut listed, event, "pod-hardener.dev");
        see(Event::Init);
        see(Event::InitApply(pod(
            "a",
            &json!({"pod-hardener.dev/exempt": "seccomp,privileged",
            "pod-hardener.dev/exempt-until": "2027-01-12", "c.pod-hardener.dev/exempt": "seccomp",
            "c.pod-hardener.dev/exempt-until": "2027-01-09"}),
        )));
        see(Event::InitApply(pod("b", &json!({"pod-hardener.dev/exempt": "seccomp"}))));
        see(Event::InitDone);
        see(Event::Apply(pod("forged", &json!({}))));
        assert_eq!(
            counted(&pods),
            [("privileged", "7-days", 1), ("seccomp", "expired", 1), ("seccomp", "no-end", 1)]
        );
        let told: Vec<Tale> = pods.values().flat_map(|pod| endings(pod, NOW)).collect();
        let reasons: Vec<Reason> = told.iter().map(|tale| tale.reason).collect();
        assert_eq!(reasons, [Reason::ExemptionExpired, Reason::ExemptionExpiring]);
        assert!(told[1].note.contains("from privileged,seccomp ends 2027-01-12"), "{}", told[1].note);
        assert_eq!(told[0].about.kind, "ReplicaSet");
        let mut see = |event| apply(&mut pods, &mut listed, event, "pod-hardener.dev");
        see(Event::Init);
        see(Event::InitDone);
        assert!(counted(&pods).is_empty());
    }
}
