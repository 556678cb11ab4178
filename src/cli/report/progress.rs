//! How far reading a large cluster is: a bar on standard error, where that is a terminal.

use std::io::{self, IsTerminal as _, Write as _};

const WIDTH: usize = 30;

/// A bar that is drawn over itself, and gone when it is dropped.
pub(super) struct Progress {
    shown: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { shown: io::stderr().is_terminal() }
    }

    /// So many pods are read, of so many.
    pub(super) fn pods(&self, read: usize, all: usize) {
        if self.shown {
            self.draw(&line(read, all));
        }
    }

    fn draw(&self, line: &str) {
        // Nobody is left to tell when standard error is gone.
        let _ = write!(io::stderr().lock(), "\r\u{1b}[K{line}").and_then(|()| io::stderr().flush());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            self.draw("");
        }
    }
}

fn line(read: usize, all: usize) -> String {
    let all = all.max(read).max(1);
    let full = WIDTH * read / all;
    format!("reading pods [{}{}] {read} of {all}", "#".repeat(full), ".".repeat(WIDTH - full))
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_bar_is_never_longer_than_it_is() {
        assert_eq!(line(0, 0), format!("reading pods [{}] 0 of 1", ".".repeat(30)));
        assert_eq!(
            line(500, 1000),
            format!("reading pods [{}{}] 500 of 1000", "#".repeat(15), ".".repeat(15))
        );
        assert!(line(7, 3).ends_with(&format!("[{}] 7 of 7", "#".repeat(30))));
    }
}
