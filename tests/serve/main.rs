//! The webhook from outside: real sockets on loopback, real TLS.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod authority;
mod cardinality;
mod certificates;
mod client;
mod harness;
mod lifecycle;
mod limits;
mod page;
mod policy_files;
mod program;
mod reviews;
mod rotation;
