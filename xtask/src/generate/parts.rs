//! Pages that people write, with parts that are generated: those stand between markers.

use anyhow::{Context, Result};
use pod_hardener::native::EXCEPTIONS;
use pod_hardener::rules::RuleId;

use super::{Page, program};
use crate::run;

const EXAMPLE: &str = "docs/examples/nginx.yaml";

pub(super) fn pages() -> Result<Vec<Page>> {
    Ok(vec![
        page("README.md", &[("example", example()?), ("rules", rules())])?,
        page("docs/webhook.md", &[("settings", settings()?)])?,
        page("docs/native.md", &[("exceptions", exceptions())])?,
    ])
}

/// Fills one part of one page, for commands that measure what they write; or prints it, and leaves the page as it is.
pub(crate) fn show(path: &str, name: &str, content: &str, print: bool) -> Result<()> {
    if print {
        println!("\n{content}");
        return Ok(());
    }
    let page = page(path, &[(name, content.to_owned())])?;
    super::write(&run::root().join(path), &page.text)?;
    println!("wrote {path}");
    Ok(())
}

pub(super) fn page(path: &str, parts: &[(&str, String)]) -> Result<Page> {
    let mut text =
        std::fs::read_to_string(run::root().join(path)).with_context(|| format!("cannot read {path}"))?;
    for (name, content) in parts {
        text = fill(&text, name, content).with_context(|| path.to_owned())?;
    }
    Ok(Page { path: path.to_owned(), text })
}

/// Puts `content` between the part's markers.
fn fill(text: &str, name: &str, content: &str) -> Result<String> {
    let begin = format!("<!-- generated: {name} -->\n");
    let end = format!("<!-- end: {name} -->");
    let marker = || format!("the markers of the part {name} are missing");
    let (before, rest) = text.split_once(&begin).with_context(marker)?;
    let (_, after) = rest.split_once(&end).with_context(marker)?;
    Ok(format!("{before}{begin}{content}{end}{after}"))
}

/// A pod before and after, and what is said of it.
fn example() -> Result<String> {
    let before = std::fs::read_to_string(run::root().join(EXAMPLE))
        .with_context(|| format!("cannot read {EXAMPLE}"))?;
    let after = program::run(&["harden", EXAMPLE])?;
    let command = format!("pod-hardener harden {EXAMPLE}");
    Ok(format!(
        "```yaml\n{before}```\n\n`{command}`:\n\n```yaml\n{}```\n\nand, where `kubectl` prints its warnings:\n\n\
         ```text\n{}```\n",
        after.stdout, after.stderr
    ))
}

/// The settings as they are where nobody sets any.
fn settings() -> Result<String> {
    Ok(format!("```toml\n{}```\n", program::run(&["config", "show"])?.stdout))
}

/// The rules, a line for each.
fn rules() -> String {
    let mut table = "| rule | built in | what it is about |\n| --- | --- | --- |\n".to_owned();
    for rule in RuleId::ALL {
        let meta = rule.meta();
        let mode = meta.mode.as_str();
        table += &format!("| [`{rule}`](docs/rules.md#{rule}) | `{mode}` | {} |\n", meta.summary);
    }
    table
}

/// Where the native policy differs from the webhook.
fn exceptions() -> String {
    EXCEPTIONS.iter().map(|exception| format!("- {}\n", exception.text)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::fill;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let text = "a\n<!-- generated: x -->\nold\n<!-- end: x -->\nb\n";
        let filled = fill(text, "x", "new\n").expect("markers");
        assert_eq!(filled, "a\n<!-- generated: x -->\nnew\n<!-- end: x -->\nb\n");
        assert_eq!(fill(&filled, "x", "new\n").expect("markers"), filled);
        assert!(fill(text, "y", "new\n").is_err());
    }
}
