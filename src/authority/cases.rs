//! Changes, and the rules that each demands: run through `demands`, and against a real API server with the generated
//! ValidatingAdmissionPolicy. Read by both, so it uses nothing of this crate.

use serde_json::{Value, json};

/// One change of a pod template.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// `None`: it is made anew.
    pub(crate) old: Option<Value>,
    pub(crate) new: Value,
    /// Whether images are pinned.
    pub(crate) pin_images: bool,
    pub(crate) demands: Names,
}

/// A template with these annotations (the domain left out: `exempt`, `app.exempt`) and this spec beside one container
/// `app`, which has these fields.
fn template(notes: &[(&str, &str)], app: &Value, spec: &Value) -> Value {
    let key = |name: &str| match name.split_once('.') {
        Some((container, name)) => format!("{container}.pod-hardener.dev/{name}"),
        None => format!("pod-hardener.dev/{name}"),
    };
    let notes: serde_json::Map<String, Value> =
        notes.iter().map(|(name, value)| (key(name), json!(value))).collect();
    let mut container = json!({"name": "app", "image": "app:1"});
    merge(&mut container, app);
    let mut all = json!({"containers": [container]});
    merge(&mut all, spec);
    json!({"metadata": {"labels": {"app": "x"}, "annotations": notes}, "spec": all})
}

fn merge(into: &mut Value, from: &Value) {
    for (key, value) in from.as_object().into_iter().flatten() {
        into[key] = value.clone();
    }
}

fn notes(notes: &[(&str, &str)]) -> Value {
    template(notes, &json!({}), &json!({}))
}

/// Names of rules.
type Names = &'static [&'static str];

/// Every case. `all` are the names of all rules, `of_containers` of those that a container can be exempted from by itself.
pub(crate) fn cases(all: Names, of_containers: Names) -> Vec<Case> {
    let mut cases = annotations(all, of_containers);
    cases.extend(containers());
    cases.extend(weaker());
    cases.extend(exemption_is_elsewhere());
    cases
}

fn case(name: &'static str, old: Option<Value>, new: Value, demands: Names) -> Case {
    Case { name, old, new, pin_images: false, demands }
}

