//! Defaults within the bounds of the namespace's LimitRanges, as the plugin LimitRanger will judge them.
//!
//! LimitRanger has filled in the defaults of its own by the time a webhook is asked, and judges afterwards. What the
//! author wrote stays; where defaults of ours cannot keep a bound beside it, there are none.

use std::borrow::Cow;

use super::Entry;
use super::bounds::Bounds;
use crate::facts::{Limit, LimitScope, LimitedResource};
use crate::rules::{Desk, Note, Place};
use crate::view::{ContainerType, thousandths, write_thousandths};

/// What one container has and gets of one resource, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Share {
    kind: ContainerType,
    /// What is written in the container, a request made of the limit as the API does.
    own: (Option<i128>, Option<i128>),
    /// What we set.
    request: Option<i128>,
    limit: Option<i128>,
    /// Below it no limit of ours goes for the pod's sake: a limit too low kills what ran without one.
    lowest: i128,
}

impl Share {
    fn is_ours(&self) -> bool {
        self.request.is_some() || self.limit.is_some()
    }

    fn limit_in_the_end(&self) -> Option<i128> {
        self.own.1.or(self.limit)
    }

    fn request_in_the_end(&self) -> Option<i128> {
        self.own.0.or(self.request).or(self.limit)
    }

    fn untouched(self) -> Self {
        Self { request: None, limit: None, ..self }
    }

    /// Ours within the bounds of each container; `None` where that cannot be.
    ///
    /// Between a limit lower than planned and a request higher than planned it is the request: too high, a pod waits
    /// for room; too low, the container is killed.
    fn within(mut self, bounds: Bounds, grain: i128) -> Option<Self> {
        let (min, max) = (bounds.min.unwrap_or(0), bounds.max.unwrap_or(i128::MAX));
        let down = |value: i128| value - value % grain;
        let up = |value: i128| value.checked_add(grain - 1).map(down);
        if let Some(limit) = self.limit {
            let most = self.own.0.and_then(|request| bounds.most_for(request)).unwrap_or(i128::MAX);
            self.limit = Some(down(limit.max(up(min)?).min(max).min(most)));
        }
        if let Some(request) = self.request {
            let least = self.limit.and_then(|limit| bounds.least_for(limit)).unwrap_or(0);
            self.request = Some(up(request.max(min).max(least))?.min(self.limit.unwrap_or(max)));
        }
        self.lowest = self.lowest.max(min);
        self.is_within(bounds).then_some(self)
    }

    fn is_within(&self, bounds: Bounds) -> bool {
        let (request, limit) = (self.request_in_the_end(), self.limit_in_the_end());
        request.zip(limit).is_none_or(|(request, limit)| request <= limit && limit > 0)
            && bounds.admit(request, limit)
    }
}

/// Brings what is planned within the bounds of LimitRanges; takes back what does not fit, and says so.
pub(super) fn fit(desk: &mut Desk<'_, '_>, limits: &[Limit], entries: &mut [Entry<'_, '_>]) {
    if limits.is_empty() {
        return;
    }
    for resource in LimitedResource::ALL {
        let of_container = Bounds::of(limits, LimitScope::Container, resource);
        let of_pod = Bounds::of(limits, LimitScope::Pod, resource);
        if of_container.is_none() && of_pod.is_none() {
            continue;
        }
        let planned: Vec<Share> = shares(resource, entries);
        if !planned.iter().any(Share::is_ours) {
            continue;
        }
        let grain = if resource == LimitedResource::Cpu { 1 } else { 1000 };
        let mut fitting = planned.clone();
        for (share, entry) in fitting.iter_mut().zip(&*entries).filter(|(share, _)| share.is_ours()) {
            *share = share.within(of_container, grain).unwrap_or_else(|| {
                let note = Note::of("no default fits the LimitRange of a container's ", resource.as_str());
                desk.impossible(entry.place, note);
                share.untouched()
            });
        }
        if !of_pod.is_none() && fitting.iter().any(Share::is_ours) {
            fitting = together(&fitting, of_container, of_pod, grain).unwrap_or_else(|| {
                let note = Note::of("no default fits the LimitRange of the pod's ", resource.as_str());
                desk.impossible(Place::Pod, note);
                fitting.iter().map(|share| share.untouched()).collect()
            });
        }
        for ((entry, before), after) in entries.iter_mut().zip(&planned).zip(&fitting) {
            let bytes = resource != LimitedResource::Cpu;
            write(resource.edit(&mut entry.requests), before.request, after.request, bytes);
            write(resource.edit(&mut entry.limits), before.limit, after.limit, bytes);
        }
    }
}

fn shares(resource: LimitedResource, entries: &mut [Entry<'_, '_>]) -> Vec<Share> {
    let share = |entry: &mut Entry<'_, '_>| {
        let limit = resource.of(entry.own.and_then(|own| own.limits.as_ref())).and_then(thousandths);
        let request = resource.of(entry.own.and_then(|own| own.requests.as_ref())).and_then(thousandths);
        let ours_request = resource.edit(&mut entry.requests).as_deref().and_then(thousandths);
        let ours_limit = resource.edit(&mut entry.limits).as_deref().and_then(thousandths);
        let needed = request.or(ours_request).unwrap_or(0);
        Share {
            kind: entry.kind,
            own: (request.or(limit), limit),
            request: ours_request,
            limit: ours_limit,
            lowest: needed.max(ours_limit.unwrap_or(0) / 4),
        }
    };
    entries.iter_mut().map(share).collect()
}

