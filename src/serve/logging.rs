//! Log lines on stderr, as text or JSON. Never a whole object, never a secret.

use std::fmt;
use std::io::{self, IsTerminal as _, stderr};

use tracing::field::{DisplayValue, display};
use tracing::level_filters::LevelFilter;

use super::spool::{Flush, Spool};
use crate::metrics::{Endpoint, Label as _};
use crate::review::{Outcome, Record};
use crate::rules::{RuleResult, RuleSet};
use crate::settings::{LogFormat, LogLevel, Settings};

/// Starts logging for this process; what is returned is dropped at its end.
pub(super) fn start(settings: &Settings) -> io::Result<Flush> {
    let level = match settings.log_level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let (spool, flush) = Spool::start(stderr(), |count| tracing::warn!(count, "log lines were lost"))?;
    let writer = move || spool.clone();
    let lines = tracing_subscriber::fmt().with_max_level(level).with_target(false).with_writer(writer);
    // Who embeds the server may log already: then that stands.
    let _ = match settings.log_format {
        LogFormat::Text => {
            let colours = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            lines.with_ansi(colours).try_init()
        }
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    // A panic's own message may quote what was being read: only its place is logged.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(display);
        tracing::error!(place, "a failure inside pod-hardener: this is a bug");
    }));
    Ok(flush)
}

/// One line per decision.
pub(super) fn decision(endpoint: Endpoint, record: &Record) {
    if matches!(record.outcome, Outcome::FailedOpen | Outcome::FailedClosed) {
        tracing::warn!(
            endpoint = endpoint.as_str(),
            uid = head(&record.uid),
            namespace = head(&record.namespace),
            name = head(&record.name),
            policy = head(&record.policy),
            outcome = record.outcome.as_str(),
            "an object could not be reviewed"
        );
        return;
    }
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    let rules = |result| names(record.results.of(result));
    tracing::debug!(
        endpoint = endpoint.as_str(),
        uid = head(&record.uid),
        namespace = head(&record.namespace),
        name = head(&record.name),
        policy = head(&record.policy),
        outcome = record.outcome.as_str(),
        dry_run = record.dry_run,
        injected = rules(RuleResult::Injected),
        replaced = rules(RuleResult::Replaced),
        already_secure = rules(RuleResult::AlreadySecure),
        exempted = rules(RuleResult::Exempted),
        observed = rules(RuleResult::Observed),
        impossible = rules(RuleResult::Impossible),
        lowered = rules(RuleResult::Lowered),
        refused_annotations = record.refusals.len(),
        refused_policy = record.remarks.first().map(|reason| reason.as_str()),
        "reviewed"
    );
}

/// As much of a text as a name may be long: names are not validated yet when they come here.
fn head(text: &str) -> &str {
    text.char_indices().nth(253).map_or(text, |(end, _)| &text[..end])
}

fn names(rules: RuleSet) -> Option<DisplayValue<Names>> {
    (!rules.is_empty()).then(|| display(Names(rules)))
}

struct Names(RuleSet);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, rule) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str(",")?;
            }
            f.write_str(rule.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::RuleId;

    #[test]
    fn names_are_cut_at_characters() {
        assert_eq!(head("short"), "short");
        assert_eq!(head(&"ä".repeat(300)).chars().count(), 253);
    }

    #[test]
    fn rules_are_listed_by_name() {
        let rules = [RuleId::capabilities, RuleId::seccomp].into_iter().collect();
        assert_eq!(Names(rules).to_string(), "capabilities,seccomp");
        assert!(names(RuleSet::default()).is_none());
    }
}
