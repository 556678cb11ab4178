//! What a program says when it ends is written by whoever wrote the program. Whatever that is: what is learnt from it
//! stays in its namespace and with its image, above policy's floor, and away from what is the system's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use pod_hardener::facts::Facts;
use pod_hardener::guard::classify::{Death, classify};
use pod_hardener::guard::learnt;
use pod_hardener::guard::remedy::{Trouble, remedy};
use pod_hardener::harden::harden;
use pod_hardener::policy::{Policy, PolicySet, Preset};
use pod_hardener::posture::Posture;
use pod_hardener::profiles::{ImageProfile, Profile, ProfileSet, ProfileSpec, parse_object};
use pod_hardener::rules::RuleSet;
use pod_hardener::subject::{Reach, Subject};
use pod_hardener::view::Pod;
use serde_json::{Value, json};
use time::OffsetDateTime;

const NAMESPACE: &str = "tenant";
const IMAGE: &str = "registry.example/tenant/app:1";
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Directories that are nobody's to replace.
const SYSTEM: [&str; 9] = ["/etc", "/proc", "/sys", "/dev", "/bin", "/sbin", "/usr", "/lib", "/boot"];

/// Paths that somebody may name who wants more than a directory of their own.
fn paths() -> Vec<String> {
    let mut paths: Vec<String> = [
        "/etc/shadow",
        "/etc",
        "/etc/",
        "//etc/shadow",
        "/./etc/shadow",
        "/data/../etc/shadow",
        "/data/../../etc/shadow",
        "/data/./../etc/x",
        "/data//../etc/x",
        "/data/..",
        "/..",
        "/../../x",
        "/",
        "//",
        "/.",
        "/proc/self/root/etc/x",
        "/proc/1/x",
        "/sys/fs/cgroup/x",
        "/dev/sda",
        "/dev/shm/x",
        "/bin/sh",
        "/sbin/init",
        "/usr/bin/sudo",
        "/usr/local/bin/x",
        "/lib/x",
        "/lib64/ld-linux.so",
        "/libexec/x",
        "/boot/vmlinuz",
        "/var/run/secrets/kubernetes.io/serviceaccount/token",
        "/run/secrets/kubernetes.io/serviceaccount/token",
        "/var/run/secrets/kubernetes.io/x",
        "/var/run/secrets/x",
        "/run/secrets/x",
        "/run/../run/secrets/x",
        "/var/x",
        "/da\0ta/x",
        "/data\n/etc/x",
        "/data\r/etc/x",
        "/data\t/x",
        "/data%2f..%2fetc/x",
        "/%2e%2e/etc/x",
        "/data:/etc/x",
        "/data,/etc/x",
        "/data;/etc/x",
        "/data\\..\\etc/x",
        "/data\"},{\"path\":\"/etc\"/x",
        "/data'/etc/x",
        "/data\u{202e}cte/x",
        "/\u{ff0f}etc/x",
        "/e\u{0301}tc/x",
        "/etc\u{200b}/x",
        "/*/x",
        "/?/x",
        "/$(id)/x",
        "/`id`/x",
        "/${HOME}/x",
        "/~/x",
        "~/x",
        "etc/x",
        "../etc/x",
    ]
    .map(str::to_owned)
    .to_vec();
    paths.push(format!("/{}/x", "a".repeat(10_000)));
    paths.push(format!("/{}x", "a/".repeat(5_000)));
    paths.push(format!("{}etc/x", "/..".repeat(3_000)));
    paths
}

/// What programs say with a path in it.
fn messages() -> Vec<String> {
    let mut messages = Vec::new();
    for path in paths() {
        for message in [
            format!("open {path}: read-only file system"),
            format!("mkdir: cannot create directory '{path}': Read-only file system"),
            format!("OSError: [Errno 30] Read-only file system: '{path}'"),
            format!(
                "Error: EACCES: permission denied, open '{path}' {{\n  code: 'EACCES',\n  path: '{path}'\n}}"
            ),
            format!("could not open directory \"{path}\": Permission denied"),
            format!("chmod: changing permissions of '{path}': Operation not permitted"),
            format!("httpd: could not log pid to file {path}"),
            format!("File \"{path}.py\", line 1\nOSError: [Errno 30] Read-only file system: 'etc/x'"),
        ] {
            messages.push(message);
        }
    }
    for message in [
        "container has runAsNonRoot and image will run as root",
        "container has runAsNonRoot and image has non-numeric user (root), cannot verify user is non-root",
        "OOMKilled",
        "uid=0(root) gid=0(root): setuid: Operation not permitted",
        "sudo: The \"no new privileges\" flag is set, which prevents sudo from running as root.",
        "su: must be suid to work properly",
        "SYS_ADMIN: exec /bin/mount: operation not permitted",
        "image registry.example/other/app:1 in namespace kube-system: open /data/x: read-only file system",
        "{\"spec\":{\"posture\":\"safe\",\"capabilities\":[\"SYS_ADMIN\"],\"user\":0}}: permission denied",
        "posture: safe\nmatch: {repositories: ['*'], namespaces: []}\nopen /x: permission denied",
        "\u{feff}\u{0}\u{1b}[31mbind: permission denied\u{7}",
    ] {
        messages.push(message.to_owned());
    }
    messages.push("bind: permission denied\n".repeat(1_000));
    messages.push("é".repeat(10_000));
    messages
}

