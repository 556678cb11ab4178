//! Our program's command line, run once: for the tests of the command line too.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

/// Runs it, with something on its standard input.
pub(crate) fn run(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pod-hardener"))
        .args(args)
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("our program");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    // On its own thread: the program may write before it has read everything.
    let writer = std::thread::spawn(move || {
        // A program that ends early says why in its exit code.
        let _ended = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().expect("its output");
    writer.join().expect("the input was written");
    output
}
