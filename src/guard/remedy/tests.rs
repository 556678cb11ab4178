use proptest::prelude::*;

use super::*;
use crate::metrics::Label as _;
use crate::policy::Preset;

fn policy() -> Policy {
    Policy::from(Preset::Restricted)
}

fn trouble<'a>(cause: Cause, known: &'a ProfileSpec) -> Trouble<'a> {
    Trouble {
        cause,
        directory: None,
        read_only: true,
        image_user: None,
        mounts: &[],
        user: Some(65532),
        memory: Some("1Gi"),
        posture: Posture::Full,
        floor: Posture::Safe,
        known,
    }
}

#[test]
fn the_smallest_step_comes_first() {
    let nothing = ProfileSpec::default();
    let path = |path: &str| Some(Remedy::Path(path.to_owned()));
    let [isolated, safe] = [Posture::Isolated, Posture::Safe].map(|rung| Some(Remedy::Posture(rung)));
    let data = |cause| Trouble { directory: Some("/data"), ..trouble(cause, &nothing) };
    let own = |cause| Trouble { image_user: Some(999), ..data(cause) };
    let of_root = Trouble { image_user: Some(0), ..data(Cause::Permission) };
    let bind = Some(Remedy::Capability("NET_BIND_SERVICE"));
    for (trouble, expected) in [
        (data(Cause::ReadOnly), path("/data")),
        (trouble(Cause::ReadOnly, &nothing), isolated.clone()),
        (own(Cause::ReadOnly), path("/data")),
        (data(Cause::Permission), path("/data")),
        (own(Cause::Permission), Some(Remedy::User(999))),
        (Trouble { user: Some(999), ..own(Cause::Permission) }, path("/data")),
        (of_root, path("/data")),
        (data(Cause::Ownership), path("/data")),
        (trouble(Cause::Ownership, &nothing), isolated.clone()),
        (Trouble { posture: Posture::Isolated, ..data(Cause::Permission) }, path("/data")),
        (Trouble { read_only: false, ..data(Cause::Permission) }, path("/data")),
        (Trouble { posture: Posture::Isolated, read_only: false, ..data(Cause::Permission) }, safe),
        (own(Cause::SetUser), isolated.clone()),
        (trouble(Cause::Silent, &nothing), isolated.clone()),
        (trouble(Cause::LowPort, &nothing), bind.clone()),
        (trouble(Cause::FileCapability, &nothing), bind),
        (own(Cause::NamedUser), Some(Remedy::User(999))),
        (trouble(Cause::NamedUser, &nothing), isolated.clone()),
        (trouble(Cause::RootImage, &nothing), isolated.clone()),
        (trouble(Cause::OutOfMemory, &nothing), Some(Remedy::Memory("2Gi".to_owned()))),
        (trouble(Cause::NeverReady, &nothing), isolated.clone()),
        (own(Cause::UnknownUser), Some(Remedy::User(999))),
        (trouble(Cause::UnknownUser, &nothing), isolated.clone()),
        (Trouble { directory: Some("/"), ..trouble(Cause::ReadOnly, &nothing) }, Some(Remedy::Home)),
        (Trouble { directory: Some("/.cache"), ..trouble(Cause::Permission, &nothing) }, Some(Remedy::Home)),
        (trouble(Cause::Setuid, &nothing), Some(Remedy::Escalation { on_node: false })),
        (data(Cause::Unexplained), None),
    ] {
        assert_eq!(remedy(&trouble, &policy()), expected, "{trouble:?}");
    }
}

