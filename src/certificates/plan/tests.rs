use std::time::Duration;

use time::OffsetDateTime;
use time::macros::datetime;

use super::super::{make, write};
use super::*;

const NAME: &str = "pod-hardener.pod-hardener.svc";
const START: OffsetDateTime = datetime!(2030-01-01 00:00 UTC);
const DAY: Duration = Duration::from_secs(24 * 3600);
const LIVES: Lives = Lives { authority: DAY.saturating_mul(730), certificate: DAY.saturating_mul(90) };

/// All that is remembered and stored, so that a test can go through a life.
#[derive(Clone)]
struct World {
    now: OffsetDateTime,
    secret: Option<Held>,
    good: Option<Held>,
    calls: Vec<Call>,
    settled: Option<Duration>,
}

fn calls(bundles: &[&[u8]]) -> Vec<Call> {
    let call = |bundle: &&[u8]| Call {
        webhook: "pods.pod-hardener.dev".to_owned(),
        server: NAME.to_owned(),
        bundle: bundle.to_vec(),
    };
    bundles.iter().map(call).collect()
}

impl World {
    fn empty() -> Self {
        Self { now: START, secret: None, good: None, calls: calls(&[b"", b""]), settled: None }
    }

    /// At peace, so many days after its start.
    fn at_peace(days: u32) -> Self {
        let mut world = Self::empty();
        world.peace();
        world.now = START + DAY * days;
        world
    }

    fn next(&self) -> Next {
        next(&Situation {
            now: self.now,
            lives: LIVES,
            name: NAME,
            secret: self.secret.as_ref(),
            good: self.good.as_ref(),
            calls: Some(&self.calls),
            settled: self.settled,
        })
    }

    /// Does what is next; false when there is nothing.
    fn step(&mut self) -> Option<Next> {
        let next = self.next();
        match next.clone() {
            Next::Write(change) => {
                self.secret = Some(write::made(change, NAME, LIVES, self.now).expect("made"));
            }
            Next::Trust(bundle) => self.calls.iter_mut().for_each(|call| call.bundle.clone_from(&bundle)),
            Next::Idle => return None,
        }
        if !matches!(next, Next::Write(_)) {
            self.good.clone_from(&self.secret);
        }
        let signer = self.held().authorities.first().cloned().expect("an authority");
        self.settled = self.calls.iter().all(|call| call.has(&signer)).then_some(Duration::ZERO);
        Some(next)
    }

    /// Does all that is to be done; what was done.
    fn peace(&mut self) -> Vec<&'static str> {
        let mut steps = Vec::new();
        while let Some(step) = self.step() {
            steps.push(match step {
                Next::Write(change) => match (change.key.is_none(), change.leaf.is_none()) {
                    (true, true) => "authority and certificate",
                    (true, false) => "authority",
                    (false, true) => "certificate",
                    (false, false) => "secret",
                },
                Next::Trust(_) => "trust",
                Next::Idle => "nothing",
            });
            assert!(steps.len() < 9, "no end: {steps:?}");
        }
        self.good.clone_from(&self.secret);
        steps
    }

    fn held(&self) -> &Held {
        self.secret.as_ref().expect("a Secret")
    }

    fn why(&self) -> Option<Why> {
        match self.next() {
            Next::Write(change) => Some(change.why),
            _ => None,
        }
    }

    fn leaf(&self) -> &Leaf {
        self.held().leaf.as_ref().expect("a certificate")
    }

    fn is_trusted(&self) -> bool {
        self.calls.iter().all(|call| call.distrust(self.leaf(), self.now).is_none())
    }
}

#[test]
fn begins_with_nothing() {
    let mut world = World::empty();
    assert_eq!(world.why(), Some(Why::First));
    assert_eq!(world.peace(), ["authority and certificate", "trust"]);
    assert!(world.is_trusted());
    assert_eq!(world.held().authorities.len(), 1);
    // It waits for nobody to register it.
    let mut alone = World { calls: Vec::new(), ..World::empty() };
    assert_eq!(alone.peace(), ["authority and certificate"]);
    alone.calls = calls(&[b""]);
    assert_eq!(alone.peace(), ["trust"]);
}

#[test]
fn a_certificate_is_renewed_by_the_same_authority() {
    assert_eq!(World::at_peace(59).next(), Next::Idle);
    let mut world = World::at_peace(61);
    let before = world.clone();
    assert_eq!(world.why(), Some(Why::Due(Rotated::Certificate)));
    assert_eq!(world.peace(), ["certificate"]);
    assert_eq!(world.held().authorities, before.held().authorities);
    assert_eq!((world.leaf().until - before.leaf().until).whole_days(), 61);
}

