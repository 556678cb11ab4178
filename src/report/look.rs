//! One pod or template: what the engine makes of it, and where it stands before and after.

use std::borrow::Cow;

use serde_json::Value;
use time::OffsetDateTime;

use super::risk::{self, Risk};
use super::workload::{Exempted, Found, Standing};
use super::{Place, standard};
use crate::exemption;
use crate::facts::Facts;
use crate::harden::{Hardened, harden};
use crate::inventory;
use crate::policy::{Policy, PolicySet, Preset};
use crate::posture::Posture;
use crate::rules::{self, Mode, RuleId, RuleResult, RuleSet};
use crate::subject::{Reach, Subject};
use crate::view::{Annotations, Pod};

/// Why a pod could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// It is no pod.
    #[error("no pod: {0}")]
    NoPod(#[from] serde_json::Error),
    /// Our own operations do not fit it.
    #[error("a fault in pod-hardener: {0}")]
    Patch(#[from] json_patch::PatchError),
}

/// What pods are looked at with.
#[derive(Debug)]
pub struct Looker<'p> {
    policies: &'p PolicySet,
    /// Says of every rule whether it is kept, whatever policy wants and annotations ask for.
    gauge: PolicySet,
    now: OffsetDateTime,
}

/// What was seen of one pod or template.
#[derive(Debug, Clone, Default)]
pub struct Looked {
    /// The policy that applies.
    pub policy: String,
    /// The lowest rung of the ladder on which one of its containers stands.
    pub posture: Option<Posture>,
    /// Whether anything would change.
    pub changes: bool,
    /// What each rule found or would do, less what is secure.
    pub findings: Vec<Found>,
    /// The rules with nothing to do.
    pub secure: RuleSet,
    /// Where it stands now.
    pub before: Standing,
    /// Where it would stand.
    pub after: Standing,
    /// What may break it.
    pub risks: Vec<Risk>,
    /// Its exemptions.
    pub exemptions: Vec<Exempted>,
    /// Annotations that are not honoured, and what is to be said of the choice of its policy.
    pub remarks: Vec<String>,
}

impl<'p> Looker<'p> {
    /// Looks with these policies, at this time.
    #[must_use]
    pub fn new(policies: &'p PolicySet, now: OffsetDateTime) -> Self {
        let mut gauge = Policy::from(Preset::Observe);
        gauge.posture.floor = Some(Posture::Full);
        // What the built-in policy leaves off is more than any standard asks for.
        for rule in RuleId::ALL.iter().filter(|rule| rule.meta().mode == Mode::Off) {
            gauge.modes[*rule as usize] = Mode::Off;
        }
        // A domain that nobody owns: no annotation is meant.
        gauge.annotation_prefix = "gauge.invalid".to_owned();
        Self { policies, gauge: PolicySet::new(vec![gauge]), now }
    }

    /// Looks at a pod or template; `None` where it has no spec.
    ///
    /// # Errors
    /// When the text is no pod.
    pub fn look(&self, text: &str, facts: &Facts<'_>) -> Result<Option<Looked>, LookError> {
        let view: Pod<'_> = serde_json::from_str(text)?;
        let Some(subject) = Subject::new(&view, Reach::Pod) else { return Ok(None) };
        let hardened = harden(&subject, self.policies, facts, self.now);
        let before = self.standing(&subject, facts);
        let mut looked = Looked {
            policy: hardened.policy.name.clone(),
            posture: hardened.posture,
            changes: hardened.is_changed(),
            findings: findings(&hardened, &subject),
            secure: hardened.results.of(RuleResult::AlreadySecure),
            after: before.clone(),
            before,
            risks: Vec::new(),
            exemptions: self.exemptions(&hardened, &subject),
            remarks: remarks(&hardened),
        };
        if looked.changes {
            let patched = patched(text, &hardened)?;
            let view: Pod<'_> = serde_json::from_str(&patched)?;
            if let Some(after) = Subject::new(&view, Reach::Pod) {
                looked.after = self.standing(&after, facts);
                let change = risk::Change {
                    before: &subject,
                    after: &after,
                    findings: &looked.findings,
                    prefix: &hardened.policy.annotation_prefix,
                    knows_account: facts.account.is_some(),
                };
                let profiles = self.policies.profiles();
                looked.risks = risk::find(&change, |image| profiles.find(image, facts.namespace));
            }
        }
        Ok(Some(looked))
    }

