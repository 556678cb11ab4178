//! Templates of the Helm chart that are the base's files, with what a release may change put in.

use anyhow::{Context, Result, bail};

use super::{COMMAND, Page};
use crate::monitoring::RUNBOOKS;
use crate::run;

/// What a namespaced object of the base says, and of the release.
const NAMESPACE: [&str; 2] = ["namespace: pod-hardener\n", "namespace: {{ .Release.Namespace }}\n"];

const LABELS: &str = "  labels:\n    {{- include \"pod-hardener.labels\" . | nindent 4 }}\n";

const SELF_MANAGED: &str = "components/self-managed/rbac.yaml";
const STATUS_PAGE: &str = "components/status-page/rbac.yaml";
const GUARD_LOGS: &str = "components/guard-logs/rbac.yaml";

/// What of a file's text becomes what.
type Change = (&'static str, String);

/// The pages. `definition` is that of the custom resources.
pub(super) fn pages(definition: &str) -> Result<Vec<Page>> {
    let role = [after("metadata:\n  name: pod-hardener-webhook\n", LABELS)];
    let self_managed = where_it_is("eq .Values.certificates.mode \"self-managed\"", &source(SELF_MANAGED)?);
    let status_page = where_it_is(".Values.statusPage.enabled", &source(STATUS_PAGE)?);
    let guard_logs = where_it_is(".Values.guard.readLogs", &source(GUARD_LOGS)?);
    Ok(vec![
        page("crd", &where_it_is(".Values.crd.install", definition), &of_definition())?,
        page("role", &source("base/role.yaml")?, &role)?,
        page("guard-rbac", &source("base/guard.yaml")?, &of_guard())?,
        page("certificates-rbac", &self_managed, &of_self_managed())?,
        page("guard-logs-rbac", &guard_logs, &of_guard_logs())?,
        page("status-page-rbac", &status_page, &of_status_page())?,
        page("webhook", &source("base/webhook.yaml")?, &of_webhooks())?,
    ])
}

/// What a Prometheus operator reads, where there is one. `rules` has templates of its own, which are not Helm's.
pub(super) fn monitoring(rules: &str) -> Result<Page> {
    let monitor = source("components/monitoring/podmonitor.yaml")?;
    let text = format!("{}---\n{}", monitor.replace("{{", OPENING), rules.replace("{{", OPENING));
    let labels = format!(
        "{LABELS}    {{{{- with .Values.monitoring.labels }}}}\n    {{{{- toYaml . | nindent 4 }}}}\n    {{{{- end }}}}\n"
    );
    let changes = [
        after("metadata:\n  name: pod-hardener\n", &labels),
        (NAMESPACE[0], NAMESPACE[1].to_owned()),
        ("interval: 30s\n", "interval: {{ .Values.monitoring.interval }}\n".to_owned()),
        (RUNBOOKS, "{{ .Values.monitoring.runbooks }}".to_owned()),
    ];
    page("monitoring", &where_it_is(".Values.monitoring.operator", &text), &changes)
}

/// Two braces, for whoever reads what Helm writes.
const OPENING: &str = "{{ \"{{\" }}";

/// A template that is empty where this is not so.
fn where_it_is(condition: &str, text: &str) -> String {
    format!("{{{{- if {condition} }}}}\n{text}{{{{- end }}}}\n")
}

fn page(name: &str, text: &str, changes: &[Change]) -> Result<Page> {
    let mut text = text.to_owned();
    for (from, to) in changes {
        if !text.contains(from) {
            bail!("what {name}.yaml of the chart is made from is without {from:?}");
        }
        text = text.replace(from, to);
    }
    let path = format!("manifests/chart/templates/{name}.yaml");
    let head = format!("{{{{- /* From what kustomize reads, by `{COMMAND}`: change it there. */}}}}\n");
    Ok(Page { path, text: format!("{head}{text}") })
}

fn source(name: &str) -> Result<String> {
    let path = format!("manifests/{name}");
    std::fs::read_to_string(run::root().join(&path)).with_context(|| format!("cannot read {path}"))
}

fn after(line: &'static str, more: &str) -> Change {
    (line, format!("{line}{more}"))
}

fn of_definition() -> [Change; 2] {
    let keep =
        "  {{- if .Values.crd.keep }}\n  annotations:\n    helm.sh/resource-policy: keep\n  {{- end }}\n";
    let more = format!("{LABELS}{keep}");
    [
        after("metadata:\n  name: hardeningpolicies.pod-hardener.dev\n", &more),
        after("metadata:\n  name: imageprofiles.pod-hardener.dev\n", &more),
    ]
}

fn of_self_managed() -> [Change; 2] {
    [after("metadata:\n  name: pod-hardener-certificates\n", LABELS), (NAMESPACE[0], NAMESPACE[1].to_owned())]
}

fn of_status_page() -> [Change; 3] {
    [
        after("metadata:\n  name: pod-hardener-status-page\n", LABELS),
        after("metadata:\n  name: pod-hardener-status-viewer\n", LABELS),
        (NAMESPACE[0], NAMESPACE[1].to_owned()),
    ]
}

fn of_guard() -> [Change; 2] {
    [after("metadata:\n  name: pod-hardener-guard\n", LABELS), (NAMESPACE[0], NAMESPACE[1].to_owned())]
}

fn of_guard_logs() -> [Change; 2] {
    [after("metadata:\n  name: pod-hardener-guard-logs\n", LABELS), (NAMESPACE[0], NAMESPACE[1].to_owned())]
}

fn of_webhooks() -> [Change; 6] {
    let injection = "  {{- include \"pod-hardener.injection\" . }}\n";
    let excluded = "      {{- range .Values.webhook.excludedNamespaces }}\n      - {{ . }}\n      {{- end }}\n      \
                    - {{ .Release.Namespace }}\n";
    [
        after("metadata:\n  name: pod-hardener\n", &format!("{LABELS}{injection}")),
        (NAMESPACE[0], NAMESPACE[1].to_owned()),
        after("      port: 443\n", "    {{- include \"pod-hardener.caBundle\" . }}\n"),
        ("      - kube-system\n      - pod-hardener\n", excluded.to_owned()),
        ("timeoutSeconds: 2\n", "timeoutSeconds: {{ .Values.webhook.timeoutSeconds }}\n".to_owned()),
        ("failurePolicy: Ignore\n", "failurePolicy: {{ .Values.webhook.failurePolicy }}\n".to_owned()),
    ]
}
