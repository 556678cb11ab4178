use std::collections::HashSet;

use super::*;
use crate::annotation::RefusalReason;
use crate::harden::{RemarkReason, Results};
use crate::review::{Outcome, ReviewError, Reviewed};
use crate::rules::{RuleId, RuleSet};

fn record(dry_run: bool) -> Record {
    Record {
        uid: String::new(),
        namespace: String::new(),
        name: String::new(),
        policy: String::new(),
        reviewed: Reviewed::EphemeralContainers,
        outcome: Outcome::Patched,
        results: Results::default(),
        posture: None,
        exempted: [RuleId::seccomp].into_iter().collect::<RuleSet>(),
        refusals: vec![RefusalReason::Expired],
        remarks: vec![RemarkReason::UnknownPolicy],
        notes: Vec::new(),
        why: None,
        dry_run,
        remembered: true,
    }
}

fn has(text: &str, line: &str) -> bool {
    text.lines().any(|shown| shown == line)
}

#[test]
fn every_series_of_the_table_is_there_from_the_start() {
    let text = Metrics::new().expect("metrics").render().expect("text");
    for family in TABLE {
        assert!(has(&text, &format!("# HELP {} {}", family.name, family.help)), "{}", family.name);
        assert!(has(&text, &format!("# TYPE {} {}", family.name, family.kind.as_str())), "{}", family.name);
        let of_family = |line: &str| {
            let name = line.split(['{', ' ']).next().unwrap_or_default();
            match name.strip_prefix(family.name) {
                Some("") => true,
                Some("_bucket" | "_sum" | "_count") => family.kind == Kind::Histogram,
                _ => false,
            }
        };
        let series = text.lines().filter(|line| of_family(line));
        assert_eq!(series.count(), family.series(), "{}", family.name);
    }
    assert_eq!(text.matches("# TYPE ").count(), TABLE.len());
    assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), Metrics::promised(0));
    assert!(Metrics::promised(0) < 1000, "{} series", Metrics::promised(0));
}

#[test]
fn names_and_labels_are_as_prometheus_wants_them() {
    let mut names = HashSet::new();
    for family in TABLE {
        assert!(names.insert(family.name), "{} twice", family.name);
        assert_eq!(family.name.ends_with("_total"), family.kind == Kind::Counter, "{}", family.name);
        assert!(family.help.ends_with('.'), "{}", family.name);
        for label in family.labels {
            let values = (label.values)();
            let unique: HashSet<&str> = values.iter().copied().collect();
            assert_eq!(unique.len(), values.len(), "{} {}", family.name, label.name);
        }
    }
}

#[test]
fn reviews_are_counted_under_their_labels() {
    let metrics = Metrics::new().expect("metrics");
    metrics.record(Endpoint::Mutate, &record(false), Duration::from_micros(70), 10, 20);
    let text = metrics.render().expect("text");
    for line in [
        "pod_hardener_admission_requests_total{endpoint=\"mutate\",outcome=\"patched\"} 1",
        "pod_hardener_admission_duration_seconds_bucket{endpoint=\"mutate\",le=\"0.00005\"} 0",
        "pod_hardener_admission_duration_seconds_bucket{endpoint=\"mutate\",le=\"0.0001\"} 1",
        "pod_hardener_admission_objects_total{outcome=\"patched\",resource=\"pods/ephemeralcontainers\"} 1",
        "pod_hardener_exemptions_honoured_total{rule=\"seccomp\"} 1",
        "pod_hardener_exemptions_refused_total{reason=\"expired\"} 1",
        "pod_hardener_policy_choices_refused_total{reason=\"unknown-policy\"} 1",
        "pod_hardener_admission_remembered_total 1",
        "pod_hardener_request_bytes_total 10",
        "pod_hardener_response_bytes_total 20",
    ] {
        assert!(has(&text, line), "{line}\n{text}");
    }
}

#[test]
fn dry_runs_are_not_counted() {
    let metrics = Metrics::new().expect("metrics");
    metrics.record(Endpoint::Mutate, &record(true), Duration::from_micros(70), 10, 20);
    let text = metrics.render().expect("text");
    let ours = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.starts_with("pod_hardener_")).map(str::to_owned).collect()
    };
    assert_eq!(ours(&text), ours(&Metrics::new().expect("metrics").render().expect("text")));
}

#[test]
fn handles_stand_where_their_variants_index() {
    for (index, rule) in RuleId::ALL.iter().enumerate() {
        assert_eq!(*rule as usize, index);
    }
    for (index, result) in RuleResult::ALL.into_iter().enumerate() {
        assert_eq!(result as usize, index);
    }
    for (index, reviewed) in Reviewed::ALL.into_iter().enumerate() {
        assert_eq!(reviewed as usize, index);
    }
    for (index, outcome) in Outcome::ALL.into_iter().enumerate() {
        assert_eq!(outcome as usize, index);
    }
    for (index, reason) in RefusalReason::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, index);
    }
    for (index, rejection) in Rejection::ALL.iter().enumerate() {
        assert_eq!(rejection.index(), index);
    }
}

#[test]
fn every_error_of_a_review_has_its_label() {
    let labels = reason::values_of::<Rejection>();
    for reason in ReviewError::REASONS {
        assert!(labels.contains(&reason), "{reason}");
    }
    let malformed = serde_json::from_str::<u8>("x").expect_err("no number");
    for error in [ReviewError::NoUid, ReviewError::Malformed(malformed), ReviewError::Kind(String::new())] {
        assert_eq!(Rejection::from(&error).as_str(), error.reason());
    }
}

#[test]
fn every_metric_has_a_question_that_names_it() {
    for family in TABLE.iter().chain([&BY_NAMESPACE]) {
        assert!(family.query().contains(family.name), "{}: {}", family.name, family.query());
    }
}

#[test]
fn a_gauge_falls_when_its_guard_goes() {
    let metrics = Metrics::new().expect("metrics");
    let entered = metrics.in_flight.enter();
    assert!(has(&metrics.render().expect("text"), "pod_hardener_requests_in_flight 1"));
    let taken = (metrics.long_bodies.take(7), metrics.long_bodies.take(3));
    assert!(has(&metrics.render().expect("text"), "pod_hardener_long_body_bytes 10"));
    drop(taken.0);
    assert!(has(&metrics.render().expect("text"), "pod_hardener_long_body_bytes 3"));
    drop(entered);
    assert!(has(&metrics.render().expect("text"), "pod_hardener_requests_in_flight 0"));
}
