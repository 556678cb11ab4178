//! `explain`, `policy`, `completions`, help.

use serde_json::Value;

use crate::support::{Files, POD, harden, run};

#[test]
fn explain_lists_and_explains_every_rule() {
    let list = run(&["explain"]);
    assert_eq!((list.code, list.stdout.lines().count()), (0, 21));
    for line in list.stdout.lines() {
        let rule = line.split_whitespace().next().expect("a name");
        let page = run(&["explain", rule]);
        assert_eq!(page.code, 0);
        assert!(page.stdout.starts_with(&format!("{rule}: ")), "{}", page.stdout);
        for heading in ["\nWhy\n", "\nHow to live with it\n", "\nSources\n"] {
            assert!(page.stdout.contains(heading), "{}", page.stdout);
        }
        let markdown = run(&["explain", "-o", "markdown", rule]);
        assert!(markdown.stdout.starts_with(&format!("## `{rule}`\n")), "{}", markdown.stdout);
    }
    let unknown = run(&["explain", "capabilites"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("did you mean `capabilities`?"), "{}", unknown.stderr);
}

#[test]
fn policies_that_are_shown_can_be_used() {
    for preset in ["restricted", "enforced", "observe", "safe"] {
        let shown = run(&["policy", "show", preset]);
        assert_eq!(shown.code, 0);
        let files = Files::new(&[("p.yaml", &shown.stdout)]);
        let path = files.path("p.yaml");
        let valid = run(&["policy", "validate", &path]);
        assert_eq!((valid.code, valid.stdout), (0, format!("{path}: valid: {preset}\n")));
        assert_eq!(harden(POD, &["--policy", &path]), harden(POD, &["--policy", preset]));
        assert_eq!(run(&["policy", "show", &path]).stdout, shown.stdout);
    }
    assert_eq!(run(&["policy", "show", "nonsense"]).code, 2);
}

#[test]
fn policies_are_validated_one_by_one() {
    let good = run(&["policy", "show"]).stdout;
    let files = Files::new(&[("good.yaml", &good), ("bad.yaml", "apiVersion: v1\n")]);
    let output = run(&["policy", "validate", &files.path("bad.yaml"), &files.path("good.yaml")]);
    assert_eq!(output.code, 3);
    assert!(output.stderr.contains("bad.yaml"), "{}", output.stderr);
    assert!(output.stdout.contains("good.yaml: valid: restricted"), "{}", output.stdout);
}

#[test]
fn the_schema_knows_every_rule() {
    let output = run(&["policy", "schema"]);
    let schema: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(schema["title"], "HardeningPolicy");
    assert!(schema["$id"].as_str().is_some_and(|id| id.starts_with("https://")));
    let rules = schema["$defs"]["Rules"]["properties"].as_object().expect("rules");
    assert_eq!(rules.len(), 21);
    assert_eq!(schema["properties"]["kind"]["const"], "HardeningPolicy");
}

#[test]
fn help_version_and_completions() {
    let help = run(&[]);
    assert_eq!(help.code, 2);
    assert!(help.stderr.contains("Usage: pod-hardener <COMMAND>"), "{}", help.stderr);
    assert!(run(&["--version"]).stdout.starts_with("pod-hardener "));
    for command in
        [&["--help"][..], &["harden", "--help"], &["explain", "--help"], &["policy", "show", "--help"]]
    {
        let help = run(command);
        assert_eq!(help.code, 0);
        assert!(help.stdout.contains("Example"), "{}", help.stdout);
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(run(&["completions", shell]).stdout.contains("harden"), "{shell}");
    }
}
