//! What to do next about the certificates, given all that is known and the time.
//!
//! The order is what keeps every call going: a new authority is first in the Secret, so that it is not lost; then in every
//! `caBundle`; and only when all API servers had time to hear of it there is a certificate by it. An old authority stays
//! until its own end. Every step is found anew from what there is, so whoever leads goes on where another stopped.

use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;

use super::Lives;
use super::held::{Authority, Held, Leaf, Renew, authorities, bundle};
use super::trust::{Call, is_by, is_for};
use crate::metrics::{CertificateHeal as Heal, Rotated};

/// More authorities than this are not taken over from a `caBundle`.
const MOST: usize = 8;

/// All that a decision depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Situation<'s> {
    pub(super) now: OffsetDateTime,
    pub(super) lives: Lives,
    /// Which the certificate must have.
    pub(super) name: &'s str,
    /// What the Secret holds; `None`: there is no Secret.
    pub(super) secret: Option<&'s Held>,
    /// What the Secret held when it was last as it should be.
    pub(super) good: Option<&'s Held>,
    /// All webhooks; `None`: not all is known.
    pub(super) calls: Option<&'s [Call]>,
    /// For how long all of these have had the first authority.
    pub(super) settled: Option<Duration>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Write the Secret.
    Write(Change),
    /// Write this into every `caBundle`.
    Trust(Vec<u8>),
    /// Nothing is to be done now.
    Idle,
}

/// What the Secret is to hold.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) why: Why,
    /// The key of the first of the authorities; `None`: a new authority is made, and is the first.
    pub(super) key: Option<String>,
    pub(super) authorities: Vec<Authority>,
    /// `None`: a new one by the first authority.
    pub(super) leaf: Option<Leaf>,
}

impl fmt::Debug for Change {
    /// The key must not get into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { why, authorities, leaf, .. } = self;
        write!(f, "Change {{ {why:?}, {} authorities, {leaf:?} }}", authorities.len())
    }
}

/// Why the Secret is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// There was nothing yet.
    First,
    /// It is time.
    Due(Rotated),
    /// An authority has come to its end.
    Retired,
    /// Something was not as it should be.
    Heal(Heal),
}

/// Decides.
pub(super) fn next(all: &Situation<'_>) -> Next {
    let (base, heal) = base(all);
    if base.is_none() && all.calls.is_none() {
        // Whom the webhooks trust is all that is left to go by.
        return Next::Idle;
    }
    let (authorities, is_replaced) = trusted(all, base);
    let heal = heal.or(is_replaced.then_some(Heal::SecretReplaced));
    let leaves = [base, all.secret, all.good].into_iter().flatten().filter_map(|held| held.leaf.as_ref());
    let leaf = leaves.into_iter().find(|leaf| is_usable(all, leaf, &authorities)).cloned();
    let write = |why: Why, key: Option<&str>, leaf: Option<Leaf>| {
        let (why, key) = (heal.map_or(why, Why::Heal), key.map(str::to_owned));
        Next::Write(Change { why, key, authorities: authorities.clone(), leaf })
    };
    let renew = all.secret.and_then(|held| held.renew);
    let Some((held, (signer, key))) = base.and_then(|held| Some((held, held.signer()?))) else {
        return write(Why::First, None, leaf);
    };
    if is_due(all.now, signer.until, all.lives.authority) || renew == Some(Renew::Authority) {
        return write(Why::Due(Rotated::Authority), None, leaf);
    }
    let Some(leaf) = leaf else {
        return write(Why::Heal(Heal::CertificateInvalid), Some(key), None);
    };
    let is_own = is_by(&leaf, signer, all.now);
    let is_due = is_due(all.now, leaf.until, all.lives.certificate) || renew == Some(Renew::Certificate);
    let is_settled = all.settled.is_some_and(|since| since >= all.lives.settle());
    if if is_own { is_due } else { is_settled } {
        return write(Why::Due(Rotated::Certificate), Some(key), None);
    }
    if heal.is_some() || held.authorities != authorities || held.leaf.as_ref() != Some(&leaf) {
        let why = if held.leaf.as_ref() == Some(&leaf) {
            Why::Retired
        } else {
            Why::Heal(Heal::CertificateInvalid)
        };
        return write(why, Some(key), Some(leaf));
    }
    let bundle = bundle(&authorities);
    if all.calls.into_iter().flatten().any(|call| call.bundle != bundle) {
        return Next::Trust(bundle);
    }
    Next::Idle
}

