//! What is linked into the program: a bill of materials in CycloneDX, made from what cargo resolves.
//!
//! The same checkout gives the same bytes: there is neither a time nor a serial number in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use cyclonedx_bom::external_models::spdx::SpdxExpression;
use cyclonedx_bom::models::component::{Classification, Component, Components};
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::models::metadata::Metadata;
use cyclonedx_bom::prelude::{Bom, Purl, SpecVersion, Validate};

use crate::run;

/// For which an image is built.
const TARGETS: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];

/// `cargo xtask sbom`: to a file, or printed.
pub(crate) fn write(file: Option<&Path>) -> Result<()> {
    let text = text(&linked()?)?;
    match file {
        Some(file) => std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display())),
        None => {
            print!("{text}");
            Ok(())
        }
    }
}

/// Checks that it can be made, and that what was made says what it has to.
pub(crate) fn check() -> Result<()> {
    run::announce("bill of materials");
    let linked = linked()?;
    let text = text(&linked)?;
    let read = Bom::parse_from_json(text.as_bytes()).context("what was written cannot be read")?;
    ensure!(read.validate_version(SpecVersion::V1_5).passed(), "what was written is no CycloneDX 1.5");
    // What it is about stands apart from what that is made of.
    let subject = read.metadata.and_then(|metadata| metadata.component);
    let components = read.components.map(|components| components.0).unwrap_or_default();
    let named: BTreeSet<String> =
        components.iter().chain(&subject).map(|component| component.name.to_string()).collect();
    for package in linked.keys() {
        ensure!(named.contains(&package.name), "{} is not in the bill of materials", package.name);
    }
    for component in &components {
        let has = component.purl.is_some() && component.licenses.is_some() && component.version.is_some();
        ensure!(has, "{} lacks its version, licence or address", component.name);
    }
    println!("{} components, each with version, licence and address", components.len());
    Ok(())
}

/// A crate that is linked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    licence: String,
}

impl Package {
    fn reference(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version)
    }
}

/// Every crate that is linked, with those that it needs itself.
type Linked = BTreeMap<Package, BTreeSet<Package>>;

/// As cargo resolves it for this package alone: not what tests, benchmarks and build scripts need.
fn linked() -> Result<Linked> {
    let mut tree = run::cargo(&["tree", "--locked", "--package=pod-hardener", "--prefix=depth"]);
    tree.args(["--edges=normal,no-proc-macro", "--format={p}\t{l}"]);
    tree.args(TARGETS.map(|target| format!("--target={target}")));
    parse(&run::read(&mut tree)?)
}

/// Lines such as `2anstyle v1.0.14<tab>MIT OR Apache-2.0`: how deep, what, its licence.
fn parse(tree: &str) -> Result<Linked> {
    let mut linked = Linked::new();
    let mut above: Vec<Package> = Vec::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let (depth, package) =
            package(line).with_context(|| format!("cargo tree wrote what is not understood: {line}"))?;
        above.truncate(depth);
        if let Some(parent) = above.last() {
            linked.entry(parent.clone()).or_default().insert(package.clone());
        }
        linked.entry(package.clone()).or_default();
        above.push(package);
    }
    Ok(linked)
}

fn package(line: &str) -> Option<(usize, Package)> {
    let (what, licence) = line.split_once('\t')?;
    let digits = what.find(|c: char| !c.is_ascii_digit())?;
    let (depth, what) = what.split_at(digits);
    let mut words = what.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    // `(*)`: what it needs stands further up.
    let licence = licence.trim_end_matches("(*)").trim();
    let package = Package { name: name.to_owned(), version: version.to_owned(), licence: licence.to_owned() };
    Some((depth.parse().ok()?, package))
}

fn text(linked: &Linked) -> Result<String> {
    let checksums = checksums()?;
    let mut components = Vec::new();
    let mut own = None;
    for package in linked.keys() {
        let checksum = checksums.get(&(package.name.clone(), package.version.clone()));
        let component = component(package, checksum)?;
        if package.name == "pod-hardener" { own = Some(component) } else { components.push(component) }
    }
    components.push(standard_library()?);
    let dependencies = linked.iter().map(|(package, needed)| Dependency {
        dependency_ref: package.reference(),
        dependencies: needed.iter().map(Package::reference).collect(),
    });
    let bom = Bom {
        version: 1,
        serial_number: None,
        metadata: Some(Metadata { component: own, ..Metadata::default() }),
        components: Some(Components(components)),
        dependencies: Some(Dependencies(dependencies.collect())),
        spec_version: SpecVersion::V1_5,
        ..Bom::default()
    };
    ensure!(bom.validate_version(SpecVersion::V1_5).passed(), "what was made is no CycloneDX 1.5");
    let mut text = Vec::new();
    bom.output_as_json_v1_5(&mut text).context("it cannot be written")?;
    text.push(b'\n');
    Ok(String::from_utf8(text)?)
}

