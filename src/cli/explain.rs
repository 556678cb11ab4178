//! `pod-hardener explain`

use std::io::{self, BufWriter, Write};

use pod_hardener::docs::rules::{nearest_rule, rule_facts, rule_markdown, rule_sections, rules_table};
use pod_hardener::rules::RuleId;

use super::{Exit, plugin, print, say};

const EXAMPLES: &str = "\
Examples:
  pod-hardener explain
  pod-hardener explain read-only-root-filesystem
  pod-hardener explain -o markdown seccomp
  pod-hardener explain -o json";
/// As wide as people like to read.
const WIDTH: usize = 80;

/// Explain the rules.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A rule; without one, all are listed
    rule: Option<String>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a terminal
    Text,
    /// For a page
    Markdown,
    /// For a program
    Json,
    /// The same as YAML
    Yaml,
    /// The rules' names, one a line
    Name,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut out = BufWriter::new(io::stdout().lock());
    match &args.rule {
        None => list(&mut out, args.output)?,
        Some(name) => {
            let Some(rule) = RuleId::find(name) else {
                let hint = nearest_rule(name).map_or_else(
                    || format!("`{} explain` lists the rules", plugin::name()),
                    |rule| format!("did you mean `{rule}`?"),
                );
                say::error(&format!("no rule is named `{name}`; {hint}"));
                return Ok(Exit::Usage);
            };
            match args.output {
                Format::Text => page(&mut out, rule)?,
                Format::Markdown => out.write_all(rule_markdown(rule).as_bytes())?,
                Format::Json => print::json(&mut out, &rule_facts(rule))?,
                Format::Yaml => print::yaml(&mut out, &rule_facts(rule))?,
                Format::Name => writeln!(out, "{rule}")?,
            }
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn list(out: &mut impl Write, format: Format) -> anyhow::Result<()> {
    let facts = || RuleId::ALL.iter().copied().map(rule_facts).collect::<Vec<_>>();
    match format {
        Format::Text => lines(out)?,
        Format::Markdown => out.write_all(rules_table().as_bytes())?,
        Format::Json => print::json(out, &facts())?,
        Format::Yaml => print::yaml(out, &facts())?,
        Format::Name => RuleId::ALL.iter().try_for_each(|rule| writeln!(out, "{rule}"))?,
    }
    Ok(())
}

fn lines(out: &mut impl Write) -> io::Result<()> {
    let width = RuleId::ALL.iter().map(|rule| rule.as_str().len()).max().unwrap_or(0);
    for rule in RuleId::ALL {
        let meta = rule.meta();
        writeln!(out, "{:<width$}  {:<7}  {}", rule.as_str(), meta.mode.as_str(), meta.summary)?;
    }
    Ok(())
}

fn page(out: &mut impl Write, rule: RuleId) -> io::Result<()> {
    writeln!(out, "{rule}: {}", rule.meta().summary)?;
    for section in rule_sections(rule) {
        writeln!(out, "\n{}", section.heading)?;
        for paragraph in &section.paragraphs {
            wrap(out, paragraph)?;
        }
    }
    Ok(())
}

/// Words on lines, indented by two.
fn wrap(out: &mut impl Write, text: &str) -> io::Result<()> {
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > WIDTH {
            writeln!(out)?;
            column = 0;
        }
        let space = if column == 0 { "  " } else { " " };
        write!(out, "{space}{word}")?;
        column += space.len() + length;
    }
    writeln!(out)
}