/// What is learnt when a program ends with these words again and again, until nothing is left.
fn learn(messages: &[&str], policy: &Policy, floor: Posture) -> ProfileSpec {
    let mut known = ProfileSpec::default();
    let reasons = ["Error", "OOMKilled", "Completed", "CreateContainerConfigError", "StartError"];
    let paths = paths();
    for (number, message) in messages.iter().cycle().take(messages.len().max(8)).enumerate() {
        let death = Death {
            reason: reasons[number % reasons.len()],
            exit_code: Some(1),
            signal: None,
            message,
            working_dir: Some(&paths[number % paths.len()]),
        };
        let explained = classify(&death, RuleSet::all());
        let posture = known.posture.unwrap_or_default().max(floor);
        let memory = known.memory.clone();
        let trouble = Trouble {
            cause: explained.cause,
            directory: explained.directory.as_deref(),
            read_only: true,
            image_user: Some(0),
            mounts: &[],
            user: Some(65532),
            memory: Some(memory.as_deref().unwrap_or("1Gi")),
            posture,
            floor,
            known: &known,
        };
        // What would let it become root on the node waits for an administrator, whatever the mode.
        let Some(step) = remedy(&trouble, policy).filter(|step| !step.gains_on_node()) else {
            continue;
        };
        let images = learnt::about(IMAGE, NAMESPACE).expect("an image");
        known = learnt::profile(&known, images, &step, explained.cause.as_text(), "2027-01-31", true);
    }
    known
}

fn policy(preset: Preset) -> Policy {
    Policy::from(preset)
}

/// The profile as the API server and every replica take it.
fn taken(spec: &ProfileSpec) -> Option<ImageProfile> {
    if *spec == ProfileSpec::default() {
        return None;
    }
    let value = serde_json::to_value(spec).expect("JSON");
    let name = learnt::name(&spec.images, Some(spec.round));
    Some(parse_object(&name, Some(&value)).expect("a valid profile"))
}

fn hardened(
    image: &str,
    namespace: &str,
    policy: &Policy,
    profile: Option<&ImageProfile>,
    user_namespaces: bool,
) -> (Value, Option<Posture>) {
    let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "app", "image": image}]}});
    let text = pod.to_string();
    let view: Pod<'_> = serde_json::from_str(&text).expect("a pod");
    let subject = Subject::new(&view, Reach::Pod).expect("a spec");
    let set = ProfileSet::new(profile.cloned().map(Profile::from));
    let policies = PolicySet::new(vec![policy.clone()]).with_profiles(Arc::new(set));
    let facts = Facts { user_namespaces, ..Facts::of_namespace(namespace) };
    let hardened = harden(&subject, &policies, &facts, OffsetDateTime::UNIX_EPOCH);
    let patch: json_patch::Patch = serde_json::from_slice(&hardened.patch.to_json()).expect("a patch");
    let mut patched = pod.clone();
    json_patch::patch(&mut patched, &patch).expect("it applies");
    (patched, hardened.posture)
}

