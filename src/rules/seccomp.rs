//! `seccomp`

use std::borrow::Cow;

use super::settle::{Share, settle};
use super::{Desk, Meta, Mode, ModeOnly, Note, Place, Source};

/// Documentation and presets.
pub const META: Meta = Meta {
    summary: "the runtime's seccomp profile",
    mode: Mode::Enforce,
    enforced: Mode::Enforce,
    safe: true,
    pod_wide: false,
    sets: "`seccompProfile: {type: RuntimeDefault}`, at the pod where all containers agree",
    replaces: "`Unconfined`; the legacy seccomp annotations, without effect since Kubernetes 1.27, that contradict the field and would make the API server refuse the pod",
    why: "RuntimeDefault takes away the system calls that ordinary programs never make and kernel exploits like.",
    live_with: "A program that needs more (a debugger, a sandbox of its own): a `Localhost` profile, which stays, or an exemption for that container.",
    sources: &[
        Source::PodSecurity("restricted", "Seccomp"),
        Source::Cis("5.7.2", "Ensure that the seccomp profile is set to docker/default in your Pod definitions"),
        Source::OwaspK01,
    ],
};

/// Parameters: none but the mode.
pub type Params = ModeOnly;

const POD_ANNOTATION: &str = "seccomp.security.alpha.kubernetes.io/pod";
const CONTAINER_ANNOTATION: &str = "container.seccomp.security.alpha.kubernetes.io/";

/// A profile, as far as this rule tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Profile {
    RuntimeDefault,
    Unconfined,
    /// `Localhost`, or a type that this build does not know.
    Other,
}

impl Profile {
    fn of(profile: Option<&crate::view::Profile<'_>>) -> Option<Self> {
        profile.and_then(|profile| profile.kind.as_deref()).map(|kind| match kind {
            "RuntimeDefault" => Self::RuntimeDefault,
            "Unconfined" => Self::Unconfined,
            _ => Self::Other,
        })
    }
}

pub(super) fn check(desk: &mut Desk<'_, '_>, _: &Params) {
    if !desk.subject.is_linux() {
        return;
    }
    let context = desk.subject.spec.security_context.as_ref();
    let pod = Profile::of(context.and_then(|context| context.seccomp_profile.as_ref()));
    let contradicted = check_annotations(desk);
    let mut shares = Vec::with_capacity(desk.subject.slots.len());
    for (number, slot) in desk.subject.slots.iter().enumerate() {
        let own = slot.view.security_context.as_ref();
        let own = Profile::of(own.and_then(|context| context.seccomp_profile.as_ref()));
        let now = own.or(pod);
        let covered = desk.covers(number) && !contradicted;
        let target = if covered { target(desk, number, now) } else { now };
        shares.push(Share { own, target });
    }
    let settled = settle(pod, shares.into_iter(), desk.subject.reaches_pod());
    // A pod-level Unconfined that nobody inherits is refused by Pod Security all the same.
    let unused = pod == Some(Profile::Unconfined) && desk.replaces() && desk.covers_all();
    let unused = unused && settled.pod.is_none() && desk.subject.reaches_pod() && !contradicted;
    desk.also(|plan| {
        plan.pod.seccomp = settled.pod.is_some();
        for (number, _) in settled.containers {
            plan.containers[number].seccomp = true;
        }
    });
    if unused {
        let note = Note::new("Unconfined at the pod, which no container inherits");
        desk.replace(Place::Pod, note, |plan| plan.pod.seccomp = true);
    }
}

fn target(desk: &mut Desk<'_, '_>, number: usize, now: Option<Profile>) -> Option<Profile> {
    let place = Place::Container(number);
    match now {
        None => {
            desk.inject(place, Note::new("RuntimeDefault"), |_| {});
            Some(Profile::RuntimeDefault)
        }
        Some(Profile::Unconfined) => {
            desk.replace_or_keep(place, Note::new("Unconfined"), |_| {});
            if desk.replaces() { Some(Profile::RuntimeDefault) } else { now }
        }
        Some(_) => now,
    }
}

