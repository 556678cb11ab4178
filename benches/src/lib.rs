//! What the benchmarks share: reviews as an API server sends them, the load, statistics, the table.
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

pub mod load;
pub mod program;
pub mod review;
pub mod room;
pub mod rounds;
pub mod stats;
pub mod table;
