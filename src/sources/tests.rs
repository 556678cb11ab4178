use serde_json::json;

use super::*;
use crate::policy::{PolicyStatus, Preset, parse};

fn sources() -> Arc<Sources> {
    Sources::new(&Preset::Restricted.into(), Arc::new(Metrics::new().expect("metrics")))
}

fn names(sources: &Sources) -> Vec<String> {
    sources.in_force().load().policies().iter().map(|policy| policy.name.clone()).collect()
}

fn file(names: &[&str]) -> Vec<Policy> {
    let documents = names.iter().map(|name| {
        format!("apiVersion: pod-hardener.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {{name: {name}}}\n")
    });
    parse("p.yaml", &documents.collect::<Vec<_>>().join("---\n")).expect("valid")
}

fn series(sources: &Sources, series: &str) -> String {
    let text = sources.metrics.render().expect("text");
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series}")).to_owned()
}

#[test]
fn custom_resources_come_by_name_before_files_and_take_their_place() {
    let sources = sources();
    assert_eq!(names(&sources), ["restricted"]);
    sources.apply("b", Seen::of_generation(1, json!({})));
    sources.apply("a", Seen::of_generation(1, json!({})));
    assert_eq!(names(&sources), ["a", "b", "restricted"]);
    sources.look(Ok(file(&["z", "b"])));
    assert_eq!(names(&sources), ["a", "b", "z"]);
    assert_eq!(series(&sources, "pod_hardener_policies{source=\"files\"}"), "1");
    sources.delete("b");
    assert_eq!(names(&sources), ["a", "z", "b"]);
    assert_eq!(sources.names(), ["a"]);
}

#[test]
fn what_is_wrong_leaves_the_last_good_in_force() {
    let sources = sources();
    sources.apply("a", Seen::of_generation(1, json!({"preset": "safe"})));
    let before = series(&sources, "pod_hardener_policy_fingerprint");
    sources.apply("a", Seen::of_generation(2, json!({"preset": "unsafe"})));
    assert_eq!(series(&sources, "pod_hardener_policy_fingerprint"), before);
    assert_eq!(series(&sources, "pod_hardener_policies_refused{source=\"objects\"}"), "1");
    let refused = sources.take_refusals();
    assert!(refused[0].2.contains("generation 2: generation 1 stays in force: spec.preset: "), "{refused:?}");
    assert!(sources.take_refusals().is_empty(), "told once");
    sources.apply("b", Seen::of_generation(1, json!({"preset": "unsafe"})));
    assert!(sources.take_refusals()[0].2.contains("not in force"));
    assert_eq!(names(&sources), ["a", "restricted"]);
    sources.apply("a", Seen::of_generation(3, json!({"preset": "observe"})));
    assert_ne!(series(&sources, "pod_hardener_policy_fingerprint"), before);
    let loads = "pod_hardener_policy_loads_total{outcome=\"refused\",source=\"objects\"}";
    assert_eq!(series(&sources, loads), "2");
}

#[test]
fn one_made_anew_has_no_earlier_version() {
    let sources = sources();
    sources.apply("a", Seen::of_generation(1, json!({})));
    sources
        .apply("a", Seen { uid: "other".to_owned(), ..Seen::of_generation(1, json!({"preset": "unsafe"})) });
    assert_eq!(names(&sources), ["restricted"]);
}

#[test]
fn files_that_are_wrong_leave_the_last_good_in_force() {
    let sources = sources();
    sources.look(Ok(file(&["a"])));
    let error = || PolicyError::Invalid { place: "p.yaml:1:1".to_owned(), message: "wrong".to_owned() };
    sources.look(Err(error()));
    assert_eq!(names(&sources), ["a"]);
    assert_eq!(series(&sources, "pod_hardener_policies_refused{source=\"files\"}"), "1");
    sources.look(Ok(file(&["a"])));
    assert_eq!(series(&sources, "pod_hardener_policies_refused{source=\"files\"}"), "0");
    assert_eq!(series(&sources, "pod_hardener_policy_loads_total{outcome=\"taken\",source=\"files\"}"), "1");
}

#[test]
fn a_status_is_written_once() {
    let sources = sources();
    sources.apply("a", Seen::of_generation(1, json!({})));
    let writes = sources.unsaid("pod-1", "t1");
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].status.replicas[0].name, "pod-1");
    let after = Seen {
        resource_version: "7".to_owned(),
        status: writes[0].status.clone(),
        ..Seen::of_generation(1, json!({}))
    };
    sources.written(&writes[0], after.clone());
    assert!(sources.unsaid("pod-1", "t2").is_empty());
    // The watch brings the same.
    sources.apply("a", after);
    assert!(sources.unsaid("pod-1", "t2").is_empty());
    assert_eq!(sources.farewell("pod-1", "t3")[0].status.replicas, []);
    assert!(sources.farewell("pod-2", "t3").is_empty());
}

#[test]
fn a_status_that_is_never_kept_is_not_written_for_ever() {
    let sources = sources();
    sources.apply("a", Seen::of_generation(1, json!({})));
    let mut writes = 0;
    while let Some(write) = sources.unsaid("pod-1", "t").pop() {
        sources.written(&write, Seen::of_generation(1, json!({})));
        writes += 1;
        assert!(writes < 100);
    }
    sources.apply("a", Seen::of_generation(2, json!({})));
    assert_eq!(sources.unsaid("pod-1", "t").len(), 1);
}

#[test]
fn nobody_speaks_of_an_older_generation() {
    let sources = sources();
    let status = PolicyStatus { observed_generation: 5, ..PolicyStatus::default() };
    sources.apply("a", Seen { status, ..Seen::of_generation(4, json!({})) });
    assert!(sources.unsaid("pod-1", "t").is_empty());
}
