//! Profiles that change while the server runs: files, and custom resources.
//!
//! As with policies a version that is wrong leaves the last good one in force, and is told in the log and by metrics.

use std::collections::BTreeMap;

use super::{ProfileShown, Seen, Sources, State, fingerprint_of};
use crate::metrics::{PolicyOutcome, PolicySource};
use crate::policy::PolicyError;
use crate::posture::Posture;
use crate::profiles::{ImageMatch, ImageProfile, Origin, ProfileSpec, parse_object, with_built_in};

/// What is known of profiles.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    /// The last good version of what `--profiles` names.
    files: Vec<ImageProfile>,
    files_refused: bool,
    /// Custom resources by name.
    objects: BTreeMap<String, Object>,
}

/// A custom resource: its last good version, and whether the present one is refused.
#[derive(Debug, Default)]
struct Object {
    uid: String,
    generation: i64,
    profile: Option<ImageProfile>,
    refused: bool,
    resource_version: String,
    /// When it was last changed, in seconds since 1970.
    changed: i64,
}

/// What was learnt of an image, as it is kept in the cluster.
#[derive(Debug, Clone)]
pub(crate) struct Learnt {
    pub(crate) name: String,
    pub(crate) spec: ProfileSpec,
    pub(crate) resource_version: String,
    /// When it was last changed, in seconds since 1970.
    pub(crate) changed: i64,
}

impl Profiles {
    /// What is in force beside what is built in. A custom resource takes the place of one of the same name in a file.
    fn together(&self) -> Vec<ImageProfile> {
        let objects = self.objects.values().filter_map(|object| object.profile.clone());
        let hidden = |name: &str| self.objects.get(name).is_some_and(|object| object.profile.is_some());
        let files = self.files.iter().filter(|profile| !hidden(&profile.metadata.name)).cloned();
        objects.chain(files).collect()
    }

    /// All of them, for people.
    pub(super) fn shown(&self) -> impl Iterator<Item = ProfileShown> {
        let objects = self.objects.iter().map(|(name, object)| ProfileShown {
            name: name.clone(),
            source: PolicySource::Objects,
            facts: object.profile.as_ref().map(|profile| profile.spec.clone()),
            refused: object.refused,
            waits: object.profile.as_ref().is_some_and(|profile| !profile.spec.is_in_force()),
        });
        let of_file = |profile: &ImageProfile| ProfileShown {
            name: profile.metadata.name.clone(),
            source: PolicySource::Files,
            facts: Some(profile.spec.clone()),
            refused: self.files_refused,
            waits: !profile.spec.is_in_force(),
        };
        objects.chain(self.files.iter().map(of_file))
    }
}

impl Sources {
    /// What `--profiles` names was looked at again.
    pub fn look_at_profiles(&self, found: Result<Vec<ImageProfile>, PolicyError>) {
        let mut state = self.lock();
        match found {
            Ok(files) => {
                state.profiles.files_refused = false;
                if fingerprint_of(&files) == fingerprint_of(&state.profiles.files) {
                    self.measure_profiles(&state);
                    return;
                }
                self.metrics.profile_loads.count(PolicySource::Files, PolicyOutcome::Taken);
                tracing::info!(profiles = files.len(), "the profile files were taken up");
                state.profiles.files = files;
                self.assemble_profiles(&mut state);
            }
            Err(error) => {
                state.profiles.files_refused = true;
                self.metrics.profile_loads.count(PolicySource::Files, PolicyOutcome::Refused);
                tracing::error!(
                    reason = error.reason(),
                    %error,
                    "the profile files cannot be used; the last good profiles stay in force"
                );
                self.measure_profiles(&state);
            }
        }
    }

    /// A custom resource is new, or has changed.
    pub(crate) fn apply_profile(&self, name: &str, seen: &Seen) {
        let mut state = self.lock();
        let object = state.profiles.objects.entry(name.to_owned()).or_default();
        if object.uid != seen.uid {
            *object = Object { uid: seen.uid.clone(), ..Object::default() };
        }
        object.resource_version.clone_from(&seen.resource_version);
        object.changed = seen.changed;
        if object.generation == seen.generation {
            return;
        }
        object.generation = seen.generation;
        let outcome = match parse_object(name, seen.spec.as_ref()) {
            Ok(profile) => {
                tracing::info!(profile = name, generation = seen.generation, "the profile was taken up");
                (object.profile, object.refused) = (Some(profile), false);
                PolicyOutcome::Taken
            }
            Err(why) => {
                let (generation, why) = (seen.generation, crate::message::shorten(why));
                tracing::error!(
                    profile = name,
                    generation,
                    why,
                    "the profile is refused; its last good version, if it has one, stays in force"
                );
                object.refused = true;
                PolicyOutcome::Refused
            }
        };
        self.metrics.profile_loads.count(PolicySource::Objects, outcome);
        self.assemble_profiles(&mut state);
    }

    /// A custom resource is gone, and its profile out of force.
    pub(crate) fn delete_profile(&self, name: &str) {
        let mut state = self.lock();
        if state.profiles.objects.remove(name).is_some() {
            tracing::info!(profile = name, "the profile is gone, and out of force");
            self.metrics.profile_loads.count(PolicySource::Objects, PolicyOutcome::Gone);
            self.assemble_profiles(&mut state);
        }
    }

