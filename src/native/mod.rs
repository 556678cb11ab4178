//! The same hardening as a MutatingAdmissionPolicy: CEL inside the API server, with no server to run.
//!
//! Written from a policy, for the part that CEL can express; [`EXCEPTIONS`] says where it differs. Everything is decided
//! in named variables and written by one JSON Patch: each further mutation would encode and decode the pod once more.

mod capabilities;
mod cel;
mod contexts;
mod exceptions;
mod exempt;
mod identity;
mod pods;
mod program;
mod resources;
mod volumes;

use serde_json::{Value, json};
use time::Date;

pub use exceptions::{EXCEPTIONS, Exception};

use crate::annotation::{MIRROR, RUN_AS_GROUP, RUN_AS_USER};
use crate::authority::controllers;
use crate::cel::text;
use crate::policy::{POLICY_LABEL, Policy, Preset, Selector};
use crate::rules::run_as_non_root::Strategy;
use crate::rules::service_account_token::Scope;
use crate::rules::{RuleId, RuleSet};
use cel::any;
use exempt::Terms;
use program::Program;

/// The rules that are written in CEL here. Of the others no mutation repairs what they find, or nobody has written it yet.
const WRITTEN: [RuleId; 16] = [
    RuleId::privileged,
    RuleId::host_namespaces,
    RuleId::host_ports,
    RuleId::run_as_non_root,
    RuleId::capabilities,
    RuleId::privilege_escalation,
    RuleId::seccomp,
    RuleId::read_only_root_filesystem,
    RuleId::service_account_token,
    RuleId::resources,
    RuleId::proc_mount,
    RuleId::apparmor,
    RuleId::selinux,
    RuleId::unprivileged_ports,
    RuleId::user_namespace,
    RuleId::service_links,
];

/// Namespaces that are never hardened: as in the webhook's registration.
const LEFT_OUT: [&str; 2] = ["kube-system", "pod-hardener"];

/// The manifests for one policy.
#[derive(Debug, Clone)]
pub struct Native {
    /// The rules that they apply.
    pub applied: RuleSet,
    /// The MutatingAdmissionPolicy.
    pub policy: Value,
    /// For which namespaces and pods.
    pub bindings: Vec<Value>,
}

/// The rules of a policy that the native policy applies: those in force, where CEL can express them and know what they
/// depend on.
#[must_use]
pub fn applied(policy: &Policy) -> RuleSet {
    let unknown = |rule: RuleId| match rule {
        RuleId::run_as_non_root => policy.rules.run_as_non_root.strategy == Strategy::NamespaceRange,
        RuleId::service_account_token => policy.rules.service_account_token.scope == Scope::UnboundAccounts,
        _ => false,
    };
    let rules = WRITTEN.into_iter();
    rules.filter(|rule| policy.mode(*rule).is_in_force() && !unknown(*rule)).collect()
}

impl Native {
    /// Those for a policy; `as_of` is taken for today, by which exemptions end.
    #[must_use]
    pub fn new(policy: &Policy, as_of: Option<Date>) -> Self {
        let applied = applied(policy);
        let program = program(policy, applied, as_of);
        let name = format!("pod-hardener-{}", policy.name);
        let variables: Vec<Value> = program
            .variables
            .iter()
            .map(|(name, expression)| json!({"name": name, "expression": expression}))
            .collect();
        let conditions: Vec<Value> = conditions(&policy.selector)
            .into_iter()
            .map(|(name, expression)| json!({"name": name, "expression": expression}))
            .collect();
        let document = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "failurePolicy": "Ignore",
                "reinvocationPolicy": "IfNeeded",
                "matchConstraints": {"resourceRules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]},
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"],
                     "resources": ["pods/ephemeralcontainers"]},
                ]},
                "matchConditions": conditions,
                "variables": variables,
                "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": program.patch()}}],
            },
        });
        Self { applied, policy: document, bindings: bindings(&name, policy) }
    }

    /// The documents, in the order in which they are to be applied.
    pub fn documents(&self) -> impl Iterator<Item = &Value> {
        [&self.policy].into_iter().chain(&self.bindings)
    }

    /// What it does not do, as comments for the head of the manifests.
    #[must_use]
    pub fn head(&self, policy: &Policy) -> String {
        let names = |rules: &mut dyn Iterator<Item = RuleId>| {
            let names: Vec<&str> = rules.map(RuleId::as_str).collect();
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        };
        let left_out = RuleSet::all().without(self.applied);
        let mut lines = vec![
            format!(
                "The policy {} inside the API server, from Kubernetes 1.36 on: docs/native.md.",
                policy.name
            ),
            format!("Applied: {}.", names(&mut self.applied.iter())),
            format!(
                "Not applied, as the policy says or as no mutation can: {}.",
                names(&mut left_out.iter())
            ),
            "Where it differs from the webhook:".to_owned(),
        ];
        lines.extend(EXCEPTIONS.iter().map(|exception| format!("- {}", exception.text)));
        let wrapped = lines.iter().flat_map(|line| wrap(line, 116));
        wrapped.map(|line| format!("# {line}\n")).collect()
    }
}

