//! Real manifests: what the API server takes without us it takes with us.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::fixture::{Fixture, Namespace, Server};
use crate::generated;
use crate::manifests::{Corpus, Sample, corpus, obstacles, samples, tricky};
use crate::pod_security::RESTRICTED;
use crate::pods::{self, as_sent};
use crate::{Test, test};

/// Public projects' manifests.
const PUBLIC: Corpus = Corpus { name: "public", samples: || samples(&corpus()), at_least: 240 };

/// Some need what the oldest supported version does not have.
const TRICKY: Corpus = Corpus { name: "tricky", samples: || samples(&tricky()), at_least: 40 };

const GENERATED: Corpus = Corpus { name: "generated", samples: generated::samples, at_least: 150 };

/// A test for each collection of pods; the public projects' may not be at hand.
pub(crate) fn for_each_corpus<F, T>(topic: &str, run: F) -> Vec<Test>
where
    F: FnOnce(Arc<Fixture>, Corpus) -> T + Copy + Send + 'static,
    T: Future<Output = ()>,
{
    let bind = |collection: Corpus| {
        let name = format!("{topic}::{}", collection.name);
        test(&name, move |fixture| run(fixture, collection))
    };
    vec![bind(PUBLIC).needs(&corpus()), bind(TRICKY), bind(GENERATED)]
}

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = for_each_corpus("corpus::built_in", |fixture, corpus| {
        stays_acceptable(fixture, corpus, Server::BuiltIn)
    });
    tests.extend(for_each_corpus("corpus::enforced", |fixture, corpus| {
        stays_acceptable(fixture, corpus, Server::Enforced)
    }));
    tests.extend(for_each_corpus("corpus::enforced_is_restricted", becomes_restricted));
    tests
}

/// What is taken without us is taken with us, and a second pass changes nothing.
async fn stays_acceptable(fixture: Arc<Fixture>, corpus: Corpus, server: Server) {
    let samples = taken_without_us(&fixture, corpus).await;
    let failures = fixture
        .with_temp_namespace(server, &[], async |namespace| {
            prepare(namespace, &samples).await;
            let mut failures = Vec::new();
            for sample in &samples {
                failures.extend(complaint(namespace, sample).await);
            }
            failures
        })
        .await;
    report(&samples, &failures);
}

/// What is wrong with what we make of it, if anything is.
async fn complaint(namespace: &Namespace, sample: &Sample) -> Option<String> {
    let source = &sample.source;
    let once = match namespace.try_pod(&sample.pod).await {
        Ok(accepted) => as_sent(&accepted.object),
        Err(refused) => return Some(format!("{source}: no longer taken: {}", refused.message)),
    };
    let before = pods::unstartable(&sample.pod);
    let mut stuck = pods::unstartable(&once);
    stuck.retain(|name| !before.contains(name));
    if !stuck.is_empty() {
        return Some(format!("{source}: the kubelet would not start {stuck:?}"));
    }
    match namespace.try_pod(&once).await {
        Ok(accepted) => {
            let twice = as_sent(&accepted.object);
            (once != twice).then(|| {
                let changes = changes(&once, &twice);
                format!("{source}: the second pass changes\n{changes}")
            })
        }
        Err(refused) => Some(format!("{source}: no longer taken twice: {}", refused.message)),
    }
}

pub(crate) fn changes(before: &Value, after: &Value) -> String {
    let (before, after) = (format!("{before:#}"), format!("{after:#}"));
    let diff = similar::TextDiff::from_lines(&before, &after);
    diff.unified_diff().context_radius(2).to_string()
}

/// What a mutation can repair is admitted where `restricted` is enforced.
async fn becomes_restricted(fixture: Arc<Fixture>, corpus: Corpus) {
    let mut samples = taken_without_us(&fixture, corpus).await;
    samples.retain(|sample| obstacles(&sample.pod).is_empty());
    let failures = fixture
        .with_temp_namespace(Server::Enforced, &[RESTRICTED], async |namespace| {
            prepare(namespace, &samples).await;
            let mut failures = Vec::new();
            for sample in &samples {
                if let Err(refused) = namespace.try_pod(&sample.pod).await {
                    failures.push(format!("{}: {}", sample.source, refused.message));
                }
            }
            failures
        })
        .await;
    report(&samples, &failures);
}

pub(crate) fn report(samples: &[Sample], failures: &[String]) {
    assert!(failures.is_empty(), "{} of {} pods:\n{}", failures.len(), samples.len(), failures.join("\n"));
}

/// The pods that the API server takes as they are.
pub(crate) async fn taken_without_us(fixture: &Fixture, corpus: Corpus) -> Vec<Sample> {
    let all = (corpus.samples)();
    let (taken, refused) = fixture
        .with_temp_namespace(Server::None, &[], async |namespace| {
            prepare(namespace, &all).await;
            let (mut taken, mut refused) = (Vec::new(), Vec::new());
            for sample in all {
                match namespace.try_pod(&sample.pod).await {
                    Ok(_) => taken.push(sample),
                    Err(reason) => refused.push(format!("{}: {}", sample.source, reason.message)),
                }
            }
            (taken, refused)
        })
        .await;
    let (count, least) = (taken.len(), corpus.at_least);
    let refused = refused.join("\n");
    assert!(count >= least, "only {count} of {least} pods are taken without us:\n{refused}");
    taken
}

/// Creates what the pods refer to and admission looks for.
pub(crate) async fn prepare(namespace: &Namespace, samples: &[Sample]) {
    for name in named(samples, &["serviceAccountName", "serviceAccount"]) {
        let path = namespace.path("serviceaccounts");
        create(namespace, &path, "v1", "ServiceAccount", name, json!({})).await;
    }
    for name in named(samples, &["priorityClassName"]) {
        let path = "/apis/scheduling.k8s.io/v1/priorityclasses";
        let value = json!({"value": 1000});
        create(namespace, path, "scheduling.k8s.io/v1", "PriorityClass", name, value).await;
    }
    for name in named(samples, &["runtimeClassName"]) {
        let path = "/apis/node.k8s.io/v1/runtimeclasses";
        let handler = json!({"handler": name});
        create(namespace, path, "node.k8s.io/v1", "RuntimeClass", name, handler).await;
    }
}

/// The names in these fields of the pods' specifications.
fn named<'a>(samples: &'a [Sample], fields: &[&str]) -> BTreeSet<&'a str> {
    let specs = samples.iter().map(|sample| &sample.pod["spec"]);
    specs
        .flat_map(|spec| fields.iter().filter_map(|field| spec[field].as_str()))
        .filter(|name| !name.is_empty() && *name != "default" && !name.starts_with("system-"))
        .collect()
}

async fn create(namespace: &Namespace, path: &str, version: &str, kind: &str, name: &str, mut object: Value) {
    object["apiVersion"] = json!(version);
    object["kind"] = json!(kind);
    object["metadata"] = json!({"name": name});
    match namespace.api.create(path, &object).await {
        // Another test was first with it.
        Err(refused) if refused.code != 409 => panic!("{kind} {name}: {refused:?}"),
        _ => {}
    }
}