/// What was planned stays as it was written; what is new is written in the largest unit.
fn write(edit: &mut Option<Cow<'_, str>>, before: Option<i128>, after: Option<i128>, bytes: bool) {
    if before != after {
        *edit = after.map(|value| Cow::Owned(write_thousandths(value, bytes)));
    }
}

/// Ours within the bounds of the pod as a whole, by a level that all of them share; `None` where none does it.
fn together(shares: &[Share], of_container: Bounds, of_pod: Bounds, grain: i128) -> Option<Vec<Share>> {
    let admitted = |shares: &[Share]| of_pod.admit(total(shares, Share::request_in_the_end), total(shares, Share::limit_in_the_end));
    if admitted(shares) {
        return Some(shares.to_vec());
    }
    let mut shares = shares.to_vec();
    let untouched: Vec<Share> = shares.iter().map(|share| share.untouched()).collect();
    if !admitted(&untouched) {
        // Refused as it is: here a low limit is better than none.
        for share in &mut shares {
            share.lowest = share.own.0.or(share.request).unwrap_or(0);
        }
    }
    let requests = |shares: &[Share]| total(shares, Share::request_in_the_end).unwrap_or(0);
    let limits = |shares: &[Share]| total(shares, Share::limit_in_the_end).unwrap_or(0);
    if let Some(max) = of_pod.max.filter(|max| limits(&shares) > *max) {
        shares = highest(&shares, grain, lower, |shares| limits(shares) <= max)?;
    }
    if let Some(min) = of_pod.min.filter(|min| requests(&shares) < *min || limits(&shares) < *min) {
        let within = |share: &Share, level: i128| raise(share, level, of_container.max);
        let enough = |shares: &[Share]| {
            requests(shares) >= min && total(shares, Share::limit_in_the_end).is_none_or(|limit| limit >= min)
        };
        shares = lowest(&shares, grain, within, enough)?;
    }
    let ratio = |shares: &[Share]| of_pod.ratio_holds(requests(shares), limits(shares));
    if !ratio(&shares) {
        let up_to_limits = |share: &Share, level: i128| Share {
            request: share.request.map(|request| request.max(level).min(share.limit.unwrap_or(i128::MAX))),
            ..*share
        };
        shares = lowest(&shares, grain, up_to_limits, ratio).or_else(|| highest(&shares, grain, lower, ratio))?;
    }
    let whole = admitted(&shares) && shares.iter().all(|share| !share.is_ours() || share.is_within(of_container));
    whole.then_some(shares)
}

fn lower(share: &Share, level: i128) -> Share {
    Share { limit: share.limit.map(|limit| limit.min(level.max(share.lowest))), ..*share }
}

fn raise(share: &Share, level: i128, max: Option<i128>) -> Share {
    let level = level.min(max.unwrap_or(i128::MAX));
    let raised = |value: Option<i128>| value.map(|value| value.max(level));
    Share { request: raised(share.request), limit: raised(share.limit), ..*share }
}

/// More than any quantity that is an int64 in thousandths.
const TOP: i128 = 1 << 74;

/// With the highest level that is still fine.
fn highest(
    shares: &[Share],
    grain: i128,
    at: impl Fn(&Share, i128) -> Share,
    fine: impl Fn(&[Share]) -> bool,
) -> Option<Vec<Share>> {
    let with = |level: i128| shares.iter().map(|share| at(share, level * grain)).collect::<Vec<_>>();
    let too_high = first(TOP / grain + 1, |level| !fine(&with(level)));
    Some(with((too_high - 1).max(0))).filter(|shares| fine(shares))
}

/// With the lowest level that is fine.
fn lowest(
    shares: &[Share],
    grain: i128,
    at: impl Fn(&Share, i128) -> Share,
    fine: impl Fn(&[Share]) -> bool,
) -> Option<Vec<Share>> {
    let with = |level: i128| shares.iter().map(|share| at(share, level * grain)).collect::<Vec<_>>();
    Some(with(first(TOP / grain, |level| fine(&with(level))))).filter(|shares| fine(shares))
}

/// The first level below `end` from which on it is so, or `end`.
fn first(end: i128, is_so: impl Fn(i128) -> bool) -> i128 {
    let (mut low, mut high) = (0, end);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_so(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// Of the pod, as LimitRanger adds up: containers and sidecars together, or the hungriest moment before them.
fn total(shares: &[Share], of: impl Fn(&Share) -> Option<i128>) -> Option<i128> {
    let (mut running, mut sidecars, mut before): (i128, i128, i128) = (0, 0, 0);
    let mut any = false;
    for share in shares {
        let Some(value) = of(share) else { continue };
        match share.kind {
            ContainerType::Container => running = running.saturating_add(value),
            ContainerType::Sidecar => {
                running = running.saturating_add(value);
                sidecars = sidecars.saturating_add(value);
                before = before.max(sidecars);
            }
            ContainerType::Init => before = before.max(sidecars.saturating_add(value)),
            ContainerType::Ephemeral => continue,
        }
        any = true;
    }
    any.then_some(running.max(before))
}

#[cfg(test)]
mod tests;