/// Lines of at most so many characters.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("  {word}")),
        }
    }
    lines
}

fn program(policy: &Policy, applied: RuleSet, as_of: Option<Date>) -> Program<'_> {
    let mut program = Program::new(policy, applied);
    look(&mut program, &Terms { policy, applied, as_of });
    capabilities::look(&mut program);
    identity::identities(&mut program);
    pods::apply(&mut program);
    pods::token(&mut program);
    contexts::apply(&mut program);
    identity::apply(&mut program);
    capabilities::apply(&mut program);
    volumes::apply(&mut program);
    resources::apply(&mut program);
    program.write_contexts();
    contexts::remove(&mut program);
    contexts::ports(&mut program);
    program
}

/// The pod, its containers in one row as the engine's `subject` has them, and what annotations say of each.
fn look(program: &mut Program<'_>, terms: &Terms<'_>) {
    let prefix = &program.policy.annotation_prefix;
    let id = |name: &str| exempt::id(&exempt::keys(prefix, name));
    let (user, group) = (id(RUN_AS_USER), id(RUN_AS_GROUP));
    let identity = program.applies(RuleId::run_as_non_root);
    program.let_be("spec", "object.spec");
    program.let_be("context", "object.spec.?securityContext.orValue({})");
    program.let_be("volumes", "object.spec.?volumes.orValue([])");
    program.let_be("annotations", "object.metadata.?annotations.orValue({})");
    program.let_be("labels", "object.metadata.?labels.orValue({})");
    program.let_be("creates", "request.operation == 'CREATE'");
    program.let_be("linux", "object.spec.?os.?name.orValue('') != 'windows'");
    program.let_be(
        "known",
        "variables.creates ? [] : oldObject.spec.?ephemeralContainers.orValue([]).map(c, c.name)",
    );
    program.let_be("exempted", terms.of_pod());
    let own = terms.of_container();
    let row = |field: &str, kind: &str, fresh: &str| {
        let mut fields = vec![
            format!("'at': dyn('/spec/{field}/' + string(i))"),
            format!("'kind': dyn({kind})"),
            "'own': dyn(c)".to_owned(),
            "'context': dyn(c.?securityContext.orValue({}))".to_owned(),
            format!("'fresh': dyn({fresh})"),
            format!("'exempt': dyn(variables.exempted + {own})"),
        ];
        if identity {
            fields.push(format!("'user': dyn({user})"));
            fields.push(format!("'group': dyn({group})"));
        }
        format!("object.spec.?{field}.orValue([]).transformList(i, c, {{{}}})", fields.join(", "))
    };
    let init = "c.?restartPolicy.orValue('') == 'Always' ? 'sidecar' : 'init'";
    let rows = [
        row("initContainers", init, "variables.creates"),
        row("containers", "'container'", "variables.creates"),
        row("ephemeralContainers", "'ephemeral'", "!(c.name in variables.known)"),
    ];
    program.let_be("containers", rows.join(" + "));
    let process = |context: &str| format!("{context}.?windowsOptions.?hostProcess.orValue(false)");
    program.let_be(
        "hostProcess",
        format!(
            "{} || variables.containers.exists(e, {})",
            process("variables.context"),
            process("e.context")
        ),
    );
    program.let_be(
        "taken",
        "variables.volumes.map(v, v.name) + \
         variables.containers.map(e, e.own.?volumeMounts.orValue([]).map(m, m.name)).flatten()",
    );
}

