//! Who images really run as: seen of pods where nobody chose a user, by the kubelet's word.

use std::collections::BTreeMap;

/// So many images are remembered, of any namespace.
const MOST: usize = 4096;

/// Who an image starts as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The uid of its first process.
    pub uid: i64,
    /// The image as the runtime resolved it.
    digest: Box<str>,
    /// Another image has come under the same name since.
    stale: bool,
    /// Whether it was seen to be ready so.
    ready: bool,
}

/// What a container's status and spec say.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The pod's namespace.
    pub namespace: &'a str,
    /// The image as the pod writes it.
    pub image: &'a str,
    /// The image as the runtime resolved it.
    pub digest: &'a str,
    /// The uid of its first process, where the kubelet says so.
    pub uid: Option<i64>,
    /// Whether pod or container say as whom it is to run.
    pub chosen: bool,
    /// Whether it is ready.
    pub ready: bool,
}

/// Facts by namespace and image as written.
#[derive(Debug, Default)]
pub struct Users {
    known: BTreeMap<(Box<str>, Box<str>), Fact>,
}

impl Users {
    /// Takes what is seen of a container.
    pub fn see(&mut self, seen: &Seen<'_>) {
        if seen.digest.is_empty() {
            return;
        }
        let key = (seen.namespace.into(), seen.image.into());
        let room = self.known.len() < MOST;
        match (seen.uid.filter(|_| !seen.chosen), self.known.get_mut(&key)) {
            (Some(uid), Some(fact)) => {
                let same = !fact.stale && fact.uid == uid && *fact.digest == *seen.digest;
                let ready = seen.ready || (same && fact.ready);
                *fact = Fact { uid, digest: seen.digest.into(), stale: false, ready };
            }
            (Some(uid), None) if room => {
                self.known
                    .insert(key, Fact { uid, digest: seen.digest.into(), stale: false, ready: seen.ready });
            }
            (None, Some(fact)) if *fact.digest != *seen.digest => fact.stale = true,
            _ => {}
        }
    }

    /// Every fact that counts of an image that was seen to run well: namespace, image, uid.
    pub fn ready(&self) -> impl Iterator<Item = (&str, &str, i64)> {
        let current = self.known.iter().filter(|(_, fact)| !fact.stale && fact.ready);
        current.map(|((namespace, image), fact)| (&**namespace, &**image, fact.uid))
    }

    /// The uid that an image starts as in that namespace, unless it is another image by now.
    #[must_use]
    pub fn of(&self, namespace: &str, image: &str) -> Option<i64> {
        let fact = self.known.get(&(namespace.into(), image.into()))?;
        (!fact.stale).then_some(fact.uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_chose_is_a_fact_until_another_image_comes() {
        let mut users = Users::default();
        let seen = |uid: Option<i64>, chosen: bool, digest: &'static str| Seen {
            namespace: "shop",
            image: "app:1",
            digest,
            uid,
            chosen,
            ready: false,
        };
        users.see(&seen(Some(65532), true, "one"));
        users.see(&seen(None, false, "one"));
        assert_eq!(users.of("shop", "app:1"), None);
        users.see(&seen(Some(999), false, "one"));
        assert_eq!(users.of("shop", "app:1"), Some(999));
        assert_eq!(users.of("other", "app:1"), None, "of one namespace alone");
        users.see(&seen(Some(65532), true, "one"));
        assert_eq!(users.of("shop", "app:1"), Some(999));
        assert_eq!(users.ready().count(), 0, "nobody saw it run");
        users.see(&Seen { ready: true, ..seen(Some(999), false, "one") });
        users.see(&seen(Some(999), false, "one"));
        assert_eq!(users.ready().collect::<Vec<_>>(), [("shop", "app:1", 999)]);
        users.see(&seen(Some(65532), true, "two"));
        assert_eq!(users.of("shop", "app:1"), None, "another image");
        users.see(&seen(Some(1000), false, "two"));
        assert_eq!(users.of("shop", "app:1"), Some(1000));
    }

    #[test]
    fn memory_is_bounded() {
        let mut users = Users::default();
        for number in 0..2 * MOST {
            let image = number.to_string();
            users.see(&Seen {
                namespace: "n",
                image: &image,
                digest: "d",
                uid: Some(1),
                chosen: false,
                ready: true,
            });
        }
        assert_eq!(users.known.len(), MOST);
    }
}
