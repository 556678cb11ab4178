//! Reference pages: `docs/rules.md`, `docs/cli.md`, `docs/metrics.md`.

use anyhow::Result;
use pod_hardener::docs::rules::{rule_markdown, rules_table};
use pod_hardener::metrics::{BY_NAMESPACE, DURATION_BUCKETS, Family, Kind, Metrics, TABLE};
use pod_hardener::rules::RuleId;

use super::{COMMAND, Page, program};

pub(super) fn pages() -> Result<Vec<Page>> {
    Ok(vec![rules(), command_line()?, metrics()])
}

/// A page with a note that it is generated.
fn page(name: &str, title: &str, body: &str) -> Page {
    let text = format!("<!-- Written by `{COMMAND}`. -->\n\n# {title}\n\n{body}");
    Page { path: format!("docs/{name}.md"), text }
}

fn rules() -> Page {
    let mut body = format!(
        "`mode` is that of the built-in policy. [policy.md](policy.md) says what modes are and how to choose them,\n\
         [exemptions.md](exemptions.md) how to tune a rule or exempt a pod from it.\n\n{}",
        rules_table()
    );
    for rule in RuleId::ALL {
        body.push('\n');
        body += &rule_markdown(*rule);
    }
    page("rules", "Rules", &body)
}

fn command_line() -> Result<Page> {
    let mut body = String::from("What `--help` says, command by command.\n");
    describe(&mut Vec::new(), &mut body)?;
    Ok(page("cli", "Command line", &body))
}

/// A command's help, then that of the commands below it.
fn describe(command: &mut Vec<String>, body: &mut String) -> Result<()> {
    let mut args: Vec<&str> = command.iter().map(String::as_str).collect();
    args.push("--help");
    let help = program::run(&args)?.stdout;
    let name = ["pod-hardener"].into_iter().chain(command.iter().map(String::as_str));
    let name = name.collect::<Vec<_>>().join(" ");
    *body += &format!("\n## `{name}`\n\n```text\n{}\n```\n", help.trim_end());
    for below in commands(&help) {
        command.push(below);
        describe(command, body)?;
        command.pop();
    }
    Ok(())
}

/// The names that a help text lists below `Commands:`.
fn commands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = lines.take_while(|line| !line.is_empty()).filter_map(|line| {
        // A description's further lines are indented deeper.
        line.strip_prefix("  ").filter(|rest| !rest.starts_with(' '))?.split_whitespace().next()
    });
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

fn metrics() -> Page {
    let mut body = format!(
        "Answered at `/metrics` of the admin address: see [webhook.md](webhook.md#endpoints); what to do with them is in\n\
         [monitoring.md](monitoring.md). Every series is there from the start, and no request can make a new one: each label has\n\
         the values listed here and no others. That is {} series for each replica.\n\n\
         | metric | type | labels | series |\n| --- | --- | --- | --- |\n",
        Metrics::promised(0)
    );
    for family in TABLE {
        let Family { name, kind, labels, .. } = family;
        let labels: Vec<String> = labels.iter().map(|label| format!("`{}`", label.name)).collect();
        let (labels, series) = (labels.join(", "), family.series());
        body += &format!("| [`{name}`](#{name}) | {} | {labels} | {series} |\n", kind.as_str());
    }
    for family in TABLE {
        body += &metric(family);
    }
    body += "\nWhere the setting `metrics_namespaces` wants it, and for so many namespaces, the first that are seen; all others are\n\
             counted together. Seven series for each of them.\n";
    body += &metric(&BY_NAMESPACE);
    page("metrics", "Metrics", &body)
}

fn metric(family: &Family) -> String {
    let Family { name, kind, help, labels, .. } = family;
    let mut text = format!("\n## `{name}`\n\n{help} A {}", kind.as_str());
    if *kind == Kind::Histogram {
        let bounds = DURATION_BUCKETS.map(|bound| format!("{bound}"));
        text += &format!(" with the upper bounds {}", bounds.join(", "));
    }
    text += ".\n";
    for label in *labels {
        let values = (label.values)().into_iter().map(|value| format!("`{value}`")).collect::<Vec<_>>();
        text += &format!("\n`{}`: {}.\n", label.name, values.join(", "));
    }
    text + &format!("\n```promql\n{}\n```\n", family.query())
}

#[cfg(test)]
mod tests {
    use super::commands;

    #[test]
    fn commands_are_found_in_a_help_text() {
        let help = "About\n\nCommands:\n  one   First\n          and more\n  two   Second\n  help  Print\n\nOptions:\n  -h\n";
        assert_eq!(commands(help), ["one", "two"]);
        assert!(commands("Usage: x\n\nOptions:\n  -h\n").is_empty());
    }
}
