//! Counts over all workloads.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::workload::is_open;
use super::{Control, Level, Likelihood, Workload, as_name};
use crate::posture::Posture;
use crate::rules::{RuleId, RuleResult};

/// So many of the places where something stays open are named.
const EXAMPLES: usize = 3;

/// Counts over all workloads.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Workloads that were looked at.
    pub workloads: usize,
    /// Running pods that were.
    pub pods: usize,
    /// Workloads in which something would change.
    pub changing: usize,
    /// Workloads in which something stays insecure.
    pub open: usize,
    /// Workloads with an exemption that is honoured.
    pub exempted: usize,
    /// Workloads that are likely to break, by how likely.
    #[serde(serialize_with = "likelihoods")]
    pub likely_to_break: [usize; Likelihood::ALL.len()],
    /// Workloads by the level of Pod Security that they meet.
    pub levels: Vec<LevelCount>,
    /// Workloads that do not meet a control.
    pub controls: Vec<ControlCount>,
    /// Workloads by what came of each rule.
    pub rules: Vec<RuleCount>,
    /// Workloads by posture.
    pub postures: Vec<PostureCount>,
    /// By namespace.
    pub namespaces: Vec<NamespaceCount>,
    /// What stays insecure and why, the most frequent first.
    pub stays_open: Vec<Open>,
}

/// Workloads by the level of Pod Security that they meet.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LevelCount {
    /// The highest level that is met.
    pub level: Level,
    /// So many now.
    pub before: usize,
    /// So many afterwards.
    pub after: usize,
}

/// Workloads that do not meet a control.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ControlCount {
    /// Which.
    pub control: Control,
    /// What it asks for.
    pub title: &'static str,
    /// So many now.
    pub before: usize,
    /// So many afterwards.
    pub after: usize,
}

/// What came of one rule.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleCount {
    /// Which.
    #[serde(serialize_with = "as_name")]
    pub rule: RuleId,
    /// In how many workloads each result is the one that counts: the worst of its containers.
    #[serde(serialize_with = "results")]
    pub results: [usize; RuleResult::ALL.len()],
}

/// Workloads by posture.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PostureCount {
    /// The lowest rung on which one of their containers stands.
    pub posture: Posture,
    /// So many.
    pub workloads: usize,
}

/// Counts for one namespace.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceCount {
    /// Its name; empty where nobody says.
    pub namespace: String,
    /// Workloads.
    pub workloads: usize,
    /// Running pods.
    pub pods: usize,
    /// Workloads in which something would change.
    pub changing: usize,
    /// Workloads in which something stays insecure.
    pub open: usize,
    /// Workloads that meet Pod Security `restricted` now.
    pub restricted_before: usize,
    /// Workloads that would.
    pub restricted_after: usize,
}

/// Something that stays insecure, and why.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Open {
    /// By which rule.
    #[serde(serialize_with = "as_name")]
    pub rule: RuleId,
    /// Why it stays: policy only observes, nothing can be done, or the image could not live with it.
    pub result: RuleResult,
    /// What.
    pub note: String,
    /// In how many workloads.
    pub workloads: usize,
    /// Some of them.
    pub examples: Vec<String>,
}

fn likelihoods<S: Serializer>(counts: &[usize; 3], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(Likelihood::ALL.iter().map(|one| one.as_str()).zip(counts))
}

fn results<S: Serializer>(counts: &[usize; 7], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(RuleResult::ALL.iter().map(|one| one.as_str()).zip(counts))
}

/// Results, the one that counts most in a workload first.
const WORST_FIRST: [RuleResult; RuleResult::ALL.len()] = [
    RuleResult::Impossible,
    RuleResult::Observed,
    RuleResult::Lowered,
    RuleResult::Exempted,
    RuleResult::Replaced,
    RuleResult::Injected,
    RuleResult::AlreadySecure,
];

impl Summary {
    pub(super) fn new(workloads: &[Workload]) -> Self {
        let count = |is: &dyn Fn(&Workload) -> bool| workloads.iter().filter(|one| is(one)).count();
        Self {
            workloads: workloads.len(),
            pods: workloads.iter().map(|workload| workload.pods).sum(),
            changing: count(&|workload| workload.changes),
            open: count(&Workload::stays_open),
            exempted: count(&|workload| !workload.of(RuleResult::Exempted).is_empty()),
            likely_to_break: Likelihood::ALL.map(|one| count(&|workload| workload.likelihood == Some(one))),
            levels: Level::ALL
                .map(|level| LevelCount {
                    level,
                    before: count(&|workload| workload.before.pod_security == level),
                    after: count(&|workload| workload.after.pod_security == level),
                })
                .to_vec(),
            controls: controls(workloads),
            rules: rules(workloads),
            postures: Posture::ALL
                .map(|posture| PostureCount {
                    posture,
                    workloads: count(&|workload| workload.posture == Some(posture)),
                })
                .to_vec(),
            namespaces: namespaces(workloads),
            stays_open: stays_open(workloads),
        }
    }
}

fn controls(workloads: &[Workload]) -> Vec<ControlCount> {
    let count = |control: Control| ControlCount {
        control,
        title: control.title(),
        before: workloads.iter().filter(|workload| workload.before.unmet.contains(&control)).count(),
        after: workloads.iter().filter(|workload| workload.after.unmet.contains(&control)).count(),
    };
    Control::all().into_iter().map(count).collect()
}

fn rules(workloads: &[Workload]) -> Vec<RuleCount> {
    let mut counts: Vec<RuleCount> = RuleId::ALL
        .iter()
        .map(|rule| RuleCount { rule: *rule, results: [0; RuleResult::ALL.len()] })
        .collect();
    for workload in workloads {
        let by_result = WORST_FIRST.map(|result| (result, workload.of(result)));
        for count in &mut counts {
            let worst = by_result.iter().find(|(_, rules)| rules.contains(count.rule));
            if let Some((result, _)) = worst {
                count.results[*result as usize] += 1;
            }
        }
    }
    counts
}

fn namespaces(workloads: &[Workload]) -> Vec<NamespaceCount> {
    let mut by_name: BTreeMap<&str, NamespaceCount> = BTreeMap::new();
    for workload in workloads {
        let count = by_name.entry(&workload.place.namespace).or_default();
        count.workloads += 1;
        count.pods += workload.pods;
        count.changing += usize::from(workload.changes);
        count.open += usize::from(workload.stays_open());
        count.restricted_before += usize::from(workload.before.pod_security == Level::Restricted);
        count.restricted_after += usize::from(workload.after.pod_security == Level::Restricted);
    }
    let named = by_name.into_iter();
    named.map(|(name, count)| NamespaceCount { namespace: name.to_owned(), ..count }).collect()
}

fn stays_open(workloads: &[Workload]) -> Vec<Open> {
    let mut found: BTreeMap<(RuleId, RuleResult, &str), Open> = BTreeMap::new();
    for workload in workloads {
        let mut seen = Vec::new();
        for finding in workload.findings.iter().filter(|finding| is_open(finding.result)) {
            let key = (finding.rule, finding.result, finding.note.as_str());
            if seen.contains(&key) {
                continue;
            }
            seen.push(key);
            let open = found.entry(key).or_insert_with(|| Open {
                rule: finding.rule,
                result: finding.result,
                note: finding.note.clone(),
                workloads: 0,
                examples: Vec::new(),
            });
            open.workloads += 1;
            if open.examples.len() < EXAMPLES {
                open.examples.push(workload.full_name());
            }
        }
    }
    let mut found: Vec<Open> = found.into_values().collect();
    found.sort_by_key(|open| std::cmp::Reverse(open.workloads));
    found
}
