//! Dashboards for Grafana. What is on them stands in `overview` and `operations`; how that is written, in `panel`.

mod guard;
mod inside;
mod operations;
mod overview;
mod panel;

use anyhow::Result;
use serde_json::{Value, json};

use super::RUNBOOKS;
use panel::Row;

/// A page of panels.
pub(super) struct Dashboard {
    /// Part of its address in Grafana, and of its file's name.
    name: &'static str,
    title: &'static str,
    description: &'static str,
    rows: &'static [Row],
}

const ALL: [&Dashboard; 2] = [&overview::OVERVIEW, &operations::OPERATIONS];

/// The dashboards, by the names of their files.
pub(crate) fn files() -> Result<Vec<(String, String)>> {
    let file = |dashboard: &&Dashboard| {
        let text = serde_json::to_string_pretty(&dashboard.to_json())?;
        Ok((format!("{}.json", dashboard.name), format!("{text}\n")))
    };
    ALL.iter().map(file).collect()
}

/// Every query, with its panel's title.
pub(crate) fn queries() -> impl Iterator<Item = (&'static str, &'static str)> {
    let panels = ALL.into_iter().flat_map(|dashboard| dashboard.rows).flat_map(|row| row.panels);
    panels.flat_map(|panel| panel.queries.iter().map(|(query, _)| (panel.title, *query)))
}

impl Dashboard {
    fn to_json(&self) -> Value {
        json!({
            "uid": format!("pod-hardener-{}", self.name),
            "title": self.title,
            "description": self.description,
            "tags": ["kubernetes", "security", "pod-hardener"],
            "timezone": "browser",
            "editable": true,
            "graphTooltip": 1,
            "time": {"from": "now-6h", "to": "now"},
            "refresh": "1m",
            "schemaVersion": 41,
            "panels": panel::placed(self.rows),
            "templating": {"list": [{
                "type": "datasource",
                "name": "datasource",
                "label": "Data source",
                "query": "prometheus",
                "hide": 0,
            }]},
            "annotations": {"list": []},
            "links": [
                link("Runbooks", &format!("{RUNBOOKS}/README.md"), "doc"),
                {
                    "title": "pod-hardener",
                    "type": "dashboards",
                    "icon": "external link",
                    "tooltip": "",
                    "tags": ["pod-hardener"],
                    "asDropdown": false,
                    "targetBlank": false,
                    "includeVars": true,
                    "keepTime": true,
                },
            ],
        })
    }
}

/// A link to a page elsewhere.
fn link(title: &str, url: &str, icon: &str) -> Value {
    json!({
        "title": title,
        "type": "link",
        "url": url,
        "icon": icon,
        "tooltip": "",
        "tags": [],
        "asDropdown": false,
        "targetBlank": true,
        "includeVars": false,
        "keepTime": false,
    })
}
