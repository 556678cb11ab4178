//! The generated parts of `README.md`, between markers.

use anyhow::{Context, Result};
use pod_hardener::rules::RuleId;

use super::Page;
use crate::run;

const PATH: &str = "README.md";

pub(super) fn page() -> Result<Page> {
    let mut text = std::fs::read_to_string(run::root().join(PATH)).context("cannot read README.md")?;
    for (part, content) in [("rules", rules_table())] {
        text = fill(&text, part, &content)?;
    }
    Ok(Page { path: PATH.to_owned(), text })
}

/// Puts `content` between the part's markers.
fn fill(text: &str, part: &str, content: &str) -> Result<String> {
    let begin = format!("<!-- generated: {part} -->\n");
    let end = format!("<!-- end: {part} -->");
    let (before, rest) = text.split_once(&begin).with_context(|| format!("README.md has no {begin}"))?;
    let (_, after) = rest.split_once(&end).with_context(|| format!("README.md has no {end}"))?;
    Ok(format!("{before}{begin}{content}{end}{after}"))
}

fn rules_table() -> String {
    let mut table = "| rule | built in | what it is about |\n| --- | --- | --- |\n".to_owned();
    for rule in RuleId::ALL {
        let meta = rule.meta();
        let mode = meta.mode.as_str();
        table += &format!("| [`{rule}`](docs/rules.md#{rule}) | `{mode}` | {} |\n", meta.summary);
    }
    table
}
