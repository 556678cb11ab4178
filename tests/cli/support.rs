//! Running the program.

use std::path::PathBuf;

use serde_json::Value;

#[path = "../e2e/ours.rs"]
mod ours;

/// What a run left behind.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The program, with input on its standard input.
pub(crate) fn run_with(arguments: &[&str], input: &str) -> Run {
    let output = ours::run(arguments, input);
    Run {
        code: output.status.code().expect("ended by itself"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

pub(crate) fn run(arguments: &[&str]) -> Run {
    run_with(arguments, "")
}

/// Hardens a text without warnings; it must succeed.
pub(crate) fn harden(input: &str, arguments: &[&str]) -> String {
    let run = run_with(&[&["harden", "-q", "-"], arguments].concat(), input);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.stderr, "");
    run.stdout
}

/// Every document, as values.
pub(crate) fn values(input: &str, arguments: &[&str]) -> Vec<Value> {
    let json = harden(input, &[&["-o", "json"], arguments].concat());
    serde_json::Deserializer::from_str(&json).into_iter().map(|value| value.expect("JSON")).collect()
}

/// Files in a directory of their own.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().expect("in the directory")).expect("a directory");
            std::fs::write(path, text).expect("a file");
        }
        Self(directory)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        let path: PathBuf = self.0.path().join(name);
        path.to_str().expect("UTF-8").to_owned()
    }
}

/// A pod that needs hardening.
pub(crate) const POD: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  containers:
  - name: web
    image: shop:1
";

/// What is no pod, written as nobody would format it.
pub(crate) const CONFIG_MAP: &str = "\
# a comment
apiVersion:   v1
kind: ConfigMap   # trailing
metadata: {name:  'c'}
data:
    b: |
        text

    a: \"x\"
";
