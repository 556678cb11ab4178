//! The rules' documentation, from each rule's own [`Meta`].

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::nearest::nearest;
use crate::policy::Preset;
use crate::rules::{Meta, Mode, RuleId, Source};

/// A part of a rule's page: a heading and what stands below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The heading.
    pub heading: &'static str,
    /// The paragraphs below it.
    pub paragraphs: Vec<String>,
}

/// A rule's page, section by section; its title is the rule's name, its first line [`Meta::summary`].
#[must_use]
pub fn rule_sections(rule: RuleId) -> Vec<Section> {
    let meta = rule.meta();
    let section = |heading, text: &str| Section { heading, paragraphs: vec![text.to_owned()] };
    let mut sections = vec![section("Mode", &modes(rule))];
    for (heading, text) in [
        ("Sets where unset", meta.sets),
        ("Replaces under enforce", meta.replaces),
        ("Why", meta.why),
        ("How to live with it", meta.live_with),
    ] {
        if !text.is_empty() {
            sections.push(section(heading, text));
        }
    }
    let container = if meta.pod_wide {
        "no single container, for the rule is about the whole pod"
    } else {
        "one container: `<container>.pod-hardener.dev/exempt`"
    };
    let exempt = format!(
        "Exempt a pod: `pod-hardener.dev/exempt: {rule}` with `pod-hardener.dev/exempt-reason: …`; {container}."
    );
    sections.push(section("Exemption", &exempt));
    let paragraphs = meta.sources.iter().map(source).collect();
    sections.push(Section { heading: "Sources", paragraphs });
    sections
}

/// A rule's page in Markdown, below a heading of the second level.
#[must_use]
pub fn rule_markdown(rule: RuleId) -> String {
    let mut out = format!("## `{rule}`\n\n{}\n", sentence(rule.meta().summary));
    for Section { heading, paragraphs } in rule_sections(rule) {
        let list = heading == "Sources";
        // Writing to a string cannot fail.
        let _ = write!(out, "\n**{heading}.**");
        for paragraph in &paragraphs {
            let _ = if list { write!(out, "\n- {paragraph}") } else { write!(out, " {paragraph}") };
        }
        out.push('\n');
    }
    out
}

/// A rule for programs. Texts are Markdown, and empty where there is nothing to say.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleFacts {
    /// The rule's name, as policies and annotations write it.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Its mode by preset.
    pub modes: BTreeMap<&'static str, &'static str>,
    /// Whether it is about the pod as a whole, so that no single container can be exempted from it.
    pub pod_wide: bool,
    /// What is set where the author left it unset.
    pub sets: &'static str,
    /// What `enforce` also replaces.
    pub replaces: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// How to live with it when a workload does not.
    pub live_with: &'static str,
    /// Where it comes from, a line each.
    pub sources: Vec<String>,
}

/// What is known of a rule, as a value.
#[must_use]
pub fn rule_facts(rule: RuleId) -> RuleFacts {
    let Meta { summary, pod_wide, sets, replaces, why, live_with, sources, .. } = *rule.meta();
    RuleFacts {
        name: rule.as_str(),
        summary,
        modes: Preset::ALL.iter().map(|preset| (preset.as_str(), preset.mode(rule).as_str())).collect(),
        pod_wide,
        sets: said(sets),
        replaces: said(replaces),
        why,
        live_with,
        sources: sources.iter().map(source).collect(),
    }
}

/// For a program nothing is nothing, and no dash.
fn said(text: &'static str) -> &'static str {
    if text == "–" { "" } else { text }
}

/// Every rule in one table, in Markdown.
#[must_use]
pub fn rules_table() -> String {
    let mut out = String::from(
        "| rule | mode | sets where unset | what `enforce` also replaces |\n| --- | --- | --- | --- |\n",
    );
    for rule in RuleId::ALL {
        let Meta { mode, sets, replaces, .. } = rule.meta();
        let cell = |text: &str| if text.is_empty() { "–".to_owned() } else { text.replace('|', "\\|") };
        let _ = writeln!(out, "| `{rule}` | {} | {} | {} |", mode.as_str(), cell(sets), cell(replaces));
    }
    out
}

/// The rule whose name is most like a word, where one is like enough.
#[must_use]
pub fn nearest_rule(word: &str) -> Option<RuleId> {
    nearest(word, RuleId::ALL.iter().map(|rule| rule.as_str())).and_then(RuleId::find)
}

fn modes(rule: RuleId) -> String {
    let modes = Preset::ALL.map(|preset| {
        let mode: Mode = preset.mode(rule);
        format!("`{}` in the preset `{}`", mode.as_str(), preset.as_str())
    });
    modes.join(", ") + "."
}

fn source(source: &Source) -> String {
    match source {
        Source::PodSecurity(level, control) => format!("Pod Security Standards, {level}: {control}"),
        Source::Cis(id, title) => format!("CIS Kubernetes Benchmark v1.11, {id}: {title}"),
        Source::OwaspK01 => {
            "OWASP Kubernetes Top Ten, K01:2025 and K01:2022: Insecure Workload Configurations".to_owned()
        }
        Source::Kubernetes(reference) => format!("Kubernetes: {reference}"),
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_whole_page() {
        for rule in RuleId::ALL {
            let page = rule_markdown(*rule);
            for heading in ["**Mode.**", "**Why.**", "**How to live with it.**", "**Sources.**\n- "] {
                assert!(page.contains(heading), "{rule} lacks {heading}: {page}");
            }
        }
        assert_eq!(rules_table().lines().count(), RuleId::ALL.len() + 2);
    }

    #[test]
    fn misspelt_rules_are_found() {
        assert_eq!(nearest_rule("capabilites"), Some(RuleId::capabilities));
        assert_eq!(nearest_rule("qqqq"), None);
    }
}
