//! Image references, read as container runtimes read them, without a copy.

/// Nothing longer names an image: 255 for the repository, 128 for the tag, and a digest.
const LONGEST: usize = 1024;
/// The registry of images that name none.
const DEFAULT_REGISTRY: &str = "docker.io";
/// Its older name.
const OLD_DEFAULT_REGISTRY: &str = "index.docker.io";
/// Where its own images are.
const LIBRARY: &str = "library/";

/// An image as a pod writes it, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference<'a> {
    /// The registry's host, with its port.
    pub registry: &'a str,
    /// The repository below it; of an image in the default registry's own library without `library/`.
    path: &'a str,
    in_library: bool,
    /// `latest` where neither tag nor digest is given.
    pub tag: Option<&'a str>,
    /// With its algorithm.
    pub digest: Option<&'a str>,
}

impl<'a> Reference<'a> {
    /// Takes an image apart; `None` for what is none.
    #[must_use]
    pub fn parse(image: &'a str) -> Option<Self> {
        let has_odd = || image.bytes().fold(false, |found, byte| found | (byte <= b' ') | (byte == 0x7f));
        if image.len() > LONGEST || has_odd() {
            return None;
        }
        let (name, digest) = match split_once(image, b'@') {
            Some((name, digest)) if digest.contains(':') => (name, Some(digest)),
            Some(_) => return None,
            None => (image, None),
        };
        let (repository, tag) = split_tag(name);
        if tag == Some("") {
            return None;
        }
        let Repository { registry, path, in_library } = Repository::parse(repository)?;
        let tag = tag.or_else(|| digest.is_none().then_some("latest"));
        Some(Self { registry, path, in_library, tag, digest })
    }

    /// The last part of the repository: what profiles are found by.
    #[must_use]
    pub(super) fn last(&self) -> &'a str {
        last(self.path)
    }

    /// Registry and repository, written out.
    #[must_use]
    pub fn repository(&self) -> String {
        let library = if self.in_library { LIBRARY } else { "" };
        format!("{}/{library}{}", self.registry, self.path)
    }

    /// Whether it is of this repository.
    pub(super) fn is_of(&self, other: &Repository<'_>) -> bool {
        self.path == other.path && self.registry == other.registry && self.in_library == other.in_library
    }
}

/// A registry and what is below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Repository<'a> {
    registry: &'a str,
    path: &'a str,
    in_library: bool,
}

impl<'a> Repository<'a> {
    /// Completes a repository as runtimes do; `None` for what is none.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (registry, rest) = match split_once(text, b'/') {
            Some((first, rest)) if is_registry(first) => (first, rest),
            _ => (DEFAULT_REGISTRY, text),
        };
        let registry = if registry == OLD_DEFAULT_REGISTRY { DEFAULT_REGISTRY } else { registry };
        let (path, in_library) = match rest.strip_prefix(LIBRARY) {
            Some(path) if registry == DEFAULT_REGISTRY && !path.contains('/') => (path, true),
            _ => (rest, registry == DEFAULT_REGISTRY && !rest.contains('/')),
        };
        let is_whole = !registry.is_empty() && has_no_empty_part(path);
        is_whole.then_some(Self { registry, path, in_library })
    }

    pub(super) fn last(&self) -> &'a str {
        last(self.path)
    }
}

fn last(path: &str) -> &str {
    rsplit_once(path, b'/').map_or(path, |(_, last)| last)
}

fn has_no_empty_part(path: &str) -> bool {
    let last = path.bytes().try_fold(b'/', |before, byte| ((before, byte) != (b'/', b'/')).then_some(byte));
    last.is_some_and(|last| last != b'/')
}

/// As `str` does it, but without what that prepares for long texts: images are short, and every container has one.
fn split_once(text: &str, at: u8) -> Option<(&str, &str)> {
    let end = text.bytes().position(|byte| byte == at)?;
    Some((&text[..end], &text[end + 1..]))
}

/// The same from the end.
fn rsplit_once(text: &str, at: u8) -> Option<(&str, &str)> {
    let end = text.bytes().rposition(|byte| byte == at)?;
    Some((&text[..end], &text[end + 1..]))
}

/// A registry has a dot or a port, or capitals, or is this machine; else it is the first part of a repository.
fn is_registry(first: &str) -> bool {
    first == "localhost" || first.bytes().any(|byte| matches!(byte, b'.' | b':' | b'A'..=b'Z'))
}

/// A colon before the last slash belongs to the registry's port.
fn split_tag(name: &str) -> (&str, Option<&str>) {
    match rsplit_once(name, b':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (name, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_as_pods_write_them() {
        for (image, repository, tag, digest) in [
            ("nginx", "docker.io/library/nginx", Some("latest"), None),
            ("nginx:1.29", "docker.io/library/nginx", Some("1.29"), None),
            ("library/nginx", "docker.io/library/nginx", Some("latest"), None),
            ("docker.io/nginx", "docker.io/library/nginx", Some("latest"), None),
            ("index.docker.io/library/nginx:1", "docker.io/library/nginx", Some("1"), None),
            ("grafana/grafana", "docker.io/grafana/grafana", Some("latest"), None),
            ("localhost/app", "localhost/app", Some("latest"), None),
            ("localhost:5000/a/b:c", "localhost:5000/a/b", Some("c"), None),
            ("[::1]:5000/a:b", "[::1]:5000/a", Some("b"), None),
            ("reg.example.com/team/nginx@sha256:ab", "reg.example.com/team/nginx", None, Some("sha256:ab")),
            ("redis:8@sha256:ab", "docker.io/library/redis", Some("8"), Some("sha256:ab")),
            ("REG/app", "REG/app", Some("latest"), None),
            ("library/a/b", "docker.io/library/a/b", Some("latest"), None),
            ("quay.io/library/nginx", "quay.io/library/nginx", Some("latest"), None),
        ] {
            let found = Reference::parse(image).expect(image);
            assert_eq!(found.repository(), repository, "{image}");
            assert_eq!((found.tag, found.digest), (tag, digest), "{image}");
        }
    }

    #[test]
    fn what_is_no_image() {
        let long = "a".repeat(LONGEST + 1);
        for image in [
            "",
            "/",
            ":",
            "@",
            "nginx:",
            "nginx@",
            "nginx@sha256",
            "a//b",
            "/a",
            "a/",
            "reg.io/",
            "a b",
            "a\n",
            "\0",
            &long,
        ] {
            assert_eq!(Reference::parse(image), None, "{image:?}");
        }
    }

    #[test]
    fn another_registry_is_another_repository() {
        let nginx = Repository::parse("nginx").expect("one");
        for (image, expected) in [
            ("docker.io/library/nginx:1", true),
            ("docker.io/nginx", true),
            ("evil.example/library/nginx", false),
            ("evil.example/docker.io/library/nginx", false),
            ("docker.io/evil/nginx", false),
            ("docker.io:443/library/nginx", false),
            ("nginx/nginx", false),
        ] {
            assert_eq!(Reference::parse(image).expect(image).is_of(&nginx), expected, "{image}");
        }
    }
}
