//! How far a pod is hardened: a ladder of three rungs, so that nothing is taken down by what it cannot live with.
//!
//! A container stands on the rung that its image's profile names, or policy where nobody knows the image. Policy and
//! the namespace's Pod Security level say how low it may stand. What a rung leaves alone is never "root with all
//! capabilities dropped", which breaks most images.

use std::rc::Rc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::compensation;
use crate::facts::Space;
use crate::policy::Policy;
use crate::profiles::{Origin, Profile, ProfileSet};
use crate::rules::read_only_root_filesystem::{CopyUser, Obstacle, is_copier};
use crate::rules::{
    Desk, Mode, Note, Place, RuleId, RuleResult, RuleSet, capabilities, privilege_escalation,
    read_only_root_filesystem, run_as_non_root, user_namespace,
};
use crate::subject::Subject;

const RULE: RuleId = RuleId::run_as_non_root;

/// A rung of the ladder, the lowest first.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Posture {
    /// Only what ordinary programs do not notice: the image's own user, capabilities and root file system stay.
    Safe,
    /// The image's own user, in a user namespace: root inside, nobody outside. Where a pod can have none, the next rung.
    Isolated,
    /// Everything.
    #[default]
    Full,
}

impl Posture {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 3] = [Self::Safe, Self::Isolated, Self::Full];

    /// As written in policies and profiles; the label of the metric.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Isolated => "isolated",
            Self::Full => "full",
        }
    }
}

/// Where pods stand on the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct PosturePolicy {
    /// Where a container stands whose image no profile is about.
    pub unknown: Posture,
    /// Where a container stands at most that would run as another user than its image's while it mounts a persistent
    /// volume: files that belong to root stay root's. Not where an `fsGroup` or the pod's author says whose they are.
    /// With `safe` no pod with such a volume gets a user namespace for its posture: not all storage can be id-mapped.
    pub persistent_volumes: Posture,
    /// No container stands lower. Unset: `safe`; with preset `enforced` or exemptions by `rbac`, `full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<Posture>,
}

impl Default for PosturePolicy {
    fn default() -> Self {
        Self { unknown: Posture::Full, persistent_volumes: Posture::Safe, floor: None }
    }
}

impl PosturePolicy {
    /// Of two policies whichever is the stricter, field by field.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        Self {
            unknown: self.unknown.max(other.unknown),
            persistent_volumes: self.persistent_volumes.max(other.persistent_volumes),
            floor: self.floor.max(other.floor),
        }
    }
}

/// Where one container stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stance<'v> {
    /// What is known of its image.
    pub profile: Option<&'v Profile>,
    /// On which rung.
    pub posture: Posture,
    cause: Cause,
    /// The rules that are not applied to it there.
    pub lowered: RuleSet,
    /// As whom its image's files are copied that must be there, where that can be.
    pub(crate) copy_user: Option<CopyUser>,
    /// Why they cannot be copied.
    pub(crate) obstacle: Option<Obstacle>,
}

/// Why a container stands where it does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Cause {
    #[default]
    Image,
    PersistentVolume,
}

impl<'v> Stance<'v> {
    /// Why a rule is not applied.
    pub(crate) fn note(&self, rule: RuleId) -> Note<'v> {
        let profile = self.profile.map_or("", |profile| profile.name.as_str());
        let known = !profile.is_empty();
        if let Some(obstacle) = self.obstacle.filter(|_| rule == RuleId::read_only_root_filesystem) {
            return Note::of(obstacle.text(), profile);
        }
        if rule == RuleId::privilege_escalation {
            return Note::of("its image needs setuid programs, by profile ", profile);
        }
        match (self.posture, self.cause) {
            // Nothing is lowered there but for an obstacle.
            (Posture::Full, _) => Note::of("by profile ", profile),
            (Posture::Isolated, Cause::PersistentVolume) => {
                Note::new("posture isolated, for the files in its persistent volume")
            }
            (Posture::Safe, Cause::PersistentVolume) => {
                Note::new("posture safe, for the files in its persistent volume")
            }
            (Posture::Isolated, Cause::Image) if known => Note::of("posture isolated, by profile ", profile),
            (Posture::Safe, Cause::Image) if known => Note::of("posture safe, by profile ", profile),
            (Posture::Isolated, Cause::Image) => Note::new("posture isolated, as its image is not known"),
            (Posture::Safe, Cause::Image) => Note::new("posture safe, as its image is not known"),
        }
    }
}