#[test]
fn what_is_known_already_is_not_tried_again() {
    let mut known = ProfileSpec::default();
    for step in [
        Remedy::Home,
        Remedy::Path("/data".to_owned()),
        Remedy::Capability(CAPABILITY),
        Remedy::User(999),
        Remedy::Memory("4Gi".to_owned()),
    ] {
        assert!(!step.is_in(&known));
        step.take(&mut known);
        assert!(step.is_in(&known));
    }
    let below = |posture| Some(Remedy::Posture(posture));
    let inside = Trouble { directory: Some("/data/x"), ..trouble(Cause::ReadOnly, &known) };
    assert_eq!(remedy(&inside, &policy()), below(Posture::Isolated));
    let home = Trouble { directory: Some("/"), ..trouble(Cause::ReadOnly, &known) };
    assert_eq!(remedy(&home, &policy()), below(Posture::Isolated));
    let user = Trouble { image_user: Some(998), ..trouble(Cause::Permission, &known) };
    assert_eq!(remedy(&user, &policy()), below(Posture::Isolated));
    assert_eq!(remedy(&trouble(Cause::LowPort, &known), &policy()), below(Posture::Isolated));
    let full = Trouble { memory: Some("4Gi"), ..trouble(Cause::OutOfMemory, &known) };
    assert_eq!(remedy(&full, &policy()), None, "the cap");
    known.memory = Some("2Gi".to_owned());
    let authors = Trouble { memory: Some("1Gi"), ..trouble(Cause::OutOfMemory, &known) };
    assert_eq!(remedy(&authors, &policy()), None, "a limit of its author");
    // A pod that can have no user namespace stays in full where the floor is above the lowest rung.
    known.posture = Some(Posture::Isolated);
    assert_eq!(remedy(&trouble(Cause::Silent, &known), &policy()), below(Posture::Safe));
    let floor = Trouble { floor: Posture::Isolated, ..trouble(Cause::Silent, &known) };
    assert_eq!(remedy(&floor, &policy()), None);
    let nothing = ProfileSpec::default();
    let mounted =
        Trouble { directory: Some("/srv/x"), mounts: &["//srv/"], ..trouble(Cause::ReadOnly, &nothing) };
    assert_eq!(remedy(&mounted, &policy()), below(Posture::Isolated), "its author's own");
    // What lies within another one that is new goes.
    Remedy::Path("/".to_owned()).take(&mut known);
    assert_eq!(known.writable_paths.expect("paths").len(), 1);
}

#[test]
fn the_second_directory_in_one_means_that_one() {
    let mut known = ProfileSpec::default();
    for path in ["/app/queue", "/srv/a"] {
        Remedy::Path(path.to_owned()).take(&mut known);
    }
    for (directory, expected) in [("/app/done", "/app"), ("/srv/b", "/srv/b"), ("/other/x", "/other/x")] {
        let trouble = Trouble { directory: Some(directory), ..trouble(Cause::ReadOnly, &known) };
        assert_eq!(remedy(&trouble, &policy()), Some(Remedy::Path(expected.to_owned())), "{directory}");
    }
}

#[test]
fn policy_says_how_far() {
    let nothing = ProfileSpec::default();
    let mut policy = policy();
    policy.rules.capabilities.allowed.clear();
    let step = remedy(&trouble(Cause::FileCapability, &nothing), &policy);
    assert_eq!(step, Some(Remedy::Posture(Posture::Isolated)));
    let floor = Trouble { floor: Posture::Full, ..trouble(Cause::FileCapability, &nothing) };
    assert_eq!(remedy(&floor, &policy), None);
    for (now, cap, expected) in [
        ("1Gi", "4Gi", Some("2Gi")),
        ("3Gi", "4Gi", Some("4Gi")),
        ("4Gi", "4Gi", None),
        ("8Gi", "4Gi", None),
        ("1Gi", "", None),
        ("lots", "4Gi", None),
    ] {
        policy.guard.memory_cap = cap.to_owned();
        let trouble = Trouble { memory: Some(now), ..trouble(Cause::OutOfMemory, &nothing) };
        let expected = expected.map(|memory| Remedy::Memory(memory.to_owned()));
        assert_eq!(remedy(&trouble, &policy), expected, "{now} {cap}");
    }
}