/// Requests that do not meet each of these are not looked at.
fn conditions(selector: &Selector) -> Vec<(&'static str, String)> {
    // Static pods run whatever the API server says of their mirrors.
    let mirror = format!(
        "!({} in object.metadata.?annotations.orValue({{}}) && {} in request.userInfo.?groups.orValue([]))",
        text(MIRROR),
        text(controllers::NODES),
    );
    let mut conditions = vec![("not-the-mirror-of-a-static-pod", mirror)];
    let one_of = |patterns: &[String], name: &str| {
        any(&patterns.iter().map(|pattern| pods::named(pattern, name)).collect::<Vec<_>>())
    };
    if has_patterns(&selector.namespaces) {
        conditions.push(("namespace", one_of(&selector.namespaces, "request.namespace")));
    }
    if !selector.service_accounts.is_empty() {
        let account = "[object.spec.?serviceAccountName.orValue('')].map(a, a == '' ? 'default' : a)";
        conditions.push((
            "service-account",
            format!("{account}.all(a, {})", one_of(&selector.service_accounts, "a")),
        ));
    }
    if !selector.images.is_empty() {
        let lists = ["initContainers", "containers", "ephemeralContainers"]
            .map(|list| format!("object.spec.?{list}.orValue([])"));
        let image = "[c.?image.orValue('')]";
        conditions.push((
            "images",
            format!("({}).all(c, {image}.all(m, {}))", lists.join(" + "), one_of(&selector.images, "m")),
        ));
    }
    conditions
}

fn has_patterns(names: &[String]) -> bool {
    names.iter().any(|name| name.contains(['*', '?']))
}

/// Namespaces whose label names the policy come under it, and what its selector selects of those whose label names no
/// other.
fn bindings(name: &str, policy: &Policy) -> Vec<Value> {
    let not_in = |key: &str, values: &[&str]| json!({"key": key, "operator": "NotIn", "values": values});
    let left_out = not_in("kubernetes.io/metadata.name", &LEFT_OUT);
    let binding = |name: &str, resources: Value| {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {"policyName": format!("pod-hardener-{}", policy.name), "matchResources": resources},
        })
    };
    let selector = &policy.selector;
    let everywhere = selector.namespaces.is_empty()
        && selector.namespace_labels.is_empty()
        && selector.pod_labels.is_empty();
    let presets = Preset::ALL.map(Preset::as_str);
    let mut others: Vec<&str> = presets.into_iter().filter(|preset| *preset != policy.name).collect();
    let mut bindings = Vec::new();
    if !everywhere {
        others.push(&policy.name);
        let labelled =
            json!({"matchLabels": {POLICY_LABEL: policy.name}, "matchExpressions": [left_out.clone()]});
        bindings.push(binding(&format!("{name}-labelled"), json!({"namespaceSelector": labelled})));
    }
    let mut expressions = vec![left_out, not_in(POLICY_LABEL, &others)];
    if !selector.namespaces.is_empty() && !has_patterns(&selector.namespaces) {
        expressions.push(json!({
            "key": "kubernetes.io/metadata.name", "operator": "In", "values": selector.namespaces,
        }));
    }
    let mut namespaces = json!({"matchExpressions": expressions});
    if !selector.namespace_labels.is_empty() {
        namespaces["matchLabels"] = json!(selector.namespace_labels);
    }
    let mut resources = json!({"namespaceSelector": namespaces});
    if !selector.pod_labels.is_empty() {
        resources["objectSelector"] = json!({"matchLabels": selector.pod_labels});
    }
    bindings.push(binding(name, resources));
    bindings
}