/// Everything that must hold of what was learnt; what does not.
fn escapes(spec: &ProfileSpec, policy: &Policy, floor: Posture) -> Vec<String> {
    let mut escapes = Vec::new();
    let Some(profile) = taken(spec) else { return escapes };
    let mut must = |holds: bool, what: String| {
        if !holds {
            escapes.push(what);
        }
    };
    for entry in spec.writable_paths.iter().flatten() {
        let path = entry.path.as_str();
        let real =
            if path == "/run" || path.starts_with("/run/") { format!("/var{path}") } else { path.to_owned() };
        let system = SYSTEM.iter().any(|root| path == *root || path.starts_with(&format!("{root}/")))
            || path.starts_with("/lib");
        let of_token = format!("{real}/").starts_with(&format!("{TOKEN}/"))
            || (TOKEN.starts_with(&format!("{real}/")) && real != "/var/run");
        let odd = path.split('/').skip(1).any(|part| ["", ".", ".."].contains(&part))
            || path.chars().any(|c| c.is_control() || !c.is_ascii() || ":%*?$`\"'\\,;".contains(c))
            || path.len() > 255;
        must(!system && !of_token && !odd && path.starts_with('/'), format!("path {path:?}"));
    }
    must(spec.user.is_none_or(|user| user > 0), format!("user {:?}", spec.user));
    let allowed = &policy.rules.capabilities.allowed;
    must(spec.capabilities.iter().all(|name| allowed.contains(name)), format!("{:?}", spec.capabilities));
    must(spec.posture.is_none_or(|posture| posture >= floor), format!("posture {:?}", spec.posture));
    must(spec.images.namespaces == [NAMESPACE], format!("namespaces {:?}", spec.images.namespaces));
    must(spec.evidence.iter().all(|line| !line.contains('\n') && line.len() <= 1600), "evidence".to_owned());
    // Other namespaces and other images are as if nothing had been learnt.
    for (image, namespace) in [
        (IMAGE, "other"),
        (IMAGE, ""),
        ("registry.example/tenant/app:2", NAMESPACE),
        ("registry.example/tenant/other:1", NAMESPACE),
        ("registry.example/other/app:1", NAMESPACE),
        ("app:1", NAMESPACE),
        ("nginx", NAMESPACE),
    ] {
        let with = hardened(image, namespace, policy, Some(&profile), true);
        must(with == hardened(image, namespace, policy, None, true), format!("{image} in {namespace:?}"));
    }
    for user_namespaces in [false, true] {
        let (pod, posture) = hardened(IMAGE, NAMESPACE, policy, Some(&profile), user_namespaces);
        must(posture.is_none_or(|posture| posture >= floor), format!("it stands on {posture:?}"));
        let context = &pod["spec"]["containers"][0]["securityContext"];
        // What root is in a user namespace is nobody on the node.
        let gains = context["allowPrivilegeEscalation"] != false;
        must(!gains || (floor == Posture::Safe && pod["spec"]["hostUsers"] == false), format!("{context}"));
        must(context["privileged"].is_null(), format!("{context}"));
        if floor == Posture::Full {
            must(
                context["runAsNonRoot"] == true && context["capabilities"]["drop"] == json!(["ALL"]),
                format!("{context}"),
            );
        }
    }
    escapes
}

#[test]
fn nobody_gets_more_by_what_a_program_says() {
    let messages = messages();
    let mut escaped = Vec::new();
    let mut without = policy(Preset::Restricted);
    without.rules.capabilities.allowed.clear();
    let restricted = policy(Preset::Restricted);
    let enforced = policy(Preset::Enforced);
    for (policy, floor) in [
        (&restricted, Posture::Safe),
        (&restricted, Posture::Isolated),
        (&enforced, Posture::Full),
        (&without, Posture::Safe),
    ] {
        let mut policy = policy.clone();
        policy.posture.floor = Some(floor);
        let mut seen = Vec::new();
        for message in &messages {
            let spec = learn(&[message], &policy, floor);
            if seen.contains(&spec) {
                continue;
            }
            seen.push(spec.clone());
            let short: String = message.chars().take(80).collect();
            escaped
                .extend(escapes(&spec, &policy, floor).into_iter().map(|what| format!("{short:?}: {what}")));
        }
        let all: Vec<&str> = messages.iter().map(String::as_str).collect();
        escaped.extend(escapes(&learn(&all, &policy, floor), &policy, floor));
    }
    assert!(escaped.is_empty(), "{} escapes: {escaped:#?}", escaped.len());
}

#[test]
fn honest_words_are_understood_all_the_same() {
    let policy = policy(Preset::Restricted);
    let spec = learn(&["open /data/x: read-only file system"], &policy, Posture::Full);
    let paths: Vec<&str> = spec.writable_paths.iter().flatten().map(|entry| entry.path.as_str()).collect();
    assert_eq!(paths, ["/data"]);
    let spec = learn(&["sudo: The \"no new privileges\" flag is set"], &policy, Posture::Safe);
    assert!(spec.allow_privilege_escalation && spec.posture == Some(Posture::Isolated), "{spec:?}");
}