#[test]
fn setuid_programs_work_in_a_user_namespace_first() {
    let mut known = ProfileSpec::default();
    let step = |known: &ProfileSpec, posture, floor, policy: &Policy| {
        escalation(&Trouble { posture, floor, ..trouble(Cause::Setuid, known) }, policy)
    };
    let [inside, on_node] = [false, true].map(|on_node| Remedy::Escalation { on_node });
    for posture in Posture::ALL {
        assert_eq!(step(&known, posture, Posture::Safe, &policy()).as_ref(), Some(&inside), "{posture:?}");
    }
    for floor in [Posture::Isolated, Posture::Full] {
        assert_eq!(step(&known, Posture::Full, floor, &policy()), None);
    }
    let enforced = Policy::from(Preset::Enforced);
    assert_eq!(step(&known, Posture::Full, Posture::Safe, &enforced), None);
    let on_lowest = |known: &ProfileSpec| step(known, Posture::Safe, Posture::Safe, &policy());
    // It has been on the lowest rung for another reason.
    known.posture = Some(Posture::Safe);
    assert_eq!(on_lowest(&known).as_ref(), Some(&inside));
    // It can have no user namespace.
    known.posture = Some(Posture::Isolated);
    assert_eq!(on_lowest(&known).as_ref(), Some(&on_node));
    // It had one, and that was not enough: it is on the lowest rung without them again, and stays there.
    assert!(!inside.is_in(&known) && !inside.gains_on_node());
    inside.take(&mut known);
    assert!(inside.is_in(&known) && !on_node.is_in(&known));
    assert_eq!(climb(&known, 999, 6), None, "on the highest rung they give nothing");
    assert_eq!(step(&known, Posture::Full, Posture::Safe, &policy()), None, "its author wants another rung");
    let lower = Trouble { posture: Posture::Isolated, ..trouble(Cause::Silent, &known) };
    assert_eq!(remedy(&lower, &policy()), Some(Remedy::Posture(Posture::Safe)));
    Remedy::Posture(Posture::Safe).take(&mut known);
    assert!(!known.allow_privilege_escalation);
    known.evidence.push(format!("2027-01-31, w: {}{GAINED}; x", Cause::Silent.as_text()));
    assert_eq!(on_lowest(&known).as_ref(), Some(&on_node));
    assert!(on_node.gains_on_node());
    on_node.take(&mut known);
    assert!(known.gains_on_node() && inside.is_in(&known));
    assert_eq!(on_lowest(&known), None);
}

#[test]
fn the_way_back_up_is_tried_once() {
    let mut known = ProfileSpec { posture: Some(Posture::Isolated), round: 2, ..ProfileSpec::default() };
    assert_eq!(climb(&known, 0, 6), None, "root");
    assert_eq!(climb(&known, 999, 4), None, "no room to go down again");
    let step = climb(&known, 999, 6).expect("a step");
    step.take(&mut known);
    assert_eq!((known.user, known.posture), (Some(999), Some(Posture::Full)));
    known.posture = Some(Posture::Isolated);
    assert_eq!(climb(&known, 999, 6), None, "it was no help");
    assert_eq!(climb(&ProfileSpec::default(), 999, 6), None, "it stands there already");
    let lowered_by = |cause: Cause| {
        let evidence =
            vec![format!("2027-01-31, w: {}; {}", cause.as_text(), Remedy::Posture(Posture::Isolated))];
        ProfileSpec { posture: Some(Posture::Isolated), evidence, ..ProfileSpec::default() }
    };
    assert_eq!(climb(&lowered_by(Cause::Permission), 999, 6), Some(Remedy::Climb(999)));
    assert_eq!(climb(&lowered_by(Cause::ReadOnly), 999, 6), None, "it would be read-only again");
}

#[test]
fn directories_that_may_be_writable() {
    for path in
        ["/data", "/var/lib/app", "/run", "/var/run", "/run/app", "/var/run/app", "/home/app", "/opt/x"]
    {
        assert!(is_safe(path), "{path}");
    }
    for path in [
        "/",
        "//",
        "/.",
        "/etc",
        "/etc/x",
        "/proc/self",
        "/sys",
        "/dev",
        "/dev/shm",
        "/bin",
        "/sbin",
        "/usr",
        "/usr/share/x",
        "/lib",
        "/lib64",
        "/libx",
        "/boot",
        "/boot/x",
        "/var",
        "/var/",
        "/var/run/secrets",
        "/run/secrets",
        "/run/secrets/kubernetes.io",
        "/var/run/secrets/kubernetes.io/serviceaccount",
        "/run/secrets/kubernetes.io/serviceaccount/token",
        "/data/",
        "/data/../etc",
        "/data//x",
        "data",
        "",
        "/a:b",
        "/a\n",
        "/a\0",
    ] {
        assert!(!is_safe(path), "{path:?}");
    }
}

