//! Mount paths: compared as the kernel would, not as text.

use std::borrow::Cow;

/// A path without repeated or trailing slashes, `.` and `..`: `/tmp/`, `//tmp` and `/x/../tmp` are all `/tmp`.
#[must_use]
pub fn normalize(path: &str) -> Cow<'_, str> {
    let clean = path.starts_with('/')
        && path.len() > 1
        && !path.ends_with('/')
        && !path.as_bytes().windows(2).any(|two| matches!(two, b"//" | b"/."));
    if clean {
        return Cow::Borrowed(path);
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    Cow::Owned(format!("/{}", parts.join("/")))
}

/// Whether `path` is `root` or lies below it; both normalised.
#[must_use]
pub fn is_within(path: &str, root: &str) -> bool {
    path.strip_prefix(root)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || root.ends_with('/'))
}

/// What is a link in the images of every distribution, and where it leads.
const LINKS: [(&str, &str); 2] = [("/var/run", "/run"), ("/var/lock", "/run/lock")];

/// Where a normalised path really is: what is mounted on `/var/run/app` is on `/run/app`.
#[must_use]
pub fn real(path: &str) -> Cow<'_, str> {
    let link = LINKS.iter().find(|(link, _)| is_within(path, link));
    link.map_or(Cow::Borrowed(path), |(link, target)| Cow::Owned(format!("{target}{}", &path[link.len()..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_every_image_are_followed() {
        for (path, there) in [
            ("/var/run", "/run"),
            ("/var/run/app", "/run/app"),
            ("/var/lock/app", "/run/lock/app"),
            ("/var/running", "/var/running"),
            ("/run/app", "/run/app"),
            ("/", "/"),
        ] {
            assert_eq!(real(path), there, "{path}");
        }
    }

    #[test]
    fn every_spelling_is_one_path() {
        for path in ["/tmp", "/tmp/", "//tmp", "/./tmp", "/tmp/.", "/x/../tmp", "tmp", "/../tmp"] {
            assert_eq!(normalize(path), "/tmp", "{path}");
        }
        assert_eq!(normalize("/"), "/");
        assert_eq!(normalize("/tmp/..data"), "/tmp/..data");
    }

    #[test]
    fn within_counts_whole_parts() {
        assert!(is_within("/tmp", "/tmp"));
        assert!(is_within("/tmp/a", "/tmp"));
        assert!(is_within("/tmp", "/"));
        assert!(!is_within("/tmpfs", "/tmp"));
    }
}
