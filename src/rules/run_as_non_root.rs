//! `run-as-non-root`

mod ids;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::settle::{Share, settle};
use super::{Desk, Meta, Mode, Note, Place, RuleId, Source, capabilities, privileged};
use crate::plan::Plan;
use crate::profiles::Profile;
use crate::view::ContainerType;
use ids::Ids;
pub(crate) use ids::{UID_RANGE, ids_in_the_end};

/// Documentation and presets.
pub const META: Meta = Meta {
    summary: "a user that is not root",
    mode: Mode::Default,
    enforced: Mode::Enforce,
    safe: false,
    pod_wide: false,
    sets: "`runAsNonRoot: true` at each container, `runAsUser` and `runAsGroup` 65532 (at the pod where all agree). Left alone: a container whose author insists on root (uid 0, `runAsNonRoot: false`, privileged, or with capabilities that only root can use), and the image's own numeric user where the author says `runAsNonRoot: true` without a uid. `fsGroup` only where annotation or policy ask for it, with `OnRootMismatch`. With `strategy: namespace-range` the uid is the first of the namespace's range, the `fsGroup` the first of its supplemental groups, and no `runAsGroup` is set: images for such clusters give the group 0 their files",
    replaces: "uid and gid 0, `runAsNonRoot: false`, supplemental group 0; on Windows `ContainerAdministrator`",
    why: "Root in a container is root on the node as soon as anything else gives way: a mounted path, a kernel flaw, a runtime flaw.",
    live_with: "An image that must own its files: `pod-hardener.dev/run-as-user` (and `run-as-group`, `fs-group`) with the image's own uid. An image that must start as root: exempt the container; it then keeps a small set of capabilities.",
    sources: &[
        Source::PodSecurity("restricted", "Running as Non-root"),
        Source::PodSecurity("restricted", "Running as Non-root user"),
        Source::Cis("5.2.7", "Minimize the admission of root containers"),
        Source::OwaspK01,
    ],
};

/// Where ids come from for containers whose author chose none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// From this policy.
    #[default]
    Fixed,
    /// From the namespace's annotations `openshift.io/sa.scc.uid-range` and `.supplemental-groups`, as OpenShift's
    /// `restricted-v2` does; fixed where it has none.
    NamespaceRange,
}

/// Parameters of `run-as-non-root`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Params {
    /// How strictly the rule is applied; unset: as the preset says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Where ids come from for containers whose author chose none.
    pub strategy: Strategy,
    /// The uid for containers whose author chose none. 65532 is `nonroot` in distroless images.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub run_as_user: i64,
    /// The gid for containers whose author chose none.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub run_as_group: i64,
    /// The group that is to own volumes. Unset by default: on a persistent volume it rewrites ownership and modes for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub fs_group: Option<i64>,
}

impl Default for Params {
    fn default() -> Self {
        Self { mode: None, strategy: Strategy::Fixed, run_as_user: 65532, run_as_group: 65532, fs_group: None }
    }
}

const RULE: RuleId = RuleId::run_as_non_root;
/// The account in every Windows base image that is no administrator.
const WINDOWS_USER: &str = "ContainerUser";
const WINDOWS_ADMINISTRATOR: &str = "ContainerAdministrator";

/// Who a container runs as, as far as the pod says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Identity {
    non_root: Option<bool>,
    user: Option<i64>,
    group: Option<i64>,
}

impl Identity {
    fn or(self, pod: Self) -> Self {
        Self {
            non_root: self.non_root.or(pod.non_root),
            user: self.user.or(pod.user),
            group: self.group.or(pod.group),
        }
    }
}

pub(super) fn check(desk: &mut Desk<'_, '_>, params: &Params) {
    if desk.subject.is_linux() {
        let ids = Ids::new(params, desk.space.as_deref());
        check_linux(desk, &ids);
        check_supplemental_groups(desk);
        set_fs_group(desk, &ids);
    } else if !desk.subject.is_host_process() {
        check_windows(desk);
    }
}

fn pod_identity(desk: &Desk<'_, '_>) -> Identity {
    desk.subject.spec.security_context.as_ref().map_or_else(Identity::default, |context| Identity {
        non_root: context.run_as_non_root,
        user: context.run_as_user,
        group: context.run_as_group,
    })
}

