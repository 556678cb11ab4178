//! `capabilities`

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Desk, Meta, Mode, Note, Place, RuleId, Source, privileged, run_as_non_root};
use crate::compensation::is_restricted;

/// Documentation and presets.
pub const META: Meta = Meta {
    summary: "drop all Linux capabilities",
    mode: Mode::Default,
    enforced: Mode::Enforce,
    safe: false,
    pod_wide: false,
    sets: "the literal `ALL` in `drop`; what the author added stays. A container that may run as root keeps the small set of `rootCapabilities`: root with nothing at all breaks most images. Where the author added `ALL`, dropping it would take everything back: left, and said",
    replaces: "added capabilities outside `allowed`, in any spelling (`CAP_` prefix, case); allowed ones are written as Pod Security wants them",
    why: "Capabilities are root in pieces. A process that needs none should have none, whatever else goes wrong.",
    live_with: "Add the one capability that is needed (`capabilities.add`), or allow it by policy. A binary with file capabilities needs those capabilities added.",
    sources: &[
        Source::PodSecurity("restricted", "Capabilities"),
        Source::Cis("5.2.8", "Minimize the admission of containers with the NET_RAW capability"),
        Source::Cis("5.2.9", "Minimize the admission of containers with added capabilities"),
        Source::Cis("5.2.10", "Minimize the admission of containers with capabilities assigned"),
        Source::OwaspK01,
    ],
};

/// Parameters of `capabilities`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Params {
    /// How strictly the rule is applied; unset: as the preset says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// What authors may add under `enforce`; Pod Security restricted allows NET_BIND_SERVICE only.
    pub allowed: Vec<String>,
    /// What a container that may run as root keeps of the runtime's default set when ALL is dropped.
    /// The built-in list is a part of containerd's default set; on CRI-O leave out AUDIT_WRITE and SYS_CHROOT.
    pub root_capabilities: Vec<String>,
}

impl Default for Params {
    fn default() -> Self {
        // The small set with which all of 33 measured root images ran; each is in containerd's default set
        // (CRI-O's own has neither AUDIT_WRITE nor SYS_CHROOT: leave them out there).
        let root = [
            "AUDIT_WRITE",
            "CHOWN",
            "DAC_OVERRIDE",
            "FOWNER",
            "KILL",
            "NET_BIND_SERVICE",
            "SETGID",
            "SETUID",
            "SYS_CHROOT",
        ];
        Self {
            mode: None,
            allowed: vec![NET_BIND_SERVICE.to_owned()],
            root_capabilities: root.map(str::to_owned).to_vec(),
        }
    }
}

const ALL: &str = "ALL";
const NET_BIND_SERVICE: &str = "NET_BIND_SERVICE";

/// Whether two spellings name one capability: `CAP_` prefix and case do not count.
pub(super) fn is_same(a: &str, b: &str) -> bool {
    bare(a).eq_ignore_ascii_case(bare(b))
}

fn bare(name: &str) -> &str {
    match name.get(..4) {
        Some(prefix) if prefix.eq_ignore_ascii_case("CAP_") => &name[4..],
        _ => name,
    }
}

pub(super) fn check<'v>(desk: &mut Desk<'v, '_>, params: &'v Params) {
    if !desk.subject.is_linux() {
        return;
    }
    for (number, slot) in desk.subject.slots.iter().enumerate() {
        if !slot.in_scope || desk.exempts(RuleId::capabilities, number) {
            continue;
        }
        let may_be_root = !run_as_non_root::will_not_be_root(desk, number);
        let root: &'v [String] = if may_be_root { &params.root_capabilities } else { &[] };
        // What authors may add is policy's on every rung of the ladder.
        filter_added(desk, number, &params.allowed, root);
        if !drops_all(desk, number) && !desk.lowers(RuleId::capabilities, number) {
            drop_all(desk, number, params, root);
        }
    }
}

