//! What `harden` reads: files, directories, standard input.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use pod_hardener::manifest::{ManifestError, Syntax};

/// Something to read.
#[derive(Debug)]
pub(super) enum Input {
    Stdin,
    File(PathBuf),
}

impl Input {
    /// As messages and diffs call it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Stdin => "stdin".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Its text; the error has no name in it.
    pub(super) fn read(&self) -> Result<String, String> {
        let mut bytes = Vec::new();
        let read = match self {
            Self::Stdin => io::stdin().lock().read_to_end(&mut bytes).map(|_| ()),
            Self::File(path) => fs::read(path).map(|read| bytes = read),
        };
        read.map_err(|error| format!(": {error}"))?;
        String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
            format!(":{}", ManifestError::at(&text, valid, 1, "not UTF-8"))
        })
    }

    /// By its name, or else by its text.
    pub(super) fn syntax(&self, text: &str) -> Syntax {
        match self {
            Self::File(path) if has_extension(path, &["json"]) => Syntax::Json,
            _ => Syntax::guess(text),
        }
    }
}

/// The inputs that paths stand for, in order; a directory stands for the manifests below it.
pub(super) fn expand(paths: &[PathBuf]) -> Vec<Result<Input, String>> {
    if paths.is_empty() {
        return vec![Ok(Input::Stdin)];
    }
    let mut inputs = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            inputs.push(Ok(Input::Stdin));
        } else if path.is_dir() {
            walk(path, &mut inputs);
        } else {
            inputs.push(Ok(Input::File(path.clone())));
        }
    }
    inputs
}

/// Sorted, so that output is the same everywhere. Linked files are read, linked directories are not entered.
fn walk(directory: &Path, inputs: &mut Vec<Result<Input, String>>) {
    let entries = fs::read_dir(directory).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) => return inputs.push(Err(format!("{}: {error}", directory.display()))),
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&path, inputs);
        } else if has_extension(&path, &["yaml", "yml", "json"]) && !path.is_dir() {
            inputs.push(Ok(Input::File(path)));
        }
    }
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| extensions.iter().any(|one| extension.eq_ignore_ascii_case(one)))
}
