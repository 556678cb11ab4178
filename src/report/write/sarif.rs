//! SARIF 2.1.0: for what shows findings beside the code.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Severity, WHO, words};
use crate::report::{Exempted, Found, Place, Report, Workload};
use crate::rules::{RuleId, RuleResult};

/// Writes every finding as a SARIF result: a `note` is what would be changed, a `warning` what stays insecure; what is
/// exempted is suppressed, with the reason that its author gave.
///
/// # Errors
/// When the output does not take it.
pub fn sarif(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let results: Vec<Value> = report
        .workloads
        .iter()
        .flat_map(|workload| workload.findings.iter().map(move |found| result(report, workload, found)))
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": WHO,
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": RuleId::ALL.iter().map(|rule| descriptor(*rule)).collect::<Vec<Value>>(),
            }},
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &log)?;
    writeln!(out)
}

fn descriptor(rule: RuleId) -> Value {
    let meta = rule.meta();
    let number = match Severity::of(rule) {
        Severity::Low => "3.0",
        Severity::Medium => "5.0",
        Severity::High => "8.0",
    };
    json!({
        "id": rule.as_str(),
        "shortDescription": {"text": meta.summary},
        "fullDescription": {"text": meta.why},
        "help": {"text": meta.live_with},
        "properties": {"tags": ["security", "kubernetes"], "security-severity": number},
    })
}

fn result(report: &Report, workload: &Workload, found: &Found) -> Value {
    let level = match found.result {
        RuleResult::Observed | RuleResult::Impossible => "warning",
        _ => "note",
    };
    let inside = found.container.as_ref().map_or_else(String::new, |name| format!(" in container {name}"));
    let text = format!("{}: {}{inside}: {}", workload.place.label(), found.note, words(found.result));
    let name = workload.full_name();
    let container = found.container.as_deref().unwrap_or_default();
    let mut result = json!({
        "ruleId": found.rule.as_str(),
        "ruleIndex": found.rule as usize,
        "level": level,
        "message": {"text": text},
        "locations": [location(&workload.place, &name)],
        "partialFingerprints": {"finding/v1": format!("{name}/{container}/{}/{}", found.rule, found.note)},
        "properties": {"result": found.result.as_str(), "policy": workload.policy},
    });
    if found.result == RuleResult::Exempted {
        let reason = reason(report, workload, found).unwrap_or_default();
        result["suppressions"] = json!([{"kind": "inSource", "justification": reason}]);
    }
    result
}

/// Why its author exempted it.
fn reason<'r>(report: &'r Report, workload: &Workload, found: &Found) -> Option<&'r str> {
    let names = |rules: &str| rules == "all" || rules.split(',').any(|name| name == found.rule.as_str());
    let covers = |row: &&Exempted| {
        row.place == workload.place
            && row.honoured
            && names(&row.rules)
            && (row.container.is_none() || row.container == found.container)
    };
    report.exemptions.iter().find(covers).map(|row| row.reason.as_str())
}

fn location(place: &Place, name: &str) -> Value {
    let mut location = json!({"logicalLocations": [{"fullyQualifiedName": name, "kind": "resource"}]});
    if let (Some(file), Some(line)) = (&place.file, place.line) {
        location["physicalLocation"] =
            json!({"artifactLocation": {"uri": uri(file)}, "region": {"startLine": line}});
    }
    location
}

/// A path as a URI: relative as it is, absolute as `file:`.
fn uri(path: &str) -> String {
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    let path = path.strip_prefix("./").unwrap_or(path);
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_become_uris() {
        assert_eq!(uri("./a b/ü.yaml"), "a%20b/%C3%BC.yaml");
        assert_eq!(uri("/x/a:1.yaml"), "file:///x/a%3A1.yaml");
    }
}
