//! What was learnt of an image about which something is built in: it adds to that, and takes the place of nothing.

use super::validate::is_pattern;
use super::{ImageMatch, ProfileSpec, WritablePath};
use crate::plan::is_within;

impl ImageMatch {
    /// The one image that it is about, in one namespace, as the guard writes it; `None` where it is about more.
    pub(super) fn only_image(&self) -> Option<String> {
        let [repository] = self.repositories.as_slice() else { return None };
        let ([] | [_], [] | [_], [_]) =
            (self.tags.as_slice(), self.digests.as_slice(), self.namespaces.as_slice())
        else {
            return None;
        };
        // Without either it is about every tag.
        if self.tags.is_empty() && self.digests.is_empty() {
            return None;
        }
        let plain = ![&self.repositories, &self.tags, &self.namespaces]
            .into_iter()
            .flatten()
            .any(|text| is_pattern(text));
        let tag = self.tags.first().map_or_else(String::new, |tag| format!(":{tag}"));
        let digest = self.digests.first().map_or_else(String::new, |digest| format!("@{digest}"));
        plain.then(|| format!("{repository}{tag}{digest}"))
    }
}

impl ProfileSpec {
    /// These facts, which were learnt, on top of others that were known before. Where both say something the others
    /// count, but for what only grows: paths and capabilities; and for what steps change: memory, and the posture, of
    /// which the lower one counts.
    pub(super) fn added_to(&self, known: &Self) -> Self {
        // On which rung setuid programs are left to work is said of that rung alone.
        let posture = match self.posture {
            Some(posture) if self.allow_privilege_escalation => posture,
            posture => posture.unwrap_or_default().min(known.posture.unwrap_or_default()),
        };
        let gains =
            [self, known].iter().any(|it| it.allow_privilege_escalation && it.posture == Some(posture));
        let mut environment = self.environment.clone();
        environment.extend(known.environment.clone());
        let mut capabilities = known.capabilities.clone();
        capabilities
            .extend(self.capabilities.iter().filter(|name| !known.capabilities.contains(name)).cloned());
        Self {
            user: known.user.or(self.user),
            group: if known.user.is_some() { known.group } else { self.group },
            image_user: known.image_user.or(self.image_user),
            writable_paths: paths(known.writable_paths.as_deref(), self.writable_paths.as_deref()),
            capabilities,
            memory: self.memory.clone().or_else(|| known.memory.clone()),
            environment,
            posture: Some(posture),
            allow_privilege_escalation: gains,
            ..self.clone()
        }
    }
}

fn paths(known: Option<&[WritablePath]>, learnt: Option<&[WritablePath]>) -> Option<Vec<WritablePath>> {
    if known.is_none() && learnt.is_none() {
        return None;
    }
    let (known, learnt) = (known.unwrap_or_default(), learnt.unwrap_or_default());
    let new = learnt.iter().filter(|entry| !known.iter().any(|other| is_within(&entry.path, &other.path)));
    let is_above = |other: &WritablePath, path: &str| other.path != path && is_within(path, &other.path);
    let kept = known.iter().filter(|entry| !learnt.iter().any(|other| is_above(other, &entry.path)));
    Some(kept.chain(new).cloned().collect())
}

#[cfg(test)]
mod tests {
    use crate::posture::Posture;
    use crate::profiles::{Profile, ProfileSet, parse};

    fn set(specs: &[(&str, &str)]) -> ProfileSet {
        let documents = specs.iter().flat_map(|(name, spec)| {
            let head = "apiVersion: pod-hardener.dev/v1alpha1\nkind: ImageProfile\n";
            parse("p", &format!("{head}metadata: {{name: {name}}}\nspec: {{{spec}}}\n")).expect("valid")
        });
        ProfileSet::new(documents.map(Profile::from))
    }

