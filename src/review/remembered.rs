//! Answers that are given again. Replicas differ in nothing that an answer depends on; where hundreds of them are made at
//! once, most get the answer that is known.
//!
//! An answer is kept with its [`Grounds`]: everything it depends on, compared byte for byte, never by a hash alone. What
//! the engine can know of a pod is its view, and `Hash` is derived for the whole of that: what is added to the view is part
//! of the grounds from then on. Policies and profiles are replaced as a whole, and what was answered under others is
//! forgotten then.

use std::hash::{BuildHasher as _, Hash, Hasher};
use std::sync::{Arc, Mutex, Weak};

use foldhash::fast::RandomState;

use super::answer::{Answer, Record};
use super::envelope::Request;
use super::writer::Writer;
use crate::exemption::may_be_exempted;
use crate::facts::Facts;
use crate::policy::PolicySet;
use crate::rules::service_account_token::{INJECTED_PREFIX, is_injected};
use crate::view::Pod;

/// As many answers are kept at most.
const PLACES: usize = 32;
/// What takes more bytes, grounds, answer and record together, is worked out each time: so all take 768 KiB at most.
const LONGEST: usize = 24 * 1024;

/// What was answered before.
#[derive(Debug, Default)]
pub struct Remembered {
    /// Only finds a place: it may be quick rather than good, as grounds are compared whole.
    hasher: RandomState,
    shelf: Mutex<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    /// Under which all of it was answered.
    policies: Weak<PolicySet>,
    /// None, or all of them.
    places: Vec<Place>,
}

#[derive(Debug, Clone, Default)]
struct Place {
    /// The hash of the grounds that were seen last. Most pods that come alone never come again: what comes once takes
    /// nobody's room.
    seen: Option<u64>,
    kept: Option<Arc<Kept>>,
}

#[derive(Debug)]
struct Kept {
    grounds: Box<[u8]>,
    /// The answer's body behind the uid.
    rest: Box<[u8]>,
    /// Without the uid.
    record: Record,
}

impl Remembered {
    /// As far as these policies go.
    #[must_use]
    pub const fn under<'w>(&'w self, policies: &'w Arc<PolicySet>) -> Memory<'w> {
        Memory { remembered: self, policies }
    }
}

/// What was answered under the policies in force.
#[derive(Debug, Clone, Copy)]
pub struct Memory<'w> {
    remembered: &'w Remembered,
    policies: &'w Arc<PolicySet>,
}

impl<'w> Memory<'w> {
    /// Whether it is of what was answered under these.
    pub(super) fn is_under(self, policies: &PolicySet) -> bool {
        std::ptr::eq(Arc::as_ptr(self.policies), policies)
    }

    /// What is remembered of a review, and kept of it. `None` where nothing may be.
    pub(super) fn of(
        self,
        request: &'w Request<'_>,
        facts: &Facts<'_>,
        is_connected: bool,
    ) -> Option<Remembering<'w>> {
        let grounds = Grounds::of(request, facts, is_connected)?;
        let hash = self.remembered.hasher.hash_one(grounds.bytes.as_slice());
        Some(Remembering { memory: self, grounds, hash })
    }
}

/// One review's place among what was answered.
#[derive(Debug)]
pub(super) struct Remembering<'w> {
    memory: Memory<'w>,
    grounds: Grounds<'w>,
    hash: u64,
}

impl Remembering<'_> {
    /// The answer to a review on the same grounds, if there was one.
    pub(super) fn recall(&self, uid: &str) -> Option<Answer> {
        let is_it = |kept: &&Arc<Kept>| *kept.grounds == *self.grounds.bytes;
        let kept = self.place(|place| place.kept.as_ref().filter(is_it).cloned())??;
        let record = Record { uid: uid.to_owned(), remembered: true, ..kept.record.clone() };
        Some(Answer { body: Writer::again(uid, &kept.rest), record })
    }

    /// Keeps an answer, whose body is `rest` behind the uid, if its grounds were seen before. `patch` is what the answer
    /// has in base64.
    pub(super) fn keep(self, rest: &[u8], patch: &[u8], record: &Record) {
        let grounds = &self.grounds;
        if grounds.bytes.len() + rest.len() > LONGEST {
            return;
        }
        if self.place(|place| place.seen.replace(self.hash)).flatten() != Some(self.hash) {
            return;
        }
        let record = Record { uid: String::new(), ..record.clone() };
        let told = format!("{record:?}");
        let fits = grounds.bytes.len() + rest.len() + told.len() <= LONGEST;
        if !fits || [rest, patch, told.as_bytes()].iter().any(|text| grounds.is_told_in(text)) {
            return;
        }
        let kept = Kept { grounds: grounds.bytes.as_slice().into(), rest: rest.into(), record };
        self.place(|place| place.kept = Some(Arc::new(kept)));
    }

    /// Does something at the place of these grounds. `None` where somebody panicked at one: then nothing is remembered.
    fn place<T>(&self, act: impl FnOnce(&mut Place) -> T) -> Option<T> {
        let Memory { remembered, policies } = self.memory;
        let mut shelf = remembered.shelf.lock().ok()?;
        // A weak reference keeps the address from being given to others.
        if !std::ptr::eq(shelf.policies.as_ptr(), Arc::as_ptr(policies)) {
            *shelf = Shelf { policies: Arc::downgrade(policies), places: vec![Place::default(); PLACES] };
        }
        let number = usize::try_from(self.hash % PLACES as u64).ok()?;
        shelf.places.get_mut(number).map(act)
    }
}

