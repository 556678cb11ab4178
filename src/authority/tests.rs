use super::cases::cases;
use super::{RuleSet, Terms, demands, demands_namespace};
use crate::rules::RuleId;
use crate::view::{Metadata, Pod};

const PREFIX: &str = "pod-hardener.dev";

fn rules(names: &[&str]) -> RuleSet {
    names.iter().map(|name| RuleId::find(name).expect("a rule")).collect()
}

fn names(rules: RuleSet) -> Vec<&'static str> {
    rules.iter().map(RuleId::as_str).collect()
}

#[test]
fn what_each_change_demands() {
    let names_of = |rules: RuleSet| &*names(rules).leak();
    for case in cases(names_of(RuleSet::all()), names_of(RuleSet::of_containers())) {
        let texts = (case.old.as_ref().map(ToString::to_string), case.new.to_string());
        let read = |text: &'static str| -> Pod<'static> { serde_json::from_str(text).expect("a template") };
        let old = texts.0.map(|text| read(text.leak()));
        let new = read(texts.1.leak());
        let demanded = demands(old.as_ref(), &new, Terms { prefix: PREFIX, pin_images: case.pin_images });
        let expected = rules(case.demands);
        assert_eq!(names(demanded), names(expected), "{}: {:?} -> {}", case.name, case.old, case.new);
    }
}

#[test]
fn a_new_ephemeral_container_demands_what_it_makes_use_of() {
    let pod = |exempt: &str, debugger: &str| {
        format!(
            r#"{{"metadata":{{"annotations":{{"pod-hardener.dev/exempt":"{exempt}"}}}},"spec":{{
                "containers":[{{"name":"app"}}],"ephemeralContainers":[{debugger}]}}}}"#
        )
    };
    let hard = r#"{"name":"d","securityContext":{"allowPrivilegeEscalation":false}}"#;
    for (exempt, debugger, expected) in [
        ("privilege-escalation", r#"{"name":"d"}"#, &["privilege-escalation"][..]),
        ("privilege-escalation", hard, &[]),
        ("seccomp", hard, &["seccomp"]),
        ("resources,host-path,privileged", r#"{"name":"d"}"#, &[]),
        ("privileged", r#"{"name":"d","securityContext":{"privileged":true}}"#, &["privileged"]),
    ] {
        let (old, new) = (pod(exempt, ""), pod(exempt, debugger));
        let old: Pod<'_> = serde_json::from_str(&old).expect("a pod");
        let new: Pod<'_> = serde_json::from_str(&new).expect("a pod");
        let terms = Terms { prefix: PREFIX, pin_images: true };
        assert_eq!(names(demands(Some(&old), &new, terms)), expected, "{exempt} {debugger}");
        assert!(demands(Some(&new), &new, terms).is_empty());
    }
}

#[test]
fn what_changes_of_a_namespace_demand() {
    const ALL: &str = "all";
    let label =
        |value: &str| format!(r#"{{"labels":{{"pod-hardener.dev/policy":"{value}","team":"{value}"}}}}"#);
    let note =
        |name: &str, value: &str| format!(r#"{{"annotations":{{"pod-hardener.dev/{name}":"{value}"}}}}"#);
    let none = || "{}".to_owned();
    for (old, new, expected) in [
        (None, none(), ""),
        (None, label("x"), ALL),
        (Some(label("x")), label("x"), ""),
        (Some(label("x")), label("y"), ALL),
        (Some(label("x")), none(), ALL),
        (None, note("exempt", "seccomp"), "seccomp"),
        (Some(none()), note("exempt", "seccomp"), "seccomp"),
        (Some(note("exempt", "seccomp")), note("exempt", "seccomp "), ""),
        (Some(note("exempt", "seccomp")), note("exempt", "seccomp,sysctls"), "sysctls"),
        (Some(note("exempt", "seccomp")), none(), ""),
        (Some(none()), note("exempt-reason", "x"), ""),
        (Some(none()), note("run-as-user", "1"), ALL),
        (Some(none()), r#"{"labels":{"team":"x"},"annotations":{"other.dev/exempt":"all"}}"#.to_owned(), ""),
    ] {
        let demanded = of_namespace(old.as_deref(), &new, PREFIX);
        let expected = match expected {
            ALL => RuleSet::all(),
            "" => RuleSet::default(),
            one => rules(&[one]),
        };
        assert_eq!(names(demanded), names(expected), "{old:?} -> {new}");
    }
}

fn of_namespace(old: Option<&str>, new: &str, prefix: &str) -> RuleSet {
    let read = |text| serde_json::from_str::<Metadata<'_>>(text).expect("metadata");
    demands_namespace(old.map(read).as_ref(), &serde_json::from_str(new).expect("metadata"), prefix)
}

#[test]
fn the_label_that_chooses_a_policy_is_ours_under_any_prefix() {
    let label = |key: &str| format!(r#"{{"labels":{{"{key}":"observe"}}}}"#);
    for (key, expected) in [
        ("pod-hardener.dev/policy", RuleSet::all()),
        ("other.dev/policy", RuleSet::all()),
        ("pod-hardener.dev/team", RuleSet::default()),
        ("team", RuleSet::default()),
    ] {
        assert_eq!(names(of_namespace(Some("{}"), &label(key), "other.dev")), names(expected), "{key} set");
        assert_eq!(names(of_namespace(Some(&label(key)), "{}", "other.dev")), names(expected), "{key} gone");
    }
}
