//! What is no pod comes out byte for byte, and so does what is hardened already.

use crate::support::{CONFIG_MAP, Files, POD, harden, run};

#[test]
fn documents_without_a_pod_are_the_same_bytes() {
    let no_newline = CONFIG_MAP.trim_end();
    let windows = CONFIG_MAP.replace('\n', "\r\n");
    let marked = format!(
        "\u{feff}# licence\n---\n# Source: chart/a.yaml\n{CONFIG_MAP}---\n---\n{CONFIG_MAP}...\n# end\n"
    );
    let directive = "%YAML 1.1\n---\na: 1\n";
    let json = "{\"apiVersion\":\"v1\", \"kind\" :\"ConfigMap\",\n\t\"data\":{\"n\":1.10}}";
    let stream = format!("{json} {json}\n\n");
    let text = "just a text";
    for input in
        ["", "\n\n", "# nothing\n", CONFIG_MAP, no_newline, &windows, &marked, directive, json, &stream, text]
    {
        assert_eq!(harden(input, &[]), input, "{input:?}");
    }
    for input in [json, &stream] {
        assert_eq!(harden(input, &["-o", "json"]), input);
    }
}

#[test]
fn only_the_document_with_the_pod_changes() {
    let windows = CONFIG_MAP.replace('\n', "\r\n");
    for other in [CONFIG_MAP, &windows] {
        let input = format!("# top\n---\n{other}---\n# Source: chart/pod.yaml\n{POD}---\n{other}");
        let output = harden(&input, &[]);
        let head = format!("# top\n---\n{other}---\n# Source: chart/pod.yaml\napiVersion: v1\nkind: Pod\n");
        assert!(output.starts_with(&head), "{output}");
        assert!(output.ends_with(&format!("---\n{other}")), "{output}");
        assert!(output.contains("runAsNonRoot: true"), "{output}");
    }
}

#[test]
fn a_second_pass_changes_nothing() {
    let json = r#"{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"a","image":"i"}]}}"#;
    for (input, arguments) in [
        (POD, &[][..]),
        (POD, &["--policy", "enforced"]),
        (POD, &["-o", "json"]),
        (json, &["-o", "json"]),
        (json, &["-o", "yaml"]),
    ] {
        let once = harden(input, arguments);
        assert_ne!(once, input);
        assert_eq!(harden(&once, arguments), once);
    }
}

#[test]
fn files_are_joined_by_markers_and_alone_stay_as_they_are() {
    let files = Files::new(&[
        ("d/b.yaml", CONFIG_MAP.trim_end()),
        ("d/a.yml", "---\na: 1\n"),
        ("d/sub/c.JSON", "{\"a\": 1}"),
        ("d/readme.txt", "not: [read"),
        ("d/z.yaml", "# only a comment\n"),
    ]);
    let output = run(&["harden", &files.path("d")]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let expected = format!("---\na: 1\n---\n{CONFIG_MAP}---\n{{\"a\": 1}}\n# only a comment\n");
    assert_eq!(output.stdout, expected);
    let alone = run(&["harden", &files.path("d/b.yaml")]);
    assert_eq!(alone.stdout, CONFIG_MAP.trim_end());
}
