//! Copies one directory: whole, under another name first, and then at once.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, FileTimes, Metadata, OpenOptions, Permissions};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{
    DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, lchown,
    symlink,
};
use std::path::{Path, PathBuf};

use super::resolve::resolve;
use super::{CopyError, Report, Request, Why};

/// What everything on a disk takes at least, and a multiple of.
const BLOCK: usize = 4096;
/// Read at a time.
const CHUNK: usize = 32 * BLOCK;
/// Only of us, while it is made.
const PRIVATE: u32 = 0o700;
/// All bits of a mode, and those without setuid and setgid.
const MODE: u32 = 0o7777;
const MODE_OF_ANOTHER: u32 = 0o1777;

/// What came of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was copied.
    Copied(Report),
    /// It was there: the pod's containers start anew, and what they wrote stays.
    There,
}

/// Copies a directory of the image that is mounted at `from`.
///
/// # Errors
/// See [`CopyError`]. The target is not there then. What this user may not read is no error, but reported.
pub fn copy(from: &Path, request: &Request) -> Result<Outcome, CopyError> {
    if fs::symlink_metadata(&request.target).is_ok() {
        return Ok(Outcome::There);
    }
    let unfinished = unfinished(&request.target);
    remove(&unfinished)?;
    let mut copier = Copier { request, used: 0, links: HashMap::new(), report: Report::default() };
    copier.fill(resolve(from, &request.path), &unfinished)?;
    fs::rename(&unfinished, &request.target).map_err(CopyError::write(&request.target))?;
    Ok(Outcome::Copied(copier.report))
}

/// `/to/content` is `/to/.content` until it is whole.
fn unfinished(target: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    target.with_file_name(name)
}

/// Removes what a copier left that was ended. Its directories may be such that not even their owner may change them.
fn remove(path: &Path) -> Result<(), CopyError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return fs::remove_file(path).map_err(CopyError::write(path)),
        Err(_) => return Ok(()),
    }
    fs::set_permissions(path, Permissions::from_mode(PRIVATE)).map_err(CopyError::write(path))?;
    for entry in fs::read_dir(path).map_err(CopyError::write(path))? {
        remove(&entry.map_err(CopyError::write(path))?.path())?;
    }
    fs::remove_dir(path).map_err(CopyError::write(path))
}

fn make(path: &Path) -> Result<(), CopyError> {
    DirBuilder::new().mode(PRIVATE).create(path).map_err(CopyError::write(path))
}

struct Copier<'r> {
    request: &'r Request,
    /// Bytes, in whole blocks.
    used: u64,
    /// Files with several names: the first of them in the copy.
    links: HashMap<(u64, u64), PathBuf>,
    report: Report,
}

impl Copier<'_> {
    /// With what was found at the path. A way to it that this user may not go is as a directory that it may not read.
    fn fill(&mut self, found: Result<Option<PathBuf>, CopyError>, to: &Path) -> Result<(), CopyError> {
        match found {
            Ok(Some(source)) => {
                let metadata = fs::symlink_metadata(&source).map_err(CopyError::read(&source))?;
                if !metadata.is_dir() {
                    return Err(CopyError::NoDirectory(self.request.path.clone()));
                }
                self.top(&source, to, &metadata)
            }
            Ok(None) => {
                self.report.missing = true;
                make(to)
            }
            Err(CopyError::Read { source, .. }) if source.kind() == ErrorKind::PermissionDenied => {
                self.report.skip(Path::new(""), Why::Unreadable);
                make(to)
            }
            Err(error) => Err(error),
        }
    }

    /// The directory itself, which its owner can always use.
    fn top(&mut self, from: &Path, to: &Path, metadata: &Metadata) -> Result<(), CopyError> {
        make(to)?;
        match names(from)? {
            Some(names) => self.entries(from, to, Path::new(""), &names)?,
            None => self.report.skip(Path::new(""), Why::Unreadable),
        }
        finish_directory(to, metadata, PRIVATE)
    }

    fn entries(&mut self, from: &Path, to: &Path, below: &Path, names: &[OsString]) -> Result<(), CopyError> {
        for name in names {
            self.entry(&from.join(name), &to.join(name), &below.join(name))?;
        }
        Ok(())
    }

    fn entry(&mut self, from: &Path, to: &Path, below: &Path) -> Result<(), CopyError> {
        let Some(metadata) = readable(from, fs::symlink_metadata(from))? else {
            self.report.skip(below, Why::Unreadable);
            return Ok(());
        };
        if metadata.is_symlink() {
            self.link(from, to, &metadata)
        } else if metadata.is_dir() {
            self.directory(from, to, below, &metadata)
        } else if metadata.is_file() {
            self.file(from, to, below, &metadata)
        } else {
            self.report.skip(below, Why::Special);
            Ok(())
        }
    }

    fn directory(
        &mut self,
        from: &Path,
        to: &Path,
        below: &Path,
        metadata: &Metadata,
    ) -> Result<(), CopyError> {
        let Some(names) = names(from)? else {
            self.report.skip(below, Why::Unreadable);
            return Ok(());
        };
        self.charge(0)?;
        make(to)?;
        self.entries(from, to, below, &names)?;
        self.report.directories += 1;
        finish_directory(to, metadata, 0)
    }

    /// As it is: inside of the container it leads where it leads in the image.
    fn link(&mut self, from: &Path, to: &Path, metadata: &Metadata) -> Result<(), CopyError> {
        self.charge(0)?;
        let target = fs::read_link(from).map_err(CopyError::read(from))?;
        symlink(target, to).map_err(CopyError::write(to))?;
        own(to, metadata)?;
        self.report.links += 1;
        Ok(())
    }

    fn file(&mut self, from: &Path, to: &Path, below: &Path, metadata: &Metadata) -> Result<(), CopyError> {
        let identity = (metadata.dev(), metadata.ino());
        // Where the link may not be made, it is a file of its own.
        if self.links.get(&identity).is_some_and(|first| fs::hard_link(first, to).is_ok()) {
            self.report.files += 1;
            return Ok(());
        }
        let Some(source) = readable(from, File::open(from))? else {
            self.report.skip(below, Why::Unreadable);
            return Ok(());
        };
        let target = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(to);
        let target = target.map_err(CopyError::write(to))?;
        self.content(&source, from, &target, to)?;
        finish(&target, to, metadata, 0)?;
        if metadata.nlink() > 1 {
            self.links.insert(identity, to.to_owned());
        }
        self.report.files += 1;
        Ok(())
    }

    /// Blocks of zeros are left out: a sparse file stays one.
    fn content(&mut self, mut source: &File, from: &Path, target: &File, to: &Path) -> Result<(), CopyError> {
        let mut chunk = vec![0; CHUNK];
        let mut length: u64 = 0;
        let before = self.report.bytes;
        loop {
            let filled = match source.read(&mut chunk) {
                Ok(0) => break,
                Ok(filled) => filled,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(CopyError::read(from)(error)),
            };
            let mut place = length;
            for block in chunk[..filled].chunks(BLOCK) {
                if block.iter().any(|byte| *byte != 0) {
                    self.charge(block.len())?;
                    target.write_all_at(block, place).map_err(CopyError::write(to))?;
                    self.report.bytes += block.len() as u64;
                }
                place += block.len() as u64;
            }
            length = place;
        }
        if self.report.bytes == before {
            self.charge(0)?;
        }
        target.set_len(length).map_err(CopyError::write(to))
    }

    /// Takes from what the volume may hold: at least a block.
    fn charge(&mut self, bytes: usize) -> Result<(), CopyError> {
        let blocks = bytes.div_ceil(BLOCK).max(1);
        self.used = self.used.saturating_add((blocks * BLOCK) as u64);
        match self.request.limit.filter(|limit| self.used > *limit) {
            Some(limit) => Err(CopyError::TooLarge { path: self.request.path.clone(), limit }),
            None => Ok(()),
        }
    }
}