/// Whether the author drops everything, in the one spelling that Pod Security takes.
pub(crate) fn drops_all(desk: &Desk<'_, '_>, number: usize) -> bool {
    desk.subject.slots[number].view.dropped_capabilities().iter().any(|name| *name == ALL)
}

/// Whether a container keeps what its image's profile names: as far as policy lets authors add it, and Pod Security.
fn keeps(desk: &Desk<'_, '_>, params: &Params, name: &str) -> bool {
    let refused = name != NET_BIND_SERVICE && desk.space.as_deref().is_some_and(is_restricted);
    params.allowed.iter().any(|allowed| allowed == name) && !refused
}

/// Removes what may not be added, and gives what may stay Pod Security's spelling.
fn filter_added<'v>(
    desk: &mut Desk<'v, '_>,
    number: usize,
    allowed: &'v [String],
    root: &'v [String],
) {
    let added = desk.subject.slots[number].view.added_capabilities();
    let permitted = |name: &str| allowed.iter().chain(root).find(|other| is_same(name, other));
    // As policy spells it, in either list: what we give back to root stays as it is.
    let is_fine = |name: &str| allowed.iter().chain(root).any(|other| other == name);
    let forbidden: Vec<&str> =
        added.iter().map(|name| name.as_str()).filter(|name| !is_fine(name)).collect();
    if forbidden.is_empty() {
        return;
    }
    let note = Note::of("added ", forbidden.join(", "));
    desk.replace_or_keep(Place::Container(number), note, |plan| {
        let mut kept: Vec<Cow<'v, str>> = Vec::new();
        for canonical in added.iter().filter_map(|name| permitted(name)) {
            if !kept.iter().any(|other| other == canonical) {
                kept.push(Cow::Borrowed(canonical));
            }
        }
        plan.containers[number].capabilities_added = Some(kept);
    });
}

fn drop_all<'v>(desk: &mut Desk<'v, '_>, number: usize, params: &Params, root: &'v [String]) {
    let place = Place::Container(number);
    let view = desk.subject.slots[number].view;
    let stays = |name: &str| added_after(desk, number).any(|added| is_same(added, name));
    // With both ALL added and ALL dropped, runtimes drop: the workload would lose what it was given.
    if stays(ALL) {
        desk.impossible(place, Note::new("ALL cannot be dropped beside an added ALL"));
        return;
    }
    let dropped = view.dropped_capabilities();
    // Runtimes read "all" in any case: what drops everything today gets nothing back.
    let nothing_back =
        dropped.iter().any(|name| is_same(name, ALL)) || privileged::stays_privileged(desk, number);
    let of_image = desk.profile(number).map_or(&[][..], |profile| &profile.facts.capabilities);
    let of_image = of_image.iter().filter(|name| keeps(desk, params, name) && !root.contains(name));
    let missing: Vec<Cow<'v, str>> = root
        .iter()
        .chain(of_image)
        .filter(|_| !nothing_back)
        .filter(|name| !stays(name) && !dropped.iter().any(|other| is_same(other, name)))
        .map(|name| Cow::Borrowed(name.as_str()))
        .collect();
    let note = Note::new(if missing.is_empty() {
        "drop ALL"
    } else if root.is_empty() {
        "drop ALL but what the image's profile names"
    } else {
        "drop ALL but the small set that root needs"
    });
    desk.inject(place, note, |plan| {
        let edits = &mut plan.containers[number];
        edits.drop_all = true;
        if !missing.is_empty() {
            let mut added = edits.capabilities_added.take().unwrap_or_else(|| {
                let own = view.added_capabilities().iter();
                own.map(|name| Cow::Borrowed(name.as_str())).collect()
            });
            added.extend(missing);
            edits.capabilities_added = Some(added);
        }
    });
}

