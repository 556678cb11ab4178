//! Handles of series, by the index of their labels' variants, and how they come into a registry.

use std::marker::PhantomData;
use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use super::family::{DURATION_BUCKETS, Family};
use super::reason::Label;

/// Counters by a label's variants.
#[derive(Debug)]
pub struct Counters<L> {
    counters: Vec<IntCounter>,
    label: PhantomData<L>,
}

impl<L: Label> Counters<L> {
    pub(super) fn new(registry: &Registry, family: &Family) -> Result<Self, prometheus::Error> {
        Ok(Self { counters: counters(registry, family)?, label: PhantomData })
    }

    /// Counts one.
    pub fn count(&self, label: L) {
        if let Some(counter) = self.counters.get(label.index()) {
            counter.inc();
        }
    }

    /// How many there were.
    #[must_use]
    pub fn get(&self, label: L) -> u64 {
        self.counters.get(label.index()).map_or(0, IntCounter::get)
    }
}

/// Gauges by a label's variants.
#[derive(Debug)]
pub struct Gauges<L> {
    gauges: Vec<IntGauge>,
    label: PhantomData<L>,
}

impl<L: Label> Gauges<L> {
    pub(super) fn new(registry: &Registry, family: &Family) -> Result<Self, prometheus::Error> {
        Ok(Self { gauges: gauges(registry, family)?, label: PhantomData })
    }

    /// Says how many there are now.
    pub fn set(&self, label: L, count: usize) {
        if let Some(gauge) = self.gauges.get(label.index()) {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    pub(super) fn get(&self, label: L) -> i64 {
        self.gauges.get(label.index()).map_or(0, IntGauge::get)
    }
}

/// Counters by the variants of two labels.
#[derive(Debug)]
pub struct CountersOfTwo<A, B> {
    counters: Vec<IntCounter>,
    labels: PhantomData<(A, B)>,
}

impl<A: Label, B: Label> CountersOfTwo<A, B> {
    pub(super) fn new(registry: &Registry, family: &Family) -> Result<Self, prometheus::Error> {
        Ok(Self { counters: counters(registry, family)?, labels: PhantomData })
    }

    /// Counts one.
    pub fn count(&self, first: A, second: B) {
        count(&self.counters, first.index() * B::ALL.len() + second.index());
    }
}

/// A gauge of things that are there now.
#[derive(Debug)]
pub struct Present(pub(super) IntGauge);

impl Present {
    /// One more, until the guard is dropped.
    #[must_use]
    pub fn enter(&self) -> Entered<'_> {
        self.0.inc();
        Entered(&self.0)
    }
}

/// One of the things that a gauge counts.
#[derive(Debug)]
pub struct Entered<'g>(&'g IntGauge);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A gauge of bytes that are taken now.
#[derive(Debug, Clone)]
pub struct ByteGauge(pub(super) IntGauge);

impl ByteGauge {
    /// So many more, until the guard is dropped.
    #[must_use]
    pub fn take(&self, bytes: u32) -> TakenBytes {
        let bytes = i64::from(bytes);
        self.0.add(bytes);
        TakenBytes(self.0.clone(), bytes)
    }
}

/// Some of the bytes that a gauge counts.
#[derive(Debug)]
pub struct TakenBytes(IntGauge, i64);

impl Drop for TakenBytes {
    fn drop(&mut self) {
        self.0.sub(self.1);
    }
}

pub(super) fn count(counters: &[IntCounter], index: usize) {
    if let Some(counter) = counters.get(index) {
        counter.inc();
    }
}

pub(super) fn observe(histograms: &[Histogram], index: usize, took: Duration) {
    if let Some(histogram) = histograms.get(index) {
        histogram.observe(took.as_secs_f64());
    }
}

/// Every combination of a family's label values, the last label's changing fastest.
pub(super) fn combinations(family: &Family) -> Vec<Vec<&'static str>> {
    family.labels.iter().fold(vec![Vec::new()], |heads, label| {
        let values = (label.values)();
        let extended = heads.iter().flat_map(|head| {
            values.iter().map(move |value| head.iter().copied().chain([*value]).collect::<Vec<_>>())
        });
        extended.collect()
    })
}

fn label_names(family: &Family) -> Vec<&'static str> {
    family.labels.iter().map(|label| label.name).collect()
}

pub(super) fn counters(registry: &Registry, family: &Family) -> Result<Vec<IntCounter>, prometheus::Error> {
    let vector = IntCounterVec::new(Opts::new(family.name, family.help), &label_names(family))?;
    registry.register(Box::new(vector.clone()))?;
    combinations(family).iter().map(|values| vector.get_metric_with_label_values(values)).collect()
}

pub(super) fn gauges(registry: &Registry, family: &Family) -> Result<Vec<IntGauge>, prometheus::Error> {
    let vector = IntGaugeVec::new(Opts::new(family.name, family.help), &label_names(family))?;
    registry.register(Box::new(vector.clone()))?;
    combinations(family).iter().map(|values| vector.get_metric_with_label_values(values)).collect()
}

pub(super) fn histograms(registry: &Registry, family: &Family) -> Result<Vec<Histogram>, prometheus::Error> {
    let options = HistogramOpts::new(family.name, family.help).buckets(DURATION_BUCKETS.to_vec());
    let vector = HistogramVec::new(options, &label_names(family))?;
    registry.register(Box::new(vector.clone()))?;
    combinations(family).iter().map(|values| vector.get_metric_with_label_values(values)).collect()
}

pub(super) fn counter(registry: &Registry, family: &Family) -> Result<IntCounter, prometheus::Error> {
    let counter = IntCounter::new(family.name, family.help)?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

pub(super) fn gauge(registry: &Registry, family: &Family) -> Result<IntGauge, prometheus::Error> {
    let gauge = IntGauge::new(family.name, family.help)?;
    registry.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}