    /// The exemptions that a namespace gives all its pods.
    #[must_use]
    pub fn of_namespace(&self, facts: &Facts<'_>) -> Vec<Exempted> {
        let Some(space) = facts.space.as_deref() else { return Vec::new() };
        let policy = self.policies.base(facts).policy;
        let entries = space.annotations.iter().map(|(key, value)| (&**key, &**value));
        let found = inventory::read(entries, &policy.annotation_prefix);
        let place = Place {
            namespace: facts.namespace.to_owned(),
            api_version: "v1".to_owned(),
            kind: "Namespace".to_owned(),
            name: facts.namespace.to_owned(),
            ..Place::default()
        };
        let mut refusals = Vec::new();
        let honoured = if policy.exemptions.namespaces {
            let terms = exemption::Terms::of(policy, facts, self.now);
            exemption::of_namespace(space, &terms, &mut refusals)
        } else {
            RuleSet::default()
        };
        let own = found.into_iter().filter(|exemption| exemption.container.is_none());
        own.map(|exemption| {
            let is_honoured = !honoured.is_empty() && exemption.rules.without(honoured).is_empty();
            Exempted { place: place.clone(), ..Exempted::new(&exemption, is_honoured, self.now) }
        })
        .collect()
    }

    fn standing(&self, subject: &Subject<'_, '_>, facts: &Facts<'_>) -> Standing {
        // What policy the namespace has is no part of the question.
        let facts = Facts { account: facts.account.clone(), ..Facts::of_namespace(facts.namespace) };
        let hardened = harden(subject, &self.gauge, &facts, self.now);
        let open = hardened.results.of(RuleResult::Observed).union(hardened.results.of(RuleResult::Lowered));
        Standing::new(standard::unmet(subject, open))
    }

    fn exemptions(&self, hardened: &Hardened<'_>, subject: &Subject<'_, '_>) -> Vec<Exempted> {
        let entries = subject.pod.annotations().into_iter().flat_map(Annotations::entries);
        let entries = entries.map(|entry| (entry.key.as_str(), entry.value.as_deref().unwrap_or_default()));
        let found = inventory::read(entries, &hardened.policy.annotation_prefix);
        let rows = found.into_iter().map(|exemption| {
            let number = exemption.container.as_deref().map(|name| exemption::position(subject, name));
            let covers = |rule| match number {
                None => hardened.exemptions.pod(rule),
                Some(number) => number.is_some_and(|number| hardened.exemptions.container(number, rule)),
            };
            let honoured = !exemption.rules.is_empty() && exemption.rules.iter().all(covers);
            Exempted::new(&exemption, honoured, self.now)
        });
        rows.collect()
    }
}

fn findings(hardened: &Hardened<'_>, subject: &Subject<'_, '_>) -> Vec<Found> {
    let one = |finding: &rules::Finding<'_>| Found {
        rule: finding.rule,
        result: finding.result,
        container: match finding.place {
            rules::Place::Pod => None,
            rules::Place::Container(number) => Some(subject.slots[number].view.name.as_str().to_owned()),
        },
        note: format!("{}{}", finding.note.text, finding.note.value),
    };
    hardened.findings.iter().map(one).collect()
}

fn remarks(hardened: &Hardened<'_>) -> Vec<String> {
    let refused = hardened.refusals.iter().map(|refusal| {
        let key: &Cow<'_, str> = &refusal.key;
        format!("annotation {key} is not honoured: {}", refusal.message)
    });
    refused.chain(hardened.remarks.iter().map(|remark| remark.message.clone())).collect()
}

/// The pod with the engine's operations carried out.
fn patched(text: &str, hardened: &Hardened<'_>) -> Result<String, LookError> {
    let mut pod: Value = serde_json::from_str(text)?;
    let operations: json_patch::Patch = serde_json::from_slice(&hardened.patch.to_json())?;
    json_patch::patch(&mut pod, &operations)?;
    Ok(pod.to_string())
}
