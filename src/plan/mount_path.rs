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

#[cfg(test)]
mod tests {
    use super::*;

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
