//! Where pods stand on the ladder, and what of it can be seen in them.

use std::sync::Arc;

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::facts::{Facts, ImageVolumes, Space};
use crate::harden::harden;
use crate::message::warnings;
use crate::policy::{PolicySet, parse};
use crate::profiles::{self, Profile, ProfileSet};
use crate::subject::{Reach, Subject};
use crate::view::Pod;

const PROFILES: &str = "
web: {match: {repositories: [web]}, user: 101, group: 102, imageUser: root,
  writablePaths: [{path: /var/cache/web, size: 5Mi, medium: Memory}, {path: /run}]}
numeric: {match: {repositories: [numeric]}, user: 1000, imageUser: numeric, writablePaths: []}
named: {match: {repositories: [named]}, user: 472, group: 472, imageUser: named, environment: {HOME: /tmp, A: b}}
caps: {match: {repositories: [caps]}, capabilities: [NET_BIND_SERVICE, CHOWN]}
content: {match: {repositories: [content]}, user: 7, writablePaths: [{path: /srv, content: needed}]}
numeric-content: {match: {repositories: [numeric-content]}, user: 10, imageUser: numeric,
  writablePaths: [{path: /srv, content: needed}]}
root-content: {match: {repositories: [root-content]}, posture: isolated, writablePaths: [{path: /srv, content: needed}]}
content-below: {match: {repositories: [content-below]}, user: 7,
  writablePaths: [{path: /opt}, {path: /opt/app, content: needed}]}
content-above: {match: {repositories: [content-above]}, user: 7,
  writablePaths: [{path: /opt, content: needed}, {path: /opt/app}, {path: /opt/sub, content: needed}]}
content-tmp: {match: {repositories: [content-tmp]}, user: 7, writablePaths: [{path: /tmp, size: 2Gi, content: needed}]}
root: {match: {repositories: [root]}, posture: isolated, writablePaths: [{path: /run}]}
root-blind: {match: {repositories: [root-blind]}, posture: isolated}
safe: {match: {repositories: [safe]}, posture: safe}
sudo: {match: {repositories: [sudo]}, posture: isolated, allowPrivilegeEscalation: true}
sudo-on-node: {match: {repositories: [sudo-on-node]}, posture: safe, allowPrivilegeEscalation: true}
learnt: {match: {repositories: [learnt], tags: ['1'], namespaces: ['*']}, source: learnt, writablePaths: [{path: /srv}]}
";

fn set() -> Arc<ProfileSet> {
    let specs: Value = serde_saphyr::from_str(PROFILES).expect("YAML");
    let specs = specs.as_object().expect("a map").iter();
    let profiles = specs.map(|(name, spec)| profiles::parse_object(name, Some(spec)).expect("a profile"));
    Arc::new(ProfileSet::new(profiles.map(Profile::from)))
}

fn policies(spec: &str) -> PolicySet {
    let head = "apiVersion: pod-hardener.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {name: p}\n";
    PolicySet::new(parse("p", &format!("{head}spec: {{{spec}}}\n")).expect("a policy")).with_profiles(set())
}

/// What is known of the cluster: the namespace's labels, whether the nodes have user namespaces.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    restricted: bool,
    nodes: bool,
    images: ImageVolumes,
}

impl Known {
    fn facts(self) -> Facts<'static> {
        let labels: &[(&str, &str)] =
            if self.restricted { &[("pod-security.kubernetes.io/enforce", "restricted")] } else { &[] };
        let labels = labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        let space = Some(Arc::new(Space { labels, ..Space::default() }));
        Facts { space, user_namespaces: self.nodes, image_volumes: self.images, ..Facts::default() }
    }
}

/// The pod hardened, with its posture and what is said; a second pass must change nothing.
fn apply(pod: &Value, policy: &str, known: Known) -> (Value, &'static str, String) {
    let once = once(pod, policy, known);
    let twice = self::once(&once.0, policy, known);
    assert_eq!(once.0, twice.0, "a second pass changes something");
    assert_eq!(once.1, twice.1, "a second pass stands elsewhere");
    once
}