    /// What was learnt of these images and no others: what is in force, and what waits for somebody's word.
    pub(crate) fn learnt(&self, images: &ImageMatch) -> Vec<Learnt> {
        let state = self.lock();
        let learnt = state.profiles.objects.iter().filter_map(|(name, object)| {
            let spec = &object.profile.as_ref()?.spec;
            (spec.source == Origin::Learnt && spec.images == *images).then(|| Learnt {
                name: name.clone(),
                spec: spec.clone(),
                resource_version: object.resource_version.clone(),
                changed: object.changed,
            })
        });
        learnt.collect()
    }

    /// The images of learnt profiles in force by which something stands on a lower rung, and no user is known.
    pub(crate) fn lowered(&self) -> Vec<ImageMatch> {
        let state = self.lock();
        let specs = state.profiles.objects.values().filter_map(|object| Some(&object.profile.as_ref()?.spec));
        let lowered = specs.filter(|spec| {
            spec.source == Origin::Learnt
                && spec.is_in_force()
                && spec.posture.is_some_and(|posture| posture != Posture::Full)
                && spec.user.is_none()
        });
        lowered.map(|spec| spec.images.clone()).collect()
    }

    /// How many profiles were learnt: in a namespace, and in all.
    pub(crate) fn count_learnt(&self, namespace: &str) -> (usize, usize) {
        let state = self.lock();
        let specs = state.profiles.objects.values().filter_map(|object| Some(&object.profile.as_ref()?.spec));
        let learnt: Vec<&ProfileSpec> = specs.filter(|spec| spec.source == Origin::Learnt).collect();
        let here = learnt.iter().filter(|spec| spec.images.namespaces == [namespace]);
        (here.count(), learnt.len())
    }

    /// The custom resources that are known.
    pub(crate) fn profile_names(&self) -> Vec<String> {
        self.lock().profiles.objects.keys().cloned().collect()
    }

    fn assemble_profiles(&self, state: &mut State) {
        let known = with_built_in(state.profiles.together());
        state.known = known;
        self.measure_profiles(state);
        self.replace(state);
        self.metrics.profiles_loaded();
    }

    pub(super) fn measure_profiles(&self, state: &State) {
        let Profiles { files, files_refused, objects } = &state.profiles;
        let refused = objects.values().filter(|object| object.refused).count();
        let taken = objects.values().filter(|object| object.profile.is_some()).count();
        for (source, in_force, refused) in [
            (PolicySource::Files, files.len(), usize::from(*files_refused)),
            (PolicySource::Objects, taken, refused),
        ] {
            self.metrics.profiles.set(source, in_force);
            self.metrics.profiles_refused.set(source, refused);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::metrics::Metrics;
    use crate::policy::Preset;
    use crate::profiles::parse;

    #[test]
    fn what_was_learnt_is_known_with_its_version() {
        let metrics = std::sync::Arc::new(Metrics::new().expect("metrics"));
        let sources = Sources::new(&Preset::Restricted.into(), metrics);
        let spec = json!({"match": {"repositories": ["mine"], "namespaces": ["shop"]}, "source": "learnt",
            "posture": "isolated"});
        let images = ImageMatch {
            repositories: vec!["mine".to_owned()],
            namespaces: vec!["shop".to_owned()],
            ..ImageMatch::default()
        };
        let version = || {
            let learnt = sources.learnt(&images).pop().expect("one");
            (learnt.resource_version, learnt.changed)
        };
        let at = |version: &str, changed| Seen {
            resource_version: version.to_owned(),
            changed,
            ..Seen::of_generation(1, spec.clone())
        };
        sources.apply_profile("a", &at("7", 100));
        assert_eq!(version(), ("7".to_owned(), 100));
        // Its spec is the same: somebody gave it a label.
        sources.apply_profile("a", &at("8", 200));
        assert_eq!(version(), ("8".to_owned(), 200));
        assert_eq!((sources.count_learnt("shop"), sources.count_learnt("other")), ((1, 1), (0, 1)));
        assert_eq!(sources.lowered(), std::slice::from_ref(&images));
    }

    #[test]
    fn the_last_good_version_of_each_is_in_force_beside_what_is_built_in() {
        let metrics = std::sync::Arc::new(Metrics::new().expect("metrics"));
        let sources = Sources::new(&Preset::Restricted.into(), metrics);
        let user = |image: &str| {
            let in_force = sources.in_force();
            let policies = in_force.load();
            policies.profiles().find(image, "").and_then(|profile| profile.facts.user)
        };
        assert_eq!((user("nginx"), user("mine")), (Some(101), None));
        let of = |user: i64| json!({"match": {"repositories": ["mine"]}, "user": user});
        sources.apply_profile("a", &Seen::of_generation(1, of(5)));
        assert_eq!((user("nginx"), user("mine")), (Some(101), Some(5)));
        sources.apply_profile("a", &Seen::of_generation(2, of(0)));
        assert_eq!(user("mine"), Some(5));
        sources.apply_profile("a", &Seen::of_generation(3, of(6)));
        assert_eq!(user("mine"), Some(6));
        let text = "apiVersion: pod-hardener.dev/v1alpha1\nkind: ImageProfile\nmetadata: {name: a}\n\
                    spec: {match: {repositories: [mine]}, user: 7}\n";
        sources.look_at_profiles(parse("p.yaml", text));
        assert_eq!(user("mine"), Some(6));
        assert_eq!(sources.profile_names(), ["a"]);
        sources.delete_profile("a");
        assert_eq!(user("mine"), Some(7));
        sources.look_at_profiles(parse("p.yaml", "nothing: 1\n"));
        assert_eq!(user("mine"), Some(7));
    }
}
