//! Answers that are given again. The pods of one template differ in nothing that an answer depends on; where hundreds
//! of them are made at once, all but the first two are answered by what was said before.
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
use crate::annotation::EXEMPT;
use crate::facts::Facts;
use crate::policy::PolicySet;

/// As many answers are kept at most.
const PLACES: usize = 32;
/// What takes more bytes, grounds and answer together, is worked out each time: so all take 768 KiB at most.
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
enum Place {
    #[default]
    Empty,
    /// Grounds with this hash were seen once: most pods that come alone never come again, and need no room.
    Seen(u64),
    Kept(Arc<Kept>),
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
    /// What is remembered of a review, and kept of it. `None` where nothing may be.
    pub(super) fn of(
        self,
        request: &Request<'_>,
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
    grounds: Grounds,
    hash: u64,
}

impl Remembering<'_> {
    /// The answer to a review on the same grounds, if there was one.
    pub(super) fn recall(&self, uid: &str) -> Option<Answer> {
        let kept = self.place(|place| match place {
            Place::Kept(kept) if *kept.grounds == *self.grounds.bytes => Some(Arc::clone(kept)),
            _ => None,
        })??;
        let mut body = Writer::with_capacity(uid, kept.rest.len());
        body.rest(&kept.rest);
        let record = Record { uid: uid.to_owned(), remembered: true, ..kept.record.clone() };
        Some(Answer { body: body.into_bytes(), record })
    }

    /// Keeps an answer, whose body is `rest` behind the uid, if its grounds were seen before. `patch` is what the answer
    /// has in base64.
    pub(super) fn keep(self, rest: &[u8], patch: &[u8], record: &Record) {
        let grounds = &self.grounds;
        if grounds.bytes.len() + rest.len() > LONGEST {
            return;
        }
        let was_seen = self.place(|place| {
            let was_seen = matches!(place, Place::Seen(seen) if *seen == self.hash);
            *place = Place::Seen(self.hash);
            was_seen
        });
        if was_seen != Some(true) {
            return;
        }
        let record = Record { uid: String::new(), ..record.clone() };
        if [rest, patch, format!("{record:?}").as_bytes()].iter().any(|text| grounds.is_told_in(text)) {
            return;
        }
        let kept = Kept { grounds: grounds.bytes.as_slice().into(), rest: rest.into(), record };
        self.place(|place| *place = Place::Kept(Arc::new(kept)));
    }

    /// Does something at the place of these grounds. `None` where somebody panicked at one: then nothing is remembered.
    fn place<T>(&self, act: impl FnOnce(&mut Place) -> T) -> Option<T> {
        let Memory { remembered, policies } = self.memory;
        let mut shelf = remembered.shelf.lock().ok()?;
        // A weak reference keeps the address from being given to others.
        if !std::ptr::eq(shelf.policies.as_ptr(), Arc::as_ptr(policies)) {
            *shelf = Shelf { policies: Arc::downgrade(policies), places: vec![Place::Empty; PLACES] };
        }
        let number = usize::try_from(self.hash % PLACES as u64).ok()?;
        shelf.places.get_mut(number).map(act)
    }
}

/// Everything that an answer depends on besides the policies, as bytes.
#[derive(Debug, Default)]
pub(super) struct Grounds {
    bytes: Vec<u8>,
    /// The first name that looks like the injected token volume's: the only thing in which pods of one template differ.
    token_volume: Option<[u8; TOKEN_VOLUME.len() + SUFFIX]>,
}

/// How the ServiceAccount plugin calls the volume that it injects, and how many random characters follow.
const TOKEN_VOLUME: &[u8] = b"kube-api-access-";
const SUFFIX: usize = 5;

impl Grounds {
    /// Those of a new pod. `None` where the answer depends on the time as well: where something is exempted.
    pub(super) fn of(request: &Request<'_>, facts: &Facts<'_>, is_connected: bool) -> Option<Self> {
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
        let exempts = |key: &str| key.rsplit('/').next() == Some(EXEMPT);
        let of_pod =
            object.as_ref().and_then(|pod| pod.annotations()).map(|all| all.entries()).unwrap_or_default();
        let of_space = space.iter().flat_map(|space| space.annotations.keys());
        let exempted =
            of_pod.iter().any(|entry| exempts(&entry.key)) || of_space.into_iter().any(|key| exempts(key));
        if exempted || check.is_some() {
            return None;
        }
        let mut grounds = Self { bytes: Vec::with_capacity(4096), token_volume: None };
        (resource, sub_resource, name, namespace, operation, user_info).hash(&mut grounds);
        (object, old_object, dry_run).hash(&mut grounds);
        (space, account, user_namespaces, image_volumes, grants, unreachable, is_connected)
            .hash(&mut grounds);
        Some(grounds)
    }

    /// Whether a text may have the token volume's name, or a part of it: it is not that of other pods.
    fn is_told_in(&self, text: &[u8]) -> bool {
        let begins = |text: &[u8]| text.windows(TOKEN_VOLUME.len()).any(|window| window == TOKEN_VOLUME);
        self.token_volume.is_some() && begins(text)
    }

    /// Whether a name is the token volume's.
    fn is_token_volume(&mut self, name: &[u8]) -> bool {
        let suffix =
            name.strip_prefix(TOKEN_VOLUME).filter(|suffix| suffix.iter().all(u8::is_ascii_alphanumeric));
        let Some(name) = suffix.and_then(|_| name.try_into().ok()) else { return false };
        *self.token_volume.get_or_insert(name) == name
    }
}

/// No hash: it takes down what it is given, so that equal bytes are equal values.
impl Hasher for Grounds {
    fn write(&mut self, bytes: &[u8]) {
        if bytes.len() == TOKEN_VOLUME.len() + SUFFIX && self.is_token_volume(bytes) {
            // No text has such a byte.
            self.bytes.push(0xfe);
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