#[test]
fn a_new_authority_is_trusted_everywhere_before_it_is_used() {
    let mut world = World::at_peace(0);
    world.now = START + DAY * 480;
    assert_eq!(world.peace(), ["certificate"]);
    world.now = START + DAY * 487;
    let old = world.clone();
    let mut steps = Vec::new();
    while let Some(step) = world.step() {
        steps.push(step);
        assert!(world.is_trusted() && world.leaf() == old.leaf(), "{steps:?}");
        // Who starts now serves what is trusted as well.
        assert!(old.calls.iter().all(|call| call.distrust(world.leaf(), world.now).is_none()));
    }
    assert!(matches!(
        &steps[..],
        [Next::Write(Change { why: Why::Due(Rotated::Authority), .. }), Next::Trust(_)]
    ));
    world.settled = Some(Duration::from_secs(59));
    assert_eq!(world.next(), Next::Idle, "not every API server may have heard of it");
    world.settled = Some(Duration::from_secs(60));
    assert_eq!(world.peace(), ["certificate"]);
    assert!(world.is_trusted() && world.leaf() != old.leaf());
    assert!(
        world.calls.iter().all(|call| call.distrust(old.leaf(), world.now).is_none()),
        "still served somewhere"
    );
    world.now = START + DAY * 731;
    let certificate = world.peace();
    assert_eq!(certificate.last(), Some(&"trust"));
    assert_eq!(world.held().authorities.len(), 1, "the old one is over");
}

#[test]
fn a_lost_secret_comes_back_from_memory() {
    let mut world = World::at_peace(10);
    let before = world.secret.take();
    assert_eq!(world.why(), Some(Why::Heal(Heal::SecretLost)));
    assert_eq!(world.peace(), ["secret"]);
    assert_eq!(world.secret, before);
}

#[test]
fn who_remembers_nothing_makes_a_new_authority_beside_those_that_are_trusted() {
    let mut world = World::at_peace(10);
    let before = world.clone();
    (world.secret, world.good) = (None, None);
    assert_eq!(world.why(), Some(Why::Heal(Heal::SecretLost)));
    assert_eq!(world.peace(), ["authority and certificate", "trust"]);
    assert!(world.is_trusted());
    assert!(world.calls[0].distrust(before.leaf(), world.now).is_none(), "another replica may serve it");
}

#[test]
fn every_part_of_the_secret_is_put_right() {
    type Break = fn(&mut Held);
    type Steps = &'static [&'static str];
    // What is broken, what is told of it, and what is done with and without memory.
    let table: [(&str, Break, Heal, Steps, Steps); 5] = [
        (
            "all",
            |held| *held = Held::default(),
            Heal::SecretUnusable,
            &["secret"],
            &["authority and certificate", "trust"],
        ),
        (
            "authorities",
            |held| held.authorities.clear(),
            Heal::SecretUnusable,
            &["secret"],
            &["authority", "trust"],
        ),
        ("its key", |held| held.key = None, Heal::SecretUnusable, &["secret"], &["authority", "trust"]),
        ("certificate", |held| held.leaf = None, Heal::CertificateInvalid, &["secret"], &["certificate"]),
        (
            "its name",
            |held| {
                held.leaf = Some(make::leaf(held, "other.example", START, LIVES.certificate).expect("made"))
            },
            Heal::CertificateInvalid,
            &["secret"],
            &["certificate"],
        ),
    ];
    for (what, break_it, heal, remembering, forgetful) in table {
        let mut world = World::at_peace(10);
        let before = world.clone();
        break_it(world.secret.as_mut().expect("a Secret"));
        let mut fresh = World { good: None, ..world.clone() };
        assert_eq!(world.why(), Some(Why::Heal(heal)), "{what}");
        assert_eq!(world.peace(), remembering, "{what}");
        assert_eq!(world.secret, before.secret, "{what}");
        assert_eq!(fresh.why(), Some(Why::Heal(heal)), "{what}, forgetful");
        assert_eq!(fresh.peace(), forgetful, "{what}, forgetful");
        assert!(fresh.is_trusted(), "{what}");
        assert!(
            fresh.calls[0].distrust(before.leaf(), fresh.now).is_none(),
            "{what}: still served elsewhere"
        );
    }
}

#[test]
fn another_authority_by_hand_keeps_the_one_whose_certificate_is_served() {
    let mut world = World::at_peace(10);
    let before = world.clone();
    let mut other = World::at_peace(10);
    other.peace();
    world.secret = other.secret;
    assert_eq!(world.why(), Some(Why::Heal(Heal::SecretReplaced)));
    assert_eq!(world.peace(), ["secret", "trust"]);
    assert!(world.is_trusted() && world.calls[0].distrust(before.leaf(), world.now).is_none());
    // Nobody serves its certificate any more: it may be taken out, and stays out.
    world.secret.as_mut().expect("a Secret").authorities.truncate(1);
    assert_eq!(world.peace(), ["trust"]);
    assert!(world.calls[0].distrust(before.leaf(), world.now).is_some());
}

#[test]
fn foreign_and_missing_bundles_are_made_ours() {
    let other = World::at_peace(0);
    for (bundles, remark) in [
        (calls(&[b"", b""]), "new"),
        (calls(&[&other.calls[0].bundle, b""]), "foreign"),
        (calls(&[b"garbage"]), "garbage"),
    ] {
        let mut world = World { calls: bundles, ..World::at_peace(10) };
        assert_eq!(world.peace(), ["trust"], "{remark}");
        assert!(world.is_trusted(), "{remark}");
    }
    let mut world = World::at_peace(10);
    let ours = world.calls[0].bundle.clone();
    world.calls[0].bundle.extend(&other.calls[0].bundle);
    assert_eq!(world.peace(), ["trust"], "extra");
    assert_eq!(world.calls[0].bundle, ours);
}

