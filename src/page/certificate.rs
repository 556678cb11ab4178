//! The certificate: which, and until when.

use std::fmt;

use time::OffsetDateTime;

use super::Page;
use super::table::section;
use super::words::{Badge, Long, Look, Stamp};
use crate::html::escape;
use crate::settings::CertificateMode;

/// One that ends within a fortnight is late: it is renewed when a third of its life is left.
const LATE: time::Duration = time::Duration::days(14);

pub(super) fn write(page: &Page, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    section(f, "certificate", "Certificate", |f| {
        let certificate = &page.certificate;
        f.write_str("<p>")?;
        match (certificate.mode, &certificate.file) {
            (CertificateMode::SelfManaged, _) => {
                f.write_str("Managed by the webhook itself, in a Secret.")?
            }
            (CertificateMode::Files, Some(file)) => {
                write!(f, "From the file <code>{}</code>.", escape(file))?;
            }
            (CertificateMode::Files, None) => f.write_str("Made for this run, on loopback.")?,
        }
        f.write_str("</p>\n")?;
        until(f, "It ends", page.numbers.certificate_expires, page.now)?;
        if page.certificate.mode == CertificateMode::SelfManaged {
            until(f, "Its authority ends", page.numbers.authority_expires, page.now)?;
            let who =
                if page.numbers.leads { "This replica manages it" } else { "Another replica manages it" };
            writeln!(f, "<p>{who}.</p>")?;
        }
        match &certificate.distrusted {
            Some(why) => writeln!(f, "<p>{} {}</p>", Badge(Look::Bad, "not trusted"), escape(why)),
            None if certificate.mode == CertificateMode::SelfManaged => {
                writeln!(f, "<p>{}</p>", Badge(Look::Ok, "trusted by the API server"))
            }
            None => Ok(()),
        }
    })
}

/// When it ends, in seconds since 1970; 0: not known.
fn until(f: &mut fmt::Formatter<'_>, what: &str, ends: i64, now: OffsetDateTime) -> fmt::Result {
    let Some(ends) = OffsetDateTime::from_unix_timestamp(ends).ok().filter(|_| ends != 0) else {
        return writeln!(f, "<p>{what}: not known yet.</p>");
    };
    let left = ends - now;
    let badge = match left {
        left if left <= time::Duration::ZERO => Badge(Look::Bad, "over"),
        left if left <= LATE => Badge(Look::Warn, "soon"),
        _ => return writeln!(f, "<p>{what} {}, in {}.</p>", Stamp(ends), Long(left)),
    };
    writeln!(f, "<p>{what} {}, in {}. {badge}</p>", Stamp(ends), Long(left))
}
