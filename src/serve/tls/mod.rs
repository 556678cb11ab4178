//! Certificates: from files, handed over by who manages them, or made for one run on loopback.

mod ephemeral;
mod error;
mod files;
mod handed;
mod keeper;
mod load;
mod rotate;

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio_rustls::rustls::ServerConfig;

use ephemeral::ephemeral;
pub use error::CertificateError;
use files::Files;
use handed::Handed;
pub(super) use keeper::{Beginning, Keeper};
use load::{Loaded, Pem};
use rotate::Rotation;

/// The TLS configuration that new connections get. It is replaced as a whole: a certificate resolver alone could
/// not replace the client CA.
pub(super) type Current = Arc<ArcSwap<ServerConfig>>;
