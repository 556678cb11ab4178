//! What is printed when the server made its own certificate: how to try it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::Server;

const REVIEW: &str = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","resource":{"group":"","version":"v1","resource":"pods"},"operation":"CREATE","namespace":"default","object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web"},"spec":{"containers":[{"name":"web","image":"nginx"}]}}}}"#;

/// The certificate's file, for as long as it is of use.
#[derive(Debug)]
pub(super) struct PemFile(PathBuf);

impl Drop for PemFile {
    fn drop(&mut self) {
        // It is of no use any more; that it stays does no harm.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Says how to try a server that made its certificate.
pub(super) fn greet(server: &Server) -> Option<PemFile> {
    let pem = server.certificate()?;
    let file = match write(pem) {
        Ok(path) => Some(PemFile(path)),
        Err(error) => {
            tracing::warn!(%error, "the certificate could not be written for clients");
            None
        }
    };
    // Who closed standard output does not read this.
    let _ = print(server, file.as_ref().map(|file| file.0.as_path()), &mut io::stdout().lock());
    file
}

/// A new file of a name that nobody has taken.
fn write(pem: &str) -> io::Result<PathBuf> {
    let folder = std::env::temp_dir();
    for attempt in 0..16 {
        let path = folder.join(format!("pod-hardener-{}-{attempt}.pem", std::process::id()));
        match std::fs::File::create_new(&path) {
            Ok(mut file) => {
                file.write_all(pem.as_bytes())?;
                return Ok(path);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn print(server: &Server, pem: Option<&Path>, out: &mut dyn Write) -> io::Result<()> {
    let (address, admin) = (server.address(), server.admin_address());
    let trust = pem.map_or_else(|| "-k".to_owned(), |pem| format!("--cacert {}", pem.display()));
    writeln!(out, "Serving on https://{address} with a certificate made for this run. Try it:\n")?;
    writeln!(
        out,
        "  curl {trust} -H 'Content-Type: application/json' https://{address}/mutate -d '{REVIEW}'\n"
    )?;
    writeln!(out, "The answer's patch is base64. Metrics: curl http://{admin}/metrics")?;
    if server.shows_page() {
        writeln!(out, "What it did, in a browser: http://{admin}/")?;
    }
    out.flush()
}