fn annotations(all: Names, of_containers: Names) -> Vec<Case> {
    let exempt: [(&str, &str); 2] = [("exempt", "seccomp, capabilities"), ("exempt-reason", "old")];
    let plain = || Some(notes(&[]));
    let exempted = || Some(notes(&exempt));
    let one = || Some(notes(&[("app.exempt", "seccomp"), ("exempt-reason", "old")]));
    vec![
        case("nothing", None, notes(&[]), &[]),
        case("only a reason", None, notes(&[("exempt-reason", "x"), ("exempt-until", "2999-01-01")]), &[]),
        case("new object", None, notes(&exempt), &["seccomp", "capabilities"]),
        case("new object, all", None, notes(&[("exempt", " all ")]), all),
        case("new object, all of one container", None, notes(&[("app.exempt", "all")]), of_containers),
        case(
            "new object, a rule about the whole pod, of one container",
            None,
            notes(&[("app.exempt", "host-path")]),
            &[],
        ),
        case(
            "new object, expired",
            None,
            notes(&[("exempt", "seccomp"), ("exempt-until", "2020-01-01")]),
            &["seccomp"],
        ),
        case("unknown names", None, notes(&[("exempt", "secomp, ,All,Seccomp")]), &[]),
        case("unchanged", exempted(), notes(&exempt), &[]),
        case(
            "order and white space",
            exempted(),
            notes(&[("exempt", "capabilities,,seccomp  ,capabilities"), exempt[1]]),
            &[],
        ),
        case(
            "another reason",
            exempted(),
            notes(&[exempt[0], ("exempt-reason", "new")]),
            &["seccomp", "capabilities"],
        ),
        case("no reason any more", exempted(), notes(&exempt[..1]), &["seccomp", "capabilities"]),
        case(
            "an end",
            exempted(),
            notes(&[exempt[0], exempt[1], ("exempt-until", "2999-01-01")]),
            &["seccomp", "capabilities"],
        ),
        case(
            "an empty end goes away",
            Some(notes(&[exempt[0], ("exempt-until", "")])),
            notes(&exempt[..1]),
            &["seccomp", "capabilities"],
        ),
        case(
            "one rule more",
            exempted(),
            notes(&[("exempt", "seccomp,capabilities,sysctls"), exempt[1]]),
            &["sysctls"],
        ),
        case("one rule fewer", exempted(), notes(&[("exempt", "seccomp"), exempt[1]]), &[]),
        case("removed", exempted(), notes(&[]), &[]),
        case("added", plain(), notes(&exempt), &["seccomp", "capabilities"]),
        case("all becomes some", Some(notes(&[("exempt", "all")])), notes(&[("exempt", "seccomp")]), &[]),
        case(
            "the pod's becomes a container's",
            exempted(),
            notes(&[("app.exempt", "seccomp"), exempt[1]]),
            &[],
        ),
        case(
            "a container's becomes the pod's",
            one(),
            notes(&[("exempt", "seccomp"), exempt[1]]),
            &["seccomp"],
        ),
        case(
            "a container's becomes another's",
            one(),
            notes(&[("web.exempt", "seccomp"), exempt[1]]),
            &["seccomp"],
        ),
        case(
            "the pod's becomes a container's with an end that was not its",
            Some(notes(&[
                ("exempt", "seccomp"),
                ("exempt-until", "2027-01-01"),
                ("app.exempt-until", "2999-01-01"),
            ])),
            notes(&[("app.exempt", "seccomp"), ("app.exempt-until", "2999-01-01")]),
            &["seccomp"],
        ),
        case(
            "a container's reason of its own",
            one(),
            notes(&[("app.exempt", "seccomp"), ("exempt-reason", "old"), ("app.exempt-reason", "old")]),
            &[],
        ),
        case(
            "adopted",
            exempted(),
            notes(&[exempt[0], exempt[1], ("exempt-adopted", "u")]),
            &["seccomp", "capabilities"],
        ),
        case(
            "adopted no more",
            Some(notes(&[exempt[0], exempt[1], ("exempt-adopted", "u")])),
            notes(&exempt),
            &[],
        ),
        case("adopted without an exemption", plain(), notes(&[("exempt-adopted", "u")]), &[]),
        case("another annotation of ours", plain(), notes(&[("run-as-user", "1000")]), &[]),
    ]
}

fn containers() -> Vec<Case> {
    let old = || notes(&[("exempt", "privileged")]);
    let of_app = || notes(&[("app.exempt", "privileged")]);
    let two = |notes: &[(&str, &str)]| {
        let both = json!([{"name": "app", "image": "app:1"}, {"name": "web", "image": "web:1"}]);
        template(notes, &json!({}), &json!({"containers": both}))
    };
    let init = |notes: &[(&str, &str)]| {
        template(notes, &json!({}), &json!({"initContainers": [{"name": "init", "image": "init:1"}]}))
    };
    let image = template(&[("exempt", "privileged")], &json!({"image": "app:2"}), &json!({}));
    let other_image = template(&[("web.exempt", "privileged")], &json!({"image": "app:2"}), &json!({}));
    let pinned = |name, old, new, demands| Case { pin_images: true, ..case(name, Some(old), new, demands) };
    vec![
        case("a container more", Some(old()), two(&[("exempt", "privileged")]), &["privileged"]),
        case("an init container more", Some(old()), init(&[("exempt", "privileged")]), &["privileged"]),
        case(
            "a container more, which is not exempted",
            Some(of_app()),
            two(&[("app.exempt", "privileged")]),
            &[],
        ),
        case(
            "the container of an exemption that waited for it",
            Some(notes(&[("web.exempt", "privileged")])),
            two(&[("web.exempt", "privileged")]),
            &["privileged"],
        ),
        case("a container fewer", Some(two(&[("exempt", "privileged")])), old(), &[]),
        case("another image", Some(old()), image.clone(), &[]),
        pinned("another image, pinned", old(), image, &["privileged"]),
        pinned(
            "another image, pinned, not exempted",
            notes(&[("web.exempt", "privileged")]),
            other_image,
            &[],
        ),
        pinned("the same image, pinned", old(), old(), &[]),
    ]
}