fn once(pod: &Value, policy: &str, known: Known) -> (Value, &'static str, String) {
    let bytes = serde_json::to_string(pod).expect("JSON");
    let view: Pod<'_> = crate::view::read_json(&bytes).expect("a pod");
    let subject = Subject::new(&view, Reach::Pod).expect("has a spec");
    let (policies, facts) = (policies(policy), known.facts());
    let hardened = harden(&subject, &policies, &facts, OffsetDateTime::UNIX_EPOCH);
    let patch: json_patch::Patch = serde_json::from_slice(&hardened.patch.to_json()).expect("a patch");
    let mut patched = pod.clone();
    json_patch::patch(&mut patched, &patch).expect("it applies");
    let said = warnings(&hardened, &subject).join("\n");
    (patched, hardened.posture.map_or("", super::Posture::as_str), said)
}

fn pod(image: &str) -> Value {
    json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a", "image": image}]}})
}

fn with_claim(image: &str) -> Value {
    let mut pod = pod(image);
    pod["spec"]["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "c"}}]);
    pod["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
    pod
}

const BARE: Known = Known { restricted: false, nodes: false, images: ImageVolumes::No };
const NODES: Known = Known { nodes: true, ..BARE };
const RESTRICTED: Known = Known { restricted: true, ..NODES };

#[test]
fn an_image_that_is_known_gets_its_user_and_its_directories() {
    let (after, posture, said) = apply(&pod("web:1"), "", BARE);
    assert_eq!(posture, "full");
    assert_eq!(after["spec"]["securityContext"]["runAsUser"], 101);
    assert_eq!(after["spec"]["securityContext"]["runAsGroup"], 102);
    let paths: Vec<&Value> = after["spec"]["containers"][0]["volumeMounts"]
        .as_array()
        .expect("mounts")
        .iter()
        .map(|mount| &mount["mountPath"])
        .collect();
    assert_eq!(paths, ["/tmp", "/var/cache/web", "/run"]);
    assert_eq!(after["spec"]["volumes"][1]["emptyDir"], json!({"sizeLimit": "5Mi", "medium": "Memory"}));
    assert_eq!(after["spec"]["volumes"][2]["emptyDir"], json!({"sizeLimit": "1Gi"}));
    assert!(said.contains("uid 101, by profile web"), "{said}");
    let (after, ..) = apply(&pod("unknown"), "", BARE);
    assert_eq!(after["spec"]["securityContext"]["runAsUser"], 65532);
}

#[test]
fn a_numeric_user_stays_and_a_named_one_is_named_by_number() {
    let (after, ..) = apply(&pod("numeric"), "", BARE);
    assert_eq!(after["spec"]["containers"][0]["securityContext"]["runAsNonRoot"], true);
    assert_eq!(after["spec"]["securityContext"]["runAsUser"], Value::Null);
    assert_eq!(after["spec"]["containers"][0]["securityContext"]["runAsUser"], Value::Null);
    let mut own = pod("named");
    own["spec"]["containers"][0]["env"] = json!([{"name": "HOME", "value": "/mine"}]);
    let (after, ..) = apply(&own, "", BARE);
    assert_eq!(after["spec"]["securityContext"]["runAsUser"], 472);
    let env = &after["spec"]["containers"][0]["env"];
    assert_eq!(*env, json!([{"name": "HOME", "value": "/mine"}, {"name": "A", "value": "b"}]));
    let (after, ..) = apply(&pod("named"), "", BARE);
    assert_eq!(after["spec"]["containers"][0]["env"][1], json!({"name": "HOME", "value": "/tmp"}));
}

#[test]
fn capabilities_are_kept_as_far_as_policy_allows() {
    let add =
        |after: &Value| after["spec"]["containers"][0]["securityContext"]["capabilities"]["add"].clone();
    assert_eq!(add(&apply(&pod("caps"), "", BARE).0), json!(["NET_BIND_SERVICE"]));
    let both = "rules: {capabilities: {allowed: [NET_BIND_SERVICE, CHOWN]}}";
    assert_eq!(add(&apply(&pod("caps"), both, BARE).0), json!(["NET_BIND_SERVICE", "CHOWN"]));
    assert_eq!(add(&apply(&pod("caps"), both, RESTRICTED).0), json!(["NET_BIND_SERVICE"]));
    assert_eq!(add(&apply(&pod("caps"), "rules: {capabilities: {allowed: []}}", BARE).0), Value::Null);
    assert_eq!(add(&apply(&pod("caps"), "preset: enforced", BARE).0), json!(["NET_BIND_SERVICE"]));
}

#[test]
fn content_that_an_empty_directory_would_hide_leaves_the_root_writable() {
    let (after, posture, said) = apply(&pod("content"), "", BARE);
    assert_eq!(posture, "full");
    let context = &after["spec"]["containers"][0]["securityContext"];
    assert_eq!(context["readOnlyRootFilesystem"], Value::Null);
    assert_eq!(context["capabilities"]["drop"], json!(["ALL"]));
    assert!(
        said.contains("read-only-root-filesystem not applied: files of the image must be there"),
        "{said}"
    );
    let mut own = pod("content");
    own["spec"]["volumes"] = json!([{"name": "srv", "emptyDir": {}}]);
    own["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "srv", "mountPath": "/srv/"}]);
    let (after, ..) = apply(&own, "", BARE);
    assert_eq!(after["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"], true);
}

#[test]
fn an_image_that_needs_root_is_isolated_where_that_is_possible() {
    let (after, posture, said) = apply(&pod("root"), "", NODES);
    assert_eq!(posture, "isolated");
    assert_eq!(after["spec"]["hostUsers"], false);
    let context = &after["spec"]["containers"][0]["securityContext"];
    assert_eq!(context["runAsNonRoot"], Value::Null);
    assert_eq!(context["readOnlyRootFilesystem"], true);
    assert_eq!(context["capabilities"]["add"][1], "CHOWN");
    assert!(said.contains("run-as-non-root not applied: posture isolated, by profile root in a"), "{said}");
    let note = after["metadata"]["annotations"]["pod-hardener.dev/hardened"].as_str().expect("a note");
    assert!(note.starts_with("p (isolated): ") && !note.contains("run-as-non-root"), "{note}");
    let (after, ..) = apply(&pod("root-blind"), "", NODES);
    assert_eq!(after["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"], Value::Null);
    // Never root with everything dropped: one rung further.
    let (after, posture, _) = apply(&pod("root"), "", BARE);
    assert_eq!(posture, "safe");
    assert_eq!(after["spec"]["hostUsers"], Value::Null);
    let context = &after["spec"]["containers"][0]["securityContext"];
    assert_eq!(context["capabilities"], Value::Null);
    assert_eq!(context["allowPrivilegeEscalation"], false);
    let mut on_host = pod("root");
    on_host["spec"]["hostNetwork"] = json!(true);
    assert_eq!(apply(&on_host, "", NODES).1, "safe");
}

#[test]
fn no_lower_than_policy_and_pod_security_let_it() {
    for (image, policy, known, expected) in [
        ("root", "posture: {floor: isolated}", NODES, "isolated"),
        ("root", "posture: {floor: isolated}", BARE, "full"),
        ("root", "posture: {floor: full}", NODES, "full"),
        ("safe", "posture: {floor: isolated}", NODES, "isolated"),
        ("safe", "", NODES, "safe"),
        ("safe", "", RESTRICTED, "full"),
        ("root", "", RESTRICTED, "full"),
        ("safe", "preset: enforced", NODES, "full"),
        ("safe", "preset: enforced, posture: {floor: safe}", NODES, "safe"),
        ("safe", "exemptions: {authorization: rbac}", NODES, "full"),
        ("unknown", "posture: {unknown: isolated}", NODES, "isolated"),
        ("unknown", "posture: {unknown: isolated}", BARE, "safe"),
        ("unknown", "posture: {unknown: safe}", NODES, "safe"),
        ("web", "posture: {unknown: safe}", NODES, "full"),
        ("learnt:1", "posture: {unknown: safe}", NODES, "safe"),
        ("learnt:1", "", NODES, "full"),
        ("unknown", "", NODES, "full"),
        ("safe", "preset: safe", NODES, ""),
    ] {
        let (after, posture, _) = apply(&pod(image), policy, known);
        assert_eq!(posture, expected, "{image}, {policy}");
        let context = &after["spec"]["containers"][0]["securityContext"];
        assert_eq!(context["runAsNonRoot"] == true, expected == "full", "{image}, {policy}");
        assert!(!(context["seccompProfile"].is_null() && after["spec"]["securityContext"].is_null()));
    }
}

#[test]
fn setuid_programs_work_where_their_privileges_end_at_a_border() {
    const ENFORCE: &str = "rules: {privilege-escalation: {mode: enforce}}";
    let field =
        |pod: &Value| pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"].clone();
    for (image, policy, known, expected) in [
        ("sudo", "", NODES, Value::Null),
        ("sudo", "", BARE, json!(false)),
        ("sudo", "", RESTRICTED, json!(false)),
        ("sudo", ENFORCE, NODES, json!(false)),
        ("sudo", "posture: {floor: isolated}", NODES, json!(false)),
        ("sudo", "posture: {floor: full}", NODES, json!(false)),
        ("sudo", "rules: {run-as-non-root: {mode: observe}}", NODES, json!(false)),
        ("sudo-on-node", "", BARE, Value::Null),
        ("sudo-on-node", "posture: {floor: isolated}", NODES, json!(false)),
        ("sudo-on-node", ENFORCE, NODES, json!(false)),
        ("root", "", NODES, json!(false)),
    ] {
        let (after, posture, said) = apply(&pod(image), policy, known);
        assert_eq!(field(&after), expected, "{image}, {policy}, {known:?}: {posture}");
        let told = said
            .contains("privilege-escalation not applied: its image needs setuid programs, by profile sudo");
        assert_eq!(told, expected.is_null(), "{said}");
        assert!(!expected.is_null() || posture == "safe" || after["spec"]["hostUsers"] == false, "{after}");
    }
    // What its author says is not lowered.
    for authors in [json!(false), json!(true)] {
        let mut pod = pod("sudo");
        pod["spec"]["containers"][0]["securityContext"] = json!({"allowPrivilegeEscalation": authors});
        let (after, _, said) = apply(&pod, "", NODES);
        assert_eq!((field(&after), said.contains("setuid programs")), (authors, false), "{said}");
    }
    let alone = ["run-as-non-root", "capabilities", "read-only-root-filesystem"]
        .map(|rule| format!("{rule}: {{mode: observe}}"));
    let (_, posture, _) = apply(&pod("sudo-on-node"), &format!("rules: {{{}}}", alone.join(", ")), BARE);
    assert_eq!(posture, "safe", "the backstop is to know");
}

#[test]
fn the_authors_word_goes_first() {
    let mut tuned = pod("safe");
    tuned["metadata"]["annotations"] = json!({"pod-hardener.dev/run-as-user": "1234"});
    let (after, posture, _) = apply(&tuned, "", BARE);
    assert_eq!(posture, "full");
    assert_eq!(after["spec"]["securityContext"]["runAsUser"], 1234);
    let mut tuned = pod("web");
    tuned["metadata"]["annotations"] = json!({"pod-hardener.dev/run-as-user": "1234"});
    assert_eq!(apply(&tuned, "", BARE).0["spec"]["securityContext"]["runAsUser"], 1234);
    let mut chosen = pod("web");
    chosen["spec"]["securityContext"] = json!({"runAsUser": 5});
    let (after, ..) = apply(&chosen, "", BARE);
    assert_eq!(after["spec"]["securityContext"]["runAsUser"], 5);
}

#[test]
fn files_in_a_persistent_volume_stay_their_owners() {
    let (after, posture, said) = apply(&with_claim("unknown"), "", NODES);
    assert_eq!(posture, "safe");
    assert!(said.contains("posture safe, for the files in its persistent volume"), "{said}");
    assert_eq!(after["spec"]["containers"][0]["securityContext"]["runAsNonRoot"], Value::Null);
    for (image, policy, expected) in [
        ("web", "", "safe"),
        ("numeric", "", "full"),
        ("named", "", "full"),
        ("web", "posture: {persistentVolumes: isolated}", "isolated"),
        ("web", "posture: {persistentVolumes: full}", "full"),
        ("web", "rules: {run-as-non-root: {fsGroup: 5}}", "full"),
        ("web", "rules: {run-as-non-root: {mode: off}}", "full"),
        ("web", "preset: enforced", "full"),
    ] {
        assert_eq!(apply(&with_claim(image), policy, NODES).1, expected, "{image}, {policy}");
    }
    // Not every storage can be id-mapped.
    assert_eq!(apply(&with_claim("root"), "", NODES).1, "safe");
    let vouched = "posture: {persistentVolumes: isolated}";
    assert_eq!(apply(&with_claim("root"), vouched, NODES).1, "isolated");
    assert_eq!(apply(&with_claim("web"), "posture: {floor: isolated}", NODES).1, "isolated");
    let with = |edit: fn(&mut Value)| {
        let mut pod = with_claim("web");
        edit(&mut pod);
        apply(&pod, "", NODES).1
    };
    assert_eq!(with(|pod| pod["spec"]["securityContext"] = json!({"fsGroup": 5})), "full");
    assert_eq!(with(|pod| pod["spec"]["securityContext"] = json!({"runAsUser": 5})), "full");
    assert_eq!(with(|pod| pod["spec"]["volumes"] = json!([{"name": "data", "emptyDir": {}}])), "full");
    // The template of a StatefulSet.
    assert_eq!(with(|pod| pod["spec"]["volumes"] = json!([])), "safe");
    assert_eq!(apply(&with_claim("web"), "", RESTRICTED).1, "full");
}

#[test]
fn each_container_stands_for_itself() {
    let mut two = pod("safe");
    two["spec"]["containers"].as_array_mut().expect("a list").push(json!({"name": "b", "image": "web"}));
    let (after, posture, _) = apply(&two, "", NODES);
    assert_eq!(posture, "safe");
    assert_eq!(after["spec"]["securityContext"]["runAsUser"], Value::Null);
    assert_eq!(after["spec"]["containers"][1]["securityContext"]["runAsUser"], 101);
    assert_eq!(after["spec"]["containers"][0]["securityContext"]["runAsUser"], Value::Null);
}

const COPYING: &str = "rules: {read-only-root-filesystem: {copyUp: {image: 'reg.example/copier:1'}}}";
const IMAGES: Known = Known { images: ImageVolumes::WithoutUserNamespace, ..BARE };

fn is_read_only(pod: &Value) -> bool {
    pod["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"] == true
}

/// The names of all init containers.
fn inits(pod: &Value) -> Vec<&str> {
    let inits = pod["spec"]["initContainers"].as_array().into_iter().flatten();
    inits.map(|container| container["name"].as_str().expect("a name")).collect()
}

#[test]
fn content_that_must_be_there_is_copied_by_an_init_container() {
    let (after, posture, said) = apply(&pod("content"), COPYING, IMAGES);
    assert_eq!(posture, "full");
    assert!(is_read_only(&after));
    assert!(said.contains("an init container copies the image's files"), "{said}");
    let spec = &after["spec"];
    assert_eq!(
        spec["initContainers"],
        json!([{
            "name": "copy-up-a",
            "image": "reg.example/copier:1",
            "command": ["/pod-hardener", "copy-up"],
            "args": [
                "--from=/var/run/secrets/kubernetes.io/serviceaccount",
                "/srv:/copy-up/0/content:1Gi",
            ],
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": 7,
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
                "seccompProfile": {"type": "RuntimeDefault"},
                "runAsGroup": 65532,
            },
            "volumeMounts": [
                {"name": "image-a", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
                {"name": "srv-a", "mountPath": "/copy-up/0"},
            ],
            "resources": {
                "requests": {"cpu": "10m", "memory": "32Mi", "ephemeral-storage": "64Mi"},
                "limits": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "2Gi"},
            },
            "terminationMessagePolicy": "FallbackToLogsOnError",
        }])
    );
    assert_eq!(spec["volumes"][1], json!({"name": "srv-a", "emptyDir": {"sizeLimit": "1Gi"}}));
    assert_eq!(spec["volumes"][2], json!({"name": "image-a", "image": {"reference": "content"}}));
    let mount = json!({"name": "srv-a", "mountPath": "/srv", "subPath": "content"});
    assert_eq!(spec["containers"][0]["volumeMounts"][1], mount);
}

#[test]
fn where_it_cannot_be_copied_it_is_said_why() {
    let nodes = "not every node is known to mount images";
    let user = "its uid is root's or unknown";
    for (image, policy, known, expected) in [
        ("content", "", IMAGES, "policy names no copyUp.image"),
        ("content", COPYING, BARE, nodes),
        (
            "content",
            "rules: {user-namespace: {mode: default}, read-only-root-filesystem: {copyUp: {image: c}}}",
            IMAGES,
            nodes,
        ),
        (
            "content",
            "rules: {run-as-non-root: {mode: off}, read-only-root-filesystem: {copyUp: {image: c}}}",
            IMAGES,
            user,
        ),
        ("root-content", COPYING, Known { nodes: true, images: ImageVolumes::Everywhere, ..BARE }, user),
        (
            "content",
            "rules: {user-namespace: {mode: default}, read-only-root-filesystem: {copyUp: {image: c}}}",
            Known { images: ImageVolumes::Everywhere, ..BARE },
            "",
        ),
        ("content", COPYING, Known { restricted: true, ..IMAGES }, ""),
        ("numeric-content", COPYING, IMAGES, ""),
    ] {
        let (after, _, said) = apply(&pod(image), policy, known);
        assert_eq!(is_read_only(&after), expected.is_empty(), "{image}, {policy}");
        assert_eq!(inits(&after).len(), usize::from(expected.is_empty()), "{image}, {policy}");
        assert!(said.contains(expected), "{image}, {policy}: {said}");
        let note = after["metadata"]["annotations"]["pod-hardener.dev/hardened"].as_str().expect("a note");
        assert_eq!(note.contains("read-only-root-filesystem"), expected.is_empty(), "{note}");
    }
    // All of it, whatever that hides.
    let (after, ..) = apply(&pod("content"), "posture: {floor: full}", BARE);
    assert!(is_read_only(&after) && inits(&after).is_empty());
    // The image's own user runs it, whose number is known.
    let (after, ..) = apply(&pod("numeric-content"), COPYING, IMAGES);
    let context = &after["spec"]["initContainers"][0]["securityContext"];
    assert_eq!((&context["runAsUser"], &context["runAsGroup"]), (&json!(10), &json!(65532)));
    assert_eq!(after["spec"]["containers"][0]["securityContext"]["runAsUser"], Value::Null);
}

#[test]
fn copiers_come_first_and_are_one_for_each_container() {
    let mut own = pod("content");
    let long = "c".repeat(63);
    own["metadata"]["annotations"] =
        json!({"pod-hardener.dev/writable-paths": "/data", "pod-hardener.dev/run-as-group": "9"});
    own["spec"]["initContainers"] = json!([
        {"name": "copy-up-a", "image": "other"},
        {"name": "side", "image": "content", "restartPolicy": "Always", "imagePullPolicy": "Always",
            "resources": {"limits": {"memory": "5Gi"}}},
    ]);
    own["spec"]["containers"].as_array_mut().expect("a list").push(json!({"name": long, "image": "content"}));
    own["spec"]["volumes"] = json!([{"name": "image-a", "emptyDir": {}}]);
    // A profile may know what the copier's image is like, and more than is good for it.
    let (after, posture, _) = apply(&own, COPYING, IMAGES);
    assert_eq!(posture, "full");
    let names = inits(&after);
    assert_eq!((names.len(), names[0], names[3], names[4]), (5, "copy-up-side", "copy-up-a", "side"));
    assert!(names[1].starts_with("copy-up-a-") && names[2].starts_with("copy-up-ccc"), "{names:?}");
    assert!(names.iter().all(|name| name.len() <= 63));
    let of_side = &after["spec"]["initContainers"][0];
    assert_eq!(of_side["resources"]["limits"]["memory"], "5Gi");
    assert_eq!(of_side["resources"]["requests"]["memory"], Value::Null, "the API makes it of the limit");
    assert_eq!(of_side["securityContext"]["runAsGroup"], 9);
    assert_eq!(of_side["volumeMounts"].as_array().expect("mounts").len(), 2, "nothing of the annotation's");
    let volumes = after["spec"]["volumes"].as_array().expect("volumes");
    let image = volumes.iter().find(|volume| volume["name"] == "image-side").expect("an image");
    assert_eq!(image["image"], json!({"reference": "content", "pullPolicy": "Always"}));
    assert_eq!(volumes.iter().filter(|volume| volume["image"].is_object()).count(), 3);
}

#[test]
fn facts_about_the_copiers_own_image_are_not_for_it() {
    let policy = "rules: {read-only-root-filesystem: {copyUp: {image: root, pullPolicy: Never}}}, posture: {unknown: safe}";
    let (after, posture, _) = apply(&pod("content"), policy, Known { nodes: true, ..IMAGES });
    assert_eq!(posture, "full");
    assert_eq!(after["spec"]["initContainers"][0]["imagePullPolicy"], "Never");
    assert_eq!(after["spec"]["hostUsers"], Value::Null);
}

#[test]
fn directories_in_directories() {
    let mounts = |image: &str| {
        let (after, ..) = apply(&pod(image), COPYING, IMAGES);
        let mounts = after["spec"]["containers"][0]["volumeMounts"].as_array().expect("mounts").clone();
        let mount = |mount: &Value| (mount["mountPath"].clone(), !mount["subPath"].is_null());
        mounts.iter().map(mount).collect::<Vec<_>>()
    };
    let tmp = (json!("/tmp"), false);
    assert_eq!(mounts("content-below"), [tmp.clone(), (json!("/opt"), false), (json!("/opt/app"), true)]);
    assert_eq!(mounts("content-above"), [tmp.clone(), (json!("/opt"), true)]);
    assert_eq!(mounts("content-tmp"), [(json!("/tmp"), true)]);
}

#[test]
fn a_pod_that_is_changed_leaves_the_end_of_its_log() {
    let policy = |after: &Value| after["spec"]["containers"][0]["terminationMessagePolicy"].clone();
    assert_eq!(policy(&apply(&pod("web"), "", BARE).0), "FallbackToLogsOnError");
    assert_eq!(policy(&apply(&pod("web"), "fallbackToLogsOnError: false", BARE).0), Value::Null);
    assert_eq!(policy(&apply(&pod("web"), "preset: observe", BARE).0), Value::Null);
    let mut defaulted = pod("web");
    defaulted["spec"]["containers"][0]["terminationMessagePolicy"] = json!("File");
    let (once, ..) = apply(&defaulted, "", BARE);
    assert_eq!(policy(&once), "FallbackToLogsOnError");
    // Nothing else is to be changed, so nothing is.
    let mut whole = once;
    whole["spec"]["containers"][0]["terminationMessagePolicy"] = json!("File");
    assert_eq!(policy(&apply(&whole, "", BARE).0), "File");
}
