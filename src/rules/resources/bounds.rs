//! The bounds of all LimitRanges of a namespace for one resource.

use crate::facts::{Limit, LimitScope, LimitedResource};
use crate::view::thousandths;

/// Bounds in thousandths; of several ranges the narrowest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) min: Option<i128>,
    pub(super) max: Option<i128>,
    ratio: Option<i128>,
}

impl Bounds {
    pub(super) fn of(limits: &[Limit], scope: LimitScope, resource: LimitedResource) -> Self {
        let mut bounds = Self::default();
        for limit in limits.iter().filter(|limit| limit.scope == scope && limit.resource == resource) {
            let read = |text: &Option<Box<str>>| text.as_deref().and_then(thousandths);
            bounds.min = bounds.min.max(read(&limit.min));
            bounds.max = [bounds.max, read(&limit.max)].into_iter().flatten().min();
            bounds.ratio = [bounds.ratio, read(&limit.max_ratio)].into_iter().flatten().min();
        }
        bounds
    }

    pub(super) fn is_none(self) -> bool {
        self == Self::default()
    }

    /// As LimitRanger judges; a bound wants that what it bounds is there.
    pub(super) fn admit(self, request: Option<i128>, limit: Option<i128>) -> bool {
        let enough = |min: i128| {
            request.is_some_and(|request| request >= min) && limit.is_none_or(|limit| limit >= min)
        };
        let not_too_much = |max: i128| {
            limit.is_some_and(|limit| limit <= max) && request.is_none_or(|request| request <= max)
        };
        self.min.is_none_or(enough)
            && self.max.is_none_or(not_too_much)
            && self.ratio_holds(request.unwrap_or(0), limit.unwrap_or(0))
    }

    pub(super) fn ratio_holds(self, request: i128, limit: i128) -> bool {
        let Some(ratio) = self.ratio else { return true };
        let (left, right) = (limit.saturating_mul(1000), request.saturating_mul(ratio));
        // LimitRanger divides in floating point: of a broken ratio the exact edge may lie beyond.
        request > 0 && limit > 0 && if ratio % 1000 == 0 { left <= right } else { left < right }
    }

    /// The highest limit beside a request.
    pub(super) fn most_for(self, request: i128) -> Option<i128> {
        let most = request.checked_mul(self.ratio?)? / 1000;
        Some(if self.is_broken() && most > request { most - 1 } else { most })
    }

    /// The lowest request beside a limit.
    pub(super) fn least_for(self, limit: i128) -> Option<i128> {
        let ratio = self.ratio.filter(|ratio| *ratio > 0)?;
        let least = limit.checked_mul(1000)?.checked_add(ratio - 1)? / ratio;
        Some(least + i128::from(self.is_broken()))
    }

    fn is_broken(self) -> bool {
        self.ratio.is_some_and(|ratio| ratio % 1000 != 0)
    }
}
