//! Workloads: since when they exist, and who made them. A pod says only who made it, not since when.

use std::collections::HashMap;
use std::sync::RwLock;

use time::OffsetDateTime;
use tokio::sync::watch;

/// An object's uid; only its bytes, as there may be very many.
pub type Uid = [u8; 16];

/// A uid as it is written in JSON; `None` for what is no UUID.
#[must_use]
pub fn parse_uid(text: &str) -> Option<Uid> {
    let mut uid = [0; 16];
    let mut digits = text.bytes().filter(|b| *b != b'-').map(|b| char::from(b).to_digit(16));
    for byte in &mut uid {
        let (high, low) = (digits.next()??, digits.next()??);
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    digits.next().is_none().then_some(uid)
}

/// A workload, as far as trust depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Its `creationTimestamp`, which only the API server writes: seconds since 1970.
    pub created: i64,
    /// The uid of the controller that made it, such as the Deployment of a ReplicaSet.
    pub controller: Option<Uid>,
}

/// Workloads by uid.
#[derive(Debug)]
pub struct Owners {
    owners: RwLock<HashMap<Uid, Owner>>,
    changed: watch::Sender<()>,
}

impl Default for Owners {
    fn default() -> Self {
        Self { owners: RwLock::default(), changed: watch::Sender::new(()) }
    }
}

/// The longest chain that is followed: a Job of a CronJob, a ReplicaSet of a Deployment, one more for others.
const LONGEST_CHAIN: usize = 4;

impl Owners {
    /// Puts a workload in.
    pub fn apply(&self, uid: Uid, owner: Owner) {
        if let Ok(mut owners) = self.owners.write() {
            owners.insert(uid, owner);
        }
        self.changed.send_replace(());
    }

    /// Takes a workload out.
    pub fn delete(&self, uid: &Uid) {
        if let Ok(mut owners) = self.owners.write() {
            owners.remove(uid);
        }
    }

    /// Since when the workload at the top of the chain exists; `None` while one of the chain is not known.
    #[must_use]
    pub fn since(&self, uid: &Uid) -> Option<OffsetDateTime> {
        let owners = self.owners.read().ok()?;
        let mut owner = owners.get(uid)?;
        for _ in 0..LONGEST_CHAIN {
            let Some(controller) = &owner.controller else {
                return OffsetDateTime::from_unix_timestamp(owner.created).ok();
            };
            owner = owners.get(controller)?;
        }
        None
    }

    /// Tells of each workload that comes in: for who waits for one.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.owners.read().map_or(0, |owners| owners.len())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_a_uuid() {
        let uid = parse_uid("00010203-0405-0607-0809-0a0b0c0d0eff").expect("a UUID");
        assert_eq!((uid[0], uid[1], uid[15]), (0, 1, 255));
        for other in [
            "",
            "x",
            "0001",
            "00010203-0405-0607-0809-0a0b0c0d0eff00",
            "é0010203-0405-0607-0809-0a0b0c0d0eff",
        ] {
            assert_eq!(parse_uid(other), None, "{other}");
        }
    }

    #[test]
    fn the_top_of_the_chain_counts() {
        let owners = Owners::default();
        owners.apply([1; 16], Owner { created: 200, controller: Some([2; 16]) });
        assert_eq!(owners.since(&[1; 16]), None, "the Deployment is not known yet");
        owners.apply([2; 16], Owner { created: 100, controller: None });
        assert_eq!(owners.since(&[1; 16]).map(OffsetDateTime::unix_timestamp), Some(100));
        owners.apply([2; 16], Owner { created: 100, controller: Some([1; 16]) });
        assert_eq!(owners.since(&[1; 16]), None, "a ring has no top");
    }
}
