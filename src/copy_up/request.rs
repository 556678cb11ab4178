//! What to copy, as an argument: `DIRECTORY:TARGET[:LIMIT]`.

use std::path::PathBuf;
use std::str::FromStr;

use crate::view::thousandths;

/// A directory to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Where it is in the image: absolute.
    pub path: String,
    /// What is to become a copy of it; the directory above is there.
    pub target: PathBuf,
    /// So many bytes at most, each file and directory taking whole blocks.
    pub limit: Option<u64>,
}

impl FromStr for Request {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, ':');
        let path = parts.next().unwrap_or_default();
        let target = parts.next().unwrap_or_default();
        if !path.starts_with('/') || !target.starts_with('/') || target.ends_with('/') {
            return Err("write DIRECTORY:TARGET or DIRECTORY:TARGET:LIMIT, both absolute");
        }
        let bytes = |limit: &str| {
            let bytes = thousandths(limit).and_then(|thousandths| u64::try_from(thousandths / 1000).ok());
            bytes.ok_or("the limit must be a quantity of bytes such as 512Mi")
        };
        let limit = parts.next().map(bytes).transpose()?;
        Ok(Self { path: path.to_owned(), target: target.into(), limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_it_is_written() {
        let request =
            |path: &str, target: &str, limit| Request { path: path.into(), target: target.into(), limit };
        for (text, expected) in [
            ("/srv:/copy-up/0/content", Some(request("/srv", "/copy-up/0/content", None))),
            ("/srv:/to/x:512Mi", Some(request("/srv", "/to/x", Some(512 << 20)))),
            ("/srv:/to/x:100", Some(request("/srv", "/to/x", Some(100)))),
            ("/srv:/to/x:much", None),
            ("/srv:/to/x:-1", None),
            ("/srv", None),
            ("srv:/to/x", None),
            ("/srv:to/x", None),
            ("/srv:/to/", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
    }
}