/// What to go on from, and what is wrong with the Secret.
fn base<'s>(all: &Situation<'s>) -> (Option<&'s Held>, Option<Heal>) {
    let can_sign = |held: &&Held| held.signer().is_some_and(|(signer, _)| signer.is_valid(all.now));
    match (all.secret, all.secret.filter(can_sign), all.good.filter(can_sign)) {
        (_, Some(held), _) => (Some(held), None),
        (None, None, Some(good)) => (Some(good), Some(Heal::SecretLost)),
        (Some(_), None, Some(good)) => (Some(good), Some(Heal::SecretUnusable)),
        (Some(held), None, None) if held.signer().is_some() => (None, Some(Heal::AuthorityInvalid)),
        (Some(_), None, None) => (None, Some(Heal::SecretUnusable)),
        (None, None, None) => {
            let is_first = all.good.is_none() && known_authorities(all).is_empty();
            (None, (!is_first).then_some(Heal::SecretLost))
        }
    }
}

/// Whom API servers are to trust, and whether the Secret left out somebody whose certificate may still be served.
fn trusted(all: &Situation<'_>, base: Option<&Held>) -> (Vec<Authority>, bool) {
    let mut trusted = Vec::new();
    let mut add = |authority: &Authority| {
        let is_new = authority.is_valid(all.now) && !trusted.contains(authority);
        if is_new {
            trusted.push(authority.clone());
        }
        is_new
    };
    match base {
        Some(base) => base.authorities.iter().for_each(|authority| _ = add(authority)),
        None => {
            let held = [all.secret, all.good].into_iter().flatten();
            held.flat_map(|held| &held.authorities).for_each(|authority| _ = add(authority));
            known_authorities(all).iter().for_each(|authority| _ = add(authority));
        }
    }
    let mut is_replaced = false;
    if let Some((good, leaf)) = all.good.and_then(|good| Some((good, good.leaf.as_ref()?))) {
        let issuers = good.authorities.iter().filter(|authority| is_by(leaf, authority, all.now));
        issuers.for_each(|issuer| is_replaced |= add(issuer));
    }
    (trusted, is_replaced && base.is_some())
}

/// Who stands in the `caBundle`s, at most so many: of use where nothing else is known of whose certificates are served.
fn known_authorities(all: &Situation<'_>) -> Vec<Authority> {
    let calls = all.calls.into_iter().flatten();
    let known = calls.flat_map(|call| authorities(&call.bundle)).filter(|known| known.is_valid(all.now));
    known.take(MOST).collect()
}

fn is_usable(all: &Situation<'_>, leaf: &Leaf, authorities: &[Authority]) -> bool {
    leaf.is_valid(all.now)
        && is_for(leaf, all.name)
        && authorities.iter().any(|authority| is_by(leaf, authority, all.now))
}

/// Whether the last third of a life has begun.
fn is_due(now: OffsetDateTime, until: OffsetDateTime, life: Duration) -> bool {
    now + life / 3 >= until
}

/// Whether to serve what the Secret holds instead of what is in use.
pub(super) fn is_better(
    new: &Leaf,
    in_use: Option<&Leaf>,
    calls: Option<&[Call]>,
    now: OffsetDateTime,
) -> bool {
    let Some(in_use) = in_use else { return true };
    let Some(calls) = calls else { return false };
    let is_trusted =
        |leaf: &Leaf| leaf.is_valid(now) && calls.iter().all(|call| call.distrust(leaf, now).is_none());
    // Where neither is trusted, what is in the Secret will be.
    new != in_use && new.is_valid(now) && (is_trusted(new) || !is_trusted(in_use))
}

#[cfg(test)]
mod tests;
