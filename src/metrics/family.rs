//! What a metric is, and its labels.

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size.
    Histogram,
}

impl Kind {
    /// As Prometheus names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A label and all its values.
#[derive(Debug, Clone, Copy)]
pub struct LabelNames {
    /// The label's name.
    pub name: &'static str,
    /// Every value it can have.
    pub values: fn() -> Vec<&'static str>,
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What it says.
    pub help: &'static str,
    /// Its labels.
    pub labels: &'static [LabelNames],
    query: Option<&'static str>,
}

impl Family {
    /// Gives it a question of its own.
    pub(super) const fn asked(self, query: &'static str) -> Self {
        Self { query: Some(query), ..self }
    }

    /// A question that it answers, in PromQL: its own, or what one asks of any metric of its kind.
    #[must_use]
    pub fn query(&self) -> String {
        if let Some(query) = self.query {
            return query.to_owned();
        }
        let names: Vec<&str> = self.labels.iter().map(|label| label.name).collect();
        let by = |names: &[&str]| {
            if names.is_empty() { String::new() } else { format!(" by ({})", names.join(", ")) }
        };
        match self.kind {
            Kind::Counter => format!("sum{} (increase({}[1h]))", by(&names), self.name),
            Kind::Gauge => format!("max{} ({})", by(&names), self.name),
            Kind::Histogram => {
                let by = by(&[&names[..], &["le"]].concat());
                format!("histogram_quantile(0.99, sum{by} (rate({}_bucket[5m])))", self.name)
            }
        }
    }

    /// How many time series it has.
    #[must_use]
    pub fn series(&self) -> usize {
        let combinations: usize = self.labels.iter().map(|label| (label.values)().len()).product();
        let each = match self.kind {
            Kind::Counter | Kind::Gauge => 1,
            // Also the bucket without a bound, the sum and the count.
            Kind::Histogram => DURATION_BUCKETS.len() + 3,
        };
        combinations * each
    }
}

/// The upper bounds of the histogram's buckets, in seconds: a review takes tens of microseconds.
pub const DURATION_BUCKETS: [f64; 12] =
    [0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0];

pub(super) const fn label(name: &'static str, values: fn() -> Vec<&'static str>) -> LabelNames {
    LabelNames { name, values }
}

pub(super) const fn family(
    name: &'static str,
    kind: Kind,
    help: &'static str,
    labels: &'static [LabelNames],
) -> Family {
    Family { name, kind, help, labels, query: None }
}
