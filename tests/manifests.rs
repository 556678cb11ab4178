//! `manifests/base`: what can be proven of them without a cluster.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use pod_hardener::facts::Facts;
use pod_hardener::harden::harden;
use pod_hardener::policy::{PolicySet, Preset};
use pod_hardener::subject::{Reach, Subject};
use pod_hardener::view::Pod;
use serde_json::{Value, json};
use time::OffsetDateTime;

const FILES: [(&str, &str); 13] = [
    ("namespace.yaml", "Namespace"),
    ("crd/hardeningpolicies.yaml", "CustomResourceDefinition"),
    ("crd/imageprofiles.yaml", "CustomResourceDefinition"),
    ("serviceaccount.yaml", "ServiceAccount"),
    ("role.yaml", "ClusterRole"),
    ("rolebinding.yaml", "ClusterRoleBinding"),
    ("guard.yaml", "Role"),
    ("priorityclass.yaml", "PriorityClass"),
    ("deployment.yaml", "Deployment"),
    ("service.yaml", "Service"),
    ("poddisruptionbudget.yaml", "PodDisruptionBudget"),
    ("networkpolicy.yaml", "NetworkPolicy"),
    ("webhook.yaml", "MutatingWebhookConfiguration"),
];

/// A file's documents.
fn documents(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/base").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file's first document.
fn manifest(file: &str) -> Value {
    documents(file).swap_remove(0)
}

fn at<'v>(object: &'v Value, pointer: &str) -> &'v Value {
    object.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer}"))
}

#[test]
fn kustomize_names_every_file_and_each_is_of_its_kind() {
    let kustomization = manifest("kustomization.yaml");
    let listed: Vec<&str> =
        at(&kustomization, "/resources").as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(listed, FILES.map(|(file, _)| file));
    for (file, kind) in FILES {
        assert_eq!(manifest(file)["kind"], kind, "{file}");
    }
    let image = at(&kustomization, "/images/0/name");
    assert_eq!(image, at(&manifest("deployment.yaml"), "/spec/template/spec/containers/0/image"));
}

#[test]
fn our_own_pod_is_hardened_already() {
    let mut deployment = manifest("deployment.yaml");
    // As kustomize makes it.
    let images = manifest("kustomization.yaml");
    let image = |name: &str| at(&images, name).as_str().unwrap_or_default().to_owned();
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] =
        json!([image("/images/0/newName"), image("/images/0/newTag")].join(":"));
    let template = at(&deployment, "/spec/template").to_string();
    let pod: Pod<'_> = serde_json::from_str(&template).expect("a pod");
    for preset in [Preset::Restricted, Preset::Enforced, Preset::Safe] {
        let subject = Subject::new(&pod, Reach::Pod).expect("a spec");
        let policies = PolicySet::from(preset);
        let hardened =
            harden(&subject, &policies, &Facts::of_namespace("pod-hardener"), OffsetDateTime::UNIX_EPOCH);
        assert!(!hardened.is_changed(), "{preset:?}: {:?}", hardened.findings);
        assert!(hardened.findings.is_empty(), "{preset:?}: {:?}", hardened.findings);
    }
}

#[test]
fn the_api_server_finds_the_pods() {
    let webhook = manifest("webhook.yaml");
    let service = manifest("service.yaml");
    let deployment = manifest("deployment.yaml");
    let target = at(&webhook, "/webhooks/0/clientConfig/service");
    assert_eq!(target["name"], service["metadata"]["name"]);
    assert_eq!(target["namespace"], service["metadata"]["namespace"]);
    assert_eq!(target["path"], "/mutate");
    assert_eq!(&target["port"], at(&service, "/spec/ports/0/port"));
    let labels = at(&deployment, "/spec/template/metadata/labels");
    assert_eq!(at(&service, "/spec/selector"), labels);
    assert_eq!(at(&deployment, "/spec/selector/matchLabels"), labels);
    let container = at(&deployment, "/spec/template/spec/containers/0");
    let ports = container["ports"].as_array().unwrap();
    let port = |name: &Value| ports.iter().find(|port| port["name"] == *name).expect("a named port");
    let args: Vec<&str> = container["args"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let serves = |flag: &str, name: &Value| {
        let expected = format!("--{flag}=0.0.0.0:{}", port(name)["containerPort"]);
        assert!(args.contains(&expected.as_str()), "{expected} is not in {args:?}");
    };
    serves("listen", at(&service, "/spec/ports/0/targetPort"));
    let annotations = at(&deployment, "/spec/template/metadata/annotations");
    let scraped = annotations["prometheus.io/port"].as_str().and_then(|port| port.parse::<u64>().ok());
    let scraped = ports.iter().find(|port| scraped.is_some() && port["containerPort"].as_u64() == scraped);
    assert_eq!(
        scraped.map(|port| &port["name"]),
        Some(&json!("admin")),
        "who follows annotations finds the metrics"
    );
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        serves("admin", at(&container[probe], "/httpGet/port"));
    }
}

