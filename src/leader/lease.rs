//! Whether this replica leads, given what was seen of the Lease and when.
//!
//! As client-go does it: no other clock is trusted. A lease is over when it was not seen to change for as long as it says
//! that it lasts, by this machine's monotonic clock; and who leads stops by the same clock well before others may think so.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

/// What to do about the Lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// There is none: make it.
    Create,
    /// It is nobody's, or its holder's time is over.
    Take,
    /// It is ours: say so again.
    Renew,
    /// It is somebody else's.
    Stand,
}

/// What this replica knows of the Lease.
#[derive(Debug)]
pub(super) struct Election {
    me: String,
    lasts: Duration,
    /// The last change of it, and when it was seen.
    seen: Option<(LeaseSpec, Instant)>,
    /// When the last renewal that was accepted had been sent.
    renewed: Option<Instant>,
}

impl Election {
    pub(super) fn new(me: String, lasts: Duration) -> Self {
        Self { me, lasts, seen: None, renewed: None }
    }

    /// How often the Lease is looked at and renewed.
    pub(super) fn every(&self) -> Duration {
        self.lasts * 2 / 15
    }

    /// Takes what the Lease is now.
    pub(super) fn observe(&mut self, lease: Option<&LeaseSpec>, now: Instant) -> Act {
        let Some(lease) = lease else {
            self.seen = None;
            return Act::Create;
        };
        let holder = lease.holder_identity.as_deref().unwrap_or_default();
        if holder == self.me {
            return Act::Renew;
        }
        // Whoever it was: not this replica any more.
        self.renewed = None;
        if holder.is_empty() {
            return Act::Take;
        }
        let since = match &self.seen {
            Some((seen, since)) if seen == lease => *since,
            _ => {
                self.seen = Some((lease.clone(), now));
                now
            }
        };
        let lasts = u64::try_from(lease.lease_duration_seconds.unwrap_or_default()).unwrap_or_default();
        if now.duration_since(since) > Duration::from_secs(lasts) { Act::Take } else { Act::Stand }
    }

    /// The Lease with this replica as its holder.
    pub(super) fn held(&self, lease: Option<&Lease>, time: MicroTime) -> Lease {
        let mut lease = lease.cloned().unwrap_or_default();
        let spec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_deref() != Some(self.me.as_str()) {
            if spec.acquire_time.is_some() {
                spec.lease_transitions = Some(spec.lease_transitions.unwrap_or_default().saturating_add(1));
            }
            spec.acquire_time = Some(time.clone());
            spec.holder_identity = Some(self.me.clone());
        }
        let seconds = self.lasts.as_secs().max(1);
        spec.lease_duration_seconds = Some(i32::try_from(seconds).unwrap_or(i32::MAX));
        spec.renew_time = Some(time);
        lease
    }

    /// What was sent then was accepted.
    pub(super) fn renewed(&mut self, sent: Instant) {
        self.renewed = Some(sent);
    }

    /// It is somebody else's, or gone.
    pub(super) fn lost(&mut self) {
        self.renewed = None;
    }

    /// Until when this replica leads; `None`: it does not.
    pub(super) fn leads_until(&self) -> Option<Instant> {
        self.renewed.map(|sent| sent + self.lasts * 2 / 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(holder: &str, transitions: i32) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(15),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }

    #[test]
    fn a_lease_is_over_when_it_did_not_change_for_as_long_as_it_lasts() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (a, later) = (of("a", 0), of("a", 1));
        // What is there, when, and what follows.
        let steps: [(Option<&LeaseSpec>, u64, Act); 9] = [
            (None, 0, Act::Create),
            (Some(&a), 1, Act::Stand),
            (Some(&a), 16, Act::Stand),
            (Some(&later), 17, Act::Stand),
            (Some(&later), 32, Act::Stand),
            (Some(&later), 33, Act::Take),
            (Some(&of("", 1)), 34, Act::Take),
            (Some(&of("b", 1)), 35, Act::Renew),
            // Another one was seen long ago.
            (Some(&a), 60, Act::Stand),
        ];
        let mut election = Election::new("b".to_owned(), Duration::from_secs(15));
        for (lease, seconds, act) in steps {
            assert_eq!(election.observe(lease, at(seconds)), act, "{seconds} s: {lease:?}");
        }
    }

    #[test]
    fn who_leads_stops_before_others_may_begin() {
        let start = Instant::now();
        let mut election = Election::new("b".to_owned(), Duration::from_secs(15));
        assert_eq!(election.leads_until(), None);
        election.renewed(start);
        assert_eq!(election.leads_until(), Some(start + Duration::from_secs(10)));
        assert_eq!(election.observe(Some(&of("b", 0)), start), Act::Renew);
        assert!(election.leads_until().is_some());
        assert_eq!(election.observe(Some(&of("a", 1)), start), Act::Stand);
        assert_eq!(election.leads_until(), None, "paused, and somebody else took it");
    }

    #[test]
    fn transitions_are_counted() {
        let election = Election::new("b".to_owned(), Duration::from_secs(15));
        let time = MicroTime(k8s_openapi::jiff::Timestamp::UNIX_EPOCH);
        let first = election.held(None, time.clone());
        let spec = first.spec.clone().expect("a spec");
        assert_eq!(
            (spec.holder_identity.as_deref(), spec.lease_transitions, spec.lease_duration_seconds),
            (Some("b"), None, Some(15))
        );
        assert_eq!(election.held(Some(&first), time.clone()), first, "renewed");
        let taken = Election::new("c".to_owned(), Duration::from_secs(15)).held(Some(&first), time);
        let spec = taken.spec.expect("a spec");
        assert_eq!((spec.holder_identity.as_deref(), spec.lease_transitions), (Some("c"), Some(1)));
    }
}