/// The names in a directory, which is closed again; `None` where this user may not read it.
fn names(path: &Path) -> Result<Option<Vec<OsString>>, CopyError> {
    let Some(entries) = readable(path, fs::read_dir(path))? else { return Ok(None) };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name()));
    names.collect::<Result<_, _>>().map(Some).map_err(CopyError::read(path))
}

/// `None` where this user may not.
fn readable<T>(path: &Path, result: std::io::Result<T>) -> Result<Option<T>, CopyError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(None),
        Err(error) => Err(CopyError::read(path)(error)),
    }
}

fn finish_directory(path: &Path, metadata: &Metadata, at_least: u32) -> Result<(), CopyError> {
    let directory = File::open(path).map_err(CopyError::write(path))?;
    finish(&directory, path, metadata, at_least)
}

/// Owner, times and mode of the original, in an order in which none undoes another.
fn finish(file: &File, path: &Path, original: &Metadata, at_least: u32) -> Result<(), CopyError> {
    let kept = own(path, original)?;
    let times = FileTimes::new();
    let times = match (original.modified(), original.accessed()) {
        (Ok(modified), Ok(accessed)) => times.set_modified(modified).set_accessed(accessed),
        _ => times,
    };
    file.set_times(times).map_err(CopyError::write(path))?;
    let mode = original.mode() & if kept { MODE } else { MODE_OF_ANOTHER };
    file.set_permissions(Permissions::from_mode(mode | at_least)).map_err(CopyError::write(path))
}

/// Gives it to the owner and group of the original, as far as this user may; whether it is theirs then.
fn own(path: &Path, original: &Metadata) -> Result<bool, CopyError> {
    let made = fs::symlink_metadata(path).map_err(CopyError::write(path))?;
    let (user, group) = (original.uid(), original.gid());
    if (made.uid(), made.gid()) == (user, group) || lchown(path, Some(user), Some(group)).is_ok() {
        return Ok(true);
    }
    // Who is in that group may still give it to the group; else it is this user's, as all that it makes.
    let _ = lchown(path, None, Some(group));
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_behind_a_closed_directory_is_left_out_and_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("content");
        let request = Request { path: "/closed/data".to_owned(), target: target.clone(), limit: None };
        let mut copier =
            Copier { request: &request, used: 0, links: HashMap::new(), report: Report::default() };
        let of = |kind| Err(CopyError::read(Path::new("/closed"))(kind));
        copier.fill(of(ErrorKind::PermissionDenied.into()), &target).expect("no error");
        assert_eq!((copier.report.left_out, target.is_dir()), (1, true));
        let other = folder.path().join("other");
        assert!(copier.fill(of(ErrorKind::InvalidData.into()), &other).is_err() && !other.exists());
    }
}