    #[test]
    fn it_adds_to_what_is_built_in() {
        let learnt = "source: learnt, user: 7, memory: 2Gi, capabilities: [NET_BIND_SERVICE], environment: {HOME: /tmp, A: b}, \
                      writablePaths: [{path: /data/x, content: needed}, {path: /more}, {path: /run}]";
        let known = "source: built-in, user: 999, group: 998, memory: 1Gi, posture: isolated, environment: {HOME: /data}, \
                     writablePaths: [{path: /data}, {path: /run/app}]";
        let set = set(&[
            ("db", &format!("match: {{repositories: [redis]}}, {known}")),
            (
                "learnt",
                &format!("match: {{repositories: [redis], tags: ['8'], namespaces: [shop]}}, {learnt}"),
            ),
            (
                "wide",
                &format!("match: {{repositories: [redis], namespaces: [other]}}, {learnt}, approved: false"),
            ),
            (
                "lower",
                "match: {repositories: [valkey], tags: ['2'], namespaces: [shop]}, source: learnt, posture: safe",
            ),
            (
                "valkey",
                "match: {repositories: [valkey]}, source: built-in, posture: isolated, writablePaths: []",
            ),
            ("mine", "match: {repositories: [valkey], tags: ['1']}"),
            (
                "sudo",
                "match: {repositories: [sudo]}, source: built-in, posture: isolated, allowPrivilegeEscalation: true",
            ),
            (
                "sudo-1",
                "match: {repositories: [sudo], tags: ['1'], namespaces: [shop]}, source: learnt, writablePaths: [{path: /a}]",
            ),
            (
                "sudo-2",
                "match: {repositories: [sudo], tags: ['2'], namespaces: [shop]}, source: learnt, posture: safe",
            ),
            ("plain", "match: {repositories: [plain]}, source: built-in, posture: safe"),
            (
                "plain-1",
                "match: {repositories: [plain], tags: ['1'], namespaces: [shop]}, source: learnt, posture: isolated, \
                 allowPrivilegeEscalation: true",
            ),
            (
                "alone",
                "match: {repositories: [app], tags: ['1'], namespaces: [shop]}, source: learnt, posture: safe",
            ),
        ]);
        let profile = set.find("docker.io/library/redis:8", "shop").expect("a profile");
        let facts = &profile.facts;
        assert_eq!((profile.name.as_str(), facts.user, facts.group), ("learnt", Some(999), Some(998)));
        assert_eq!((facts.memory.as_deref(), facts.posture), (Some("2Gi"), Some(Posture::Isolated)));
        assert_eq!(facts.capabilities, ["NET_BIND_SERVICE"]);
        assert_eq!((facts.environment["HOME"].as_str(), facts.environment["A"].as_str()), ("/data", "b"));
        let paths: Vec<&str> =
            facts.writable_paths.iter().flatten().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["/data", "/more", "/run"]);
        for (image, namespace, expected) in [
            ("redis:8", "other", "db"),
            ("redis:7", "shop", "db"),
            ("valkey:2", "shop", "lower"),
            ("valkey", "shop", "valkey"),
            ("valkey", "", "valkey"),
            ("valkey:1", "shop", "mine"),
            ("app:1", "shop", "alone"),
        ] {
            assert_eq!(set.find(image, namespace).expect("a profile").name, expected, "{image}");
        }
        let gains = |image: &str| {
            let facts = &set.find(image, "shop").expect("a profile").facts;
            (facts.posture, facts.allow_privilege_escalation)
        };
        assert_eq!(gains("sudo:1"), (Some(Posture::Isolated), true));
        assert_eq!(gains("sudo:2"), (Some(Posture::Safe), false), "that was said of another rung");
        assert_eq!(gains("plain:1"), (Some(Posture::Isolated), true));
        let lower = &set.find("valkey:2", "shop").expect("a profile").facts;
        assert_eq!((lower.posture, lower.writable_paths.as_deref()), (Some(Posture::Safe), Some(&[][..])));
    }
}
