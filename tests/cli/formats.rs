//! `-o`

use serde_json::{Value, json};

use crate::support::{CONFIG_MAP, Files, POD, harden, run, run_with, values};

#[test]
fn json_keeps_shape_order_and_numbers() {
    let input = r#"{"spec":{"containers":[{"name":"a","image":"i"}]},"kind":"Pod","apiVersion":"v1",
        "x-big":123456789012345678901234567890,"x-float":1.10,"x-text":"\u00e4\/"}"#;
    let output = harden(input, &["-o", "json"]);
    for kept in ["\n  \"x-big\": 123456789012345678901234567890,", "\n  \"x-float\": 1.10,", "\"\\u00e4\\/\""]
    {
        assert!(output.contains(kept), "{output}");
    }
    let pod: Value = serde_json::from_str(&output).expect("one document");
    let keys: Vec<&String> = pod.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["spec", "kind", "apiVersion", "x-big", "x-float", "x-text", "metadata"]);
    assert_eq!(pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"], json!(false));
    // Laid out as serde_json does.
    let small = values(POD, &[]);
    assert_eq!(harden(POD, &["-o", "json"]), serde_json::to_string_pretty(&small[0]).expect("JSON") + "\n");
}

#[test]
fn json_to_yaml_and_yaml_to_json_say_the_same() {
    let json = harden(POD, &["-o", "json"]);
    assert_eq!(values(&harden(&json, &["-o", "yaml"]), &[]), values(POD, &[]));
    let bare = values(POD, &["--policy", "observe"])[0].to_string();
    let stream = format!("{bare}{bare}{{\"a\": 1}}");
    let yaml = harden(&stream, &[]);
    assert!(yaml.starts_with("apiVersion: v1\nkind: Pod\n"), "{yaml}");
    assert_eq!(yaml.matches("---\n").count(), 2, "{yaml}");
    assert_eq!(values(&yaml, &[]), values(&stream, &[]));
}

#[test]
fn a_patch_applies_to_its_document() {
    let files = Files::new(&[("a.yaml", &format!("{CONFIG_MAP}---\n{POD}---\n{POD}"))]);
    let path = files.path("a.yaml");
    let output = run(&["harden", "-q", "-o", "patch", &path]);
    assert_eq!(output.stdout.lines().count(), 2);
    for line in output.stdout.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(line["file"], path.as_str());
        assert_eq!((&line["kind"], &line["name"]), (&json!("Pod"), &json!("web")));
        let patch: json_patch::Patch = serde_json::from_value(line["patch"].clone()).expect("a patch");
        let mut pod = values(POD, &["--policy", "observe"]).remove(0);
        json_patch::patch(&mut pod, &patch).expect("applies");
        assert_eq!(pod, values(POD, &[])[0]);
    }
}

#[test]
fn a_diff_names_its_file_and_shows_only_what_changes() {
    let files = Files::new(&[("pod.yaml", POD), ("map.yaml", CONFIG_MAP)]);
    let path = files.path("pod.yaml");
    let output = run(&["harden", "-q", "-o", "diff", &path, &files.path("map.yaml")]);
    assert!(output.stdout.starts_with(&format!("--- {path}\n+++ {path}\n@@ ")), "{}", output.stdout);
    assert!(output.stdout.contains("\n+    runAsUser: 65532\n"), "{}", output.stdout);
    assert!(!output.stdout.lines().skip(2).any(|line| line.starts_with('-')), "{}", output.stdout);
    assert!(!output.stdout.contains('\u{1b}'), "no colours into a pipe");
}

#[test]
fn a_summary_counts() {
    let host = POD.replace("spec:\n", "spec:\n  hostPID: true\n");
    let input = format!("{POD}---\n{host}---\n{CONFIG_MAP}");
    let output = harden(&input, &["-o", "summary"]);
    assert!(output.contains("  Pod/web: changes, policy restricted\n    injected    "), "{output}");
    assert!(output.contains("    observed    host-namespaces\n"), "{output}");
    assert!(output.contains("Files: 1; workloads: 2; changing: 2."), "{output}");
    assert!(output.contains("observed 1, "), "{output}");
}

#[test]
fn warnings_go_to_stderr_and_quiet_ends_them() {
    let input = POD.replace("spec:\n", "spec:\n  hostPID: true\n");
    let loud = run_with(&["harden", "-"], &input);
    assert!(loud.stderr.contains("warning: stdin: Pod/web: host-namespaces observed: "), "{}", loud.stderr);
    assert!(
        loud.stderr.contains("warning: stdin: Pod/web: hardened by policy restricted: "),
        "{}",
        loud.stderr
    );
    assert_eq!(loud.stdout, harden(&input, &[]));
}

#[test]
fn a_manifest_cannot_write_to_the_terminal() {
    let input = POD.replace("name: web\nspec", "name: \"w\\e[2Jb\"\nspec");
    let loud = run_with(&["harden", "-o", "summary"], &input);
    assert!(loud.stderr.contains("warning"), "{}", loud.stderr);
    assert!(
        !loud.stderr.contains('\u{1b}') && !loud.stdout.contains('\u{1b}'),
        "{} {}",
        loud.stderr,
        loud.stdout
    );
}
