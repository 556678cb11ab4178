//! What is wrong is said with its place, and the rest is done.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use crate::support::{CONFIG_MAP, Files, POD, run, run_with};

#[test]
fn bad_yaml_has_its_place_and_the_other_files_are_done() {
    let files = Files::new(&[
        ("a.yaml", &format!("{CONFIG_MAP}---\n{POD}bad: [1, 2\n---\n{CONFIG_MAP}")),
        ("b.yaml", CONFIG_MAP),
        ("c.json", "{\"a\": 1,}"),
    ]);
    let output = run(&[
        "harden",
        &files.path("a.yaml"),
        &files.path("b.yaml"),
        &files.path("c.json"),
        &files.path("d.yaml"),
    ]);
    assert_eq!(output.code, 3);
    assert_eq!(output.stdout, CONFIG_MAP, "of a file with an error nothing is printed");
    let lines: Vec<&str> = output.stderr.lines().collect();
    let place = lines[0].strip_prefix(&format!("error: {}:", files.path("a.yaml"))).expect(lines[0]);
    let line: usize = place.split(':').next().expect("a line").parse().expect("a number");
    let expected = CONFIG_MAP.lines().count() + 1 + POD.lines().count() + 1;
    assert!((expected..=expected + 1).contains(&line), "{place}");
    assert!(lines[1].starts_with(&format!("error: {}:1:9: ", files.path("c.json"))), "{}", lines[1]);
    assert!(lines[2].starts_with(&format!("error: {}: ", files.path("d.yaml"))), "{}", lines[2]);
}

#[test]
fn what_the_api_server_would_refuse_names_the_field() {
    let annotated = POD.replace("  name: web\nspec", "  name: web\n  annotations:\n    a/b: true\nspec");
    let number = POD.replace("image: shop:1", "image: 1.5");
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec:\n  template:\n    spec:\n      containers:\n      - name: a\n        securityContext: {runAsUser: \"0\"}\n";
    for (input, place, field) in [
        (annotated.as_str(), "6:10", "Pod/web: metadata.annotations.a/b: "),
        (&number, "8:12", "Pod/web: spec.containers.0.image: "),
        (deployment, "9:38", "Deployment/d: spec.template.spec.containers.0.securityContext.runAsUser: "),
    ] {
        let output = run_with(&["harden"], input);
        assert_eq!(output.code, 3);
        assert_eq!(output.stdout, "");
        let expected = format!("error: stdin:{place}: {field}invalid type: ");
        assert!(output.stderr.starts_with(&expected), "{} instead of {expected}", output.stderr);
    }
}

#[test]
fn bombs_and_deep_nesting_are_errors() {
    let mut laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..12 {
        let before = format!("*a{}", level - 1);
        let list = vec![before; 9].join(", ");
        writeln!(laughs, "a{level}: &a{level} [{list}]").expect("a string");
    }
    let mut ladder = "a0: &a0 [x]\n".to_owned();
    for level in 1..2000 {
        writeln!(ladder, "a{level}: &a{level} [*a{}]", level - 1).expect("a string");
    }
    let flow = "[".repeat(100_000);
    let block: String = (0..3000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let json = "{\"a\":".repeat(100_000);
    for (input, message) in [
        (laughs.as_str(), "too large by its aliases"),
        (&ladder, "by its aliases"),
        (&flow, "stdin:1:"),
        (&block, "stdin:"),
        (&json, "stdin:1:"),
        ("a: &a [*a]\n", "stdin:1:"),
    ] {
        let output = run_with(&["harden"], input);
        assert_eq!(output.code, 3, "{}", &output.stderr);
        assert!(output.stderr.contains(message), "{}", output.stderr);
        assert_eq!(output.stdout, "");
    }
    let deep = Files::new(&[("deep.json", &json)]);
    assert_eq!(run(&["harden", &deep.path("deep.json")]).code, 3);
}

#[test]
fn wrong_policies_are_usage_errors() {
    let unknown = run_with(&["harden", "--policy", "enforce"], POD);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("did you mean \"enforced\"?"), "{}", unknown.stderr);
    let files = Files::new(&[(
        "p.yaml",
        "apiVersion: pod-hardener.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {name: p}\nspec:\n  rules:\n    sekcomp: {}\n",
    )]);
    let path = files.path("p.yaml");
    let wrong = run_with(&["harden", "--policy", &path], POD);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains(&format!("{path}:6:")), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("did you mean `seccomp`?"), "{}", wrong.stderr);
    assert_eq!(run(&["harden", "--no-such-flag"]).code, 2);
    assert_eq!(run(&["harden", "-o", "changes"]).code, 2);
}

#[test]
fn bytes_that_are_no_text_have_their_place() {
    let files = Files::new(&[]);
    let path = files.path("latin.yaml");
    std::fs::write(&path, b"a: 1\nb: \xe4\n").expect("a file");
    let output = run(&["harden", &path]);
    assert_eq!(output.code, 3);
    assert!(output.stderr.contains(&format!("{path}:2:4: not UTF-8")), "{}", output.stderr);
}

#[test]
fn a_broken_pipe_is_quiet() {
    let large = format!("{CONFIG_MAP}---\n").repeat(5000);
    let files = Files::new(&[("a.yaml", &large)]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_pod-hardener"))
        .args(["harden", &files.path("a.yaml")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}
