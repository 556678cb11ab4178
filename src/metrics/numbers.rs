//! What was counted, for people who look at the status page.

use super::{Endpoint, Label as _, Metrics, Rejection};
use crate::review::Outcome;
use crate::rules::{RuleId, RuleResult};

/// Numbers of this moment.
#[derive(Debug, Clone, Default)]
pub struct Numbers {
    /// By rule, then by result.
    pub(super) rule_results: Vec<u64>,
    /// By outcome, of pods that were reviewed to be hardened.
    pub(super) outcomes: Vec<u64>,
    /// Reviews being received or answered.
    pub in_flight: i64,
    /// Open connections.
    pub connections: i64,
    /// Requests that were turned away, for as many were being reviewed as are allowed.
    pub overload: u64,
    /// Requests that were turned away, for other long bodies took what memory there is for them.
    pub no_memory: u64,
    /// Reviews that failed inside.
    pub panics: u64,
    /// When the serving certificate expires, in seconds since 1970; 0: not known yet.
    pub certificate_expires: i64,
    /// When the self-managed authority expires, in seconds since 1970; 0: not known, or there is none.
    pub authority_expires: i64,
    /// Whether this replica manages the certificates.
    pub leads: bool,
    /// When the API server last answered, in seconds since 1970; 0: never.
    pub cluster_contact: i64,
}

impl Numbers {
    /// How often a rule had this result.
    #[must_use]
    pub fn rule_result(&self, rule: RuleId, result: RuleResult) -> u64 {
        let index = rule as usize * RuleResult::ALL.len() + result as usize;
        self.rule_results.get(index).copied().unwrap_or_default()
    }

    /// How many pods were answered so.
    #[must_use]
    pub fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(outcome as usize).copied().unwrap_or_default()
    }
}

impl Metrics {
    /// What was counted so far.
    #[must_use]
    pub fn numbers(&self) -> Numbers {
        self.outcomes.gather();
        self.rule_results.gather();
        let first = Endpoint::Mutate.index() * Outcome::ALL.len();
        Numbers {
            rule_results: (0..RuleId::ALL.len() * RuleResult::ALL.len())
                .map(|index| self.rule_results.get(index))
                .collect(),
            outcomes: (0..Outcome::ALL.len()).map(|index| self.outcomes.get(first + index)).collect(),
            in_flight: self.in_flight.0.get(),
            connections: self.connections.0.get(),
            overload: self.rejected.get(Rejection::Overload),
            no_memory: self.rejected.get(Rejection::Memory),
            panics: self.panics.get(),
            certificate_expires: self.certificate_expiry.get(),
            authority_expires: self.authority_expiry.get(),
            leads: self.certificate_leader.get() == 1,
            cluster_contact: self.cluster_contact.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::page::testing::record;
    use crate::review::Record;

    #[test]
    fn what_is_counted_is_shown() {
        let metrics = Metrics::new().expect("metrics");
        let patched = Record { outcome: Outcome::Patched, ..record("web") };
        metrics.record(Endpoint::Mutate, &patched, Duration::ZERO, 1, 1);
        metrics.record(
            Endpoint::Validate,
            &Record { outcome: Outcome::Denied, ..patched },
            Duration::ZERO,
            1,
            1,
        );
        metrics.rejected.count(Rejection::Overload);
        metrics.certificate_expires(5);
        let numbers = metrics.numbers();
        assert_eq!((numbers.outcome(Outcome::Patched), numbers.outcome(Outcome::Denied)), (1, 0));
        assert_eq!((numbers.overload, numbers.certificate_expires), (1, 5));
        let injected = record("web").results.of(RuleResult::Injected);
        for rule in RuleId::ALL {
            let expected = 2 * u64::from(injected.contains(*rule));
            assert_eq!(numbers.rule_result(*rule, RuleResult::Injected), expected, "{rule}");
        }
        assert!(!injected.is_empty());
    }
}
