//! What was copied, and what was not.

use std::fmt;
use std::path::{Path, PathBuf};

/// So many are named of what was left out.
const MOST_NAMED: usize = 16;

/// What came of one directory.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Files, each hard link one.
    pub files: u64,
    /// Directories below the first.
    pub directories: u64,
    /// Symbolic links.
    pub links: u64,
    /// Bytes in files; holes are none.
    pub bytes: u64,
    /// The first of what was left out.
    pub skipped: Vec<Skipped>,
    /// How many there are of those.
    pub left_out: u64,
    /// Whether the image has no such directory: the copy is an empty one.
    pub missing: bool,
}

/// Something that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Where, below the directory.
    pub path: PathBuf,
    /// Why.
    pub why: Why,
}

/// Why something is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// This user may not read it.
    Unreadable,
    /// Neither file, directory nor symbolic link: a device, a socket, a pipe.
    Special,
}

impl Report {
    pub(super) fn skip(&mut self, path: &Path, why: Why) {
        self.left_out += 1;
        if self.skipped.len() < MOST_NAMED {
            self.skipped.push(Skipped { path: path.to_owned(), why });
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.missing {
            return f.write_str("the image has no such directory; it is empty");
        }
        let Self { files, directories, links, bytes, .. } = self;
        write!(f, "{files} files, {directories} directories, {links} symbolic links, {bytes} bytes copied")?;
        if self.left_out > 0 {
            write!(f, "; {} left out:", self.left_out)?;
        }
        for (number, Skipped { path, why }) in self.skipped.iter().enumerate() {
            let why = match why {
                Why::Unreadable => "this user may not read it",
                Why::Special => "a device, socket or pipe",
            };
            let before = if number == 0 { "" } else { "," };
            let path = if path.as_os_str().is_empty() { Path::new("all of it") } else { path };
            write!(f, "{before} {} ({why})", path.display())?;
        }
        let more = self.left_out.saturating_sub(self.skipped.len() as u64);
        if more > 0 {
            write!(f, " and {more} more")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_named_up_to_a_number() {
        let mut report = Report { files: 2, bytes: 7, ..Report::default() };
        assert_eq!(report.to_string(), "2 files, 0 directories, 0 symbolic links, 7 bytes copied");
        report.skip(Path::new(""), Why::Unreadable);
        report.skip(Path::new("a/b"), Why::Special);
        let expected = "; 2 left out: all of it (this user may not read it), a/b (a device, socket or pipe)";
        assert!(report.to_string().ends_with(expected), "{report}");
        for _ in 0..20 {
            report.skip(Path::new("x"), Why::Special);
        }
        assert!(report.to_string().ends_with(" and 6 more"), "{report}");
    }
}
