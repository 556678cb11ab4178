//! Documentation made from what the code says of itself.

pub mod rules;
pub mod schema;
