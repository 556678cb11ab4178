//! What the benchmarks share: reviews as an API server sends them, statistics, the table.
#![allow(clippy::print_stdout)]

pub mod review;
pub mod stats;
pub mod table;
