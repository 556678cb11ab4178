//! `pod-hardener report` over the whole cluster: how long it takes, and in how much memory.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::Context as _;
use pod_hardener_bench::table::{Options, Table, Target};
use serde_json::Value;

use crate::objects::Size;

/// With 20,000 pods, from an API server that has answered before.
const TARGET_SECONDS: f64 = 10.0;

/// Measures it; of several runs the middle one counts.
pub(crate) fn measure(
    kubeconfig: &Path,
    size: Size,
    options: Options,
    table: &mut Table,
) -> anyhow::Result<()> {
    let runs = if options.quick { 1 } else { 3 };
    let mut seconds = Vec::new();
    let mut detail = String::new();
    for _ in 0..=runs {
        let begin = Instant::now();
        let report = report(kubeconfig)?;
        seconds.push(begin.elapsed().as_secs_f64());
        let count = |name: &str| report.pointer(&format!("/summary/{name}")).and_then(Value::as_u64);
        let (pods, workloads) = (count("pods"), count("workloads"));
        let (pods, workloads) = (pods.context("no pods")?, workloads.context("no workloads")?);
        anyhow::ensure!(pods == size.pods as u64, "{pods} of {} pods", size.pods);
        anyhow::ensure!(workloads == size.deployments as u64, "{workloads} workloads");
        detail = format!("{pods} pods of {workloads} workloads, as JSON");
    }
    // The first one warms the API server.
    let mut warm = seconds.split_off(1);
    warm.sort_by(f64::total_cmp);
    let middle = warm.get(warm.len() / 2).copied().context("no run")?;
    table.row("report of all namespaces", middle, " s", Target::AtMost(TARGET_SECONDS), &detail);
    Ok(())
}

fn report(kubeconfig: &Path) -> anyhow::Result<Value> {
    let program = std::env::current_exe()?.with_file_name("pod-hardener");
    let output = Command::new(program)
        .args(["report", "--all-namespaces", "--output=json", "--kubeconfig"])
        .arg(kubeconfig)
        .stderr(Stdio::inherit())
        .output()?;
    anyhow::ensure!(output.status.success(), "{}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}
