//! Panels, as Grafana reads them.

use serde_json::{Value, json};

use super::link;
use crate::monitoring::runbook;

/// How wide Grafana's grid is.
const WIDTH: u32 = 24;

/// Panels below a title.
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) panels: &'static [Panel],
}

/// One panel.
pub(super) struct Panel {
    pub(super) title: &'static str,
    /// What one sees in it.
    pub(super) about: &'static str,
    pub(super) show: Show,
    /// As Grafana names units.
    pub(super) unit: &'static str,
    /// Each with what its lines are called: a template of Grafana.
    pub(super) queries: &'static [(&'static str, &'static str)],
    /// Of [`WIDTH`].
    pub(super) width: u32,
    /// The alerts that are about the same.
    pub(super) alerts: &'static [&'static str],
}

/// How it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    /// Over time.
    Lines,
    /// Over time, one upon the other.
    Areas,
    /// One number, which is well whatever it is.
    Number,
    /// One number that should be nothing.
    Zero,
    /// One number that should not be nothing.
    NotZero,
    /// Days that are left: a week is few, a day is too few.
    DaysLeft,
    /// A bar for each.
    Bars,
    /// A line for each.
    Table,
    /// A histogram over time.
    Heat,
}

impl Show {
    const fn height(self) -> u32 {
        match self {
            Self::Number | Self::Zero | Self::NotZero | Self::DaysLeft => 4,
            Self::Lines | Self::Areas | Self::Heat => 8,
            Self::Bars | Self::Table => 10,
        }
    }

    const fn kind(self) -> &'static str {
        match self {
            Self::Lines | Self::Areas => "timeseries",
            Self::Number | Self::Zero | Self::NotZero | Self::DaysLeft => "stat",
            Self::Bars => "bargauge",
            Self::Table => "table",
            Self::Heat => "heatmap",
        }
    }

    /// What is asked once, rather than over time.
    const fn is_instant(self) -> bool {
        matches!(self, Self::Number | Self::Zero | Self::NotZero | Self::DaysLeft | Self::Bars | Self::Table)
    }

    const fn format(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Heat => "heatmap",
            _ => "time_series",
        }
    }

    /// Colours from which value on.
    fn thresholds(self) -> Value {
        let steps = match self {
            Self::Zero => json!([{"value": null, "color": "green"}, {"value": 1, "color": "red"}]),
            Self::NotZero => json!([{"value": null, "color": "red"}, {"value": 1, "color": "green"}]),
            Self::DaysLeft => json!([
                {"value": null, "color": "red"}, {"value": 1, "color": "orange"}, {"value": 7, "color": "green"},
            ]),
            _ => json!([{"value": null, "color": "blue"}]),
        };
        json!({"mode": "absolute", "steps": steps})
    }

    fn options(self) -> Value {
        let tooltip = json!({"mode": "multi", "sort": "desc"});
        let legend = json!({"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []});
        let last = json!({"values": false, "calcs": ["lastNotNull"], "fields": ""});
        match self {
            Self::Lines | Self::Areas => json!({"legend": legend, "tooltip": tooltip}),
            Self::Number | Self::Zero | Self::NotZero | Self::DaysLeft => json!({
                "graphMode": "none", "colorMode": "value", "justifyMode": "auto", "textMode": "auto",
                "wideLayout": true, "showPercentChange": false, "percentChangeColorMode": "standard",
                "reduceOptions": last, "orientation": "auto",
            }),
            Self::Bars => json!({
                "displayMode": "gradient", "valueMode": "color", "namePlacement": "left", "showUnfilled": true,
                "sizing": "auto", "minVizWidth": 8, "minVizHeight": 16, "maxVizHeight": 300,
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": false, "calcs": []},
                "reduceOptions": last, "orientation": "horizontal",
            }),
            Self::Table => json!({"frameIndex": 0, "showHeader": true}),
            Self::Heat => json!({
                "calculate": false,
                "color": {"mode": "scheme", "scheme": "Blues", "fill": "blue", "exponent": 0.5, "steps": 64, "reverse": false},
                "showValue": "never",
                "yAxis": {"unit": "s"},
                "legend": {"show": true},
                "tooltip": {"mode": "single", "yHistogram": true},
                "exemplars": {"color": "orange"},
                "rowsFrame": {"layout": "auto"},
                "cellGap": 1,
            }),
        }
    }

    fn custom(self) -> Option<Value> {
        match self {
            Self::Lines => Some(json!({"lineWidth": 1, "fillOpacity": 0, "showPoints": "never"})),
            Self::Areas => Some(json!({
                "lineWidth": 1, "fillOpacity": 40, "showPoints": "never",
                "stacking": {"mode": "normal", "group": "A"},
            })),
            _ => None,
        }
    }
}

/// All panels with their places, from left to right and from the top.
pub(super) fn placed(rows: &[Row]) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    let mut top = 0;
    for row in rows {
        let id = out.len() + 1;
        out.push(json!({
            "type": "row", "id": id, "title": row.title, "collapsed": false, "panels": [],
            "gridPos": {"h": 1, "w": WIDTH, "x": 0, "y": top},
        }));
        top += 1;
        let (mut left, mut height) = (0, 0);
        for panel in row.panels {
            if left + panel.width > WIDTH {
                (top, left, height) = (top + height, 0, 0);
            }
            out.push(panel.to_json(out.len() + 1, left, top));
            left += panel.width;
            height = height.max(panel.show.height());
        }
        top += height;
    }
    out
}

impl Panel {
    fn to_json(&self, id: usize, left: u32, top: u32) -> Value {
        let datasource = json!({"type": "prometheus", "uid": "${datasource}"});
        let targets = self.queries.iter().zip('A'..='Z').map(|((expr, legend), letter)| {
            let instant = self.show.is_instant();
            json!({
                "datasource": datasource, "refId": letter, "expr": expr, "legendFormat": legend,
                "format": self.show.format(), "instant": instant, "range": !instant,
            })
        });
        let mut defaults = json!({"unit": self.unit, "thresholds": self.show.thresholds()});
        defaults["color"] = match self.show {
            Show::Lines | Show::Areas => json!({"mode": "palette-classic"}),
            _ => json!({"mode": "thresholds"}),
        };
        if let Some(custom) = self.show.custom() {
            defaults["custom"] = custom;
        }
        if self.unit == "percentunit" {
            defaults["min"] = json!(0);
            defaults["max"] = json!(1);
        }
        let links: Vec<Value> = self.alerts.iter().map(|alert| link(alert, &runbook(alert), "doc")).collect();
        json!({
            "type": self.show.kind(),
            "id": id,
            "title": self.title,
            "description": self.about,
            "datasource": datasource,
            "gridPos": {"h": self.show.height(), "w": self.width, "x": left, "y": top},
            "targets": targets.collect::<Vec<Value>>(),
            "fieldConfig": {"defaults": defaults, "overrides": []},
            "options": self.show.options(),
            "links": links,
        })
    }
}
