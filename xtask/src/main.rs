//! The project's own build commands: `cargo xtask <COMMAND>`.
fn main() {}
