//! Alerts and dashboards, for the programs and for people.

use anyhow::Result;

use super::{COMMAND, Page, chart, parts};
use crate::monitoring::alerts::{self, ALERTS};
use crate::monitoring::dashboards;

pub(super) fn pages() -> Result<Vec<Page>> {
    let rules = Page {
        path: "manifests/monitoring/alerts.yaml".to_owned(),
        text: format!(
            "# Rules for a Prometheus without the operator: docs/monitoring.md. Written by `{COMMAND}`.\n{}",
            alerts::rule_file()
        ),
    };
    let tests = Page {
        path: "manifests/monitoring/alerts.test.yaml".to_owned(),
        text: format!(
            "# `promtool test rules alerts.test.yaml`: each alert with series for which it fires, and with some for which it\n\
             # does not. Written by `{COMMAND}`.\n{}",
            alerts::test_file("alerts.yaml")
        ),
    };
    let object = Page {
        path: "manifests/components/monitoring/prometheusrule.yaml".to_owned(),
        text: format!(
            "# The same as manifests/monitoring/alerts.yaml. Written by `{COMMAND}`.\n{}",
            alerts::prometheus_rule()
        ),
    };
    let mut pages = vec![rules, tests, chart::monitoring(&object.text)?, object];
    for (name, text) in dashboards::files()? {
        pages.push(Page { path: format!("manifests/monitoring/dashboards/{name}"), text });
    }
    pages.push(parts::page("docs/monitoring.md", &[("alerts", alerts::markdown())])?);
    for alert in ALERTS {
        pages.push(parts::page(
            &format!("docs/runbooks/{}.md", alert.name),
            &[("alert", alerts::head(alert))],
        )?);
    }
    Ok(pages)
}
