//! All profiles, and the one for an image.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::image::Repository;
use super::validate::is_pattern;
use super::{Content, ImageProfile, Origin, ProfileSpec, Reference};
use crate::policy::glob;

/// What is known of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The profile's name.
    pub name: String,
    /// The facts.
    pub facts: ProfileSpec,
}

impl Profile {
    /// A path that cannot be an empty directory, because the program needs what the image has there.
    #[must_use]
    pub fn needed_content(&self) -> Option<&str> {
        let paths = self.facts.writable_paths.as_deref().unwrap_or_default();
        paths.iter().find(|entry| entry.content == Content::Needed).map(|entry| entry.path.as_str())
    }

    /// For people: its name, and whose word it is.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{} ({})", self.name, self.facts.source.as_str())
    }
}

impl From<ImageProfile> for Profile {
    fn from(document: ImageProfile) -> Self {
        Self { name: document.metadata.name, facts: document.spec }
    }
}

/// Profiles, found by the last part of an image's repository.
#[derive(Debug, Clone, Default)]
pub struct ProfileSet {
    profiles: Vec<Profile>,
    by_last: HashMap<Box<str>, Vec<usize>>,
    /// Those with a repository that is a pattern.
    patterns: Vec<usize>,
}

/// How well a profile matches: whose word first, then how exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    word: Word,
    in_namespace: bool,
    by_digest: bool,
    /// Of the tag's pattern, and of the repository's, the length without wildcards.
    tag: usize,
    repository: usize,
    /// Of what was learnt step by step, the last.
    round: u32,
}

/// Whose word goes before whose, the last before all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    /// What was learnt, and somebody made to be about more than one image in one namespace.
    Widened,
    BuiltIn,
    /// What was learnt of one image: it holds what is built in about that.
    Learnt,
    Administrator,
}

impl Word {
    fn of(facts: &ProfileSpec) -> Self {
        match facts.source {
            Origin::Administrator => Self::Administrator,
            Origin::BuiltIn => Self::BuiltIn,
            Origin::Learnt if facts.images.only_image().is_some() => Self::Learnt,
            Origin::Learnt => Self::Widened,
        }
    }
}

impl ProfileSet {
    /// These profiles. Of two that match equally well the first by name counts. What was learnt of an image is added to
    /// what is built in about it.
    #[must_use]
    pub fn new(profiles: impl IntoIterator<Item = Profile>) -> Self {
        let mut profiles: Vec<Profile> = profiles.into_iter().collect();
        profiles.sort_by(|a, b| a.name.cmp(&b.name));
        let mut set = Self { profiles, ..Self::default() };
        for (number, profile) in set.profiles.iter().enumerate() {
            for repository in &profile.facts.images.repositories {
                let numbers = if is_pattern(repository) {
                    &mut set.patterns
                } else if let Some(repository) = Repository::parse(repository) {
                    set.by_last.entry(repository.last().into()).or_default()
                } else {
                    continue;
                };
                if numbers.last() != Some(&number) {
                    numbers.push(number);
                }
            }
        }
        for (number, facts) in set.additions() {
            set.profiles[number].facts = facts;
        }
        set
    }

    /// What was learnt of images about which something is built in, on top of that.
    fn additions(&self) -> Vec<(usize, ProfileSpec)> {
        let learnt = self.profiles.iter().enumerate().filter(|(_, it)| it.facts.source == Origin::Learnt);
        let added = learnt.filter_map(|(number, it)| {
            let image = it.facts.images.only_image()?;
            let reference = Reference::parse(&image)?;
            let built_in = self
                .matching(&reference, it.facts.images.namespaces.first()?)
                .filter(|(other, _)| other.facts.source == Origin::BuiltIn);
            let (known, _) = built_in.max_by(|(a, rank), (b, other)| order(a, *rank, b, *other))?;
            Some((number, it.facts.added_to(&known.facts)))
        });
        added.collect()
    }

    /// All of them, by name.
    #[must_use]
    pub fn profiles(&self) -> &[Profile] {
        &self.profiles
    }

    /// The profile for an image, as a pod of that namespace writes it.
    #[must_use]
    pub fn find(&self, image: &str, namespace: &str) -> Option<&Profile> {
        let reference = Reference::parse(image)?;
        let found = self.matching(&reference, namespace);
        found.max_by(|(a, rank), (b, other)| order(a, *rank, b, *other)).map(|(profile, _)| profile)
    }

    /// Every profile that matches, the one that counts first.
    #[must_use]
    pub fn all(&self, image: &str, namespace: &str) -> Vec<&Profile> {
        let Some(reference) = Reference::parse(image) else { return Vec::new() };
        let mut found: Vec<(&Profile, Rank)> = self.matching(&reference, namespace).collect();
        found.sort_by(|(a, rank), (b, other)| order(b, *other, a, *rank));
        found.into_iter().map(|(profile, _)| profile).collect()
    }

    fn matching<'s, 'r>(
        &'s self,
        reference: &'r Reference<'r>,
        namespace: &'r str,
    ) -> impl Iterator<Item = (&'s Profile, Rank)> + use<'s, 'r> {
        let named = self.by_last.get(reference.last()).map_or(&[][..], Vec::as_slice);
        // Only patterns look at the text of the whole.
        let whole = if self.patterns.is_empty() { String::new() } else { reference.repository() };
        let others = self.patterns.iter().filter(move |number| !named.contains(number));
        named.iter().chain(others).filter_map(move |number| {
            let profile = self.profiles.get(*number)?;
            rank(profile, reference, &whole, namespace).map(|rank| (profile, rank))
        })
    }
}

