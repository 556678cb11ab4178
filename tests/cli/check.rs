//! `--check`

use crate::support::{CONFIG_MAP, Files, POD, harden, run};

#[test]
fn exit_codes() {
    let hardened = harden(POD, &[]);
    let files = Files::new(&[
        ("soft.yaml", POD),
        ("hard.yaml", &hardened),
        ("map.yaml", CONFIG_MAP),
        ("bad.yaml", "a: [\n"),
    ]);
    let (soft, hard, map, bad) =
        (files.path("soft.yaml"), files.path("hard.yaml"), files.path("map.yaml"), files.path("bad.yaml"));
    for (paths, code) in
        [(&[&hard, &map][..], 0), (&[&soft, &hard], 1), (&[&bad, &hard], 3), (&[&soft, &bad], 3)]
    {
        let paths: Vec<&str> = paths.iter().map(|path| path.as_str()).collect();
        let output = run(&[&["harden", "-q", "--check"], paths.as_slice()].concat());
        assert_eq!(output.code, code, "{paths:?}: {}", output.stderr);
    }
    assert_eq!(run(&["harden", "-q", "--check", "--policy", "observe", &soft]).code, 0);
}

#[test]
fn says_what_would_change() {
    let files = Files::new(&[("soft.yaml", POD), ("map.yaml", CONFIG_MAP)]);
    let path = files.path("soft.yaml");
    let output = run(&["harden", "-q", "--check", &path, &files.path("map.yaml")]);
    assert!(
        output.stdout.starts_with(&format!("{path}: Pod/web: would change: run-as-non-root, ")),
        "{}",
        output.stdout
    );
    assert_eq!(output.stdout.lines().count(), 1);
    let diff = run(&["harden", "-q", "--check", "-o", "diff", &path]);
    assert_eq!(diff.code, 1);
    assert!(diff.stdout.starts_with("--- "), "{}", diff.stdout);
}