/// Everything that an answer depends on besides the policies, as bytes.
#[derive(Debug, Default)]
pub(super) struct Grounds<'v> {
    bytes: Vec<u8>,
    /// What the injected token volume is called: each replica has another name for it.
    token_volume: Option<&'v str>,
    /// How often that was taken down.
    renamed: usize,
    /// Whether there is more than is ever kept.
    is_long: bool,
}

impl<'v> Grounds<'v> {
    /// Those of a new pod. `None` where the answer depends on the time as well (where something is exempted), where they are
    /// too long to be kept, and where the token volume's name means something else, too.
    pub(super) fn of(request: &'v Request<'_>, facts: &Facts<'_>, is_connected: bool) -> Option<Self> {
        let Request {
            uid: _,
            resource,
            sub_resource,
            name,
            namespace,
            operation,
            user_info,
            object,
            old_object,
            dry_run,
        } = request;
        // What it is called and who asks stands in the request.
        let Facts {
            namespace: _,
            requester: _,
            space,
            account,
            user_namespaces,
            image_volumes,
            grants,
            unreachable,
            check,
        } = facts;
        let pod = object.as_ref()?;
        if may_be_exempted(pod, space.as_deref()) || check.is_some() {
            return None;
        }
        let token_volume = token_volume(pod);
        let mut grounds = Self { bytes: Vec::with_capacity(4096), token_volume, ..Self::default() };
        (resource, sub_resource, name, namespace, operation, user_info).hash(&mut grounds);
        (pod, old_object, dry_run).hash(&mut grounds);
        (space, account, user_namespaces, image_volumes, grants, unreachable, is_connected)
            .hash(&mut grounds);
        let is_clear = token_volume.is_none_or(|name| grounds.renamed == names(pod, name));
        (is_clear && !grounds.is_long).then_some(grounds)
    }

    /// Whether a text may have the token volume's name, or a part of it: it is not that of other pods.
    fn is_told_in(&self, text: &[u8]) -> bool {
        let prefix = INJECTED_PREFIX.as_bytes();
        self.token_volume.is_some() && text.windows(prefix.len()).any(|window| window == prefix)
    }
}

/// What the token volume is called, if the ServiceAccount plugin may have named it.
fn token_volume<'v>(pod: &'v Pod<'_>) -> Option<&'v str> {
    let injected = pod.spec.as_ref()?.volumes().iter().find(|volume| is_injected(volume));
    injected.map(|volume| volume.name.as_str())
}

/// How many volumes and mounts have this name.
fn names(pod: &Pod<'_>, name: &str) -> usize {
    let Some(spec) = pod.spec.as_ref() else { return 0 };
    let mounts = spec.all_containers().flat_map(|(_, _, container)| container.mounts());
    spec.volumes().iter().filter(|volume| volume.name == name).count()
        + mounts.filter(|mount| mount.name == name).count()
}

/// No hash: it takes down what it is given, so that equal bytes are equal values, but for the token volume's name.
impl Hasher for Grounds<'_> {
    fn write(&mut self, bytes: &[u8]) {
        if self.token_volume.is_some_and(|name| name.as_bytes() == bytes) {
            // No text has such a byte.
            self.bytes.push(0xfe);
            self.renamed += 1;
        } else if self.bytes.len() + bytes.len() > LONGEST {
            self.is_long = true;
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Which variant it is: there are never so many that one byte would not do, and if there were, all are written.
    fn write_isize(&mut self, variant: isize) {
        match u8::try_from(variant) {
            Ok(variant) if variant < u8::MAX => self.bytes.push(variant),
            _ => {
                self.bytes.push(u8::MAX);
                self.bytes.extend_from_slice(&variant.to_ne_bytes());
            }
        }
    }

    /// Nobody asks for one.
    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
#[path = "remembered_tests.rs"]
mod tests;