/// The capabilities that the container has added once the plan is carried out.
fn added_after<'d>(desk: &'d Desk<'_, '_>, number: usize) -> impl Iterator<Item = &'d str> {
    let planned = desk.plan.containers[number].capabilities_added.as_ref();
    let own = desk.subject.slots[number].view.added_capabilities();
    let own = own.iter().filter(move |_| planned.is_none()).map(|name| name.as_str());
    planned.into_iter().flatten().map(AsRef::as_ref).chain(own)
}

/// Whether the container has SYS_ADMIN, or everything, once the plan is carried out.
pub(super) fn stays_administrator(desk: &Desk<'_, '_>, number: usize) -> bool {
    added_after(desk, number).any(|name| is_same(name, "SYS_ADMIN") || is_same(name, ALL))
}

/// What containerd gives a container that drops nothing.
pub(crate) const GIVEN: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    NET_BIND_SERVICE,
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Whether it still means something in a user namespace: one of containerd's own, or of the pod's own network.
fn means_something_inside(name: &str) -> bool {
    GIVEN.into_iter().chain(["NET_ADMIN"]).any(|other| is_same(name, other))
}

/// A capability that the author added, that stays, and that is of no use in a user namespace.
pub(crate) fn kept_for_node(desk: &Desk<'_, '_>, number: usize) -> Option<String> {
    if desk.is_enforced(RuleId::capabilities, number) {
        return None;
    }
    let added = desk.subject.slots[number].view.added_capabilities();
    let useless = |name: &&str| !means_something_inside(name);
    added.iter().map(|name| name.as_str()).find(useless).map(str::to_owned)
}

/// Whether the author added a capability that runtimes do not give by themselves: only root can use it. Those that they
/// give may be what this rule left to root.
pub(crate) fn has_more_than_given(desk: &Desk<'_, '_>, number: usize) -> bool {
    let added = desk.subject.slots[number].view.added_capabilities();
    !desk.is_enforced(RuleId::capabilities, number)
        && added.iter().any(|name| !GIVEN.iter().any(|given| is_same(given, name)))
}

/// Whether the author left the container no capability that Pod Security `restricted` does not allow.
pub(crate) fn has_none(desk: &Desk<'_, '_>, number: usize) -> bool {
    let view = desk.subject.slots[number].view;
    view.dropped_capabilities().iter().any(|name| *name == ALL)
        && view.added_capabilities().iter().all(|name| *name == NET_BIND_SERVICE)
}

