//! `resources`

mod bounds;
mod fit;
mod quota;

use std::borrow::Cow;
use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Desk, Meta, Mode, Note, Place, Source};
use crate::facts::LimitedResource;
use crate::plan::ResourceEdits;
use crate::subject::Subject;
use crate::view::{
    ContainerType, Quantity, ResourceList, Resources, compare_doubled, compare_quantities, double_quantity,
};

/// Documentation and presets.
pub const META: Meta = Meta {
    summary: "default requests and limits",
    mode: Mode::Default,
    enforced: Mode::Enforce,
    safe: true,
    pod_wide: false,
    sets: "requests and limits of cpu, memory and ephemeral-storage, per container type. A request that the author set is never above our limit: the limit is then at least twice the request. Where the author set a limit, the API makes it the request. Where the pod has `resources` of its own for cpu or memory, its containers get none for it. Where the cluster is known, defaults lie within min, max and ratio of the namespace's LimitRanges (a request rises before a limit sinks), and what a ResourceQuota counts is left unset where nobody has to set it. Ephemeral containers may have none",
    replaces: "–",
    why: "A container without limits can starve its node and every other pod on it.",
    live_with: "Write the numbers that fit: whatever the author sets stays. Raise the defaults by policy where a namespace runs large workloads.",
    sources: &[
        Source::OwaspK01,
        Source::Kubernetes("https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/"),
    ],
};

/// Quantities for the three resources; an empty one is not set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Quantities {
    /// In cores, such as `500m`.
    pub cpu: String,
    /// In bytes, such as `256Mi`.
    pub memory: String,
    /// In bytes: logs, the writable layer and emptyDirs.
    pub ephemeral_storage: String,
}

/// Requests and limits of one container type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Defaults {
    /// What the scheduler sets aside.
    pub requests: Quantities,
    /// What the container cannot exceed.
    pub limits: Quantities,
}

impl Default for Defaults {
    fn default() -> Self {
        let quantities = |cpu: &str, memory: &str, storage: &str| Quantities {
            cpu: cpu.to_owned(),
            memory: memory.to_owned(),
            ephemeral_storage: storage.to_owned(),
        };
        // Small requests, so that no pod becomes unschedulable; limits twice and four times those under which
        // all of 44 measured workloads ran (500m, 256Mi).
        Self { requests: quantities("10m", "32Mi", "64Mi"), limits: quantities("1", "1Gi", "2Gi") }
    }
}

/// Parameters of `resources`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Params {
    /// How strictly the rule is applied; unset: as the preset says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Of `spec.containers`.
    pub containers: Defaults,
    /// Of init containers that end.
    pub init_containers: Defaults,
    /// Of native sidecars.
    pub sidecars: Defaults,
}

/// How to reach one of the three resources in each of the lists.
impl LimitedResource {
    fn default_of(self, quantities: &Quantities) -> Option<&str> {
        let text = match self {
            Self::Cpu => &quantities.cpu,
            Self::Memory => &quantities.memory,
            Self::EphemeralStorage => &quantities.ephemeral_storage,
        };
        (!text.is_empty()).then_some(text)
    }

    fn of<'q>(self, list: Option<&'q ResourceList<'_>>) -> Option<&'q str> {
        let list = list?;
        match self {
            Self::Cpu => list.cpu.as_ref(),
            Self::Memory => list.memory.as_ref(),
            Self::EphemeralStorage => list.ephemeral_storage.as_ref(),
        }
        .map(Quantity::as_str)
    }

    fn edit<'e, 'v>(self, edits: &'e mut ResourceEdits<'v>) -> &'e mut Option<Cow<'v, str>> {
        match self {
            Self::Cpu => &mut edits.cpu,
            Self::Memory => &mut edits.memory,
            Self::EphemeralStorage => &mut edits.ephemeral_storage,
        }
    }
}

/// A container, and what it is to get.
struct Entry<'v, 'a> {
    /// Where to say what is found.
    place: Place,
    kind: ContainerType,
    /// What its author wrote.
    own: Option<&'v Resources<'a>>,
    requests: ResourceEdits<'v>,
    limits: ResourceEdits<'v>,
}

