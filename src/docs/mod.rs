//! Documentation made from what the code says of itself.

pub mod crd;
mod crd_checks;
pub mod profiles;
pub mod rules;
pub mod schema;
