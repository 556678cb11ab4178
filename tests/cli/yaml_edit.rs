//! Changed YAML keeps what its author wrote.

use serde_json::json;

use crate::support::{POD, harden, values};

/// Every line of the input that is no `{}` stands in the output, in the same order.
fn assert_kept(input: &str, output: &str) {
    let mut lines = output.lines();
    for line in input.lines() {
        assert!(lines.any(|other| other == line), "{line:?} is lost in\n{output}");
    }
}

#[test]
fn comments_order_quotes_and_flow_style_are_kept() {
    let input = "\
# head
spec: # spec
  containers: # list
    # first
    - image: \"shop:1\" # image
      name: 'web'
      # about resources
      resources:
        limits: {memory: 1Gi} # limits

      # after
    # second
    - {name: b, image: c}

  # end of spec
  terminationGracePeriodSeconds: 0x1F
kind: Pod
metadata: {name: web, labels: {a: \"1\"}}
apiVersion: v1
# tail
";
    let output = harden(input, &[]);
    for line in [
        "# head",
        "spec: # spec",
        "    # first",
        "    - image: \"shop:1\" # image",
        "      name: 'web'",
        "      # about resources",
        "    # second",
        "  # end of spec",
        "  terminationGracePeriodSeconds: 0x1F",
        "apiVersion: v1",
        "# tail",
    ] {
        assert!(output.lines().any(|other| other == line), "{line:?} is lost in\n{output}");
    }
    assert!(output.contains("        limits: {memory: 1Gi, "), "{output}");
    assert!(output.contains("metadata: {name: web, labels: {a: \"1\"}, annotations: {"), "{output}");
    assert!(output.contains("    - {name: b, image: c, "), "{output}");
    let edited = values(&output, &["--policy", "observe"]);
    assert_eq!(edited, values(input, &[]));
    assert_eq!(edited[0]["spec"]["containers"][1]["securityContext"]["readOnlyRootFilesystem"], json!(true));
}

#[test]
fn lists_are_indented_as_the_document_does() {
    let indented = POD.replace("  - name", "    - name").replace("    image", "      image");
    let output = harden(&indented, &[]);
    assert!(
        output.contains("      volumeMounts:\n        - name: tmp-web\n          mountPath: /tmp\n"),
        "{output}"
    );
    let output = harden(POD, &[]);
    assert!(output.contains("    volumeMounts:\n    - name: tmp-web\n      mountPath: /tmp\n"), "{output}");
    assert_kept(POD, &output);
}

#[test]
fn windows_lines_and_a_missing_last_newline_stay() {
    let output = harden(&POD.replace('\n', "\r\n"), &[]);
    assert_eq!(output.matches('\n').count(), output.matches("\r\n").count(), "{output:?}");
    assert!(output.ends_with("\r\n"));
    let output = harden(POD.trim_end(), &[]);
    assert!(!output.ends_with('\n'), "{output:?}");
    assert_kept(POD, &output);
}

#[test]
fn empty_values_become_blocks_and_block_texts_stay_what_they_are() {
    let input = "\
apiVersion: v1
kind: Pod
metadata:
  annotations:   # none
  name: a
spec:
  securityContext: {}
  volumes: []
  containers:
  - name: a
    image: i
    securityContext:
    args:
    - |+
      keep

  - name: b
    image: i
    resources: ~ # none
    command: [sh, -c]
    args: [\"x\"]
    env:
    - name: LAST
      value: >-
        folded
        text

";
    let output = harden(input, &[]);
    let edited = &values(&output, &["--policy", "observe"])[0];
    assert_eq!(edited, &values(input, &[])[0]);
    assert_eq!(edited["spec"]["containers"][0]["args"], json!(["keep\n\n"]));
    assert_eq!(edited["spec"]["containers"][1]["env"][0]["value"], json!("folded text"));
    assert!(output.contains("  securityContext:\n    runAsUser: 65532\n"), "{output}");
    assert!(output.contains("# none"), "{output}");
    assert!(output.contains("  volumes:\n  - name: tmp-a\n"), "{output}");
}

#[test]
fn what_is_removed_goes_and_nothing_else() {
    let input = "\
apiVersion: v1
kind: Pod
metadata:
  name: a
spec:
  automountServiceAccountToken: true # because
  containers:
  - name: a
    image: i
    securityContext:
      capabilities:
        add:
        - NET_BIND_SERVICE # kept
        - SYS_ADMIN # gone
        - SYS_PTRACE
      procMount: Unmasked
    volumeMounts:
    # data
    - name: data
      mountPath: /data
    - name: kube-api-access-x
      mountPath: /var/run/secrets/kubernetes.io/serviceaccount
  volumes:
  - name: kube-api-access-x
    projected:
      sources:
      - serviceAccountToken: {path: token}
  - name: data # data volume
    emptyDir: {}
";
    let output = harden(input, &["--policy", "enforced"]);
    assert!(output.contains("        - NET_BIND_SERVICE # kept\n"), "{output}");
    assert!(output.contains("    # data\n    - name: data\n"), "{output}");
    assert!(output.contains("  - name: data # data volume\n"), "{output}");
    for gone in ["SYS_ADMIN", "SYS_PTRACE", "Unmasked", "kube-api-access"] {
        assert!(!output.contains(gone), "{gone} is left in\n{output}");
    }
    let edited = values(&output, &["--policy", "observe"]);
    assert_eq!(edited, values(input, &["--policy", "enforced"]));
}

#[test]
fn shared_anchors_are_never_edited_into_something_else() {
    let input = "\
apiVersion: v1
kind: List
items:
- &pod
  apiVersion: v1
  kind: Pod
  metadata: {name: a}
  spec:
    containers:
    - &c {name: a, image: i}
    initContainers:
    - <<: *c
      name: b
    - *c
- <<: *pod
  metadata: {name: b, annotations: {pod-hardener.dev/exempt: all, pod-hardener.dev/exempt-reason: a test}}
";
    let output = harden(input, &[]);
    let edited = values(&output, &["--policy", "observe"]);
    assert_eq!(edited, values(input, &[]));
    let items = &edited[0]["items"];
    assert_eq!(items[0]["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"], json!(true));
    assert_eq!(items[1]["spec"]["containers"][0], json!({"name": "a", "image": "i"}));
}

#[test]
fn an_anchor_that_nobody_shares_is_in_no_ones_way() {
    let input = POD.replace("  - name: web\n", "  - &web # ours\n    name: web\n")
        + "  volumes:\n  - &v {name: v, emptyDir: {}} # v\n";
    let output = harden(&input, &[]);
    assert_kept(&input, &output);
    assert!(output.contains("  - &v {name: v, emptyDir: {}} # v\n  - name: tmp-web\n"), "{output}");
}