/// Legacy annotations must match the fields or the API server refuses the pod; returns whether one that says
/// something else stays, which leaves the fields as they are.
fn check_annotations(desk: &mut Desk<'_, '_>) -> bool {
    let annotations = desk.subject.pod.annotations();
    let Some(annotations) = annotations.filter(|_| desk.subject.reaches_pod()) else {
        return false;
    };
    let legacy = annotations.entries().iter().filter(|entry| {
        entry.key == POD_ANNOTATION || entry.key.starts_with(CONTAINER_ANNOTATION)
    });
    let mut stays = false;
    for entry in legacy {
        let value = entry.value.as_deref().unwrap_or_default();
        if matches!(value, "runtime/default" | "docker/default") {
            continue;
        }
        if !desk.covers_all() {
            stays = true;
            continue;
        }
        stays |= !desk.replaces();
        let note = Note::of("legacy annotation ", entry.key.as_str());
        desk.replace_or_keep(Place::Pod, note, |plan| {
            plan.pod.annotations_removed.push(Cow::Borrowed(entry.key.as_str()));
        });
    }
    stays
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Mode::{Default, Enforce};
    use crate::rules::RuleId;
    use crate::rules::RuleResult::{Injected, Observed, Replaced};
    use crate::rules::testing::{Case, table, table_of_pods};

    const POD: &str = "/spec/securityContext/seccompProfile/type";
    const A: &str = "/spec/containers/0/securityContext/seccompProfile/type";
    const B: &str = "/spec/containers/1/securityContext/seccompProfile/type";

    fn unconfined() -> Value {
        json!({"seccompProfile": {"type": "Unconfined"}})
    }

    #[test]
    fn what_nobody_knows_stays_in_a_replaced_profile() {
        let profile = json!({"type": "Unconfined", "future": {"keep": 1}});
        let context = json!({"seccompProfile": profile});
        let kept = json!({"type": "RuntimeDefault", "future": {"keep": 1}});
        table(RuleId::seccomp, &[
            Case { name: "at the pod", mode: Enforce, results: &[Replaced],
                spec: json!({"securityContext": context, "containers": [{"name": "a"}]}),
                expect: &[("/spec/securityContext/seccompProfile", kept.clone())] },
            Case { name: "at a container", mode: Enforce, results: &[Replaced],
                spec: json!({"containers": [{"name": "a", "securityContext": context}]}),
                expect: &[("/spec/containers/0/securityContext/seccompProfile", kept)] },
        ]);
    }

    #[test]
    fn table_of_cases() {
        table(RuleId::seccomp, &[
            Case { name: "unset", mode: Default, results: &[Injected, Injected],
                spec: json!({"containers": [{"name": "a"}, {"name": "b"}]}),
                expect: &[(POD, json!("RuntimeDefault")), (A, Value::Null)] },
            Case { name: "default keeps Unconfined", mode: Default, results: &[Observed, Injected],
                spec: json!({"containers": [{"name": "a", "securityContext": unconfined()}, {"name": "b"}]}),
                expect: &[(POD, json!("RuntimeDefault")), (A, json!("Unconfined"))] },
            Case { name: "enforce", mode: Enforce, results: &[Replaced, Injected],
                spec: json!({"containers": [{"name": "a", "securityContext": unconfined()}, {"name": "b"}]}),
                expect: &[(POD, json!("RuntimeDefault")), (A, json!("RuntimeDefault"))] },
            Case { name: "pod unconfined", mode: Enforce, results: &[Replaced],
                spec: json!({"securityContext": unconfined(), "containers": [{"name": "a"}]}),
                expect: &[(POD, json!("RuntimeDefault"))] },
            Case { name: "pod unconfined, inherited by nobody", mode: Enforce, results: &[Replaced],
                spec: json!({"securityContext": unconfined(), "containers": [
                    {"name": "a", "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}]}),
                expect: &[(POD, json!("RuntimeDefault"))] },
            Case { name: "localhost stays", mode: Enforce, results: &[Injected],
                spec: json!({"containers": [{"name": "a", "securityContext": {"seccompProfile":
                    {"type": "Localhost", "localhostProfile": "p.json"}}}, {"name": "b"}]}),
                expect: &[(POD, json!("RuntimeDefault")), (A, json!("Localhost")), (B, Value::Null)] },
        ]);
    }

    #[test]
    fn legacy_annotations() {
        let pod = |value: &str| json!({"metadata": {"annotations": {super::POD_ANNOTATION: value}},
            "spec": {"containers": [{"name": "a"}]}});
        let key = "/metadata/annotations/seccomp.security.alpha.kubernetes.io~1pod";
        table_of_pods(RuleId::seccomp, &[
            Case { name: "contradiction removed", mode: Enforce, spec: pod("unconfined"),
                results: &[Replaced, Injected], expect: &[(key, Value::Null), (POD, json!("RuntimeDefault"))] },
            Case { name: "contradiction kept", mode: Default, spec: pod("localhost/x"),
                results: &[Observed], expect: &[(key, json!("localhost/x")), (POD, Value::Null)] },
            Case { name: "agreement", mode: Default, spec: pod("runtime/default"),
                results: &[Injected], expect: &[(key, json!("runtime/default")), (POD, json!("RuntimeDefault"))] },
        ]);
    }
}
