//! PolicyReports: objects that dashboards and other policy tools read. One for each workload.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Severity, WHO, line};
use crate::manifest::to_yaml;
use crate::report::{Place, Report, Workload};
use crate::rules::{RuleId, RuleResult};

/// Of which kind they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `PolicyReport` of `wgpolicyk8s.io/v1alpha2`, of the Kubernetes Policy Working Group.
    PolicyReport,
    /// `Report` of `openreports.io/v1alpha1`, its successor.
    OpenReports,
}

/// The longest name of an object.
const LONGEST_NAME: usize = 253;

/// What came of the rules, as these objects name it.
const OUTCOMES: [&str; 5] = ["pass", "fail", "warn", "error", "skip"];

/// Writes the objects as YAML, for `kubectl apply`.
///
/// # Errors
/// When the output does not take it.
pub fn policy_reports(report: &Report, api: Api, out: &mut impl Write) -> io::Result<()> {
    for (number, workload) in report.workloads.iter().enumerate() {
        if number > 0 {
            writeln!(out, "---")?;
        }
        out.write_all(to_yaml(&object(report, workload, number, api)).as_bytes())?;
    }
    Ok(())
}

fn object(report: &Report, workload: &Workload, number: usize, api: Api) -> Value {
    let results = results(report, workload);
    let count = |outcome: &str| results.iter().filter(|result| result["result"] == outcome).count();
    let summary: serde_json::Map<String, Value> =
        OUTCOMES.iter().map(|outcome| ((*outcome).to_owned(), json!(count(outcome)))).collect();
    let place = &workload.place;
    let mut metadata = json!({
        "name": name(place, number),
        "labels": {"app.kubernetes.io/managed-by": WHO},
    });
    let mut scope = json!({"apiVersion": place.api_version, "kind": place.kind, "name": place.name});
    if !place.namespace.is_empty() {
        metadata["namespace"] = json!(place.namespace);
        scope["namespace"] = json!(place.namespace);
    }
    if let Some(uid) = &place.uid {
        scope["uid"] = json!(uid);
    }
    let (version, kind) = match api {
        Api::PolicyReport => ("wgpolicyk8s.io/v1alpha2", "PolicyReport"),
        Api::OpenReports => ("openreports.io/v1alpha1", "Report"),
    };
    let mut object = json!({"apiVersion": version, "kind": kind, "metadata": metadata});
    if api == Api::OpenReports {
        object["source"] = json!(WHO);
    }
    object["scope"] = scope;
    object["summary"] = Value::Object(summary);
    object["results"] = Value::Array(results);
    object
}

/// A result for each rule and what came of it.
fn results(report: &Report, workload: &Workload) -> Vec<Value> {
    let mut results = Vec::new();
    for rule in RuleId::ALL {
        for result in RuleResult::ALL {
            if !workload.of(result).contains(*rule) {
                continue;
            }
            let message = match result {
                RuleResult::AlreadySecure => rule.meta().summary.to_owned(),
                _ => line(workload, *rule, result),
            };
            results.push(json!({
                "source": WHO,
                "policy": workload.policy,
                "rule": rule.as_str(),
                "category": "Pod hardening",
                "severity": Severity::of(*rule).as_str(),
                "result": outcome(result),
                "scored": true,
                "message": message,
                "properties": {"result": result.as_str()},
                "timestamp": {"seconds": report.made.unix_timestamp(), "nanos": 0},
            }));
        }
    }
    results
}

const fn outcome(result: RuleResult) -> &'static str {
    match result {
        RuleResult::AlreadySecure => "pass",
        RuleResult::Injected | RuleResult::Replaced => "warn",
        RuleResult::Observed | RuleResult::Impossible => "fail",
        RuleResult::Exempted | RuleResult::Lowered => "skip",
    }
}

/// A name that the API server takes: the same for the same workload, and no other's.
fn name(place: &Place, number: usize) -> String {
    let wanted = format!("{WHO}-{}-{}", place.kind.to_lowercase(), place.name);
    let is_fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let ends_well = |name: &str| name.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    if wanted.len() <= LONGEST_NAME
        && wanted.chars().all(is_fine)
        && ends_well(&wanted)
        && !wanted.contains("..")
        && !wanted.contains(".-")
        && !wanted.contains("-.")
    {
        return wanted;
    }
    let end = format!("-{number}");
    let mut name: String =
        wanted.chars().map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' }).collect();
    name.truncate(LONGEST_NAME - end.len());
    name + &end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_such_as_the_api_server_takes() {
        let long = "x".repeat(300);
        for (kind, given, expected) in [
            ("Deployment", "web", "pod-hardener-deployment-web"),
            ("Pod", "web.v1-a", "pod-hardener-pod-web.v1-a"),
            ("Pod", "", "pod-hardener-pod--7"),
            ("Pod", "job-", "pod-hardener-pod-job--7"),
            ("Job", "Ä_b", "pod-hardener-job---b-7"),
            ("Job", "a.-b", "pod-hardener-job-a--b-7"),
        ] {
            let place = Place { kind: kind.to_owned(), name: given.to_owned(), ..Place::default() };
            assert_eq!(name(&place, 7), expected);
        }
        let place = Place { kind: "Pod".to_owned(), name: long, ..Place::default() };
        assert_eq!(name(&place, 7).len(), LONGEST_NAME);
    }
}