fn component(package: &Package, checksum: Option<&String>) -> Result<Component> {
    let Package { name, version, licence } = package;
    let is_own = name == "pod-hardener";
    if checksum.is_none() && !is_own {
        bail!("Cargo.lock has no checksum of {name} {version}");
    }
    let kind = if is_own { Classification::Application } else { Classification::Library };
    let mut component = Component::new(kind, name, version, Some(package.reference()));
    component.purl = Some(Purl::new("cargo", name, version).context("no address")?);
    component.licenses = Some(licences(licence).with_context(|| format!("the licence of {name}"))?);
    component.hashes = checksum.map(|checksum| {
        Hashes(vec![Hash { alg: HashAlgorithm::SHA_256, content: HashValue(checksum.clone()) }])
    });
    Ok(component)
}

fn licences(expression: &str) -> Result<Licenses> {
    let expression = SpdxExpression::parse_lax(expression.to_owned())?;
    Ok(Licenses(vec![LicenseChoice::Expression(expression)]))
}

/// Of Rust, which is linked as well, in the version of the compiler that this runs with.
fn standard_library() -> Result<Component> {
    let text = run::read(Command::new("rustc").arg("-vV").current_dir(run::root()))?;
    let version =
        text.lines().find_map(|line| line.strip_prefix("release: ")).context("rustc has no release")?;
    let reference = format!("pkg:generic/rust-std@{version}");
    let mut component = Component::new(Classification::Library, "rust-std", version, Some(reference));
    component.purl = Some(Purl::new("generic", "rust-std", version).context("no address")?);
    component.licenses = Some(licences("MIT OR Apache-2.0")?);
    Ok(component)
}

/// What Cargo.lock says of the crates' archives, by name and version.
fn checksums() -> Result<BTreeMap<(String, String), String>> {
    let lock = std::fs::read_to_string(run::root().join("Cargo.lock")).context("cannot read Cargo.lock")?;
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
        line.map(|text| text.trim_matches('"').to_owned())
    };
    let blocks = lock
        .split("[[package]]")
        .map(|block| Some(((value(block, "name")?, value(block, "version")?), value(block, "checksum")?)));
    Ok(blocks.flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::{parse, text};

    const TREE: &str = "0pod-hardener v0.1.0 (/src)\tApache-2.0\n1anyhow v1.0.104\tMIT/Apache-2.0\n\
        1clap v4.6.9\tMIT\n2anyhow v1.0.104\tMIT/Apache-2.0 (*)\n2strsim v0.11.1\tMIT\n1strsim v0.11.1\tMIT\n";

    #[test]
    fn a_tree_says_who_needs_whom() -> anyhow::Result<()> {
        let linked = parse(TREE)?;
        let needs = |name: &str| {
            let mut all = linked.iter().filter(|(package, _)| package.name == name);
            let needed = all.next().map(|(_, needed)| needed).into_iter().flatten();
            needed.map(|package| package.name.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(linked.len(), 4);
        assert_eq!(needs("pod-hardener"), ["anyhow", "clap", "strsim"]);
        assert_eq!(needs("clap"), ["anyhow", "strsim"]);
        assert!(needs("strsim").is_empty());
        assert!(parse("nonsense").is_err());
        Ok(())
    }

    #[test]
    fn what_cargo_did_not_check_is_an_error() -> anyhow::Result<()> {
        let linked = parse("0pod-hardener v0.1.0 (/src)\tApache-2.0\n1nobody v9.9.9\tMIT\n")?;
        assert!(text(&linked).is_err_and(|error| error.to_string().contains("nobody")));
        let linked = parse("0pod-hardener v0.1.0 (/src)\tas you like it\n")?;
        assert!(text(&linked).is_err());
        Ok(())
    }
}