/// Paths as somebody might write them who means harm.
fn path() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("etc"),
        Just("usr"),
        Just("proc"),
        Just("sys"),
        Just("dev"),
        Just("bin"),
        Just("sbin"),
        Just("lib"),
        Just("boot"),
        Just("var"),
        Just("run"),
        Just("secrets"),
        Just("kubernetes.io"),
        Just("serviceaccount"),
        Just(".."),
        Just("."),
        Just(""),
        Just("data"),
        Just("%2e%2e"),
        Just("a\u{0}b"),
        Just("ä"),
        Just("a b"),
    ];
    prop::collection::vec(part, 0..7).prop_map(|parts| format!("/{}", parts.join("/")))
}

fn posture() -> impl Strategy<Value = Posture> {
    prop::sample::select(Posture::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// However a container ends and whatever it says: a step keeps to what policy allows.
    #[test]
    fn no_step_goes_too_far(
        cause in prop::sample::select(Cause::ALL.to_vec()),
        directory in prop::option::of(path()),
        image_user in prop::option::of(prop_oneof![Just(0_i64), Just(-1), Just(999), any::<i64>()]),
        read_only in any::<bool>(),
        posture in posture(),
        floor in posture(),
        known in prop::option::of(posture()),
        allowed in any::<bool>(),
        memory in prop_oneof![Just("1Gi"), Just("16Mi"), Just("64Gi"), Just("")],
    ) {
        let known = ProfileSpec { posture: known, ..ProfileSpec::default() };
        let mut policy = policy();
        if !allowed {
            policy.rules.capabilities.allowed.clear();
        }
        // Where it stands is never below the floor.
        let posture = posture.max(floor);
        let trouble = Trouble {
            cause,
            directory: directory.as_deref(),
            read_only,
            image_user,
            mounts: &[],
            user: Some(65532),
            memory: Some(memory),
            posture,
            floor,
            known: &known,
        };
        match remedy(&trouble, &policy) {
            Some(Remedy::Path(path)) => {
                prop_assert!(is_safe(&path));
                prop_assert!(read_only || posture == Posture::Full);
                let parts: Vec<&str> = path.split('/').skip(1).collect();
                prop_assert!(!parts.contains(&"..") && !parts.contains(&"") && !parts.contains(&"."));
                prop_assert!(!["etc", "usr", "proc", "sys", "dev", "bin", "sbin", "lib", "boot"].contains(&parts[0]));
                let real = if parts[0] == "run" { format!("/var{path}") } else { path.clone() };
                let above = TOKEN.starts_with(&format!("{real}/"));
                let inside = format!("{real}/").starts_with(&format!("{TOKEN}/"));
                prop_assert!(!inside);
                prop_assert!(!above || real == "/var/run");
            }
            Some(Remedy::Climb(_)) => prop_assert!(false),
            Some(Remedy::Home) => {}
            Some(Remedy::User(user)) => prop_assert!(user > 0 && user <= i64::from(i32::MAX)),
            Some(Remedy::Capability(name)) => prop_assert!(allowed && name == "NET_BIND_SERVICE"),
            Some(Remedy::Memory(memory)) => {
                prop_assert!(compare_quantities(&memory, &policy.guard.memory_cap).is_some_and(Ordering::is_le));
            }
            Some(Remedy::Posture(next)) => prop_assert!(next >= floor && next < posture),
            Some(Remedy::Escalation { .. }) => {
                prop_assert!(floor == Posture::Safe && cause == Cause::Setuid);
            }
            None => {}
        }
        prop_assert!(cause != Cause::Unexplained || remedy(&trouble, &policy).is_none());
    }
}