/// The greater one counts: whose rank is higher, else whose name comes first.
fn order(a: &Profile, rank: Rank, b: &Profile, other: Rank) -> Ordering {
    rank.cmp(&other).then_with(|| b.name.cmp(&a.name))
}

/// `None` where the profile does not match; `whole` is the repository for patterns.
fn rank(profile: &Profile, reference: &Reference<'_>, whole: &str, namespace: &str) -> Option<Rank> {
    let images = &profile.facts.images;
    let any = |patterns: &[String], text: &str| patterns.iter().any(|pattern| glob(pattern, text));
    let digest = |digest: &str| images.digests.iter().any(|other| other.eq_ignore_ascii_case(digest));
    if !profile.facts.is_in_force()
        || !(images.namespaces.is_empty() || any(&images.namespaces, namespace))
        || !(images.digests.is_empty() || reference.digest.is_some_and(digest))
    {
        return None;
    }
    let matches = |repository: &&String| {
        if is_pattern(repository) {
            glob(repository, whole)
        } else {
            Repository::parse(repository).is_some_and(|repository| reference.is_of(&repository))
        }
    };
    let of_tag = |tag: &&String| reference.tag.is_some_and(|text| glob(tag, text));
    let tag = images.tags.iter().filter(of_tag).map(|tag| exactness(tag)).max();
    if tag.is_none() && !images.tags.is_empty() {
        return None;
    }
    Some(Rank {
        word: Word::of(&profile.facts),
        in_namespace: !images.namespaces.is_empty(),
        by_digest: !images.digests.is_empty(),
        tag: tag.unwrap_or(0),
        repository: images.repositories.iter().filter(matches).map(|text| exactness(text)).max()?,
        round: profile.facts.round,
    })
}

/// What is literal is more exact than every pattern, and a longer pattern than a shorter one.
fn exactness(text: &str) -> usize {
    if is_pattern(text) {
        text.bytes().filter(|byte| !matches!(byte, b'*' | b'?')).count()
    } else {
        usize::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profiles::parse;

    const SHA: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn set(specs: &[(&str, &str)]) -> ProfileSet {
        let documents = specs.iter().flat_map(|(name, spec)| {
            let head = "apiVersion: pod-hardener.dev/v1alpha1\nkind: ImageProfile\n";
            let text = format!("{head}metadata: {{name: {name}}}\nspec: {{{spec}}}\n");
            parse("p", &text).expect("valid")
        });
        ProfileSet::new(documents.map(Profile::from))
    }

    #[test]
    fn the_most_exact_counts_and_an_administrators_before_all() {
        let set = set(&[
            ("plain", "match: {repositories: [nginx]}, source: built-in"),
            ("alpine", "match: {repositories: [nginx], tags: ['*alpine*']}, source: built-in"),
            ("both", "match: {repositories: [nginx], tags: ['*alpine*otel']}, source: built-in"),
            ("digest", &format!("match: {{repositories: [nginx], digests: ['{SHA}']}}, source: built-in")),
            ("team", "match: {repositories: ['reg.example/*']}"),
            ("team-db", "match: {repositories: ['reg.example/db/*']}"),
            ("mine", "match: {repositories: [redis]}"),
            ("theirs", "match: {repositories: [redis], tags: ['8']}, source: built-in"),
            ("learnt", "match: {repositories: [redis, busybox], namespaces: [shop]}, source: learnt"),
            ("first", "match: {repositories: [app], namespaces: [shop]}, source: learnt, round: 1"),
            (
                "second",
                "match: {repositories: [app], namespaces: [shop]}, source: learnt, round: 2, approved: true",
            ),
            (
                "third",
                "match: {repositories: [app], namespaces: [shop]}, source: learnt, round: 3, approved: false",
            ),
            ("every-box", "match: {repositories: ['*/busybox']}, source: built-in"),
        ]);
        for (image, namespace, expected) in [
            ("nginx:1.29", "", Some("plain")),
            ("docker.io/library/nginx", "", Some("plain")),
            ("nginx:1.29-alpine3.20", "", Some("alpine")),
            ("nginx:1-alpine-otel", "", Some("both")),
            (&format!("nginx:1-alpine@{SHA}"), "", Some("digest")),
            (&format!("nginx@{SHA}"), "", Some("digest")),
            ("nginx@sha256:00", "", Some("plain")),
            ("evil.example/library/nginx", "", None),
            ("reg.example/app:1", "", Some("team")),
            ("reg.example/db/pg", "", Some("team-db")),
            ("redis:8", "shop", Some("mine")),
            ("busybox", "shop", Some("every-box")),
            ("quay.io/x/busybox", "shop", Some("every-box")),
            ("app", "shop", Some("second")),
            ("unknown", "", None),
            ("", "", None),
        ] {
            let found = set.find(image, namespace).map(|profile| profile.name.as_str());
            assert_eq!(found, expected, "{image}");
        }
        let names: Vec<&str> =
            set.all("redis:8", "shop").iter().map(|profile| profile.name.as_str()).collect();
        assert_eq!(names, ["mine", "theirs", "learnt"]);
    }
}