#[test]
fn a_clock_that_jumps_heals() {
    let hours = |hours: i64| time::Duration::hours(hours);
    for (jump, steps) in [
        // Within what clocks may differ.
        (hours(-1), &[][..]),
        // Not valid yet.
        (hours(-24 * 400), &["authority and certificate", "trust"][..]),
        // All is over.
        (hours(24 * 4000), &["authority and certificate", "trust"]),
    ] {
        let mut world = World::at_peace(0);
        world.now += jump;
        assert_eq!(world.peace(), steps, "{jump}");
        assert!(world.is_trusted(), "{jump}");
        // And back again.
        world.now = START + DAY;
        world.peace();
        assert!(world.is_trusted(), "{jump} and back");
    }
}

#[test]
fn whoever_asks_gets_a_new_one() {
    let mut world = World::at_peace(1);
    world.secret.as_mut().expect("a Secret").renew = Some(Renew::Certificate);
    assert_eq!(world.peace(), ["certificate"]);
    world.secret.as_mut().expect("a Secret").renew = Some(Renew::Authority);
    assert_eq!(world.peace(), ["authority", "trust"]);
    assert_eq!(world.held().authorities.len(), 2);
}

#[test]
fn who_remembers_nothing_looks_first_whom_the_webhooks_trust() {
    let by_hand = World::at_peace(1);
    let only_certificate = Held { authorities: Vec::new(), key: None, ..by_hand.held().clone() };
    for secret in [None, Some(&only_certificate)] {
        let (name, now) = (NAME, by_hand.now);
        let unknown = Situation { now, lives: LIVES, name, secret, good: None, calls: None, settled: None };
        assert_eq!(next(&unknown), Next::Idle);
        let known = Situation { calls: Some(&by_hand.calls), ..unknown };
        let Next::Write(change) = next(&known) else { panic!("nothing is written") };
        assert_eq!(change.authorities, by_hand.held().authorities);
        assert_eq!(change.leaf.as_ref(), secret.map(|_| by_hand.leaf()), "what is trusted stays in service");
    }
}

#[test]
fn nothing_by_a_new_authority_while_a_configuration_is_unknown() {
    let mut world = World::at_peace(1);
    world.secret.as_mut().expect("a Secret").renew = Some(Renew::Authority);
    world.step();
    let (secret, good) = (world.secret.as_ref(), world.good.as_ref());
    let situation =
        Situation { now: world.now, lives: LIVES, name: NAME, secret, good, calls: None, settled: None };
    assert_eq!(next(&situation), Next::Idle);
}

#[test]
fn what_is_served_is_replaced_by_what_is_no_worse() {
    let old = World::at_peace(0);
    let other = World::at_peace(0);
    let (mine, theirs) = (old.leaf(), other.leaf());
    let (of_mine, of_theirs) = (&old.calls[..], &other.calls[..]);
    let both = [of_mine, of_theirs].concat();
    let now = START;
    for (new, in_use, calls, expected) in [
        (theirs, None, None, true),
        (theirs, None, Some(of_mine), true),
        (theirs, Some(mine), None, false),
        (theirs, Some(mine), Some(of_mine), false),
        (theirs, Some(mine), Some(of_theirs), true),
        // Neither is trusted by all: what the Secret holds will be.
        (theirs, Some(mine), Some(&both[..]), true),
        (mine, Some(mine), Some(of_mine), false),
        // Nobody calls.
        (theirs, Some(mine), Some(&[][..]), true),
    ] {
        assert_eq!(is_better(new, in_use, calls, now), expected);
    }
    let late = START + DAY * 91;
    assert!(!is_better(theirs, Some(mine), Some(of_theirs), late), "that is over");
}

#[test]
fn a_certificate_never_outlives_its_authority() {
    let world = World::at_peace(0);
    let late = world.held().authorities[0].until - time::Duration::days(1);
    let leaf = make::leaf(world.held(), NAME, late, LIVES.certificate).expect("made");
    assert_eq!(leaf.until, world.held().authorities[0].until);
}

#[test]
fn what_the_secret_holds_is_read_as_it_was_written() {
    let world = World::at_peace(0);
    let mut secret = k8s_openapi::api::core::v1::Secret::default();
    world.held().write(&mut secret);
    assert_eq!(&Held::read(&secret), world.held());
    let data = secret.data.as_mut().expect("data");
    data.insert("ca.crt".to_owned(), k8s_openapi::ByteString(b"-----BEGIN CERTIFICATE-----\nx".to_vec()));
    data.insert("tls.key".to_owned(), k8s_openapi::ByteString(Vec::new()));
    assert_eq!(Held::read(&secret), Held::default());
    assert!(!format!("{:?}", world.held()).contains("PRIVATE"));
}