#[test]
fn the_certificate_is_where_the_server_looks() {
    let deployment = manifest("deployment.yaml");
    let container = at(&deployment, "/spec/template/spec/containers/0");
    let mount = at(container, "/volumeMounts/0");
    assert_eq!(mount.get("subPath"), None, "a file mounted by subPath is never replaced");
    let folder = mount["mountPath"].as_str().unwrap();
    for (flag, file) in [("tls-cert", "tls.crt"), ("tls-key", "tls.key")] {
        let expected = json!(format!("--{flag}={folder}/{file}"));
        assert!(container["args"].as_array().unwrap().contains(&expected), "{expected}");
    }
    assert_eq!(at(&deployment, "/spec/template/spec/volumes/0/name"), &mount["name"]);
}

#[test]
fn what_guards_the_pods_is_about_these_pods() {
    let deployment = manifest("deployment.yaml");
    let pod = at(&deployment, "/spec/template");
    let labels = at(pod, "/metadata/labels");
    let policy = manifest("networkpolicy.yaml");
    assert_eq!(at(&policy, "/spec/podSelector/matchLabels"), labels);
    let budget = manifest("poddisruptionbudget.yaml");
    assert_eq!(at(&budget, "/spec/selector/matchLabels"), labels);
    assert_eq!(at(pod, "/spec/topologySpreadConstraints/0/labelSelector/matchLabels"), labels);
    assert_eq!(at(pod, "/spec/priorityClassName"), &manifest("priorityclass.yaml")["metadata"]["name"]);
    let ports: Vec<&Value> = at(&policy, "/spec/ingress")
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| &rule["ports"][0]["port"])
        .collect();
    assert_eq!(ports, ["https", "admin"], "reviews from anywhere, then metrics");
    assert_eq!(at(&policy, "/spec/ingress/0").get("from"), None, "API servers are no pods");
}

#[test]
fn a_pod_ends_before_it_is_killed() {
    let pod = manifest("deployment.yaml");
    let grace = at(&pod, "/spec/template/spec/terminationGracePeriodSeconds").as_u64().unwrap();
    let settings = pod_hardener::settings::Settings {
        listen: ([0, 0, 0, 0], 8443).into(),
        ..pod_hardener::settings::Settings::default()
    };
    let needed = settings.lag() + settings.shutdown_deadline.0;
    assert!(needed.as_secs() < grace, "{needed:?} and {grace} s");
}

/// By the names of who is meant: so the list of the one is that of the other.
#[test]
fn whom_the_check_of_exemptions_trusts_the_webhook_does_not_ask_about() {
    let check = manifest("exemption-policy.yaml");
    let validating = documents("webhook.yaml").swap_remove(1);
    let lists = |object: &Value, pointer: &str, name: &str| {
        let conditions = at(object, pointer).as_array().unwrap();
        let condition = conditions.iter().find(|condition| condition["name"] == name).expect("a condition");
        let text = condition["expression"].as_str().unwrap().replace("[ ", "[");
        let lists: Vec<String> =
            text.split('[').skip(1).map(|rest| rest.split(']').next().unwrap().to_owned()).collect();
        lists.into_iter().filter(|list| !list.is_empty()).collect::<Vec<String>>()
    };
    let trusted = lists(&check, "/spec/matchConditions", "not-carried-on-by-a-controller");
    assert_eq!(lists(&validating, "/webhooks/0/matchConditions", "not-made-by-a-controller"), trusted);
    assert_eq!(trusted.len(), 2);
}