impl<'v, 'a> Entry<'v, 'a> {
    fn new(place: Place, kind: ContainerType, own: Option<&'v Resources<'a>>) -> Self {
        Self { place, kind, own, requests: ResourceEdits::default(), limits: ResourceEdits::default() }
    }
}

pub(super) fn check<'v>(desk: &mut Desk<'v, '_>, params: &'v Params) {
    let mut entries = entries(desk, params);
    if let Some(space) = desk.space.clone() {
        quota::spare(desk, space.quota, &mut entries);
        fit::fit(desk, &space.limits, &mut entries);
    }
    let of_copiers = entries.drain(..desk.plan.copiers.len());
    desk.also(|plan| {
        for (copier, Entry { requests, limits, .. }) in plan.copiers.iter_mut().zip(of_copiers) {
            copier.requests.complete(requests);
            copier.limits.complete(limits);
        }
    });
    for (number, Entry { place, requests, limits, .. }) in entries.into_iter().enumerate() {
        if requests.is_empty() && limits.is_empty() {
            continue;
        }
        let note = Note::new("default requests and limits");
        desk.inject(place, note, |plan| {
            plan.containers[number].requests = requests;
            plan.containers[number].limits = limits;
        });
    }
}

/// The copiers that are planned, which will stand before all others, and the containers.
fn entries<'v, 'a>(desk: &Desk<'v, 'a>, params: &'v Params) -> Vec<Entry<'v, 'a>> {
    let subject = desk.subject;
    let mut entries = Vec::with_capacity(desk.plan.copiers.len() + subject.slots.len());
    // Each as an init container whose author wrote what the container itself has.
    for copier in &desk.plan.copiers {
        let own = subject.slots[copier.of].view.resources.as_ref();
        let place = Place::Container(copier.of);
        entries.push(wanted(subject, place, ContainerType::Init, own, (&params.init_containers, None)));
    }
    let first = entries.len();
    for (number, slot) in subject.slots.iter().enumerate() {
        entries.push(Entry::new(Place::Container(number), slot.kind, slot.view.resources.as_ref()));
    }
    for (number, slot) in desk.slots() {
        let defaults = match slot.kind {
            ContainerType::Container => &params.containers,
            ContainerType::Init => &params.init_containers,
            ContainerType::Sidecar => &params.sidecars,
            ContainerType::Ephemeral => continue,
        };
        let memory = desk.profile(number).and_then(|profile| profile.facts.memory.as_deref());
        let Entry { place, kind, own, .. } = entries[first + number];
        entries[first + number] = wanted(subject, place, kind, own, (defaults, memory));
    }
    entries
}

/// The defaults for what the container's author left unset, with the memory limit that its image is known to need.
fn wanted<'v, 'a>(
    subject: &Subject<'_, '_>,
    place: Place,
    kind: ContainerType,
    own: Option<&'v Resources<'a>>,
    (defaults, memory): (&'v Defaults, Option<&'v str>),
) -> Entry<'v, 'a> {
    let pod = subject.spec.resources.as_ref();
    let (own_requests, own_limits) =
        (own.and_then(|own| own.requests.as_ref()), own.and_then(|own| own.limits.as_ref()));
    let mut entry = Entry::new(place, kind, own);
    for resource in LimitedResource::ALL {
        // A default could exceed what the pod as a whole may have.
        let of_pod = pod.is_some_and(|pod| {
            resource.of(pod.limits.as_ref()).or(resource.of(pod.requests.as_ref())).is_some()
        });
        if of_pod {
            continue;
        }
        let written = (resource.of(own_requests), resource.of(own_limits));
        let limit = resource.default_of(&defaults.limits);
        let known = memory.filter(|_| resource == LimitedResource::Memory);
        let limit = limit.map(|limit| known.filter(|known| is_above(known, limit)).unwrap_or(limit));
        let (request, limit) = complete(written, resource.default_of(&defaults.requests), limit);
        *resource.edit(&mut entry.requests) = request;
        *resource.edit(&mut entry.limits) = limit;
    }
    entry
}