fn own_identity(desk: &Desk<'_, '_>, number: usize) -> Identity {
    let context = desk.subject.slots[number].view.security_context.as_ref();
    context.map_or_else(Identity::default, |context| Identity {
        non_root: context.run_as_non_root,
        user: context.run_as_user,
        group: context.run_as_group,
    })
}

fn check_linux<'v>(desk: &mut Desk<'v, '_>, ids: &Ids<'v>) {
    let pod = pod_identity(desk);
    let mut shares = Vec::with_capacity(desk.subject.slots.len());
    for number in 0..desk.subject.slots.len() {
        let own = own_identity(desk, number);
        let now = own.or(pod);
        let target = if desk.covers(number) { target(desk, ids, number, now) } else { now };
        shares.push((own, target));
    }
    let may_edit_pod = desk.subject.reaches_pod();
    // Not at the pod unless the author wrote it there: a container that somebody adds later as uid 0 (another
    // webhook, kubectl debug) would inherit it, and the kubelet would refuse to start that container.
    let at_pod = may_edit_pod && pod.non_root.is_some();
    let non_root = settle(pod.non_root, of_field(&shares, |identity| identity.non_root), at_pod);
    let user = settle(pod.user, of_field(&shares, |identity| identity.user), may_edit_pod);
    let group = settle(pod.group, of_field(&shares, |identity| identity.group), may_edit_pod);
    desk.also(|plan| {
        plan.pod.run_as_non_root = non_root.pod;
        plan.pod.run_as_user = user.pod;
        plan.pod.run_as_group = group.pod;
        for (number, value) in non_root.containers {
            plan.containers[number].run_as_non_root = Some(value);
        }
        for (number, value) in user.containers {
            plan.containers[number].run_as_user = Some(value);
        }
        for (number, value) in group.containers {
            plan.containers[number].run_as_group = Some(value);
        }
    });
    replace_unused_pod_root(desk, ids, pod);
}

fn of_field<T>(
    shares: &[(Identity, Identity)],
    field: impl Fn(&Identity) -> Option<T> + Copy,
) -> impl Iterator<Item = Share<T>> + Clone {
    shares.iter().map(move |(own, target)| Share { own: field(own), target: field(target) })
}

/// Who the container shall run as; says what it finds on the way.
fn target<'v>(desk: &mut Desk<'v, '_>, ids: &Ids<'v>, number: usize, now: Identity) -> Identity {
    let place = Place::Container(number);
    let wanted_user = desk.tuning.run_as_user(number);
    let wanted_group = desk.tuning.run_as_group(number);
    let mut target = now;
    let insists = now.user == Some(0) || now.non_root == Some(false);
    if insists && !desk.replaces() {
        let text = if now.user == Some(0) { "runAsUser: 0" } else { "runAsNonRoot: false" };
        desk.keep(place, Note::new(text));
        return target;
    }
    let unset = now.non_root.is_none() && now.user.is_none() && wanted_user.is_none();
    let evidence = if unset && !desk.replaces() { needs_root(desk, number) } else { None };
    if let Some(evidence) = evidence {
        desk.keep(place, evidence);
        return target;
    }
    // Who says runAsNonRoot without a uid relies on the image's numeric user; the kubelet starts no other.
    let ids = &ids.of(desk.profile(number));
    let image_user = (now.non_root == Some(true) || ids.image_user) && now.user.is_none();
    target.non_root = Some(true);
    if now.user == Some(0) || (now.user.is_none() && !(image_user && wanted_user.is_none())) {
        target.user = Some(wanted_user.unwrap_or(ids.user));
    }
    // A uid without a gid gets the image's group for it, often 0 with group-writable paths: the author's choice.
    let group_follows = target.user != now.user || (desk.replaces() && target.user.is_some());
    let replaceable = now.group.is_none() || (now.group == Some(0) && desk.replaces());
    if let Some(group) = wanted_group.filter(|_| replaceable) {
        target.group = Some(group);
    } else if now.group == Some(0) && desk.replaces() {
        target.group = Some(ids.instead_of_root);
    } else if now.group.is_none() && group_follows {
        target.group = ids.group;
    } else if now.group == Some(0) {
        desk.keep(place, Note::new("runAsGroup: 0"));
    }
    tell(desk, ids, place, now, target);
    set_environment(desk, number);
    target
}