/// One rule, what is weak, and what is less so.
fn weaknesses() -> Vec<(&'static str, &'static [&'static str], Value, Value, Value)> {
    // rule, demands, fields of the container and of the spec where weak; of the spec where not
    let c = |context: Value| json!({"securityContext": context});
    let none = || json!({});
    vec![
        ("privileged", &["privileged"], c(json!({"privileged": true})), none(), none()),
        ("host-namespaces", &["host-namespaces"], none(), json!({"hostPID": true}), json!({"hostIPC": true})),
        (
            "host-ports",
            &["host-ports"],
            json!({"ports": [{"containerPort": 80, "hostPort": 80}]}),
            none(),
            none(),
        ),
        ("run-as-non-root", &["run-as-non-root"], c(json!({"runAsUser": 0})), none(), none()),
        (
            "run-as-non-root",
            &["run-as-non-root"],
            none(),
            json!({"securityContext": {"supplementalGroups": [0]}}),
            none(),
        ),
        (
            "run-as-non-root",
            &["run-as-non-root"],
            none(),
            none(),
            json!({"securityContext": {"runAsNonRoot": true}}),
        ),
        (
            "run-as-non-root",
            &["run-as-non-root"],
            none(),
            none(),
            json!({"securityContext": {"runAsUser": 1000}}),
        ),
        ("run-as-non-root", &["run-as-non-root"], c(json!({"runAsGroup": 0})), none(), none()),
        (
            "capabilities",
            &["capabilities"],
            c(json!({"capabilities": {"add": ["net_admin"]}})),
            none(),
            none(),
        ),
        ("capabilities", &["capabilities"], c(json!({"capabilities": {"add": ["ALL"]}})), none(), none()),
        ("privilege-escalation", &[], c(json!({"allowPrivilegeEscalation": true})), none(), none()),
        ("seccomp", &["seccomp"], c(json!({"seccompProfile": {"type": "Unconfined"}})), none(), none()),
        (
            "seccomp",
            &["seccomp"],
            none(),
            none(),
            json!({"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}),
        ),
        ("read-only-root-filesystem", &[], c(json!({"readOnlyRootFilesystem": false})), none(), none()),
        (
            "service-account-token",
            &["service-account-token"],
            none(),
            none(),
            json!({"automountServiceAccountToken": false}),
        ),
        (
            "service-account-token",
            &["service-account-token"],
            none(),
            json!({"serviceAccountName": "robot"}),
            none(),
        ),
        (
            "proc-mount",
            &["proc-mount"],
            c(json!({"procMount": "Unmasked"})),
            json!({"hostUsers": false}),
            json!({"hostUsers": false}),
        ),
        ("apparmor", &["apparmor"], c(json!({"appArmorProfile": {"type": "Unconfined"}})), none(), none()),
        ("selinux", &["selinux"], c(json!({"seLinuxOptions": {"type": "spc_t"}})), none(), none()),
        (
            "selinux",
            &[],
            c(json!({"seLinuxOptions": {"type": "container_t", "level": "s0"}})),
            none(),
            none(),
        ),
        (
            "selinux",
            &["selinux"],
            none(),
            json!({"securityContext": {"seLinuxOptions": {"user": "system_u"}}}),
            none(),
        ),
        ("unprivileged-ports", &[], json!({"ports": [{"containerPort": 80}]}), none(), none()),
        ("user-namespace", &["user-namespace"], none(), none(), json!({"hostUsers": false})),
        ("service-links", &["service-links"], none(), none(), json!({"enableServiceLinks": false})),
        (
            "host-path",
            &["host-path"],
            none(),
            json!({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}),
            json!({"volumes": [{"name": "v", "hostPath": {"path": "/var/log"}}]}),
        ),
        (
            "volume-types",
            &["volume-types"],
            none(),
            json!({"volumes": [{"name": "v", "nfs": {"server": "s", "path": "/"}}]}),
            json!({"volumes": [{"name": "v", "emptyDir": {}}]}),
        ),
        ("volume-types", &[], none(), json!({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}), none()),
        (
            "sysctls",
            &["sysctls"],
            none(),
            json!({"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}),
            none(),
        ),
        (
            "sysctls",
            &[],
            none(),
            json!({"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]}}),
            none(),
        ),
        (
            "probe-host",
            &["probe-host"],
            json!({"livenessProbe": {"httpGet": {"port": 80, "host": "10.0.0.1"}}}),
            none(),
            none(),
        ),
        (
            "probe-host",
            &["probe-host"],
            json!({"lifecycle": {"preStop": {"tcpSocket": {"port": 80, "host": "10.0.0.1"}}}}),
            none(),
            none(),
        ),
    ]
}

/// Each weakness under an exemption, the way there and the way back.
fn weaker() -> Vec<Case> {
    let mut all = Vec::new();
    for (rule, demands, app, spec, better) in weaknesses() {
        let exempt = [("exempt", rule)];
        let strong = template(&exempt, &json!({}), &better);
        let weak = template(&exempt, &app, &spec);
        all.push(case(rule, Some(strong.clone()), weak.clone(), demands));
        // A step sideways, from one insecure thing to another, asks on the way back too.
        let sideways =
            rule == "host-namespaces" || rule == "host-path" || spec["serviceAccountName"] == "robot";
        all.push(case(rule, Some(weak), strong, if sideways { demands } else { &[] }));
    }
    let dropped = |names: &[&str]| {
        let context = json!({"securityContext": {"capabilities": {"drop": names}}});
        template(&[("exempt", "capabilities")], &context, &json!({}))
    };
    let limits = |limits: Value| {
        template(&[("app.exempt", "resources")], &json!({"resources": {"limits": limits}}), &json!({}))
    };
    let windows = |options: Value| {
        let spec = json!({"os": {"name": "windows"}, "hostNetwork": true, "securityContext": {"windowsOptions": options}});
        template(&[("exempt", "host-process,run-as-non-root")], &json!({}), &spec)
    };
    let host_process = json!({"hostProcess": true, "runAsUserName": "NT AUTHORITY\\SYSTEM"});
    let administrator = json!({"hostProcess": true, "runAsUserName": "containerAdministrator"});
    all.extend([
        case("drops fewer", Some(dropped(&["ALL"])), dropped(&["NET_RAW"]), &["capabilities"]),
        case("drops more", Some(dropped(&["NET_RAW"])), dropped(&["all"]), &[]),
        case("drops the same", Some(dropped(&["CAP_NET_RAW", "KILL"])), dropped(&["KILL", "net_raw"]), &[]),
        case(
            "a limit fewer",
            Some(limits(json!({"cpu": "1", "memory": "1Gi"}))),
            limits(json!({"cpu": "9"})),
            &["resources"],
        ),
        case(
            "a limit more",
            Some(limits(json!({"cpu": "1"}))),
            limits(json!({"cpu": "1", "memory": "1"})),
            &[],
        ),
        case(
            "Windows administrator",
            Some(windows(host_process)),
            windows(administrator),
            &["run-as-non-root"],
        ),
    ]);
    all
}

/// The pod becomes weaker where nothing is exempted.
fn exemption_is_elsewhere() -> Vec<Case> {
    let privileged = json!({"securityContext": {"privileged": true}});
    let weak = |notes: &[(&str, &str)]| template(notes, &privileged, &json!({}));
    let host = |notes: &[(&str, &str)]| template(notes, &json!({}), &json!({"hostPID": true}));
    vec![
        case(
            "weaker under another rule",
            Some(notes(&[("exempt", "seccomp")])),
            weak(&[("exempt", "seccomp")]),
            &[],
        ),
        case(
            "another container is exempted",
            Some(notes(&[("web.exempt", "privileged")])),
            weak(&[("web.exempt", "privileged")]),
            &[],
        ),
        case(
            "this container is exempted",
            Some(notes(&[("app.exempt", "privileged,seccomp")])),
            weak(&[("app.exempt", "privileged,seccomp")]),
            &["privileged"],
        ),
        case(
            "weaker all in all",
            Some(notes(&[("exempt", "all")])),
            host(&[("exempt", "all")]),
            &["host-namespaces"],
        ),
        case(
            "weak before and exempted now",
            Some(weak(&[])),
            weak(&[("exempt", "privileged")]),
            &["privileged"],
        ),
    ]
}