/// Finds the rung of each container, and gives the pod the user namespace that one of them needs.
///
/// To be done before the rules that depend on it, and after those that take the pod out of the node's namespaces.
pub(crate) fn settle<'v>(
    desk: &mut Desk<'v, '_>,
    policy: &'v Policy,
    profiles: &'v ProfileSet,
    namespace: &str,
) {
    if !desk.subject.is_linux() {
        return;
    }
    let floor = floor(policy, desk.space.as_deref());
    let has_namespace = desk.subject.spec.host_users == Some(false) || user_namespace::will_be_set(desk);
    // Where a pod can have none, no container is left on that rung below.
    let sets_namespace = policy.mode(RULE).is_in_force();
    // What is behind a claim cannot be seen: only policy knows whether it can be id-mapped.
    let unmapped = policy.posture.persistent_volumes.max(floor) == Posture::Safe
        && (0..desk.subject.slots.len()).any(|number| persistent_volume(desk.subject, number).is_some());
    let mut stances = Vec::with_capacity(desk.subject.slots.len());
    for (number, slot) in desk.subject.slots.iter().enumerate() {
        if is_copier(desk.subject, &policy.rules.read_only_root_filesystem, number) {
            // It is made to stand there, whatever is known of its image.
            stances.push(Stance::default());
            continue;
        }
        let image = slot.view.image.as_deref().unwrap_or_default();
        let profile = profiles.find(image, namespace);
        let mut stance = Stance { profile, ..Stance::default() };
        (stance.posture, stance.cause) = wished(desk, policy, number, profile);
        stance.posture = stance.posture.max(floor);
        if stance.posture == Posture::Isolated
            && !has_namespace
            && (unmapped || compensation::obstacle(desk).is_some())
        {
            stance.posture = if floor == Posture::Safe { Posture::Safe } else { Posture::Full };
        }
        stance.lowered = lowered(desk, number, &stance);
        // A debug container is its own author's: what the backstop sees of its pod says nothing of it.
        if desk.subject.reaches_pod()
            && may_gain(policy, floor, &stance, has_namespace || sets_namespace)
            && privilege_escalation::would_set(desk, number)
        {
            stance.lowered.insert(RuleId::privilege_escalation);
        }
        stances.push(stance);
    }
    let isolates = stances
        .iter()
        .zip(&desk.subject.slots)
        .any(|(stance, slot)| slot.in_scope && stance.posture == Posture::Isolated);
    if isolates && !has_namespace && sets_namespace {
        desk.plan.pod.host_users_off = true;
        let note = Note::new("hostUsers false: root inside, nobody outside");
        desk.found(RULE, RuleResult::Injected, Place::Pod, note);
    }
    desk.stances = Rc::from(stances);
}

/// The lowest rung on which a container of the pod stands, where a rule that depends on it is in force.
pub(crate) fn lowest(desk: &Desk<'_, '_>, policy: &Policy) -> Option<Posture> {
    const DEPENDING: [RuleId; 3] = [RULE, RuleId::capabilities, RuleId::read_only_root_filesystem];
    let gains = |stance: &Stance<'_>| stance.lowered.contains(RuleId::privilege_escalation);
    if !DEPENDING.iter().any(|rule| policy.mode(*rule).is_in_force()) && !desk.stances.iter().any(gains) {
        return None;
    }
    let slots = desk.subject.slots.iter();
    slots.zip(&*desk.stances).filter(|(slot, _)| slot.in_scope).map(|(_, stance)| stance.posture).min()
}

/// The lowest rung that policy and Pod Security let a pod stand on.
pub(crate) fn floor(policy: &Policy, space: Option<&Space>) -> Posture {
    // `restricted` wants what only `full` sets: on any other rung the API server would refuse the pod.
    if space.is_some_and(compensation::is_restricted) {
        return Posture::Full;
    }
    policy.posture.floor.unwrap_or(Posture::Full)
}

