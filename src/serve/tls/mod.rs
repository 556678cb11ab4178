//! Certificates: from files, or made for one run on loopback.

mod ephemeral;
mod error;
mod files;
mod load;
mod rotate;

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio_rustls::rustls::ServerConfig;

pub(super) use ephemeral::ephemeral;
pub use error::CertificateError;
pub(super) use files::Files;
pub(super) use load::{Loaded, Pem};
pub(super) use rotate::Rotation;

/// The TLS configuration that new connections get. It is replaced as a whole: a certificate resolver alone could
/// not replace the client CA.
pub(super) type Current = Arc<ArcSwap<ServerConfig>>;
