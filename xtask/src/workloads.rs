//! `cargo xtask workloads`: the table of docs/workloads.md.

mod table;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::generate::parts;
use crate::images::workloads::{File, WAYS};
use crate::{images, node, run, test};

const PAGE: &str = "docs/workloads.md";

/// Where what was found is kept, so that only what is new is done.
const RESULTS: &str = "target/workloads";

/// How much of it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these, by the names of their files in tests/workloads
    names: Vec<String>,
    /// Only in this way; may be given several times
    #[arg(long = "as", value_name = "WAY", value_parser = WAYS)]
    ways: Vec<String>,
    /// Also what is known already
    #[arg(long)]
    again: bool,
    /// Run nothing: the table of what is known
    #[arg(long)]
    table: bool,
    /// Print the table, and leave docs/workloads.md as it is
    #[arg(long)]
    print: bool,
    /// How many are run at once
    #[arg(long, default_value_t = 6)]
    at_once: u32,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut workloads = images::workloads::all()?;
    if let Some(unknown) = args.names.iter().find(|name| !workloads.contains_key(*name)) {
        bail!("there is no tests/workloads/{unknown}.yaml");
    }
    let all: Vec<String> = workloads.keys().cloned().collect();
    workloads.retain(|name, _| args.names.is_empty() || args.names.contains(name));
    let results = run::root().join(RESULTS);
    std::fs::create_dir_all(&results).with_context(|| format!("cannot make {}", results.display()))?;
    if !args.table {
        find_out(args, &workloads, &results)?;
    }
    let found = table::read(&results, &all)?;
    let unknown = all.len() * WAYS.len() - found.len();
    if unknown > 0 {
        println!("{unknown} of {} are not known: {PAGE} stays as it is", all.len() * WAYS.len());
    }
    parts::show(PAGE, "workloads", &table::text(&found, &all), args.print || unknown > 0)
}

/// Runs what is not known yet.
fn find_out(args: &Args, workloads: &BTreeMap<String, File>, results: &Path) -> Result<()> {
    if let Some(reason) = node::missing() {
        bail!("{reason}");
    }
    if args.again {
        forget(results, workloads, &args.ways)?;
    }
    // What needs the network comes first.
    let of_workloads = images::workloads::archives(workloads)?;
    let mut archives = node::archives()?;
    archives.extend(of_workloads);
    let mut command = test::on_node(archives)?;
    command
        .args(["running::", "--nocapture"])
        .env("WORKLOADS_RESULTS", results)
        .env("WORKLOADS_NAMES", args.names.join(","))
        .env("WORKLOADS_WAYS", args.ways.join(","))
        .env("WORKLOADS_AT_ONCE", args.at_once.max(1).to_string());
    run::check(&mut command)
}

fn forget(results: &Path, workloads: &BTreeMap<String, File>, ways: &[String]) -> Result<()> {
    for name in workloads.keys() {
        for way in WAYS.iter().filter(|way| ways.is_empty() || ways.iter().any(|other| other == *way)) {
            let file = results.join(name).join(format!("{way}.json"));
            match std::fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", file.display()));
                }
                _ => {}
            }
        }
    }
    Ok(())
}
