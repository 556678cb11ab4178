//! `explain`, `policy`, `completions`, help.

use std::process::{Command, Stdio};

use pod_hardener::rules::RuleId;
use serde_json::Value;

use crate::support::{Files, POD, harden, run};

#[test]
fn explain_lists_and_explains_every_rule() {
    let list = run(&["explain"]);
    assert_eq!((list.code, list.stdout.lines().count()), (0, RuleId::ALL.len()));
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
fn explain_tells_programs_too() {
    let names = run(&["explain", "-o", "name"]).stdout;
    let all: Value = serde_json::from_str(&run(&["explain", "-o", "json"]).stdout).expect("JSON");
    assert_eq!(all.as_array().map(Vec::len), Some(names.lines().count()));
    for (name, listed) in names.lines().zip(all.as_array().into_iter().flatten()) {
        let one: Value = serde_json::from_str(&run(&["explain", "-o", "json", name]).stdout).expect("JSON");
        assert_eq!((&one, &one["name"]), (listed, &Value::from(name)));
        assert_eq!(one["modes"].as_object().map(serde_json::Map::len), Some(4), "{one}");
    }
    let ports: Value =
        serde_json::from_str(&run(&["explain", "-o", "json", "host-ports"]).stdout).expect("JSON");
    assert_eq!(ports["sets"], "", "nothing is no dash");
    let yaml = run(&["explain", "-o", "yaml", "seccomp"]).stdout;
    assert!(yaml.starts_with("name: seccomp\n"), "{yaml}");
    assert!(yaml.contains("\n  safe: enforce\n"), "{yaml}");
    assert_eq!(run(&["explain", "-o", "name", "seccomp"]).stdout, "seccomp\n");
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
fn policy_explain_says_what_was_tried() {
    const HEAD: &str = "apiVersion: pod-hardener.dev/v1alpha1\nkind: HardeningPolicy\n";
    let policies = format!(
        "# policies\n{HEAD}metadata: {{name: web}}\nspec: {{selector: {{podLabels: {{app: web}}}}, rules: {{seccomp: {{mode: 'off'}}}}}}\n\
         ---\n{HEAD}metadata: {{name: rest}}\n"
    );
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop, labels: {app: web}}\n\
               spec: {containers: [{name: a}]}\n";
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n";
    let files = Files::new(&[
        ("policies.yaml", &policies),
        ("pod.yaml", pod),
        ("both.yaml", &format!("{namespace}{pod}")),
        (
            "labelled.yaml",
            &format!("{}{pod}", namespace.replace("shop", "shop, labels: {pod-hardener.dev/policy: safe}")),
        ),
    ]);
    let policies = files.path("policies.yaml");
    let explain = |file: &str, more: &[&str]| {
        let file = files.path(file);
        let output =
            run(&[&["policy", "explain", "--offline", "--policy", &policies, "-f", &file], more].concat());
        assert_eq!(output.code, 0, "{}", output.stderr);
        output.stdout
    };
    let alone = explain("pod.yaml", &[]);
    assert!(alone.starts_with("Pod/p in namespace shop: policy web\n"), "{alone}");
    assert!(alone.contains("policies.yaml:2): decides: selector.podLabels: app=web"), "{alone}");
    let known = explain("both.yaml", &[]);
    assert!(known.starts_with("Pod/p in namespace shop: policy rest\n"), "{known}");
    for line in [
        "policies.yaml:2): matches, and may only strengthen:",
        "policies.yaml:7): decides: it has no selector",
    ] {
        assert!(known.contains(line), "{known}");
    }
    let json: Value = serde_json::from_str(&explain("both.yaml", &["-o", "json"])).expect("JSON");
    assert_eq!((&json[0]["base"], &json[0]["weakens"][0]), (&Value::from("rest"), &Value::from("seccomp")));
    assert_eq!(json[0]["steps"][1]["result"], "strengthens");
    let labelled = explain("labelled.yaml", &[]);
    assert!(labelled.starts_with("Pod/p in namespace shop: policy safe\n  label "), "{labelled}");
    let namespace = explain("both.yaml", &["-n", "other"]);
    assert!(namespace.contains("in namespace shop"), "the object's own counts: {namespace}");
    assert_eq!(run(&["policy", "explain"]).code, 2);
    assert_eq!(run(&["policy", "explain", "--offline", "--policy", "nonsense"]).code, 2);
}

#[test]
fn the_native_policy_says_what_it_does_not() {
    let output = run(&["generate", "mutating-admission-policy"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let (head, _) = output.stdout.split_once("apiVersion").expect("documents");
    assert!(head.lines().all(|line| line.starts_with("# ") && line.len() <= 120), "{head}");
    for text in ["Applied: run-as-non-root, ", "service-account-token", "CEL knows no clock"] {
        assert!(head.contains(text), "{head}");
    }
    assert_eq!(output.stdout.matches("\nkind: MutatingAdmissionPolicy").count(), 2);
    let as_of = |day: &str| run(&["generate", "mutating-admission-policy", "--as-of", day]);
    assert!(as_of("2027-01-31").stdout.contains("timestamp('2027-01-31T00:00:00Z')"));
    assert_eq!(as_of("tomorrow").code, 2);
    let two = format!("{0}---\n{0}", run(&["policy", "show"]).stdout).replacen(
        "name: restricted",
        "name: first",
        1,
    );
    let files = Files::new(&[("two.yaml", &two)]);
    let refused = run(&["generate", "mutating-admission-policy", "--policy", &files.path("two.yaml")]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("holds 2 policies"), "{}", refused.stderr);
}

#[test]
fn the_schema_knows_every_rule() {
    let output = run(&["policy", "schema"]);
    let schema: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(schema["title"], "HardeningPolicy");
    assert!(schema["$id"].as_str().is_some_and(|id| id.starts_with("https://")));
    let rules = schema["$defs"]["Rules"]["properties"].as_object().expect("rules");
    assert_eq!(rules.len(), RuleId::ALL.len());
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

/// What bash offers after these words.
fn offered(words: &[&str]) -> String {
    let files = Files::new(&[("completion", &run(&["completions", "bash"]).stdout)]);
    let (last, before) = words.split_last().expect("a word");
    let script = format!(
        "source {}; COMP_WORDS=({}); COMP_CWORD={}; _pod__hardener pod-hardener '{last}' '{}'; echo \"${{COMPREPLY[*]}}\"",
        files.path("completion"),
        words.join(" "),
        words.len() - 1,
        before.last().expect("a word before"),
    );
    let output = Command::new("bash").args(["--norc", "-c", &script]).output().expect("bash");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn bash_completes_what_follows_a_subcommand() {
    for (words, expected) in [
        (&["pod-hardener", "har"][..], "harden"),
        (&["pod-hardener", "harden", "--po"], "--policy"),
        (&["pod-hardener", "policy", "val"], "validate"),
    ] {
        assert!(
            offered(words).split_whitespace().any(|word| word == expected),
            "{words:?}: {}",
            offered(words)
        );
    }
}

/// `| head -1`: what was found counts, however much of it was read.
#[test]
fn the_exit_code_does_not_depend_on_who_reads() {
    let many = vec![POD; 300].join("---\n");
    let files = Files::new(&[("many.yaml", &many), ("broken.yaml", "a: [")]);
    let code = |arguments: &[&str]| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pod-hardener"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("our program");
        drop(child.stdout.take());
        child.wait().expect("its end").code()
    };
    assert_eq!(code(&["harden", "-q", "--check", &files.path("many.yaml")]), Some(1));
    assert_eq!(code(&["harden", "-q", &files.path("many.yaml"), &files.path("broken.yaml")]), Some(3));
    assert_eq!(code(&["harden", "-q", &files.path("many.yaml")]), Some(0));
    assert_eq!(code(&["report", "--check", "-o", "json", &files.path("many.yaml")]), Some(1));
}
