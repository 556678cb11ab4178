//! The `pod-hardener` program.
fn main() {}