/// Where a container should stand, whatever the pod can have.
fn wished(
    desk: &Desk<'_, '_>,
    policy: &Policy,
    number: usize,
    profile: Option<&Profile>,
) -> (Posture, Cause) {
    // Who names a user by annotation has made the image run as that one.
    if desk.tuning.run_as_user(number).is_some() {
        return (Posture::Full, Cause::Image);
    }
    // What was learnt step by step says nothing of how far an image can be hardened, unless a step was about that.
    let unsaid = |profile: &Profile| match profile.facts.source {
        Origin::Learnt => policy.posture.unknown,
        Origin::BuiltIn | Origin::Administrator => Posture::Full,
    };
    let by_image = profile
        .map_or(policy.posture.unknown, |profile| profile.facts.posture.unwrap_or_else(|| unsaid(profile)));
    let by_volume = policy.posture.persistent_volumes;
    if by_volume < by_image
        && persistent_volume(desk.subject, number).is_some()
        && run_as_non_root::changes_user(desk, &policy.rules.run_as_non_root, number, profile)
    {
        return (by_volume, Cause::PersistentVolume);
    }
    (by_image, Cause::Image)
}

/// The rules that change something in the container and are not applied to it.
fn lowered(desk: &Desk<'_, '_>, number: usize, stance: &Stance<'_>) -> RuleSet {
    let mut lowered = RuleSet::default();
    if stance.posture != Posture::Full && !run_as_non_root::will_not_be_root(desk, number) {
        lowered.insert(RULE);
    }
    if stance.posture == Posture::Safe && !capabilities::drops_all(desk, number) {
        lowered.insert(RuleId::capabilities);
    }
    let by_tuning = desk.tuning.writable_paths(number).next().is_some();
    let knows_paths = stance.profile.is_some_and(|profile| profile.facts.writable_paths.is_some());
    let root_stays = match stance.posture {
        Posture::Safe => true,
        Posture::Isolated => !knows_paths && !by_tuning,
        // Whether files must be there that an empty directory would hide is settled before that rule.
        Posture::Full => false,
    };
    if root_stays && !read_only_root_filesystem::is_read_only(desk, number) {
        lowered.insert(RuleId::read_only_root_filesystem);
    }
    lowered
}

/// Whether setuid programs are left to work, which the image needs.
///
/// In a user namespace what they give ends at its border. Without one it must be said of the image that it needs that
/// too: what was found of it where it had one does not say so.
fn may_gain(policy: &Policy, floor: Posture, stance: &Stance<'_>, has_namespace: bool) -> bool {
    let Some(facts) = stance.profile.map(|profile| &profile.facts) else { return false };
    let rung = match stance.posture {
        Posture::Full => false,
        Posture::Isolated => facts.allow_privilege_escalation && has_namespace,
        Posture::Safe => facts.gains_on_node(),
    };
    rung && floor == Posture::Safe && policy.mode(RuleId::privilege_escalation) == Mode::Default
}

/// Types of volumes that outlive the pod, or come from somewhere that does.
const PERSISTENT: [&str; 21] = [
    "persistentVolumeClaim",
    "ephemeral",
    "nfs",
    "iscsi",
    "fc",
    "cephfs",
    "rbd",
    "glusterfs",
    "flexVolume",
    "csi",
    "cinder",
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "gcePersistentDisk",
    "vsphereVolume",
    "portworxVolume",
    "photonPersistentDisk",
    "quobyte",
    "scaleIO",
    "storageos",
];

/// A volume (or device) of the container whose files may belong to somebody, and nobody says to whom.
pub(crate) fn persistent_volume<'v>(subject: &Subject<'v, '_>, number: usize) -> Option<&'v str> {
    let view = subject.slots[number].view;
    if let Some(device) = view.devices().first() {
        return Some(device.device_path.as_str());
    }
    let persists = |name: &str| {
        let volume = subject.spec.volumes().iter().find(|volume| *volume.name == *name);
        // A StatefulSet's claims become volumes only in its pods.
        volume.is_none_or(|volume| volume.kind.as_deref().is_some_and(|kind| PERSISTENT.contains(&kind)))
    };
    view.mounts().iter().map(|mount| mount.name.as_str()).find(|name| persists(name))
}

#[cfg(test)]
mod tests;
