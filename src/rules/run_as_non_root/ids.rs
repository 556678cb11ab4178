//! The ids for containers whose author chose none.

use super::{Identity, Params, Strategy, own_identity, pod_identity};
use crate::facts::Space;
use crate::profiles::{ImageUser, Profile};
use crate::rules::Desk;

/// The namespace's uids on OpenShift.
pub(crate) const UID_RANGE: &str = "openshift.io/sa.scc.uid-range";
/// Its groups: blocks, separated by commas.
const SUPPLEMENTAL_GROUPS: &str = "openshift.io/sa.scc.supplemental-groups";

/// What to set where nothing is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ids<'v> {
    pub(super) user: i64,
    /// `None`: the image's own group.
    pub(super) group: Option<i64>,
    /// Where the author wrote 0 and policy replaces it.
    pub(super) instead_of_root: i64,
    pub(super) fs_group: Option<i64>,
    /// Whether the image's own user, which it names by number, is to stay.
    pub(super) image_user: bool,
    /// Said beside the uid where it is not from where policy wants it.
    remark: &'static str,
    /// Whether they are policy's own, for which an image's profile may know better ones.
    fixed: bool,
    /// The profile that they are from.
    profile: &'v str,
}

impl<'v> Ids<'v> {
    pub(super) fn new(params: &Params, space: Option<&Space>) -> Self {
        let fixed = Self {
            user: params.run_as_user,
            group: Some(params.run_as_group),
            instead_of_root: params.run_as_group,
            fs_group: params.fs_group,
            image_user: false,
            remark: "",
            fixed: true,
            profile: "",
        };
        if params.strategy == Strategy::Fixed {
            return fixed;
        }
        let annotation = |key: &str| space.and_then(|space| space.annotations.get(key)).map(|value| &**value);
        let range = annotation(UID_RANGE);
        let Some(user) = range.and_then(first_of) else {
            let remark = match range {
                None => ", the namespace names no uid range",
                Some(_) => ", the namespace's uid range cannot be read",
            };
            return Self { remark, ..fixed };
        };
        // As OpenShift: without groups of its own the namespace's uids are its groups too.
        let groups = annotation(SUPPLEMENTAL_GROUPS).map_or(Some(user), |blocks| {
            first_of(blocks.split(',').next().unwrap_or_default())
        });
        Self { user, group: None, fs_group: fixed.fs_group.or(groups), fixed: false, ..fixed }
    }

    /// Those of an image that is known, where policy's own would be taken.
    pub(super) fn of(&self, profile: Option<&'v Profile>) -> Self {
        match profile.filter(|_| self.fixed) {
            Some(profile) => Self {
                user: profile.facts.user.unwrap_or(self.user),
                group: profile.facts.group.or(self.group),
                image_user: profile.facts.image_user == Some(ImageUser::Numeric),
                profile: if profile.facts.user.is_some() { &profile.name } else { "" },
                ..self.clone()
            },
            None => self.clone(),
        }
    }

    /// Whether a container of that image would run as the image's own user with them.
    pub(super) fn is_images_own(&self, profile: Option<&Profile>) -> bool {
        let facts = profile.filter(|_| self.fixed).map(|profile| &profile.facts);
        facts.is_some_and(|facts| match facts.image_user {
            Some(ImageUser::Numeric) => true,
            Some(ImageUser::Named) => facts.user.is_some(),
            Some(ImageUser::Root) | None => false,
        })
    }

    /// The uid for people.
    pub(super) fn named(&self, user: i64) -> String {
        let number = user.to_string();
        if user != self.user {
            return number;
        }
        if self.profile.is_empty() { number + self.remark } else { number + ", by profile " + self.profile }
    }
}

/// As whom the container runs once the plan is carried out: uid, and gid where the pod or policy says it; `None` where
/// the uid is the image's own and not known.
pub(crate) fn ids_in_the_end(
    desk: &Desk<'_, '_>,
    params: &Params,
    number: usize,
    profile: Option<&Profile>,
) -> Option<(i64, Option<i64>)> {
    let edits = &desk.plan.containers[number];
    let planned = &desk.plan.pod;
    let written = own_identity(desk, number).or(Identity {
        user: planned.run_as_user,
        group: planned.run_as_group,
        ..Identity::default()
    });
    let written = written.or(pod_identity(desk));
    let facts = profile.map(|profile| &profile.facts);
    let images_own = facts.filter(|facts| matches!(facts.image_user, Some(ImageUser::Named | ImageUser::Numeric)));
    let user = edits.run_as_user.or(written.user).or(images_own.and_then(|facts| facts.user))?;
    let ids = Ids::new(params, desk.space.as_deref());
    let group = edits.run_as_group.or(written.group).or_else(|| ids.of(profile).group);
    Some((user, group))
}

/// The first of `START/SIZE` or `START-END`: never root, never beyond what the API takes.
fn first_of(block: &str) -> Option<i64> {
    const LAST: i64 = i32::MAX as i64;
    let number = |text: &str| text.trim().parse::<i64>().ok();
    let (first, last) = if let Some((start, size)) = block.split_once('/') {
        let start = number(start)?;
        (start, start.checked_add(number(size)?)?.checked_sub(1)?)
    } else {
        let (start, end) = block.split_once('-')?;
        (number(start)?, number(end)?)
    };
    (1 <= first && first <= last && first <= LAST).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(annotations: &[(&str, &str)]) -> Ids<'static> {
        let annotations = annotations.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        let space = Space { annotations, ..Space::default() };
        let params = Params { strategy: Strategy::NamespaceRange, ..Params::default() };
        Ids::new(&params, Some(&space))
    }

    #[test]
    fn the_first_of_a_block() {
        for (block, expected) in [
            ("1000620000/10000", Some(1_000_620_000)),
            ("1000-1999", Some(1000)),
            (" 7 / 1", Some(7)),
            ("7-7", Some(7)),
            ("0/10", None),
            ("-5/10", None),
            ("10-5", None),
            ("10/0", None),
            ("2147483648/5", None),
            ("9223372036854775807/9223372036854775807", None),
            ("1000", None),
            ("", None),
            ("many", None),
        ] {
            assert_eq!(first_of(block), expected, "{block}");
        }
    }

    #[test]
    fn ids_of_a_namespace() {
        let found = ids(&[(UID_RANGE, "5000/10"), (SUPPLEMENTAL_GROUPS, "6000/10,7000/10")]);
        assert_eq!((found.user, found.group, found.fs_group), (5000, None, Some(6000)));
        let found = ids(&[(UID_RANGE, "5000/10")]);
        assert_eq!((found.user, found.group, found.fs_group), (5000, None, Some(5000)));
        let found = ids(&[(UID_RANGE, "5000/10"), (SUPPLEMENTAL_GROUPS, "x")]);
        assert_eq!((found.user, found.group, found.fs_group), (5000, None, None));
        let found = ids(&[]);
        assert_eq!((found.user, found.group, found.fs_group), (65532, Some(65532), None));
        assert_eq!(found.named(65532), "65532, the namespace names no uid range");
        assert_eq!(found.named(7), "7");
        assert_eq!(ids(&[(UID_RANGE, "x")]).named(65532), "65532, the namespace's uid range cannot be read");
    }
}
