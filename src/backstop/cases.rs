//! Pods, and the rules that have something to change in them: run through the engine, and against a real API server
//! with the backstop. Read by both, so it uses nothing of this crate.
//!
//! Each pod is secure but for what its case says, so that no rule depends on what an earlier one plans.

use serde_json::{Value, json};

/// One pod under one policy.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// One of the presets, or of [`POLICIES`].
    pub(crate) policy: &'static str,
    pub(crate) pod: Value,
    /// The rules for which it is denied.
    pub(crate) rules: &'static [&'static str],
}

/// Policies beside the presets; a namespace's label chooses.
pub(crate) const POLICIES: &str = r#"
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: more}
spec: {selector: {namespaces: [nowhere]}, rules: {user-namespace: {mode: enforce}, service-links: {mode: default}}}
---
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: token}
spec:
  selector: {namespaces: [nowhere]}
  rules: {service-account-token: {mode: enforce, scope: all, workloadIdentity: []}}
---
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: terms}
spec:
  selector: {namespaces: [nowhere]}
  exemptions: {requireReason: false, maxDays: 30, rules: [seccomp, privilege-escalation]}
---
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: compensated}
spec: {selector: {namespaces: [nowhere]}, exemptions: {compensation: user-namespace}}
---
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: other}
spec:
  selector: {namespaces: [nowhere]}
  annotationPrefix: other.example
  rules:
    run-as-non-root: {fsGroup: 5}
    capabilities: {mode: enforce, allowed: [KILL, CAP_KILL], rootCapabilities: [cap_chown]}
---
apiVersion: pod-hardener.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: copying}
spec: {selector: {namespaces: [nowhere]}, rules: {read-only-root-filesystem: {copyUp: {image: 'copier:1'}}}}
"#;

/// A pod with these annotations (the domain left out: `exempt`, `app.exempt`; others whole) and these fields in the
/// security context of its container `app`, in the container and in its spec; `null` takes a field away.
fn pod(notes: &[(&str, &str)], context: &Value, app: &Value, spec: &Value) -> Value {
    let key = |name: &str| match name.split_once('.') {
        _ if name.contains('/') => name.to_owned(),
        Some((container, name)) => format!("{container}.pod-hardener.dev/{name}"),
        None => format!("pod-hardener.dev/{name}"),
    };
    let notes: serde_json::Map<String, Value> =
        notes.iter().map(|(name, value)| (key(name), json!(value))).collect();
    let mut secure = json!({
        "runAsNonRoot": true, "runAsUser": 1000, "runAsGroup": 1000, "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    merge(&mut secure, context);
    let limits = json!({"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"});
    let mut container =
        json!({"name": "app", "image": "app:1", "securityContext": secure, "resources": {"limits": limits}});
    merge(&mut container, app);
    let mut all = json!({"containers": [container], "automountServiceAccountToken": false});
    merge(&mut all, spec);
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "case", "annotations": notes}, "spec": all})
}

fn merge(into: &mut Value, from: &Value) {
    for (key, value) in from.as_object().into_iter().flatten() {
        match value {
            Value::Null => drop(into.as_object_mut().map(|fields| fields.remove(key))),
            value => into[key] = value.clone(),
        }
    }
}

fn none() -> Value {
    json!({})
}

/// Every case.
pub(crate) fn cases() -> Vec<Case> {
    let mut all = fields();
    all.extend(of_pods());
    all.extend(windows());
    all.extend(exemptions());
    all.extend(ends());
    all.extend(tuning());
    all.extend(rungs());
    all
}

