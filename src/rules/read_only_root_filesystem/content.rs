//! What an image has in a directory that it writes, where its profile says that it must be there (`content: needed`).
//!
//! An empty directory would hide it. So an init container of ours copies it, as the container's own user and with no
//! more than that one has; where that cannot be, the root stays writable, and it is said why.

use std::borrow::Cow;
use std::rc::Rc;

use super::{Desk, Params, is_name_taken, is_read_only, is_taken_in_image};
use crate::facts::ImageVolumes;
use crate::plan::{Copied, Copier, ImageVolume, ResourceEdits, copier_name, volume_name};
use crate::policy::Policy;
use crate::posture::{Posture, Stance};
use crate::profiles::{Content, Profile};
use crate::rules::{Mode, RuleId, run_as_non_root, user_namespace};
use crate::subject::Subject;
use crate::view::{ContainerType, Quantity, ResourceList, Text};

const RULE: RuleId = RuleId::read_only_root_filesystem;

/// How the names of our copiers begin.
pub(crate) const COPIER: &str = "copy-up-";

/// As whom a copier runs, and the container that it copies for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CopyUser {
    pub(crate) user: i64,
    /// `None`: whatever the pod says.
    pub(crate) group: Option<i64>,
}

/// Why nothing can be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// Policy has no image for it.
    NoCopier,
    /// A running pod takes no volume.
    Running,
    /// Whose files they are to be is not known, or root's: that takes more than a copier has.
    User,
    /// A node may not mount images.
    Nodes,
}

impl Obstacle {
    /// The words before the profile's name.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::NoCopier => {
                "files of the image must be there, and policy names no copyUp.image, says profile "
            }
            Self::Running => {
                "files of the image must be there, and a running pod takes no volume, says profile "
            }
            Self::User => "files of the image must be there, and its uid is root's or unknown, says profile ",
            Self::Nodes => {
                "files of the image must be there, and not every node is known to mount images, says profile "
            }
        }
    }
}

/// Finds out for each container whose image's files must be there whether they can be copied; else leaves its root
/// writable. A floor of `full` means all of it, whatever that hides.
///
/// To be done when it is known as whom each container runs.
pub(crate) fn settle(desk: &mut Desk<'_, '_>, policy: &Policy) {
    if desk.mode_of(RULE) == Mode::Off {
        return;
    }
    let needing: Vec<usize> = (0..desk.stances.len()).filter(|number| hides_content(desk, *number)).collect();
    if needing.is_empty() {
        return;
    }
    let mut stances: Vec<Stance<'_>> = desk.stances.to_vec();
    for number in needing {
        match copy_user(desk, policy, number) {
            Ok(user) => stances[number].copy_user = Some(user),
            Err(obstacle) if policy.posture.floor != Some(Posture::Full) => {
                stances[number].lowered.insert(RULE);
                stances[number].obstacle = Some(obstacle);
            }
            Err(_) => {}
        }
    }
    desk.stances = Rc::from(stances);
}

/// Whether an emptyDir of ours would hide files that the program needs.
fn hides_content(desk: &Desk<'_, '_>, number: usize) -> bool {
    let covered =
        desk.subject.slots[number].in_scope && !desk.exempts(RULE, number) && !desk.lowers(RULE, number);
    covered
        && !is_read_only(desk, number)
        && needed(desk.profile(number)).any(|path| !is_taken_in_image(desk, number, path))
}

/// The directories of an image whose files must be there.
fn needed(profile: Option<&Profile>) -> impl Iterator<Item = &str> {
    let paths = profile.and_then(|profile| profile.facts.writable_paths.as_deref()).unwrap_or_default();
    paths.iter().filter(|entry| entry.content == Content::Needed).map(|entry| entry.path.as_str())
}

/// As whom the files can be copied for a container.
fn copy_user(desk: &Desk<'_, '_>, policy: &Policy, number: usize) -> Result<CopyUser, Obstacle> {
    if policy.rules.read_only_root_filesystem.copy_up.image.is_none() {
        return Err(Obstacle::NoCopier);
    }
    if !desk.subject.reaches_pod() || desk.subject.slots[number].kind == ContainerType::Ephemeral {
        return Err(Obstacle::Running);
    }
    let profile = desk.profile(number);
    let ids = run_as_non_root::ids_in_the_end(desk, &policy.rules.run_as_non_root, number, profile);
    let (user, group) = ids.filter(|(user, _)| *user > 0).ok_or(Obstacle::User)?;
    let isolated = desk.subject.spec.host_users == Some(false)
        || desk.plan.pod.host_users_off
        || user_namespace::will_be_set(desk);
    let wanted = if isolated { ImageVolumes::Everywhere } else { ImageVolumes::WithoutUserNamespace };
    if desk.image_volumes < wanted {
        return Err(Obstacle::Nodes);
    }
    Ok(CopyUser { user, group })
}

/// Whether a container is a copier of ours, as far as can be seen. Nothing is spared one but what it has no use for:
/// other directories that it could write, and facts about its image.
pub(crate) fn is_copier(subject: &Subject<'_, '_>, params: &Params, number: usize) -> bool {
    let slot = &subject.slots[number];
    let ours = params.copy_up.image.as_deref();
    slot.kind == ContainerType::Init
        && ours.is_some()
        && slot.view.image.as_deref() == ours
        && slot.view.name.starts_with(COPIER)
}

/// Plans the init container that fills the directories of a container.
pub(super) fn add_copier<'v>(
    desk: &mut Desk<'v, '_>,
    params: &'v Params,
    number: usize,
    copies: Vec<Copied<'v>>,
) {
    let view = desk.subject.slots[number].view;
    let user = desk.stances[number].copy_user;
    let (Some(image), Some(reference), Some(CopyUser { user, group })) =
        (params.copy_up.image.as_deref(), view.image.as_deref(), user)
    else {
        return;
    };
    let name = copier_name(&view.name, |name| {
        desk.subject.slots.iter().any(|slot| *slot.view.name == *name)
            || desk.plan.copiers.iter().any(|copier| copier.name == name)
    });
    let source = volume_name(&view.name, "/image", |name| is_name_taken(desk, name));
    let own = view.resources.as_ref();
    let copier = Copier {
        name,
        of: number,
        image,
        pull_policy: params.copy_up.pull_policy.map(super::PullPolicy::as_str),
        user,
        group,
        source: source.clone(),
        requests: quantities(own.and_then(|own| own.requests.as_ref())),
        limits: quantities(own.and_then(|own| own.limits.as_ref())),
        copies,
    };
    let pull_policy = view.image_pull_policy.as_ref().map(Text::as_str).filter(|policy| !policy.is_empty());
    desk.also(|plan| {
        plan.pod.images_added.push(ImageVolume { name: source, reference, pull_policy });
        plan.copiers.push(copier);
    });
}

/// What the container's author asked for: as an init container it then takes nothing that the pod has not, and the
/// pod stays of its class (`Guaranteed`).
fn quantities<'v>(list: Option<&'v ResourceList<'_>>) -> ResourceEdits<'v> {
    let text = |quantity: &'v Option<Quantity<'_>>| {
        quantity.as_ref().map(|quantity| Cow::Borrowed(quantity.as_str()))
    };
    list.map_or_else(ResourceEdits::default, |list| ResourceEdits {
        cpu: text(&list.cpu),
        memory: text(&list.memory),
        ephemeral_storage: text(&list.ephemeral_storage),
    })
}