fn tell(desk: &mut Desk<'_, '_>, ids: &Ids<'_>, place: Place, now: Identity, target: Identity) {
    if target == now {
        return;
    }
    let user = target.user.filter(|_| target.user != now.user);
    let nothing = |_: &mut Plan<'_>| {};
    let replaced = now.user == Some(0)
        || now.non_root == Some(false)
        || (now.group == Some(0) && target.group != now.group);
    match (replaced, user) {
        (true, Some(user)) => {
            desk.replace(place, Note::of("root replaced by uid ", ids.named(user)), nothing);
        }
        (true, None) => desk.replace(place, Note::new("runAsNonRoot true, no group 0"), nothing),
        (false, Some(user)) => desk.inject(place, Note::of("uid ", ids.named(user)), nothing),
        (false, None) => desk.inject(place, Note::new("runAsNonRoot true"), nothing),
    }
}

/// What the image's program needs in its environment, now that it is another user's.
fn set_environment(desk: &mut Desk<'_, '_>, number: usize) {
    let Some(profile) = desk.profile(number).filter(|profile| !profile.facts.environment.is_empty()) else {
        return;
    };
    if desk.subject.slots[number].kind == ContainerType::Ephemeral {
        return;
    }
    let view = desk.subject.slots[number].view;
    // What cannot be read is left alone.
    let Some(names) = view.environment_names() else { return };
    let missing = |name: &&String| !names.iter().any(|other| other == name.as_str());
    let variables = profile.facts.environment.iter().filter(|(name, _)| missing(name));
    let variables: Vec<(&str, &str)> =
        variables.map(|(name, value)| (name.as_str(), value.as_str())).collect();
    if let Some((first, _)) = variables.first() {
        let note = Note::of("environment of the image's profile: ", *first);
        desk.inject(Place::Container(number), note, |plan| {
            plan.containers[number].environment_added = variables;
        });
    }
}

/// Whether the rule would make the container run as another user than its image's own.
pub(crate) fn changes_user(
    desk: &Desk<'_, '_>,
    params: &Params,
    number: usize,
    profile: Option<&Profile>,
) -> bool {
    let mode = desk.mode_of(RULE);
    let ids = Ids::new(params, desk.space.as_deref());
    let context = desk.subject.spec.security_context.as_ref();
    let has_group = context.is_some_and(|context| context.fs_group.is_some())
        || desk.tuning.fs_group.is_some()
        || ids.fs_group.is_some();
    if !mode.is_in_force() || desk.exempts(RULE, number) || has_group {
        return false;
    }
    let now = own_identity(desk, number).or(pod_identity(desk));
    // A uid of the author's own stays, whatever stands beside it.
    if now.user == Some(0) || (now.user.is_none() && now.non_root == Some(false)) {
        return mode == Mode::Enforce;
    }
    let chosen = now.user.is_some() || now.non_root == Some(true);
    let stays = mode != Mode::Enforce
        && (privileged::stays_privileged(desk, number) || capabilities::has_more_than_given(desk, number));
    !chosen && !stays && !ids.is_images_own(profile)
}

/// What in the container only works for root: a uid of our choice would take it down.
fn needs_root(desk: &Desk<'_, '_>, number: usize) -> Option<Note<'static>> {
    if privileged::stays_privileged(desk, number) {
        return Some(Note::new("left to the image's user: privileged"));
    }
    capabilities::kept_for_root(desk, number)
        .map(|name| Note::of("left to the image's user: needs root to use capability ", name))
}

/// A pod-level root that no container inherits is refused by Pod Security all the same.
fn replace_unused_pod_root(desk: &mut Desk<'_, '_>, ids: &Ids<'_>, pod: Identity) {
    if !desk.replaces() || !desk.subject.reaches_pod() || !desk.covers_all() {
        return;
    }
    let edits = &desk.plan.pod;
    let unused = (pod.user == Some(0) && edits.run_as_user.is_none())
        || (pod.group == Some(0) && edits.run_as_group.is_none())
        || (pod.non_root == Some(false) && edits.run_as_non_root.is_none());
    if !unused {
        return;
    }
    desk.replace(Place::Pod, Note::new("root at the pod, which no container inherits"), |plan| {
        if pod.user == Some(0) && plan.pod.run_as_user.is_none() {
            plan.pod.run_as_user = Some(ids.user);
        }
        if pod.group == Some(0) && plan.pod.run_as_group.is_none() {
            plan.pod.run_as_group = Some(ids.instead_of_root);
        }
        if pod.non_root == Some(false) && plan.pod.run_as_non_root.is_none() {
            plan.pod.run_as_non_root = Some(true);
        }
    });
}

