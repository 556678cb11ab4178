//! What people are told when nobody with the right to it stands behind an exemption: who would have to, and how.

use std::borrow::Cow;

use super::{Terms, list};
use crate::annotation::{EXEMPT_ADOPTED, Ours, Refusal, RefusalReason};
use crate::facts::Grants;
use crate::rules::{RuleId, RuleSet};

/// So many rules are refused one by one; more of them in one line.
const MOST_LINES: usize = 4;

/// Refuses an exemption from rules.
pub(super) fn refuse<'v>(
    entry: &Ours<'v>,
    rules: RuleSet,
    terms: &Terms<'_>,
    refusals: &mut Vec<Refusal<'v>>,
) {
    let key = || Cow::Borrowed(entry.key);
    if terms.facts.grants == Grants::Unverified {
        let reason = RefusalReason::Unverified;
        refusals.push(Refusal { key: key(), reason, message: unverified(rules, terms) });
        return;
    }
    let reason = RefusalReason::Unauthorized;
    if rules.iter().count() > MOST_LINES {
        refusals.push(Refusal { key: key(), reason, message: unauthorized_to_many(rules, terms) });
        return;
    }
    for rule in rules.iter() {
        refusals.push(Refusal { key: key(), reason, message: unauthorized(rule, terms) });
    }
}

fn unauthorized(rule: RuleId, terms: &Terms<'_>) -> String {
    let facts = terms.facts;
    if facts.space.is_none() {
        return format!("nobody can be asked who may exempt from {rule}: this server knows no cluster");
    }
    if facts.unreachable {
        return format!(
            "the API server did not say whether user {} may exempt from {rule}: try again",
            facts.requester
        );
    }
    format!(
        "user {} may not exempt from {rule} in namespace {}: grant verb exempt, apiGroup pod-hardener.dev, resource \
         rules, resourceNames [{rule}]",
        facts.requester, facts.namespace
    )
}

fn unauthorized_to_many(rules: RuleSet, terms: &Terms<'_>) -> String {
    let facts = terms.facts;
    if facts.space.is_none() {
        return "nobody can be asked who may exempt: this server knows no cluster".to_owned();
    }
    if facts.unreachable {
        return format!("the API server did not say whether user {} may exempt: try again", facts.requester);
    }
    let rules = if rules == RuleSet::all() { "any rule".to_owned() } else { list(rules) };
    format!(
        "user {} may not exempt in namespace {}: grant verb exempt, apiGroup pod-hardener.dev, resource rules, for \
         {rules}",
        facts.requester, facts.namespace
    )
}

fn unverified(rules: RuleSet, terms: &Terms<'_>) -> String {
    let Some(check) = &terms.facts.check else {
        return "its controller is trusted only while the ValidatingAdmissionPolicy that checks templates is in place"
            .to_owned();
    };
    let rules = if rules == RuleSet::all() { "any rule".to_owned() } else { list(rules) };
    format!(
        "the template is older than its check: who may exempt from {rules} adopts it by its annotation \
         {}/{EXEMPT_ADOPTED}: {}",
        terms.prefix, check.uid
    )
}