/// Where its image, or the files in its volume, cannot live with everything.
fn rungs() -> Vec<Case> {
    let claim = json!({"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "c"}}]});
    let mount = json!({"volumeMounts": [{"name": "data", "mountPath": "/data"}]});
    let safe = json!({"runAsNonRoot": null, "runAsUser": null, "runAsGroup": null,
        "readOnlyRootFilesystem": null, "capabilities": null});
    let lowered: &[&str] = &["run-as-non-root", "capabilities", "read-only-root-filesystem"];
    let stamp = [("hardened", "restricted (safe): seccomp")];
    let isolated = [("hardened", "restricted (isolated): seccomp")];
    let image = json!({"image": GAINING});
    let gains = |context: &Value, host_users: bool| {
        pod(&isolated, context, &image, &json!({"hostUsers": host_users}))
    };
    let user = json!({"allowPrivilegeEscalation": null});
    let mixed = [("hardened", "restricted (isolated): privilege-escalation,read-only-root-filesystem")];
    let sidecar = pod(&[], &none(), &json!({"name": "sidecar"}), &none())["spec"]["containers"][0].clone();
    let beside = json!({"hostUsers": false, "initContainers": [sidecar]});
    let root = json!({"runAsNonRoot": null, "runAsUser": null, "runAsGroup": null,
        "readOnlyRootFilesystem": null, "allowPrivilegeEscalation": null});
    vec![
        case("a lower rung", RESTRICTED, pod(&stamp, &safe, &mount, &claim), &[]),
        case("below the floor", ENFORCED, pod(&stamp, &safe, &mount, &claim), lowered),
        case("one container of two on a lower rung", RESTRICTED, pod(&mixed, &root, &image, &beside), &[]),
        case("setuid programs in a user namespace", RESTRICTED, gains(&root, false), &[]),
        case("setuid programs without one", RESTRICTED, gains(&user, true), GAIN),
        case("setuid programs below the floor", ENFORCED, gains(&user, false), GAIN),
    ]
}

/// An image that is known to gain privileges by setuid programs.
pub(crate) const GAINING: &str = "registry.example/gaining:1";
const GAIN: &[&str] = &["privilege-escalation"];
const RESTRICTED: &str = "restricted";
const ENFORCED: &str = "enforced";

fn case(name: &'static str, policy: &'static str, pod: Value, rules: &'static [&'static str]) -> Case {
    Case { name, policy, pod, rules }
}

/// What a container's security context says.
fn fields() -> Vec<Case> {
    // name, the fields, what `restricted` changes, what `enforced` changes
    let all: Vec<(&'static str, Value, &'static [&'static str], &'static [&'static str])> = vec![
        ("secure", none(), &[], &[]),
        ("no runAsNonRoot", json!({"runAsNonRoot": null}), &["run-as-non-root"], &["run-as-non-root"]),
        ("no uid", json!({"runAsUser": null}), &[], &[]),
        ("no gid", json!({"runAsGroup": null}), &[], &["run-as-non-root"]),
        ("uid 0", json!({"runAsUser": 0, "runAsNonRoot": null}), &[], &["run-as-non-root"]),
        ("runAsNonRoot false", json!({"runAsNonRoot": false}), &[], &["run-as-non-root"]),
        ("gid 0", json!({"runAsGroup": 0}), &[], &["run-as-non-root"]),
        ("drops nothing", json!({"capabilities": null}), &["capabilities"], &["capabilities"]),
        ("drops all", json!({"capabilities": {"drop": ["all"]}}), &["capabilities"], &["capabilities"]),
        (
            "adds one",
            json!({"capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}}),
            &[],
            &["capabilities"],
        ),
        (
            "adds what everybody may",
            json!({"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}),
            &[],
            &[],
        ),
        (
            "spells it otherwise",
            json!({"capabilities": {"drop": ["ALL"], "add": ["cap_net_bind_service"]}}),
            &[],
            &["capabilities"],
        ),
        (
            "escalation unset",
            json!({"allowPrivilegeEscalation": null}),
            &["privilege-escalation"],
            &["privilege-escalation"],
        ),
        ("escalation", json!({"allowPrivilegeEscalation": true}), &[], &["privilege-escalation"]),
        ("no profile", json!({"seccompProfile": null}), &["seccomp"], &["seccomp"]),
        ("unconfined", json!({"seccompProfile": {"type": "Unconfined"}}), &["seccomp"], &["seccomp"]),
        (
            "a profile of its own",
            json!({"seccompProfile": {"type": "Localhost", "localhostProfile": "x"}}),
            &[],
            &[],
        ),
        (
            "root unset",
            json!({"readOnlyRootFilesystem": null}),
            &["read-only-root-filesystem"],
            &["read-only-root-filesystem"],
        ),
        ("root writable", json!({"readOnlyRootFilesystem": false}), &[], &["read-only-root-filesystem"]),
        ("AppArmor off", json!({"appArmorProfile": {"type": "Unconfined"}}), &["apparmor"], &["apparmor"]),
        ("SELinux type", json!({"seLinuxOptions": {"type": "spc_t"}}), &["selinux"], &["selinux"]),
        ("SELinux user", json!({"seLinuxOptions": {"user": "system_u"}}), &["selinux"], &["selinux"]),
        ("SELinux level", json!({"seLinuxOptions": {"level": "s0:c1"}}), &[], &[]),
    ];
    let mut cases = Vec::new();
    for (name, context, restricted, enforced) in all {
        let pod = pod(&[], &context, &none(), &none());
        cases.push(case(name, "observe", pod.clone(), &[]));
        cases.push(case(name, RESTRICTED, pod.clone(), restricted));
        cases.push(case(name, ENFORCED, pod, enforced));
    }
    // What the API server refuses beside an escalation that is not allowed: only where that is nobody's to change.
    let escalates: [(&'static str, Value, &'static [&'static str]); 3] = [
        ("adds all and drops nothing", json!({"capabilities": {"add": ["CAP_ALL"]}}), &["capabilities"]),
        (
            "beside SYS_ADMIN",
            json!({"capabilities": {"drop": ["ALL"], "add": ["CAP_SYS_ADMIN"]}}),
            &["capabilities"],
        ),
        ("privileged", json!({"privileged": true}), &["privileged"]),
    ];
    for (name, mut context, enforced) in escalates {
        context["allowPrivilegeEscalation"] = Value::Null;
        cases.push(case(name, RESTRICTED, pod(&[], &context, &none(), &none()), &[]));
        let exempt = [("exempt", "privilege-escalation"), ("exempt-reason", "x")];
        cases.push(case(name, ENFORCED, pod(&exempt, &context, &none(), &none()), enforced));
    }
    let adds = |names: &[&str]| {
        let context = json!({"capabilities": {"drop": ["ALL"], "add": names}});
        pod(&[], &context, &none(), &json!({"securityContext": {"fsGroup": 1}}))
    };
    cases.extend([
        case("as policy spells it", "other", adds(&["KILL", "CAP_KILL"]), &[]),
        case("otherwise", "other", adds(&["kill"]), &["capabilities"]),
        case("root's, for who is not root", "other", adds(&["cap_chown"]), &["capabilities"]),
    ]);
    cases
}

/// What a pod says as a whole, and containers beside their security contexts.
fn of_pods() -> Vec<Case> {
    let spec = |spec: Value| pod(&[], &none(), &none(), &spec);
    let context = |context: Value| spec(json!({"securityContext": context}));
    let app = |app: Value| pod(&[], &none(), &app, &none());
    let notes = |notes: &[(&str, &str)]| pod(notes, &none(), &none(), &none());
    let init = |context: Value| {
        spec(json!({"initContainers": [{"name": "init", "image": "i", "securityContext": context}]}))
    };
    let hostile = json!({"initContainers": [{"name": "init", "image": "i"}], "securityContext": {
        "runAsNonRoot": true, "runAsUser": 5, "runAsGroup": 5, "seccompProfile": {"type": "RuntimeDefault"}}});
    vec![
        case("host namespaces", RESTRICTED, spec(json!({"hostPID": true, "hostIPC": true})), &[]),
        case("host processes", ENFORCED, spec(json!({"hostPID": true})), &["host-namespaces"]),
        case("host network", ENFORCED, spec(json!({"hostNetwork": true})), &["host-namespaces"]),
        case(
            "host port",
            RESTRICTED,
            app(json!({"ports": [{"containerPort": 8080, "hostPort": 8080}]})),
            &[],
        ),
        case(
            "host port replaced",
            ENFORCED,
            app(json!({"ports": [{"containerPort": 8080, "hostPort": 8080}]})),
            &["host-ports"],
        ),
        case("low port", RESTRICTED, app(json!({"ports": [{"containerPort": 80}]})), &["unprivileged-ports"]),
        case(
            "low port and its sysctl",
            RESTRICTED,
            pod(
                &[],
                &none(),
                &json!({"ports": [{"containerPort": 80}]}),
                &json!({"securityContext": {"sysctls": [
                    {"name": "net/ipv4/ip_unprivileged_port_start", "value": "0"}]}}),
            ),
            &[],
        ),
        case("root at the pod, inherited by nobody", RESTRICTED, context(json!({"runAsUser": 0})), &[]),
        case("root at the pod, replaced", ENFORCED, context(json!({"runAsUser": 0})), &["run-as-non-root"]),
        case(
            "supplemental group 0",
            ENFORCED,
            context(json!({"supplementalGroups": [5, 0]})),
            &["run-as-non-root"],
        ),
        case(
            "unconfined at the pod, inherited by nobody",
            RESTRICTED,
            context(json!({"seccompProfile": {"type": "Unconfined"}})),
            &["seccomp"],
        ),
        case(
            "AppArmor off at the pod",
            RESTRICTED,
            context(json!({"appArmorProfile": {"type": "Unconfined"}})),
            &["apparmor"],
        ),
        case(
            "AppArmor off by annotation",
            RESTRICTED,
            notes(&[("container.apparmor.security.beta.kubernetes.io/app", "unconfined")]),
            &["apparmor"],
        ),
        case(
            "SELinux type at the pod",
            RESTRICTED,
            context(json!({"seLinuxOptions": {"role": "r"}})),
            &["selinux"],
        ),
        case(
            "init containers count",
            RESTRICTED,
            init(none()),
            &[
                "run-as-non-root",
                "capabilities",
                "privilege-escalation",
                "seccomp",
                "read-only-root-filesystem",
            ],
        ),
        case(
            "the pod's settings count for who says nothing",
            RESTRICTED,
            spec(hostile),
            &["capabilities", "privilege-escalation", "read-only-root-filesystem"],
        ),
        case("service links", "more", spec(json!({"hostUsers": false})), &["service-links"]),
        case("user namespace", "more", spec(json!({"enableServiceLinks": false})), &["user-namespace"]),
        case(
            "no user namespace, replaced",
            "more",
            spec(json!({"enableServiceLinks": false, "hostUsers": true})),
            &["user-namespace"],
        ),
        case(
            "no user namespace beside the host's",
            "more",
            spec(json!({"enableServiceLinks": false, "hostPID": true})),
            &[],
        ),
        case(
            "a token that is asked for",
            "token",
            spec(json!({"automountServiceAccountToken": true})),
            &["service-account-token"],
        ),
        case("fsGroup of policy", "other", notes(&[]), &["run-as-non-root"]),
        case(
            "host path",
            ENFORCED,
            spec(json!({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]})),
            &[],
        ),
        case(
            "probe host",
            ENFORCED,
            app(json!({"livenessProbe": {"httpGet": {"port": 80, "host": "10.0.0.1"}}})),
            &[],
        ),
        case(
            "what the pod says of itself does not count",
            RESTRICTED,
            pod(&[("hardened", "restricted: seccomp")], &json!({"seccompProfile": null}), &none(), &none()),
            &["seccomp"],
        ),
    ]
}

fn windows() -> Vec<Case> {
    let windows = |context: Value| {
        let bare = json!({"runAsNonRoot": null, "runAsUser": null, "runAsGroup": null, "capabilities": null,
            "allowPrivilegeEscalation": null, "readOnlyRootFilesystem": null, "seccompProfile": null});
        let spec = json!({"os": {"name": "windows"}, "securityContext": context});
        pod(&[], &bare, &none(), &spec)
    };
    let user = |name: &str| json!({"windowsOptions": {"runAsUserName": name}});
    let settled = json!({"runAsNonRoot": true});
    let host = json!({"windowsOptions": {"hostProcess": true, "runAsUserName": "NT AUTHORITY\\SYSTEM"}});
    let mut host = windows(host);
    host["spec"]["hostNetwork"] = json!(true);
    vec![
        case("Windows says nothing", RESTRICTED, windows(none()), &[]),
        case("Windows, enforced", ENFORCED, windows(none()), &["run-as-non-root"]),
        case("Windows, settled", ENFORCED, windows(settled), &[]),
        case("Windows user", RESTRICTED, windows(user("ContainerUser")), &["run-as-non-root"]),
        case("Windows administrator", RESTRICTED, windows(user("containeradministrator")), &[]),
        case(
            "Windows administrator, enforced",
            ENFORCED,
            windows(user("ContainerAdministrator")),
            &["run-as-non-root"],
        ),
        case("Windows host process", ENFORCED, host, &[]),
    ]
}

fn exemptions() -> Vec<Case> {
    let weak = json!({"seccompProfile": null, "allowPrivilegeEscalation": null});
    let weak = |notes: &[(&str, &str)]| pod(notes, &weak, &none(), &none());
    const BOTH: &[&str] = &["privilege-escalation", "seccomp"];
    let reason = ("exempt-reason", "SHOP-123");
    let root = |notes: &[(&str, &str)], host_users: Value| {
        let context = json!({"runAsNonRoot": null, "runAsUser": null});
        pod(notes, &context, &none(), &json!({"hostUsers": host_users}))
    };
    let two = {
        let other = json!({"name": "other", "image": "o", "securityContext": {"appArmorProfile": {"type": "Unconfined"}}});
        json!({"initContainers": [other], "securityContext": {"appArmorProfile": {"type": "Unconfined"}}})
    };
    vec![
        case("not exempted", RESTRICTED, weak(&[]), BOTH),
        case("exempted from all", RESTRICTED, weak(&[("exempt", "all"), reason]), &[]),
        case("exempted from one", RESTRICTED, weak(&[("exempt", " seccomp ,nonsense,"), reason]), &BOTH[..1]),
        case("without a reason", RESTRICTED, weak(&[("exempt", "all")]), BOTH),
        case("with an empty reason", RESTRICTED, weak(&[("exempt", "all"), ("exempt-reason", " ")]), BOTH),
        case("the container", RESTRICTED, weak(&[("app.exempt", "all"), reason]), &[]),
        case("another container", RESTRICTED, weak(&[("web.exempt", "all"), reason]), BOTH),
        case(
            "the container, whose own reason is empty",
            RESTRICTED,
            weak(&[("app.exempt", "all"), ("app.exempt-reason", ""), reason]),
            BOTH,
        ),
        case(
            "another prefix",
            "other",
            weak(&[("exempt", "all"), reason]),
            &["run-as-non-root", "privilege-escalation", "seccomp"],
        ),
        case(
            "this prefix",
            "other",
            weak(&[("other.example/exempt", "all"), ("other.example/exempt-reason", "x")]),
            &[],
        ),
        case(
            "a rule about the whole pod, of one container",
            RESTRICTED,
            pod(
                &[("app.exempt", "all"), reason],
                &none(),
                &json!({"ports": [{"containerPort": 80}]}),
                &none(),
            ),
            &["unprivileged-ports"],
        ),
        case(
            "a container that inherits what the pod may then keep",
            RESTRICTED,
            pod(&[("app.exempt", "apparmor"), ("other.exempt", "all"), reason], &none(), &none(), &two),
            &[],
        ),
        case(
            "root's capabilities, for an exempted root",
            ENFORCED,
            pod(
                &[("exempt", "run-as-non-root"), reason],
                &json!({"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}, "runAsUser": null, "runAsNonRoot": null}),
                &none(),
                &none(),
            ),
            &[],
        ),
        case("more than policy allows", "terms", weak(&[("exempt", "all"), ("exempt-until", SOON)]), &[]),
        case(
            "not what policy allows",
            "terms",
            pod(
                &[("exempt", "all"), ("exempt-until", SOON)],
                &json!({"capabilities": null}),
                &none(),
                &none(),
            ),
            &["capabilities"],
        ),
        case("no end where one is needed", "terms", weak(&[("exempt", "all")]), BOTH),
        case("an end too far", "terms", weak(&[("exempt", "all"), ("exempt-until", "2999-01-01")]), BOTH),
        case(
            "an end farther than far",
            "terms",
            weak(&[("exempt", "all"), ("exempt-until", "9999-12-31")]),
            BOTH,
        ),
        case(
            "root without its user namespace",
            "compensated",
            root(&[("exempt", "run-as-non-root"), reason], Value::Null),
            &["run-as-non-root"],
        ),
        case(
            "root in its user namespace",
            "compensated",
            root(&[("exempt", "run-as-non-root"), reason], json!(false)),
            &[],
        ),
    ]
}

/// In an end it stands for a day within the next thirty.
pub(crate) const SOON: &str = "SOON";

/// Ends in every spelling.
fn ends() -> Vec<Case> {
    let all: [(&'static str, &'static str, bool); 19] = [
        ("a date to come", "2999-12-31", true),
        ("the last date", "9999-12-31", true),
        ("the last time, and later in UTC", "9999-12-30T23:59:59-05:00", true),
        ("a date gone by", "2020-01-31", false),
        ("a time to come", "2999-01-31T12:00:00Z", true),
        ("in lower case, with a fraction", "2999-01-31t12:00:00.123z", true),
        ("with a space", "2999-01-31 12:00:00+02:00", true),
        ("a time gone by", "2020-01-31T12:00:00-05:00", false),
        ("white space", " 2999-12-31 ", true),
        ("a leap day", "2996-02-29", true),
        ("a leap day gone by", "2020-02-29", false),
        ("no such day", "2999-02-30", false),
        ("no such month", "2999-13-01", false),
        ("no such hour", "2999-01-31T24:00:00Z", false),
        ("no zone", "2999-01-31T12:00:00", false),
        ("a leap second", "2998-12-31T23:59:60Z", true),
        ("before all times", "0000-01-01", false),
        ("words", "next year", false),
        ("nothing", "", false),
    ];
    let weak = json!({"seccompProfile": null});
    let of = |(name, end, honoured): (&'static str, &'static str, bool)| {
        let notes = [("app.exempt", "all"), ("exempt-reason", "x"), ("app.exempt-until", end)];
        let rules: &[&str] = if honoured { &[] } else { &["seccomp"] };
        case(name, RESTRICTED, pod(&notes, &weak, &none(), &none()), rules)
    };
    all.into_iter().map(of).collect()
}

/// What annotations ask for beside exemptions.
fn tuning() -> Vec<Case> {
    const ROOT: &[&str] = &["run-as-non-root"];
    const PATHS: &[&str] = &["read-only-root-filesystem"];
    let no_user = json!({"runAsUser": null});
    let user = |name: &'static str, value: &'static str| pod(&[(name, value)], &no_user, &none(), &none());
    let group =
        |value: &'static str| pod(&[("run-as-group", value)], &json!({"runAsGroup": null}), &none(), &none());
    let paths = |value: &'static str| {
        let mounts = json!([{"name": "v", "mountPath": "/data"}]);
        let volumes = json!({"volumes": [{"name": "v", "emptyDir": {}}]});
        pod(&[("app.writable-paths", value)], &none(), &json!({"volumeMounts": mounts}), &volumes)
    };
    let copier = |name: &str| {
        let context = json!({
            "runAsNonRoot": true, "runAsUser": 999, "runAsGroup": 999, "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        });
        let volumes = json!([{"name": "v", "emptyDir": {}}]);
        let inits = json!([{"name": name, "image": "copier:1", "securityContext": context}]);
        let mounts = json!({"volumeMounts": [{"name": "v", "mountPath": "/data"}]});
        pod(
            &[("writable-paths", "/data/x")],
            &none(),
            &mounts,
            &json!({"volumes": volumes, "initContainers": inits}),
        )
    };
    vec![
        case("a copier writes nowhere else", "copying", copier("copy-up-app"), &[]),
        case("another init container does", "copying", copier("init"), PATHS),
        case("a uid", RESTRICTED, user("run-as-user", " +0999 "), ROOT),
        case("a container's uid", RESTRICTED, user("app.run-as-user", "999"), ROOT),
        case("another container's uid", RESTRICTED, user("web.run-as-user", "999"), &[]),
        case("uid 0", RESTRICTED, user("run-as-user", "0"), &[]),
        case("too high a uid", RESTRICTED, user("run-as-user", "2147483648"), &[]),
        case("a gid", RESTRICTED, group("2147483647"), ROOT),
        case("no gid", RESTRICTED, group("1 000"), &[]),
        case("fsGroup", RESTRICTED, pod(&[("fs-group", "5")], &none(), &none(), &none()), ROOT),
        case("a path", RESTRICTED, paths("/var/cache"), PATHS),
        case("a path of several", RESTRICTED, paths("/data/x, ,/etc/x,/run"), PATHS),
        case("paths that are mounted", RESTRICTED, paths("/data,/data/x"), &[]),
        case("paths that are refused", RESTRICTED, paths("/etc/x,/lib64,relative,/a:b,/usr"), &[]),
    ]
}