fn check_supplemental_groups(desk: &mut Desk<'_, '_>) {
    let context = desk.subject.spec.security_context.as_ref();
    let groups = context.and_then(|context| context.supplemental_groups.as_deref());
    if !desk.subject.reaches_pod() || !groups.is_some_and(|groups| groups.contains(&0)) {
        return;
    }
    let zeros: Vec<usize> = groups
        .into_iter()
        .flatten()
        .enumerate()
        .filter_map(|(index, group)| (*group == 0).then_some(index))
        .collect();
    desk.replace_or_keep(Place::Pod, Note::new("supplementalGroups: 0"), |plan| {
        plan.pod.supplemental_groups_removed = zeros;
    });
}

fn set_fs_group(desk: &mut Desk<'_, '_>, ids: &Ids<'_>) {
    let context = desk.subject.spec.security_context.as_ref();
    let unset = context.is_none_or(|context| context.fs_group.is_none());
    let Some(group) = desk.tuning.fs_group.or(ids.fs_group).filter(|_| unset) else { return };
    if desk.subject.reaches_pod() {
        desk.inject(Place::Pod, Note::of("fsGroup ", group.to_string()), |plan| {
            plan.pod.fs_group = Some(group);
        });
    }
}

/// On Windows the image's user cannot be seen and many images start as administrator, so `default` only
/// confirms what the author chose; `enforce` chooses the account that every base image has.
fn check_windows(desk: &mut Desk<'_, '_>) {
    let pod = desk.subject.spec.security_context.as_ref();
    let pod_non_root = pod.and_then(|context| context.run_as_non_root);
    let pod_user = pod
        .and_then(|context| context.windows_options.as_ref())
        .and_then(|options| options.run_as_user_name.as_deref());
    for (number, slot) in desk.slots() {
        let place = Place::Container(number);
        let own = slot.view.security_context.as_ref();
        let non_root = own.and_then(|context| context.run_as_non_root).or(pod_non_root);
        let user = own
            .and_then(|context| context.windows_options.as_ref())
            .and_then(|options| options.run_as_user_name.as_deref())
            .or(pod_user);
        let administrator = user.is_some_and(|user| user.eq_ignore_ascii_case(WINDOWS_ADMINISTRATOR));
        let settled = non_root == Some(true) && !administrator;
        if settled {
            continue;
        }
        let chosen = user.is_some() && !administrator;
        if chosen && non_root.is_none() {
            desk.inject(place, Note::new("runAsNonRoot true"), |plan| {
                plan.containers[number].run_as_non_root = Some(true);
            });
            continue;
        }
        let note = Note::new("the Windows image's own user, which may be ContainerAdministrator");
        desk.replace_or_keep(place, note, |plan| {
            let edits = &mut plan.containers[number];
            edits.run_as_non_root = (non_root != Some(true)).then_some(true);
            edits.windows_user = (!chosen).then_some(WINDOWS_USER);
        });
    }
    let wrong = pod_non_root == Some(false);
    if wrong && desk.replaces() && desk.subject.reaches_pod() && desk.covers_all() {
        desk.also(|plan| plan.pod.run_as_non_root = Some(true));
    }
}

/// Whether the container is sure not to run as root once the plan is carried out.
pub(crate) fn will_not_be_root(desk: &Desk<'_, '_>, number: usize) -> bool {
    let edits = &desk.plan.containers[number];
    let own = own_identity(desk, number);
    let pod = pod_identity(desk);
    let user = edits.run_as_user.or(own.user).or(desk.plan.pod.run_as_user).or(pod.user);
    let non_root =
        edits.run_as_non_root.or(own.non_root).or(desk.plan.pod.run_as_non_root).or(pod.non_root);
    user.map_or(non_root == Some(true), |user| user != 0)
}

#[cfg(test)]
mod tests;
