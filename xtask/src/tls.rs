//! Exactly one TLS provider: two in one program panic at run time, when rustls is to choose.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use crate::run;

const OURS: &str = "ring";

/// Crates that do a TLS library's cryptography, or are one.
const PROVIDERS: [&str; 10] = [
    "aws-lc-rs",
    "aws-lc-sys",
    "boring",
    "graviola",
    "mbedtls",
    "native-tls",
    "openssl",
    "openssl-sys",
    "ring",
    "rustls-symcrypt",
];

pub(crate) fn check() -> Result<()> {
    run::announce("one TLS provider");
    // What we ship, and what the tests and benchmarks add to it: features are unified.
    for edges in ["normal,build", "normal,build,dev"] {
        let tree = run::read(&mut run::cargo(&[
            "tree",
            "--locked",
            "--workspace",
            "--target=all",
            "--prefix=none",
            "--format={p}",
            "--edges",
            edges,
        ]))?;
        let found = providers(&tree);
        if found.iter().ne([&OURS]) {
            bail!("the tree ({edges}) has the TLS providers {found:?}; it may have only {OURS}");
        }
        println!("{edges}: {OURS}, and no other");
    }
    Ok(())
}

fn providers(tree: &str) -> BTreeSet<&str> {
    tree.lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| PROVIDERS.contains(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::providers;

    #[test]
    fn finds_each_provider_once_and_nothing_else() {
        let tree = "rustls v0.23.0\nring v0.17.14\nstring v1.0.0\nring v0.17.14\naws-lc-rs v1.1.0";
        assert_eq!(providers(tree).into_iter().collect::<Vec<_>>(), ["aws-lc-rs", "ring"]);
    }
}
