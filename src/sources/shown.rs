//! What people are shown of policies and profiles: which there are, where they come from, and which are refused.

use super::{Sources, State};
use crate::metrics::PolicySource;
use crate::policy::Policy;
use crate::profiles::{Origin, ProfileSpec};

/// So many profiles are shown.
const MOST: usize = 500;

/// A policy that is in force, or should be.
#[derive(Debug, Clone)]
pub struct PolicyShown {
    /// Its name; of files that are refused as a whole, what they are.
    pub name: String,
    /// Where it comes from.
    pub source: PolicySource,
    /// What of it is in force; `None`: nothing.
    pub policy: Option<Policy>,
    /// Why its present version is refused, if it is.
    pub refused: Option<String>,
}

/// The profiles beside those that are built in.
#[derive(Debug, Clone, Default)]
pub struct ProfilesShown {
    /// How many are built in.
    pub built_in: usize,
    /// The others: custom resources first.
    pub own: Vec<ProfileShown>,
}

/// A profile that is not built in.
#[derive(Debug, Clone)]
pub struct ProfileShown {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub source: PolicySource,
    /// Its last good version, if there was one.
    pub facts: Option<ProfileSpec>,
    /// Whether its present version is refused: the log says why.
    pub refused: bool,
    /// Whether it was learnt and waits for an administrator's word.
    pub waits: bool,
}

impl Sources {
    /// Every policy that was given, in the order in which they are tried.
    #[must_use]
    pub fn policies_shown(&self) -> Vec<PolicyShown> {
        let state = self.lock();
        let objects = state.objects.iter().map(|(name, object)| PolicyShown {
            name: name.clone(),
            source: PolicySource::Objects,
            policy: object.policy.clone(),
            refused: object.refusal.clone(),
        });
        let of_file = |policy: &Policy| PolicyShown {
            name: policy.name.clone(),
            source: PolicySource::Files,
            policy: Some(policy.clone()),
            refused: None,
        };
        let files = state.files.iter().filter(|policy| !state.replaced.contains(&policy.name)).map(of_file);
        let refused = state.files_refused.iter().map(|why| PolicyShown {
            name: "the files of --policy as they are now".to_owned(),
            source: PolicySource::Files,
            policy: None,
            refused: Some(why.clone()),
        });
        objects.chain(files).chain(refused).collect()
    }

    /// The profiles that were given or learnt.
    #[must_use]
    pub fn profiles_shown(&self) -> ProfilesShown {
        let state = self.lock();
        ProfilesShown { built_in: built_in(&state), own: state.profiles.shown().take(MOST).collect() }
    }
}

fn built_in(state: &State) -> usize {
    state.known.profiles().iter().filter(|profile| profile.facts.source == Origin::BuiltIn).count()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::metrics::Metrics;
    use crate::policy::{Preset, parse};
    use crate::sources::Seen;

    #[test]
    fn what_is_refused_is_shown_beside_what_is_in_force() {
        let sources = Sources::new(&Preset::Restricted.into(), Arc::new(Metrics::new().expect("metrics")));
        let shown = || -> Vec<(String, bool, bool)> {
            let all = sources.policies_shown().into_iter();
            all.map(|shown| (shown.name, shown.policy.is_some(), shown.refused.is_some())).collect()
        };
        let row = |name: &str, in_force, refused| (name.to_owned(), in_force, refused);
        assert_eq!(shown(), [row("restricted", true, false)]);
        sources.apply("shop", Seen::of_generation(1, json!({"preset": "safe"})));
        sources.apply("shop", Seen::of_generation(2, json!({"preset": "nonsense"})));
        sources.apply("new", Seen::of_generation(1, json!({"preset": "nonsense"})));
        sources.look(parse("p.yaml", "nothing: 1\n"));
        assert_eq!(
            shown(),
            [
                row("new", false, true),
                row("shop", true, true),
                row("restricted", true, false),
                row("the files of --policy as they are now", false, true)
            ]
        );
        sources.apply("restricted", Seen::of_generation(1, json!({"preset": "safe"})));
        assert_eq!(
            shown().len(),
            4,
            "one of a file that a custom resource took the place of is not in force"
        );
    }

    #[test]
    fn profiles_are_shown_and_those_that_are_built_in_counted() {
        let sources = Sources::new(&Preset::Restricted.into(), Arc::new(Metrics::new().expect("metrics")));
        sources.apply_profile("mine", &Seen::of_generation(1, json!({"match": {"repositories": ["mine"]}})));
        sources.apply_profile("wrong", &Seen::of_generation(1, json!({"user": 0})));
        let shown = sources.profiles_shown();
        let own: Vec<(&str, bool, bool)> =
            shown.own.iter().map(|own| (own.name.as_str(), own.facts.is_some(), own.refused)).collect();
        assert_eq!(own, [("mine", true, false), ("wrong", false, true)]);
        assert!(shown.built_in > 50, "{}", shown.built_in);
    }
}
