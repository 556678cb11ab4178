//! `cargo xtask bench`: the measurements of docs/benchmarks.md.

use anyhow::Result;
use clap::ValueEnum;

use crate::{assets, run};

const BENCHES: &str = "pod-hardener-bench";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Subject {
    /// Bytes in, response bytes out; and what that allocates
    Engine,
    /// The server against a null webhook; memory; time to the first answer
    Server,
    /// Through a real API server, against its own policy in CEL
    Apiserver,
    /// A server that knows a large cluster: start, memory, and its latency against one that knows an empty one
    Scale,
}

impl Subject {
    const fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Engine => &["engine", "allocations"],
            Self::Server => &["server"],
            Self::Apiserver => &["apiserver"],
            Self::Scale => &["scale"],
        }
    }

    const fn needs_kubernetes(self) -> bool {
        matches!(self, Self::Apiserver | Self::Scale)
    }
}

/// How it is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this
    subject: Option<Subject>,
    /// Finish in seconds: shows that the benchmarks run, not how fast anything is
    #[arg(long)]
    quick: bool,
    /// Fail where a target is missed
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    // The benchmarks start our program and the null webhook, which lie beside them.
    let packages = ["--package", "pod-hardener", "--package", BENCHES, "--bins"];
    run::check(run::cargo(&["build", "--release"]).args(packages))?;
    let subjects = args.subject.as_ref().map_or(Subject::value_variants(), std::slice::from_ref);
    for subject in subjects {
        for program in subject.programs() {
            run::announce(program);
            println!();
            let mut command =
                run::cargo(&["run", "--quiet", "--release", "--package", BENCHES, "--bin", program, "--"]);
            command.args(args.quick.then_some("--quick")).args(args.check.then_some("--check"));
            if subject.needs_kubernetes() {
                command.env(assets::VARIABLE, assets::folders(&assets::NEWEST)?);
            }
            run::check(&mut command)?;
        }
    }
    Ok(())
}
