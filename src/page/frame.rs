//! The page as a whole: head, what is seen first, sections in their order.

use std::fmt::{self, Display};

use super::words::{Badge, Long, Look, Stamp};
use super::{Page, certificate, coverage, decisions, exemptions, health, policies};
use crate::html::{STYLE, STYLE_HASH, escape};
use crate::metrics::PolicySource;
use crate::review::Outcome;

/// Loads the page again and puts in what is new, where a browser runs scripts.
pub const SCRIPT: &str = include_str!("live.js");

/// Where the script is.
pub const SCRIPT_PATH: &str = "/live.js";

/// How often the page loads itself again where there are no scripts, in seconds.
const REFRESH: u32 = 10;

/// Its Content-Security-Policy: nothing from elsewhere, no script but ours, no style but the one in the page, nothing to
/// send, in nobody's frame.
#[must_use]
pub fn security_policy() -> String {
    format!(
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src '{STYLE_HASH}'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// Every section: what links call it, and what it is.
const SECTIONS: [(&str, &str); 8] = [
    ("health", "Health"),
    ("coverage", "Coverage"),
    ("decisions", "Decisions"),
    ("exemptions", "Exemptions"),
    ("policies", "Policies"),
    ("profiles", "Profiles"),
    ("suggestions", "Suggestions"),
    ("certificate", "Certificate"),
];

impl Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        self.header(f)?;
        f.write_str("<main id=\"main\">\n")?;
        self.cards(f)?;
        health::write(self, f)?;
        coverage::write(self, f)?;
        decisions::write(self, f)?;
        exemptions::write(self, f)?;
        policies::write_policies(self, f)?;
        policies::write_profiles(self, f)?;
        policies::write_suggestions(self, f)?;
        certificate::write(self, f)?;
        self.footer(f)
    }
}

impl Page {
    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <link rel=\"icon\" href=\"data:,\">\n",
        )?;
        if self.refreshes {
            writeln!(f, "<noscript><meta http-equiv=\"refresh\" content=\"{REFRESH}\"></noscript>")?;
        }
        writeln!(
            f,
            "<title>pod-hardener: {}</title>\n<style>{STYLE}</style>\n\
             <script src=\"{SCRIPT_PATH}\" defer></script>\n</head>\n<body>\n\
             <a class=\"skip\" href=\"#main\">To the content</a>",
            escape(&self.replica)
        )
    }

    fn header(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let badge = match self.health.unready {
            None => Badge(Look::Ok, "ready"),
            Some(_) => Badge(Look::Bad, "not ready"),
        };
        write!(
            f,
            "<header>\n<h1>pod-hardener</h1>\n<p id=\"as-of\">{badge} <span class=\"muted\">replica</span> {}, \
             <span class=\"muted\">as of</span> {}</p>\n<p>",
            escape(&self.replica),
            Stamp(self.now)
        )?;
        // The script shows the button; without scripts there are links.
        f.write_str("<button type=\"button\" id=\"pause\" hidden>Pause</button><noscript>")?;
        if self.refreshes {
            write!(f, "It loads itself again every {REFRESH} seconds: <a href=\"/?still\">stop that</a>.")?;
        } else {
            f.write_str("It stays as it is: <a href=\"/\">let it load itself again</a>.")?;
        }
        f.write_str("</noscript></p>\n<nav aria-label=\"Sections\"><ul>")?;
        for (id, name) in SECTIONS {
            write!(f, "<li><a href=\"#{id}\">{name}</a></li>")?;
        }
        f.write_str("</ul></nav>\n</header>\n")
    }

    /// What is seen first, in numbers.
    fn cards(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = &self.numbers;
        let failed = numbers.outcome(Outcome::FailedOpen) + numbers.outcome(Outcome::FailedClosed);
        let in_force = |source: PolicySource| {
            self.policies.iter().filter(|shown| shown.source == source && shown.policy.is_some()).count()
        };
        let refused = self.policies.iter().filter(|shown| shown.refused.is_some()).count();
        let waiting = self.profiles.own.iter().filter(|profile| profile.waits).count();
        let policies = in_force(PolicySource::Files) + in_force(PolicySource::Objects);
        f.write_str("<ul class=\"cards\" id=\"cards\">")?;
        card(f, numbers.outcome(Outcome::Patched), format_args!("pods hardened"))?;
        card(f, numbers.outcome(Outcome::Unchanged), format_args!("pods that needed nothing"))?;
        card(f, failed, format_args!("reviews failed"))?;
        match &self.exemptions {
            None => card(f, "–", format_args!("exemptions"))?,
            Some(posted) => {
                card(f, posted.all, format_args!("exemptions, {} ended or soon", posted.ending))?;
            }
        }
        card(f, policies, format_args!("policies in force, {refused} refused"))?;
        card(f, waiting, format_args!("suggestions waiting"))?;
        f.write_str("</ul>\n")
    }

    fn footer(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "</main>\n<footer><p>pod-hardener {}. Counts and decisions are of this replica since {}, for {}; other \
             replicas have their own. <a href=\"/metrics\">Metrics</a>, <a href=\"/readyz?verbose\">readiness</a>.</p>\
             </footer>\n</body>\n</html>\n",
            env!("CARGO_PKG_VERSION"),
            Stamp(self.started),
            Long(self.now - self.started)
        )
    }
}

fn card(f: &mut fmt::Formatter<'_>, number: impl Display, what: fmt::Arguments<'_>) -> fmt::Result {
    write!(f, "<li class=\"card\"><b>{number}</b><span>{what}</span></li>")
}
