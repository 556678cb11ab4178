//! `cargo xtask faults`: the table of docs/faults.md.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};

use crate::generate::parts;
use crate::{node, run, test};

const PAGE: &str = "docs/faults.md";

/// What the tests take as a setting, and where they leave the table's rows, a file for each.
const PODS: &str = "FAULTS_PODS";
const ROWS: &str = "FAULTS_ROWS";

const HEAD: &str = "\
| what happens | pods | refused without us | refused | unhardened | refused, backstop | unhardened, backstop \
| longest without us | longest | well after | made anew after |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
";

/// How much of it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many pods are created during each fault, at least, in each of three ways
    #[arg(long, default_value_t = 300)]
    pods: u32,
    /// Print the table, and leave docs/faults.md as it is
    #[arg(long)]
    print: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    if let Some(reason) = node::missing() {
        bail!("{reason}");
    }
    let rows = run::root().join("target/faults");
    if rows.exists() {
        std::fs::remove_dir_all(&rows).with_context(|| format!("cannot remove {}", rows.display()))?;
    }
    std::fs::create_dir_all(&rows).with_context(|| format!("cannot make {}", rows.display()))?;
    let mut command = test::on_node(node::archives()?)?;
    command
        .args(["faults::", "--test-threads=1", "--nocapture"])
        .env(PODS, args.pods.max(1).to_string())
        .env(ROWS, &rows);
    run::check(&mut command)?;
    parts::show(PAGE, "faults", &table(&rows)?, args.print)
}

/// The rows, in the order of their files' names.
fn table(rows: &std::path::Path) -> Result<String> {
    let unreadable = || format!("cannot read {}", rows.display());
    let entries = std::fs::read_dir(rows).with_context(unreadable)?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    let mut table = HEAD.to_owned();
    for file in files {
        write!(table, "{}", std::fs::read_to_string(&file).with_context(unreadable)?)?;
    }
    Ok(table)
}
