//! A path inside an image, with the image as the root of every symbolic link.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use super::CopyError;

/// As many symbolic links in one path as the kernel follows.
const MOST_LINKS: usize = 40;

/// Where the path is below `root`, or `None` where there is nothing. Never outside of it: an absolute link starts at
/// `root`, and nothing is above it.
pub(super) fn resolve(root: &Path, path: &str) -> Result<Option<PathBuf>, CopyError> {
    let mut left: VecDeque<OsString> = parts(Path::new(path)).collect();
    let mut done: Vec<OsString> = Vec::new();
    let mut links = 0;
    while let Some(part) = left.pop_front() {
        if part == ".." {
            done.pop();
            continue;
        }
        done.push(part);
        let place = below(root, &done);
        let metadata = match fs::symlink_metadata(&place) {
            Ok(metadata) => metadata,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(CopyError::read(&place)(error)),
        };
        if !metadata.is_symlink() {
            continue;
        }
        links += 1;
        if links > MOST_LINKS {
            return Err(CopyError::Circle(path.to_owned()));
        }
        let target = fs::read_link(&place).map_err(CopyError::read(&place))?;
        done.pop();
        if target.is_absolute() {
            done.clear();
        }
        for part in parts(&target).collect::<Vec<_>>().into_iter().rev() {
            left.push_front(part);
        }
    }
    Ok(Some(below(root, &done)))
}

fn below(root: &Path, parts: &[OsString]) -> PathBuf {
    parts.iter().fold(root.to_owned(), |path, part| path.join(part))
}

/// Names, and `..` as one of them.
fn parts(path: &Path) -> impl Iterator<Item = OsString> + '_ {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_stay_inside() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("image");
        fs::create_dir_all(root.join("run/app/deep")).expect("a folder");
        fs::create_dir_all(root.join("var/lib")).expect("a folder");
        for (target, link) in [
            ("/run", "var/run"),
            ("../../run", "var/lib/relative"),
            ("/etc", "var/outside"),
            ("../../../../../..", "var/up"),
            ("b", "a"),
            ("/a", "b"),
            ("/run/app/..", "var/back"),
        ] {
            symlink(target, root.join(link)).expect("a link");
        }
        for (path, expected) in [
            ("/run/app", Some("run/app")),
            ("/var/run/app", Some("run/app")),
            ("/var/lib/relative/app", Some("run/app")),
            ("/var/back/app/deep", Some("run/app/deep")),
            ("/../../run", Some("run")),
            ("/var/up/run", Some("run")),
            ("/var/up", Some("")),
            ("/var/outside", None),
            ("/nothing", None),
            ("/", Some("")),
        ] {
            let found = resolve(&root, path).expect("no error");
            assert_eq!(
                found,
                expected.map(|path| below(&root, &parts(Path::new(path)).collect::<Vec<_>>())),
                "{path}"
            );
        }
        assert!(matches!(resolve(&root, "/a/x"), Err(CopyError::Circle(_))));
    }
}
