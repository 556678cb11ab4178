//! YAML means what it means to kubectl.

use serde_json::json;

use crate::support::{POD, run_with, values};

#[test]
fn octal_booleans_merges_and_quotes() {
    let input = "\
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  hostNetwork: no
  shareProcessNamespace: on
  containers:
  - &base
    name: a
    image: i
    stdin: yes
    args: ['yes', \"1\", '0644']
  initContainers:
  - <<: *base
    name: b
  volumes:
  - name: v
    configMap: {name: c, defaultMode: 0644}
";
    for policy in ["observe", "restricted"] {
        let pod = &values(input, &["--policy", policy])[0];
        let spec = &pod["spec"];
        assert_eq!(spec["hostNetwork"], json!(false));
        assert_eq!(spec["shareProcessNamespace"], json!(true));
        assert_eq!(spec["volumes"][0]["configMap"]["defaultMode"], json!(420));
        for container in [&spec["containers"][0], &spec["initContainers"][0]] {
            assert_eq!(container["stdin"], json!(true));
            assert_eq!(container["args"], json!(["yes", "1", "0644"]));
        }
    }
    let hardened = &values(input, &[])[0]["spec"];
    assert_eq!(hardened["initContainers"][0]["name"], "b");
    assert_eq!(hardened["initContainers"][0]["securityContext"]["allowPrivilegeEscalation"], json!(false));
}

#[test]
fn the_last_of_two_keys_counts_and_its_author_is_told() {
    let input = format!("{POD}    image: second\n");
    let run = run_with(&["harden", "-o", "json"], &input);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("warning: stdin:9:5: the key `image`"), "{}", run.stderr);
    let pod: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(pod["spec"]["containers"][0]["image"], "second");
}

#[test]
fn every_kind_with_a_pod_template_is_hardened() {
    let template = json!({"spec": {"containers": [{"name": "a", "image": "i"}]}});
    let job = json!({"spec": {"template": template}});
    let mut items = Vec::new();
    for (version, kind) in [
        ("apps/v1", "Deployment"),
        ("apps/v1", "ReplicaSet"),
        ("apps/v1", "StatefulSet"),
        ("apps/v1", "DaemonSet"),
        ("batch/v1", "Job"),
        ("v1", "ReplicationController"),
        ("argoproj.io/v1alpha1", "Rollout"),
    ] {
        items.push((
            json!({"apiVersion": version, "kind": kind, "spec": {"template": template}}),
            "/spec/template",
        ));
    }
    items.push((
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"jobTemplate": job}}),
        "/spec/jobTemplate/spec/template",
    ));
    items.push((json!({"apiVersion": "v1", "kind": "PodTemplate", "template": template}), "/template"));
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items.iter().map(|item| &item.0).collect::<Vec<_>>()});
    let hardened = values(&list.to_string(), &[]);
    assert_eq!(hardened.len(), 1, "a list stays one");
    for (number, (before, path)) in items.iter().enumerate() {
        let after = &hardened[0]["items"][number];
        assert_eq!(after["kind"], before["kind"]);
        let template = after.pointer(path).expect("a template");
        assert_eq!(template["spec"]["securityContext"]["runAsUser"], json!(65532), "{after}");
        let annotation = &template["metadata"]["annotations"]["pod-hardener.dev/hardened"];
        assert!(annotation.is_string(), "{after}");
        assert_eq!(after.pointer("/metadata"), None, "only the template says so");
    }
}

#[test]
fn the_namespace_decides_the_policy() {
    let policy = "apiVersion: pod-hardener.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {name: shop-only}\nspec: {selector: {namespaces: [shop]}}\n";
    let files = crate::support::Files::new(&[("p.yaml", policy)]);
    let path = files.path("p.yaml");
    let named = POD.replace("  name: web", "  name: web\n  namespace: shop");
    for (input, arguments, expected) in [
        (POD, &[][..], "restricted: "),
        (POD, &["-n", "shop"], "shop-only: "),
        (&named, &["-n", "other"], "shop-only: "),
    ] {
        let pod = &values(input, &[&["--policy", &path], arguments].concat())[0];
        let annotation =
            pod["metadata"]["annotations"]["pod-hardener.dev/hardened"].as_str().expect("annotated");
        assert!(annotation.starts_with(expected), "{annotation}");
    }
}
