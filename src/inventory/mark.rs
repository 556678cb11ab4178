//! What a hardened pod says of itself, in the annotation that [`mod@crate::harden`] writes.

use crate::posture::Posture;
use crate::rules::{RuleId, RuleSet};

/// By which policy a pod was hardened, how far, and which rules hold for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark<'a> {
    /// The policy's name.
    pub policy: &'a str,
    /// The lowest rung on which one of its containers stands.
    pub posture: Posture,
    /// The rules; names of no rule are left out.
    pub rules: RuleSet,
}

impl<'a> Mark<'a> {
    /// Reads the annotation's value: `restricted (safe): seccomp,capabilities`. `None`: it is not ours.
    #[must_use]
    pub fn read(value: &'a str) -> Option<Self> {
        let (head, rules) = value.split_once(':')?;
        let (policy, posture) = match head.split_once(" (") {
            None => (head, Posture::Full),
            Some((policy, rest)) => {
                let named = rest.strip_suffix(')')?;
                (policy, Posture::ALL.into_iter().find(|posture| posture.as_str() == named)?)
            }
        };
        let rules = rules.split(',').filter_map(|name| RuleId::find(name.trim())).collect();
        (!policy.is_empty()).then_some(Self { policy, posture, rules })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let rules: RuleSet = [RuleId::seccomp, RuleId::capabilities].into_iter().collect();
        for (value, expected) in [
            ("restricted: seccomp,capabilities", Some(("restricted", Posture::Full, rules))),
            ("shop (safe): seccomp,capabilities,later", Some(("shop", Posture::Safe, rules))),
            ("observe (isolated):", Some(("observe", Posture::Isolated, RuleSet::default()))),
            ("shop (nonsense): seccomp", None),
            ("shop (safe: seccomp", None),
            (": seccomp", None),
            ("yes", None),
        ] {
            let mark = Mark::read(value).map(|mark| (mark.policy, mark.posture, mark.rules));
            assert_eq!(mark, expected, "{value}");
        }
    }
}
