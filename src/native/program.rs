//! The native policy as it is put together: named values, and the operations of its one JSON Patch.

use super::cel;
use crate::cel::text;
use crate::policy::Policy;
use crate::rules::{Mode, RuleId, RuleSet};

/// What the parts add to.
pub(super) struct Program<'p> {
    pub(super) policy: &'p Policy,
    /// The rules that it applies.
    pub(super) applied: RuleSet,
    /// By name; each may use those before it.
    pub(super) variables: Vec<(&'static str, String)>,
    /// Fields of a container's security context: when (of the container `e`, number `i`), where, and the value.
    container_context: Vec<[String; 3]>,
    /// Fields of the pod's.
    pod_context: Vec<[String; 3]>,
    /// Lists of operations, in their order.
    operations: Vec<String>,
}

/// No value: where ids are numbers.
pub(super) const NONE: &str = "-1";

impl<'p> Program<'p> {
    pub(super) fn new(policy: &'p Policy, applied: RuleSet) -> Self {
        let (variables, operations) = (Vec::new(), Vec::new());
        let (container_context, pod_context) = (Vec::new(), Vec::new());
        Self { policy, applied, variables, container_context, pod_context, operations }
    }

    /// Whether the rule is applied.
    pub(super) const fn applies(&self, rule: RuleId) -> bool {
        self.applied.contains(rule)
    }

    /// Whether the rule replaces what the author set.
    pub(super) fn replaces(&self, rule: RuleId) -> bool {
        self.applies(rule) && self.policy.mode(rule) == Mode::Enforce
    }

    pub(super) fn let_be(&mut self, name: &'static str, expression: impl Into<String>) {
        self.variables.push((name, expression.into()));
    }

    /// Sets a field of the security context of each container for which this holds. A field within a field is only for
    /// containers that have the outer one.
    pub(super) fn set_in_containers(&mut self, condition: String, field: &str, value: &str) {
        self.container_context.push([condition, text(field), value.to_owned()]);
    }

    /// Sets a field of the pod's security context; the field is an expression.
    pub(super) fn set_in_pod(&mut self, condition: impl Into<String>, field: &str, value: &str) {
        self.pod_context.push([condition.into(), field.to_owned(), value.to_owned()]);
    }

    /// Sets a field of the spec to `false`.
    pub(super) fn turn_off(&mut self, condition: &str, field: &str) {
        self.operations.push(cel::add_if(condition, &text(&format!("/spec/{field}")), "false"));
    }

    /// A list of operations.
    pub(super) fn operate(&mut self, operations: String) {
        self.operations.push(operations);
    }

    /// Operations of each container `e` with the number `i`.
    pub(super) fn operate_in_containers(&mut self, operations: &str) {
        self.operations.push(format!("variables.containers.transformList(i, e, {operations}).flatten()"));
    }

    /// The security contexts, with those that have to be made first.
    pub(super) fn write_contexts(&mut self) {
        let edits = |fields: &[[String; 3]]| {
            let fields = fields.iter().map(|[condition, at, value]| {
                format!("({condition} ? [{{'at': dyn({at}), 'value': dyn({value})}}] : [])")
            });
            fields.collect::<Vec<_>>().join(" + ")
        };
        if !self.container_context.is_empty() {
            let each = edits(&self.container_context);
            self.let_be("edits", format!("variables.containers.transformList(i, e, {each})"));
            // One operation where there is nothing yet: each of them costs.
            let (edits, context) = ("variables.edits[i]", "e.at + '/securityContext'");
            self.operate_in_containers(&format!(
                "({edits}.size() > 0 && !e.own.?securityContext.hasValue() ? [JSONPatch{{op: 'add', path: {context}, \
                 value: {edits}.transformMapEntry(k, x, {{x.at: x.value}})}}] : \
                 {edits}.map(x, JSONPatch{{op: 'add', path: {context} + '/' + x.at, value: x.value}}))"
            ));
        }
        if !self.pod_context.is_empty() {
            let edits = edits(&self.pod_context);
            self.let_be("podEdits", edits);
            let makes = "variables.podEdits.size() > 0 && !variables.spec.?securityContext.hasValue()";
            let path = "'/spec/securityContext'";
            self.operate(format!(
                "{} + variables.podEdits.map(x, JSONPatch{{op: 'add', path: {path} + x.at, value: x.value}})",
                cel::add_if(makes, path, "{}"),
            ));
        }
    }

    /// The whole patch.
    pub(super) fn patch(&self) -> String {
        self.operations.join("\n+ ")
    }
}

/// Whether the rule may touch the container `e`.
pub(super) fn covers(rule: RuleId) -> String {
    format!("e.fresh && !('{rule}' in e.exempt)")
}

/// Whether it may touch each of them.
pub(super) fn covers_all(rule: RuleId) -> String {
    format!("variables.creates && variables.containers.all(e, {})", covers(rule))
}

/// Whether it may touch the pod.
pub(super) fn covers_pod(rule: RuleId) -> String {
    format!("variables.creates && !('{rule}' in variables.exempted)")
}

/// The engine's `settle`: a field that the pod sets for all its containers and each may set for itself.
pub(super) struct Settled {
    /// Names the value at the pod, as it is to be written; `none` where it is not.
    pub(super) at_pod: String,
    /// Whether the container `e` needs the value itself.
    pub(super) in_container: String,
}

/// How a settled field is read.
pub(super) struct Field<'f> {
    /// What stands for no value.
    pub(super) none: &'f str,
    /// What the container `e` sets itself.
    pub(super) own: &'f str,
    /// What the pod sets.
    pub(super) pod: &'f str,
    /// What shall hold for the container `e` with the number `i`.
    pub(super) target: &'f str,
    /// Whether it may be written at the pod.
    pub(super) may_edit_pod: &'f str,
}

/// Where to write a field: the value at the pod is the expression `at_pod`, to be given a name.
pub(super) fn settle(name: &str, field: &Field<'_>) -> Settled {
    let Field { none, own, pod, target, may_edit_pod } = field;
    let at_pod = format!(
        "[variables.containers.transformList(i, e, {own} == {none}, {target})].map(inherited, \
         {may_edit_pod} && inherited.size() > 0 && inherited[0] != {none} && \
         inherited.all(x, x == inherited[0]) && inherited[0] != {pod} ? inherited[0] : {none})[0]"
    );
    let inherits = format!("(variables.{name} != {none} ? variables.{name} : {pod})");
    let in_container = format!("{target} != {none} && ({own} != {none} ? {own} : {inherits}) != {target}");
    Settled { at_pod, in_container }
}
