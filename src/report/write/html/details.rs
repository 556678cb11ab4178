//! Every workload, folded up: what would change in it and what stays.

use std::io::{self, Write};

use super::{badge, class_of, class_of_level, table};
use crate::html::escape;
use crate::report::write::{SHOWN, evidence, line, words};
use crate::report::{Report, Workload};
use crate::rules::{RuleId, RuleResult};

pub(super) fn workloads(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "<section id=\"workloads\">\n<h2>Workloads</h2>")?;
    let mut namespace = None;
    for workload in &report.workloads {
        if namespace != Some(&workload.place.namespace) {
            namespace = Some(&workload.place.namespace);
            let name = &workload.place.namespace;
            let title = if name.is_empty() { "no namespace named" } else { name };
            writeln!(out, "<h3>{}</h3>", escape(title))?;
        }
        one(workload, out)?;
    }
    writeln!(out, "</section>")
}

fn one(workload: &Workload, out: &mut impl Write) -> io::Result<()> {
    let (before, after) = (workload.before.pod_security, workload.after.pod_security);
    write!(out, "<details><summary>{} ", escape(&workload.place.label()))?;
    write!(out, "{}", badge(class_of_level(before), before.as_str()))?;
    if before != after {
        write!(out, " → {}", badge(class_of_level(after), after.as_str()))?;
    }
    if let Some(likelihood) = workload.likelihood() {
        let text = format!("{} risk", likelihood.as_str());
        write!(out, " {}", badge(class_of(likelihood), &text))?;
    }
    if !workload.changes {
        write!(out, " {}", badge("ok", "no change"))?;
    }
    writeln!(out, "</summary>")?;
    facts(workload, out)?;
    for remark in &workload.remarks {
        writeln!(out, "<p>{} {}</p>", badge("warn", "note"), escape(remark))?;
    }
    if !workload.risks.is_empty() {
        writeln!(out, "<p>What speaks for it that it breaks:</p>\n<ul>")?;
        for line in evidence(workload) {
            writeln!(out, "<li>{}</li>", escape(&line))?;
        }
        writeln!(out, "</ul>")?;
    }
    findings(workload, out)?;
    writeln!(out, "</details>")
}

fn facts(workload: &Workload, out: &mut impl Write) -> io::Result<()> {
    let mut facts = vec![format!("Policy {}", workload.policy)];
    facts.extend(workload.posture.map(|posture| format!("posture {}", posture.as_str())));
    match (&workload.place.file, workload.place.line) {
        (Some(file), Some(line)) => facts.push(format!("{file}:{line}")),
        _ if workload.pods == 0 => facts.push("by its template, as no pod of it runs".to_owned()),
        _ => facts.push(format!("running pods: {}", workload.pods)),
    }
    writeln!(out, "<p class=\"muted\">{}</p>", escape(&facts.join(", ")))
}

fn findings(workload: &Workload, out: &mut impl Write) -> io::Result<()> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for result in SHOWN.into_iter().rev().filter(|result| *result != RuleResult::AlreadySecure) {
        for rule in workload.of(result).iter() {
            rows.push(vec![
                format!("<th scope=\"row\">{rule}</th>"),
                format!("<td>{}</td>", badge(class(result), words(result))),
                format!("<td class=\"wrap\">{}</td>", escape(&line(workload, rule, result))),
            ]);
        }
    }
    if !rows.is_empty() {
        table(
            out,
            "What each rule finds",
            ["rule", "what comes of it", "what"].into_iter(),
            rows.into_iter(),
        )?;
    }
    let secure: Vec<&str> = workload.secure.iter().map(RuleId::as_str).collect();
    if !secure.is_empty() {
        writeln!(out, "<p class=\"muted\">Secure already: {}.</p>", secure.join(", "))?;
    }
    Ok(())
}

const fn class(result: RuleResult) -> &'static str {
    match result {
        RuleResult::AlreadySecure => "ok",
        RuleResult::Injected | RuleResult::Replaced => "change",
        RuleResult::Exempted => "rest",
        RuleResult::Lowered => "warn",
        RuleResult::Observed | RuleResult::Impossible => "bad",
    }
}