fn is_above(a: &str, b: &str) -> bool {
    compare_quantities(a, b) == Some(Ordering::Greater)
}

/// What to set beside what is written, so that the request never exceeds the limit.
fn complete<'v>(
    written: (Option<&str>, Option<&str>),
    request: Option<&'v str>,
    limit: Option<&'v str>,
) -> (Option<Cow<'v, str>>, Option<Cow<'v, str>>) {
    match written {
        // The API makes a limit without a request the request, in the webhook it has done so already.
        (_, Some(_)) => (None, None),
        (Some(own), None) => (None, limit.and_then(|limit| limit_above(own, limit))),
        (None, None) => (request.map(Cow::Borrowed), limit.map(Cow::Borrowed)),
    }
}

/// The default limit, or twice the author's request where that is more.
fn limit_above<'v>(request: &str, limit: &'v str) -> Option<Cow<'v, str>> {
    match compare_doubled(request, limit)? {
        Ordering::Greater => double_quantity(request).map(Cow::Owned),
        _ => Some(Cow::Borrowed(limit)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Mode::Default;
    use crate::rules::RuleId;
    use crate::rules::RuleResult::Injected;
    use crate::rules::testing::{Case, table};

    const RESOURCES: &str = "/spec/containers/0/resources";

    fn container(resources: &Value) -> Value {
        json!({"containers": [{"name": "a", "resources": resources}]})
    }

    fn all() -> Value {
        json!({"requests": {"cpu": "10m", "memory": "32Mi", "ephemeral-storage": "64Mi"},
            "limits": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "2Gi"}})
    }

    #[test]
    fn table_of_cases() {
        table(RuleId::resources, &[
            Case { name: "unset", mode: Default, results: &[Injected, Injected],
                spec: json!({"containers": [{"name": "a"}], "initContainers": [{"name": "i", "resources": null}]}),
                expect: &[(RESOURCES, all()), ("/spec/initContainers/0/resources", all())] },
            Case { name: "empty maps", mode: Default, results: &[Injected],
                spec: container(&json!({"limits": {}, "requests": null})), expect: &[(RESOURCES, all())] },
            Case { name: "a request above the default limit", mode: Default, results: &[Injected],
                spec: container(&json!({"requests": {"memory": "2Gi", "cpu": 3}})),
                expect: &[(RESOURCES, json!({
                    "requests": {"memory": "2Gi", "cpu": 3, "ephemeral-storage": "64Mi"},
                    "limits": {"memory": "4Gi", "cpu": "6", "ephemeral-storage": "2Gi"}}))] },
            Case { name: "a limit alone becomes the request", mode: Default, results: &[Injected],
                spec: container(&json!({"limits": {"memory": "16Mi", "cpu": "5m"}})),
                expect: &[(RESOURCES, json!({
                    "limits": {"memory": "16Mi", "cpu": "5m", "ephemeral-storage": "2Gi"},
                    "requests": {"ephemeral-storage": "64Mi"}}))] },
            Case { name: "pod-level resources", mode: Default, results: &[Injected],
                spec: json!({"resources": {"limits": {"memory": "1Mi"}, "requests": {"cpu": "1m"}},
                    "containers": [{"name": "a"}]}),
                expect: &[(RESOURCES, json!({"requests": {"ephemeral-storage": "64Mi"},
                    "limits": {"ephemeral-storage": "2Gi"}}))] },
            Case { name: "not a quantity", mode: Default, results: &[Injected],
                spec: container(&json!({"requests": {"memory": "lots"}, "limits": {"cpu": "1"}})),
                expect: &[("/spec/containers/0/resources/limits/memory", Value::Null)] },
            Case { name: "complete", mode: Default, results: &[], expect: &[],
                spec: container(&json!({"limits": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"}})) },
            Case { name: "ephemeral containers may have none", mode: Default, results: &[], expect: &[],
                spec: json!({"containers": [], "ephemeralContainers": [{"name": "e"}]}) },
        ]);
    }
}
