//! Alerts as rules: for Prometheus itself, for the Prometheus operator, and for people.

use pod_hardener::manifest::to_yaml;
use serde_json::{Map, Value, json};

use super::runbook;
pub(crate) use super::table::ALERTS;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Pods pass unhardened, or soon will: somebody has to get up.
    Critical,
    /// Something is wrong and has to be looked at in working hours.
    Warning,
    /// Somebody should know.
    Info,
}

impl Severity {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// Series as promtool writes them: name with labels, and values a minute apart.
pub(crate) type Series = &'static [(&'static str, &'static str)];

/// An alert, and the series by which it is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alert {
    pub(crate) name: &'static str,
    pub(crate) expr: &'static str,
    /// For how many minutes it has to be so.
    pub(crate) minutes: u32,
    pub(crate) severity: Severity,
    /// In a line, the same for whatever it fires.
    pub(crate) summary: &'static str,
    /// What it means; a template of Prometheus.
    pub(crate) description: &'static str,
    /// With these it fires.
    pub(crate) fires: Series,
    /// With these it does not, though they are nearly the same.
    pub(crate) rests: Series,
}

/// `groups` of a rule file.
pub(crate) fn groups() -> Value {
    let rules: Vec<Value> = ALERTS.iter().map(rule).collect();
    json!([{"name": "pod-hardener", "rules": rules}])
}

fn rule(alert: &Alert) -> Value {
    let mut rule = Map::new();
    rule.insert("alert".to_owned(), json!(alert.name));
    rule.insert("expr".to_owned(), json!(alert.expr));
    if alert.minutes > 0 {
        rule.insert("for".to_owned(), json!(format!("{}m", alert.minutes)));
    }
    rule.insert("labels".to_owned(), json!({"severity": alert.severity.as_str()}));
    let annotations = json!({
        "summary": alert.summary,
        "description": alert.description,
        "runbook_url": runbook(alert.name),
    });
    rule.insert("annotations".to_owned(), annotations);
    Value::Object(rule)
}

/// A rule file for a Prometheus without the operator.
pub(crate) fn rule_file() -> String {
    to_yaml(&json!({"groups": groups()}))
}

/// The same as an object of the Prometheus operator.
pub(crate) fn prometheus_rule() -> String {
    to_yaml(&json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "pod-hardener", "namespace": "pod-hardener"},
        "spec": {"groups": groups()},
    }))
}

/// For `promtool test rules`: each alert fires with its series, and rests with the others. `rules` is the file's name.
pub(crate) fn test_file(rules: &str) -> String {
    let tests: Vec<Value> =
        ALERTS.iter().flat_map(|alert| [case(alert, alert.fires, 1), case(alert, alert.rests, 0)]).collect();
    to_yaml(&json!({"rule_files": [rules], "evaluation_interval": "1m", "tests": tests}))
}

fn case(alert: &Alert, series: Series, firing: u32) -> Value {
    let input: Vec<Value> =
        series.iter().map(|(series, values)| json!({"series": series, "values": values})).collect();
    let samples = if firing > 0 { json!([{"labels": "{}", "value": 1}]) } else { json!([]) };
    json!({
        "name": format!("{} {}", alert.name, if firing > 0 { "fires" } else { "rests" }),
        "interval": "1m",
        "input_series": input,
        "promql_expr_test": [{
            "expr": format!("group(ALERTS{{alertname=\"{}\",alertstate=\"firing\"}})", alert.name),
            "eval_time": "100m",
            "exp_samples": samples,
        }],
    })
}

/// A table for people.
pub(crate) fn markdown() -> String {
    let mut table = "| alert | severity | after | what it says |\n| --- | --- | --- | --- |\n".to_owned();
    for alert in ALERTS {
        let (name, severity, after) = (alert.name, alert.severity.as_str(), after(alert));
        table += &format!("| [`{name}`](runbooks/{name}.md) | {severity} | {after} | {} |\n", alert.summary);
    }
    table
}

/// The head of a runbook.
pub(crate) fn head(alert: &Alert) -> String {
    format!(
        "Severity `{}`, after {}.\n\n```promql\n{}\n```\n",
        alert.severity.as_str(),
        after(alert),
        alert.expr
    )
}

fn after(alert: &Alert) -> String {
    match alert.minutes {
        0 => "no time".to_owned(),
        1 => "a minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    }
}