#[test]
fn the_webhook_asks_for_pods_and_stands_in_nobodys_way() {
    let configuration = manifest("webhook.yaml");
    let webhook = at(&configuration, "/webhooks/0");
    for (field, expected) in [
        ("admissionReviewVersions", json!(["v1"])),
        ("matchPolicy", json!("Equivalent")),
        ("sideEffects", json!("NoneOnDryRun")),
        ("reinvocationPolicy", json!("IfNeeded")),
        ("timeoutSeconds", json!(2)),
        ("failurePolicy", json!("Ignore")),
    ] {
        assert_eq!(webhook[field], expected, "{field}");
    }
    let asked: Vec<(&Value, &Value)> = webhook["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| (&rule["operations"], &rule["resources"]))
        .collect();
    let expected =
        [(json!(["CREATE"]), json!(["pods"])), (json!(["UPDATE"]), json!(["pods/ephemeralcontainers"]))];
    assert_eq!(asked, expected.iter().map(|(a, b)| (a, b)).collect::<Vec<_>>());
    let own = manifest("namespace.yaml")["metadata"]["name"].clone();
    let left_out = at(webhook, "/namespaceSelector/matchExpressions/0");
    assert_eq!(left_out["key"], "kubernetes.io/metadata.name");
    assert_eq!(left_out["operator"], "NotIn");
    assert_eq!(left_out["values"], json!(["kube-system", own]));
    assert_eq!(webhook["clientConfig"].get("caBundle"), None);
}

#[test]
fn what_people_do_is_validated_where_pods_are_hardened() {
    let [hardening, validating] = <[Value; 2]>::try_from(documents("webhook.yaml")).expect("two documents");
    assert_eq!(validating["kind"], "ValidatingWebhookConfiguration");
    let (hardening, validating) = (at(&hardening, "/webhooks/0"), at(&validating, "/webhooks/0"));
    for field in [
        "admissionReviewVersions",
        "matchPolicy",
        "namespaceSelector",
        "sideEffects",
        "timeoutSeconds",
        "failurePolicy",
    ] {
        assert_eq!(validating[field], hardening[field], "{field}");
    }
    let mut service = at(hardening, "/clientConfig/service").clone();
    service["path"] = json!("/validate");
    assert_eq!(at(validating, "/clientConfig/service"), &service);
    let mut asked: Vec<String> = Vec::new();
    for rule in validating["rules"].as_array().unwrap() {
        let ephemeral = rule["resources"] == json!(["pods/ephemeralcontainers"]);
        let expected = if ephemeral { json!(["UPDATE"]) } else { json!(["CREATE", "UPDATE"]) };
        assert_eq!(rule["operations"], expected, "{rule}");
        let group = rule["apiGroups"][0].as_str().unwrap();
        let resources = rule["resources"].as_array().unwrap().iter().filter_map(Value::as_str);
        asked.extend(resources.map(|resource| format!("{group}/{resource}")));
    }
    asked.sort();
    let expected = "/namespaces /pods /pods/ephemeralcontainers /replicationcontrollers apps/daemonsets \
                    apps/deployments apps/replicasets apps/statefulsets batch/cronjobs batch/jobs";
    assert_eq!(asked.join(" "), expected);
}

#[test]
fn its_token_goes_where_the_role_is_needed_and_nowhere_else() {
    let account = manifest("serviceaccount.yaml");
    let binding = manifest("rolebinding.yaml");
    let pod = manifest("deployment.yaml");
    assert_eq!(account["automountServiceAccountToken"], false);
    assert_eq!(at(&pod, "/spec/template/spec/automountServiceAccountToken"), true);
    assert_eq!(at(&pod, "/spec/template/spec/serviceAccountName"), &account["metadata"]["name"]);
    assert_eq!(at(&binding, "/subjects").as_array().map(Vec::len), Some(1));
    for field in ["name", "namespace"] {
        assert_eq!(at(&binding, "/subjects/0")[field], account["metadata"][field]);
    }
    assert_eq!(at(&binding, "/roleRef/name"), at(&manifest("role.yaml"), "/metadata/name"));
}

/// Whatever else a role may come to say.
#[test]
fn the_role_is_free_of_what_would_let_it_take_over_the_cluster() {
    let role = manifest("role.yaml");
    for rule in at(&role, "/rules").as_array().expect("rules") {
        let words = |field: &str| rule[field].as_array().cloned().unwrap_or_default();
        for word in [words("verbs"), words("resources"), words("apiGroups")].concat() {
            let word = word.as_str().expect("a word");
            assert!(!word.contains('*'), "{rule}");
            assert!(!["secrets", "pods/exec", "roles", "clusterroles"].contains(&word), "{rule}");
        }
        let may_write =
            ["events", "subjectaccessreviews", "hardeningpolicies/status", "imageprofiles", "pods/eviction"];
        if words("verbs").iter().any(|verb| !["get", "list", "watch"].map(Value::from).contains(verb)) {
            let all = words("resources");
            assert!(all.iter().all(|resource| may_write.map(Value::from).contains(resource)), "{rule}");
        }
    }
}