/// A capability that the author added, that stays, and that a non-root process could not use.
pub(super) fn kept_for_root(desk: &Desk<'_, '_>, number: usize) -> Option<String> {
    if desk.is_enforced(RuleId::capabilities, number) {
        return None;
    }
    let added = desk.subject.slots[number].view.added_capabilities();
    added.iter().find(|name| !is_same(name, NET_BIND_SERVICE)).map(|name| name.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Mode::{Default, Enforce};
    use super::is_same;
    use crate::rules::RuleId;
    use crate::rules::RuleResult::{Impossible, Injected, Observed, Replaced};
    use crate::facts::Facts;
    use crate::rules::testing::{Case, only, table, table_with};

    const ADD: &str = "/spec/containers/0/securityContext/capabilities/add";
    const DROP: &str = "/spec/containers/0/securityContext/capabilities/drop";

    fn container(capabilities: &Value) -> Value {
        json!({"securityContext": {"runAsUser": 1000},
            "containers": [{"name": "a", "securityContext": {"capabilities": capabilities}}]})
    }

    #[test]
    fn spellings() {
        assert!(is_same("CAP_SYS_ADMIN", "sys_admin"));
        assert!(is_same("cap_all", "ALL"));
        assert!(!is_same("SYS_ADMIN", "SYS_TIME"));
        assert!(!is_same("CAP", "é_"));
    }

    #[test]
    fn non_root_containers() {
        table(RuleId::capabilities, &[
            Case { name: "unset", mode: Default, results: &[Injected],
                spec: json!({"securityContext": {"runAsUser": 1}, "containers": [{"name": "a"}]}),
                expect: &[(DROP, json!(["ALL"])), (ADD, Value::Null)] },
            Case { name: "lower case is not the literal", mode: Default, results: &[Injected],
                spec: container(&json!({"drop": ["all"]})), expect: &[(DROP, json!(["all", "ALL"]))] },
            Case { name: "nulls", mode: Default, results: &[Injected],
                spec: container(&json!({"drop": null, "add": null})), expect: &[(DROP, json!(["ALL"]))] },
            Case { name: "default keeps what was added", mode: Default, results: &[Observed, Injected],
                spec: container(&json!({"add": ["CAP_SYS_TIME"], "drop": ["KILL"]})),
                expect: &[(ADD, json!(["CAP_SYS_TIME"])), (DROP, json!(["KILL", "ALL"]))] },
            Case { name: "enforce filters and spells", mode: Enforce, results: &[Replaced],
                spec: container(&json!({"drop": ["ALL"],
                    "add": ["SYS_ADMIN", "cap_net_bind_service", "NET_BIND_SERVICE"]})),
                expect: &[(ADD, json!(["NET_BIND_SERVICE"]))] },
            Case { name: "everything added", mode: Default, results: &[Observed, Impossible],
                spec: container(&json!({"add": ["all"]})), expect: &[(DROP, Value::Null)] },
            Case { name: "everything added, enforced", mode: Enforce, results: &[Replaced, Injected],
                spec: container(&json!({"add": ["ALL"]})),
                expect: &[(DROP, json!(["ALL"])), (ADD, json!([]))] },
            Case { name: "windows", mode: Enforce, results: &[], expect: &[],
                spec: json!({"os": {"name": "windows"}, "containers": [{"name": "a"}]}) },
        ]);
    }

    #[test]
    fn root_keeps_the_small_set() {
        let small = json!(["AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE",
            "SETGID", "SETUID", "SYS_CHROOT"]);
        table(RuleId::capabilities, &[
            Case { name: "user unknown", mode: Default, results: &[Injected],
                spec: json!({"containers": [{"name": "a"}]}),
                expect: &[(DROP, json!(["ALL"])), (ADD, small)] },
            Case { name: "never given back what the author dropped", mode: Default, results: &[Injected],
                spec: json!({"containers": [{"name": "a", "securityContext": {"runAsUser": 0,
                    "capabilities": {"add": ["CHOWN"], "drop": ["CAP_KILL", "SETUID", "setgid"]}}}]}),
                expect: &[(ADD, json!(["CHOWN", "AUDIT_WRITE", "DAC_OVERRIDE", "FOWNER",
                    "NET_BIND_SERVICE", "SYS_CHROOT"]))] },
            Case { name: "dropped in lower case: runtimes read it", mode: Default, results: &[Injected],
                spec: json!({"containers": [{"name": "a", "securityContext": {"capabilities": {"drop": ["all"]}}}]}),
                expect: &[(DROP, json!(["all", "ALL"])), (ADD, Value::Null)] },
            Case { name: "already dropped by the author", mode: Default, results: &[], expect: &[(ADD, Value::Null)],
                spec: json!({"containers": [{"name": "a", "securityContext": {
                    "capabilities": {"drop": ["ALL"]}}}]}) },
        ]);
    }

    #[test]
    fn what_root_is_given_back_is_fine_however_policy_spells_it_elsewhere() {
        let mut policy = only(RuleId::capabilities, Enforce);
        policy.rules.capabilities.allowed = vec!["net_bind_service".to_owned()];
        policy.rules.capabilities.root_capabilities = vec!["NET_BIND_SERVICE".to_owned()];
        table_with(&policy, &Facts::default(), RuleId::capabilities, &[
            Case { name: "root", mode: Enforce, results: &[Injected], spec: json!({"containers": [{"name": "a"}]}),
                expect: &[(ADD, json!(["NET_BIND_SERVICE"]))] },
        ]);
    }
}
