//! Interleaved rounds: each variant runs once in every round, so that what disturbs the machine disturbs all.

use std::sync::Arc;

use crate::load::{Amount, Outcome, Post, Target};
use crate::stats::{median, quantile};

/// One thing to be compared: a request and where it goes.
pub struct Variant {
    target: Target,
    post: Arc<Post>,
    per_second: Vec<f64>,
    requests: usize,
    p50: Vec<f64>,
    p99: Vec<f64>,
}

impl Variant {
    /// Nothing is measured yet.
    #[must_use]
    pub const fn new(target: Target, post: Arc<Post>) -> Self {
        Self { target, post, per_second: Vec::new(), requests: 0, p50: Vec::new(), p99: Vec::new() }
    }

    async fn round(&mut self, amount: Amount) -> anyhow::Result<()> {
        let Outcome { mut latencies, per_second } = self.target.load(&self.post, amount).await?;
        self.per_second.push(per_second);
        self.requests += latencies.len();
        self.p50.push(quantile(&mut latencies, 0.5));
        self.p99.push(quantile(&mut latencies, 0.99));
        Ok(())
    }

    /// Requests per second, the median of all rounds.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        median(&mut self.per_second.clone())
    }

    /// How many there were, in all rounds.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub const fn requests(&self) -> f64 {
        self.requests as f64
    }

    /// The median latency in milliseconds, the median of all rounds.
    #[must_use]
    pub fn p50(&self) -> f64 {
        median(&mut self.p50.clone())
    }

    /// The latency in milliseconds that one in a hundred exceeds, the median of all rounds.
    #[must_use]
    pub fn p99(&self) -> f64 {
        median(&mut self.p99.clone())
    }

    /// This one's throughput by the other's, the median of the ratios of each round.
    #[must_use]
    pub fn throughput_ratio(&self, other: &Self) -> f64 {
        ratio(&self.per_second, &other.per_second)
    }

    /// This one's median latency by the other's, the median of the ratios of each round.
    #[must_use]
    pub fn latency_ratio(&self, other: &Self) -> f64 {
        ratio(&self.p50, &other.p50)
    }
}

fn ratio(these: &[f64], others: &[f64]) -> f64 {
    let mut ratios: Vec<f64> = these.iter().zip(others).map(|(this, other)| this / other).collect();
    median(&mut ratios)
}

/// Runs the rounds; every other one in reverse order, so that nobody always comes first.
///
/// # Errors
/// When an answer is missing.
pub async fn interleave(variants: &mut [Variant], rounds: usize, amount: Amount) -> anyhow::Result<()> {
    for round in 0..rounds {
        if round % 2 == 0 {
            for variant in variants.iter_mut() {
                variant.round(amount).await?;
            }
        } else {
            for variant in variants.iter_mut().rev() {
                variant.round(amount).await?;
            }
        }
    }
    Ok(())
}
