//! `pod-hardener harden`: what it writes is what the API server takes, and what the webhook,
//! which has the same engine, finds nothing to do about.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;

use crate::corpus::{for_each_corpus, prepare, report, taken_without_us};
use crate::fixture::{Fixture, Namespace, Server};
use crate::manifests::{Corpus, Sample, corpus, obstacles, samples, samples_through, tricky};
use crate::pod_security::RESTRICTED;
use crate::pods::as_sent;
use crate::{Test, ours, test};

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = for_each_corpus("command_line::is_taken", is_taken);
    tests.extend(for_each_corpus("command_line::enforced_is_restricted", is_restricted));
    tests.extend(for_each_corpus("command_line::the_webhook_agrees", the_webhook_agrees));
    let yaml = [
        test("command_line::yaml::public", |fixture| yaml_is_taken(fixture, corpus())).needs(&corpus()),
        test("command_line::yaml::tricky", |fixture| yaml_is_taken(fixture, tricky())),
    ];
    tests.extend(yaml);
    tests
}

/// What our command line makes of one JSON pod.
fn harden(pod: &str, policy: &str) -> Result<String, String> {
    let output = ours::run(&["harden", "-o", "json", "--policy", policy, "-"], pod);
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{}: {said}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

/// The hardened pod, which is not to change when it is hardened again.
fn hardened(sample: &Sample, policy: &str) -> Result<Value, String> {
    let once = harden(&sample.pod.to_string(), policy)?;
    let twice = harden(&once, policy)?;
    if once != twice {
        return Err("the second pass changes its output".to_owned());
    }
    serde_json::from_str(&once).map_err(|error| format!("no JSON object: {error}"))
}

async fn is_taken(fixture: Arc<Fixture>, corpus: Corpus) {
    for policy in ["restricted", "enforced"] {
        let samples = taken_without_us(&fixture, corpus).await;
        let failures = fixture
            .with_temp_namespace(Server::None, &[], async |namespace| {
                refused(namespace, &samples, policy).await
            })
            .await;
        report(&samples, &failures);
    }
}

async fn is_restricted(fixture: Arc<Fixture>, corpus: Corpus) {
    let mut samples = taken_without_us(&fixture, corpus).await;
    samples.retain(|sample| obstacles(&sample.pod).is_empty());
    let failures = fixture
        .with_temp_namespace(Server::None, &[RESTRICTED], async |namespace| {
            refused(namespace, &samples, "enforced").await
        })
        .await;
    report(&samples, &failures);
}

/// Those that the API server does not take once they are hardened.
async fn refused(namespace: &Namespace, samples: &[Sample], policy: &str) -> Vec<String> {
    prepare(namespace, samples).await;
    let mut failures = Vec::new();
    for sample in samples {
        let outcome = match hardened(sample, policy) {
            Ok(pod) => namespace.try_pod(&pod).await.map_err(|refused| refused.message),
            Err(reason) => Err(reason),
        };
        if let Err(reason) = outcome {
            failures.push(format!("{policy}: {}: {reason}", sample.source));
        }
    }
    failures
}

/// Manifests as they are, of all kinds and with comments, and as YAML again.
async fn yaml_is_taken(fixture: Arc<Fixture>, folder: PathBuf) {
    let original = samples(&folder);
    for policy in ["restricted", "enforced"] {
        let hardened = samples_through(&folder, |file| harden_file(file, policy));
        assert_eq!(hardened.len(), original.len(), "{policy}: pods are lost, or come from nowhere");
        let failures = fixture
            .with_temp_namespace(Server::None, &[], async |namespace| {
                prepare(namespace, &original).await;
                let mut failures = Vec::new();
                for (before, after) in original.iter().zip(&hardened) {
                    if namespace.try_pod(&before.pod).await.is_err() {
                        continue;
                    }
                    if let Err(refused) = namespace.try_pod(&after.pod).await {
                        failures.push(format!("{policy}: {}: {}", after.source, refused.message));
                    }
                }
                failures
            })
            .await;
        report(&hardened, &failures);
    }
}

/// What our command line makes of a file; nothing, where it refuses it.
fn harden_file(file: &Path, policy: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pod-hardener"));
    let output = command.args(["harden", "-o", "yaml", "--policy", policy]).arg(file).output();
    let output = output.expect("our program");
    if output.status.success() { String::from_utf8(output.stdout).expect("UTF-8") } else { String::new() }
}

/// A pod that was hardened as a file is admitted by the webhook as it is.
async fn the_webhook_agrees(fixture: Arc<Fixture>, corpus: Corpus) {
    for (policy, server) in [("restricted", Server::BuiltIn), ("enforced", Server::Enforced)] {
        let samples = taken_without_us(&fixture, corpus).await;
        let without = admitted(&fixture, Server::None, &samples, policy).await;
        let with = admitted(&fixture, server, &samples, policy).await;
        let pairs = samples.iter().zip(without.iter().zip(&with));
        let failures: Vec<String> = pairs
            .filter(|(_, (without, with))| without != with)
            .map(|(sample, (without, with))| {
                let changes = crate::corpus::changes(without, with);
                format!("{policy}: {}: the webhook changes\n{changes}", sample.source)
            })
            .collect();
        report(&samples, &failures);
    }
}

/// The samples, hardened as files, as they are admitted in a namespace of this server.
async fn admitted(fixture: &Fixture, server: Server, samples: &[Sample], policy: &str) -> Vec<Value> {
    fixture
        .with_temp_namespace(server, &[], async |namespace| {
            prepare(namespace, samples).await;
            let mut admitted = Vec::new();
            for sample in samples {
                let pod = hardened(sample, policy).unwrap_or_else(Value::String);
                let object = match namespace.try_pod(&pod).await {
                    Ok(accepted) => comparable(&accepted.object),
                    Err(refused) => Value::String(refused.message),
                };
                admitted.push(object);
            }
            admitted
        })
        .await
}

/// The pod without what differs from one namespace, and one token volume, to the next.
fn comparable(pod: &Value) -> Value {
    let mut pod = as_sent(pod);
    if let Some(metadata) = pod["metadata"].as_object_mut() {
        metadata.remove("namespace");
    }
    let names: Vec<String> = crate::pods::token_volumes(&pod).into_iter().map(ToOwned::to_owned).collect();
    let mut text = pod.to_string();
    for name in names {
        text = text.replace(&name, "kube-api-access");
    }
    serde_json::from_str(&text).expect("the same object")
}
