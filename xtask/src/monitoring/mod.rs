//! What Prometheus and Grafana are given: alerts with their tests, and dashboards. Each stands here once; everything
//! below `manifests/` that is about it, and the tables in docs/monitoring.md, are made from it.

pub(crate) mod alerts;
pub(crate) mod dashboards;
mod table;
#[cfg(test)]
mod tests;

/// Where the runbooks of this version are, for who reads an alert or a dashboard far from this repository.
pub(crate) const RUNBOOKS: &str =
    concat!("https://github.com/OWNER/pod-hardener/blob/v", env!("CARGO_PKG_VERSION"), "/docs/runbooks");

/// The page that says what to do about an alert.
pub(crate) fn runbook(alert: &str) -> String {
    format!("{RUNBOOKS}/{alert}.md")
}
