//! What a container is really allowed, and whether it was allowed less before.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::list;

/// Where containers stand.
pub(crate) const LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// The runtimes' default capabilities.
const CONTAINERD: [&str; 14] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
];
const EVERY: [&str; 4] = ["SYS_ADMIN", "SYS_TIME", "NET_ADMIN", "SYS_PTRACE"];

/// Every container of a pod.
pub(crate) fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    LISTS.iter().flat_map(|name| list(pod, &format!("/spec/{name}")))
}

/// A container's own setting, else the pod's.
pub(crate) fn setting<'v>(pod: &'v Value, container: &'v Value, name: &str) -> &'v Value {
    let own = &container["securityContext"][name];
    if own.is_null() { &pod["spec"]["securityContext"][name] } else { own }
}

/// What went wrong; empty when nothing is weaker.
pub(crate) fn weaker(before: &Value, after: &Value) -> Vec<String> {
    let mut weaker = Vec::new();
    for name in ["hostPID", "hostIPC", "hostNetwork"] {
        only_off(&before["spec"][name], &after["spec"][name], true, name, &mut weaker);
    }
    for name in ["hostUsers", "automountServiceAccountToken"] {
        kept_off(&before["spec"][name], &after["spec"][name], name, &mut weaker);
    }
    // Copiers stand before all others.
    let added = containers(after).count().saturating_sub(containers(before).count());
    for (old, new) in containers(before).zip(containers(after).skip(added)) {
        let name = old["name"].as_str().unwrap_or_default();
        let found = weaker_container((before, old), (after, new));
        weaker.extend(found.into_iter().map(|what| format!("{name}: {what}")));
    }
    weaker
}

/// A flag that is bad when on may not come on.
fn only_off(before: &Value, after: &Value, bad: bool, name: &str, weaker: &mut Vec<String>) {
    if *after == bad && *before != bad {
        weaker.push(format!("{name} became {bad}"));
    }
}

/// A flag that is good when off stays off.
fn kept_off(before: &Value, after: &Value, name: &str, weaker: &mut Vec<String>) {
    if *before == false && *after != false {
        weaker.push(format!("{name} is no longer false"));
    }
}

fn weaker_container((before, old): (&Value, &Value), (after, new): (&Value, &Value)) -> Vec<String> {
    let mut weaker = Vec::new();
    let was = |name| setting(before, old, name);
    let is = |name| setting(after, new, name);
    only_off(was("privileged"), is("privileged"), true, "privileged", &mut weaker);
    kept_off(
        was("allowPrivilegeEscalation"),
        is("allowPrivilegeEscalation"),
        "allowPrivilegeEscalation",
        &mut weaker,
    );
    for name in ["runAsNonRoot", "readOnlyRootFilesystem"] {
        if *was(name) == true && *is(name) != true {
            weaker.push(format!("{name} is no longer true"));
        }
    }
    for name in ["runAsUser", "runAsGroup"] {
        let chosen = was(name).as_i64().unwrap_or(0) != 0;
        if chosen && was(name) != is(name) {
            weaker.push(format!("{name} {} became {}", was(name), is(name)));
        }
        if *is(name) == 0 && *was(name) != 0 {
            weaker.push(format!("{name} became 0"));
        }
    }
    for name in ["seccompProfile", "appArmorProfile"] {
        let confined = !was(name)["type"].is_null() && was(name)["type"] != "Unconfined";
        if confined && was(name) != is(name)
            || (is(name)["type"] == "Unconfined" && was(name)["type"] != "Unconfined")
        {
            weaker.push(format!("{name} {} became {}", was(name), is(name)));
        }
    }
    only_off(was("procMount"), is("procMount"), false, "procMount", &mut weaker);
    if *was("procMount") != "Unmasked" && *is("procMount") == "Unmasked" {
        weaker.push("procMount became Unmasked".to_owned());
    }
    let (had, has) = (capabilities(old), capabilities(new));
    if !has.is_subset(&had) {
        weaker.push(format!("capabilities {:?} are new", has.difference(&had).collect::<Vec<_>>()));
    }
    weaker.extend(weaker_outside_context(old, new));
    weaker
}

fn weaker_outside_context(old: &Value, new: &Value) -> Vec<String> {
    let mut weaker = Vec::new();
    for list_name in ["requests", "limits"] {
        for (name, value) in old["resources"][list_name].as_object().into_iter().flatten() {
            if !value.is_null() && new["resources"][list_name][name] != *value {
                weaker.push(format!("{list_name} of {name} changed"));
            }
        }
    }
    for (was, is) in list(old, "/ports").iter().zip(list(new, "/ports")) {
        if !is["hostPort"].is_null() && was["hostPort"] != is["hostPort"] {
            weaker.push("a host port is new".to_owned());
        }
    }
    weaker
}

fn bare(name: &Value) -> String {
    let name = name.as_str().unwrap_or_default().to_ascii_uppercase();
    name.strip_prefix("CAP_").unwrap_or(&name).to_owned()
}

/// As the runtime reckons: ALL added, ALL dropped, then one by one; in any case of letters.
fn capabilities(container: &Value) -> BTreeSet<String> {
    let context = &container["securityContext"];
    let everything = || CONTAINERD.iter().chain(&EVERY).map(|name| (*name).to_owned());
    if context["privileged"] == true {
        return everything().collect();
    }
    let named = |list_name: &str| -> Vec<String> {
        list(context, &format!("/capabilities/{list_name}")).iter().map(bare).collect()
    };
    let (added, dropped) = (named("add"), named("drop"));
    let all = |names: &[String]| names.iter().any(|name| name == "ALL");
    let mut set: BTreeSet<String> = CONTAINERD.iter().map(|name| (*name).to_owned()).collect();
    if all(&added) {
        set.extend(everything());
    }
    if all(&dropped) {
        set.clear();
    }
    set.extend(added.into_iter().filter(|name| name != "ALL"));
    set.retain(|name| !dropped.contains(name));
    set
}
