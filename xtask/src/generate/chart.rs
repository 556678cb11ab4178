//! Templates of the Helm chart that are the base's files, with what a release may change put in.

use anyhow::{Context, Result, bail};

use super::{COMMAND, Page};
use crate::run;

const LABELS: &str = "  labels:\n    {{- include \"pod-hardener.labels\" . | nindent 4 }}\n";

/// What of a file's text becomes what.
type Change = (&'static str, String);

/// The pages. `definition` is that of the custom resources.
pub(super) fn pages(definition: &str) -> Result<Vec<Page>> {
    Ok(vec![
        page(
            "crd",
            &format!("{{{{- if .Values.crd.install }}}}\n{definition}{{{{- end }}}}\n"),
            &of_definition(),
        )?,
        page("role", &base("role")?, &[after("metadata:\n  name: pod-hardener-webhook\n", LABELS)])?,
        page("webhook", &base("webhook")?, &of_webhooks())?,
    ])
}

fn page(name: &str, text: &str, changes: &[Change]) -> Result<Page> {
    let mut text = text.to_owned();
    for (from, to) in changes {
        if !text.contains(from) {
            bail!("the base's {name}.yaml is without {from:?}");
        }
        text = text.replace(from, to);
    }
    let path = format!("manifests/chart/templates/{name}.yaml");
    let head = format!("{{{{- /* manifests/base, by `{COMMAND}`: change it there. */}}}}\n");
    Ok(Page { path, text: format!("{head}{text}") })
}

fn base(name: &str) -> Result<String> {
    let path = format!("manifests/base/{name}.yaml");
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

fn of_webhooks() -> [Change; 6] {
    let injection = "  {{- include \"pod-hardener.injection\" . }}\n";
    let excluded = "      {{- range .Values.webhook.excludedNamespaces }}\n      - {{ . }}\n      {{- end }}\n      \
                    - {{ .Release.Namespace }}\n";
    [
        after("metadata:\n  name: pod-hardener\n", &format!("{LABELS}{injection}")),
        ("      namespace: pod-hardener\n", "      namespace: {{ .Release.Namespace }}\n".to_owned()),
        after("      port: 443\n", "    {{- include \"pod-hardener.caBundle\" . }}\n"),
        ("      - kube-system\n      - pod-hardener\n", excluded.to_owned()),
        ("timeoutSeconds: 2\n", "timeoutSeconds: {{ .Values.webhook.timeoutSeconds }}\n".to_owned()),
        ("failurePolicy: Ignore\n", "failurePolicy: {{ .Values.webhook.failurePolicy }}\n".to_owned()),
    ]
}
