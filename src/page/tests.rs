use serde_json::json;
use time::Duration;
use time::macros::datetime;

use super::*;
use crate::annotation::RefusalReason;
use crate::inventory::Board;
use crate::inventory::stored::Row;
use crate::metrics::{Endpoint, Metrics};
use crate::policy::Preset;
use crate::review::{Note, Outcome, Record};
use crate::sources::{ProfileShown, Seen, Sources};

const NOW: OffsetDateTime = datetime!(2027-01-10 12:00 UTC);
/// What must never come out as it went in.
const HOSTILE: &str = "<i>\"'&amp;\u{202e}</i><script>alert(1)</script>";

fn empty() -> Page {
    Page {
        now: NOW,
        started: NOW - Duration::hours(2),
        replica: "web-1".to_owned(),
        refreshes: true,
        health: Health::default(),
        numbers: Metrics::new().expect("metrics").numbers(),
        decisions: Vec::new(),
        exemptions: None,
        policies: Vec::new(),
        profiles: ProfilesShown::default(),
        certificate: Certificate { mode: CertificateMode::Files, file: None, distrusted: None },
    }
}

/// Every text that can come from outside is hostile.
fn hostile() -> Page {
    let text = || HOSTILE.to_owned();
    let metrics = std::sync::Arc::new(Metrics::new().expect("metrics"));
    let recent = Recent::default();
    for outcome in Outcome::ALL {
        let record = Record {
            namespace: text(),
            name: text(),
            policy: text(),
            outcome,
            refusals: vec![RefusalReason::Expired],
            notes: vec![Note::ExemptionRefused(text()), Note::NotHardened(text())],
            why: Some(text()),
            dry_run: true,
            ..testing::record("web")
        };
        recent.keep(Endpoint::Mutate, record, NOW);
    }
    let board = Board::default();
    let row = Row {
        namespace: text(),
        kind: text(),
        name: text(),
        container: Some(text()),
        rules: text(),
        reason: text(),
        until: text(),
        days_left: Some(3),
        by: text(),
        pods: 1,
    };
    board.put([(Some(NOW), row)].into_iter(), NOW);
    let sources = Sources::new(&Preset::Restricted.into(), metrics);
    sources.apply(
        HOSTILE,
        Seen::of_generation(
            1,
            json!({"selector": {
        "namespaces": [HOSTILE], "images": [HOSTILE], "serviceAccounts": [HOSTILE],
        "namespaceLabels": {HOSTILE: HOSTILE}, "podLabels": {HOSTILE: HOSTILE}}}),
        ),
    );
    sources.apply("wrong", Seen::of_generation(1, json!({HOSTILE: HOSTILE})));
    sources.apply_profile("mine", &Seen::of_generation(1, json!({"match": {"repositories": ["mine"]}})));
    let mut profiles = sources.profiles_shown();
    for profile in &mut profiles.own {
        // What is in force was checked; the page does not rely on it.
        profile.name = text();
        let facts = profile.facts.as_mut().expect("one that is taken");
        (facts.images.repositories, facts.evidence) = (vec![text()], vec![text()]);
    }
    let waits = profiles.own.iter().cloned().map(|profile| ProfileShown { waits: true, ..profile });
    profiles.own.extend(waits.collect::<Vec<_>>());
    let failing = WatchState { kind: "nodes", error: Some(text()), ..WatchState::default() };
    Page {
        replica: text(),
        health: Health { unready: Some(text()), watches: Some(vec![failing]) },
        decisions: recent.latest(),
        exemptions: board.get(),
        policies: sources.policies_shown(),
        profiles,
        certificate: Certificate {
            mode: CertificateMode::Files,
            file: Some(text()),
            distrusted: Some(text()),
        },
        ..empty()
    }
}

/// The names of all elements that begin.
fn elements(html: &str) -> Vec<&str> {
    let begins = html.split('<').skip(1).filter(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()));
    begins.map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default()).collect()
}

fn attributes<'h>(html: &'h str, name: &str) -> Vec<&'h str> {
    let begin = format!(" {name}=\"");
    html.split(&begin).skip(1).map(|rest| rest.split('"').next().unwrap_or_default()).collect()
}

#[test]
fn nothing_from_outside_is_markup() {
    let page = hostile();
    assert_eq!(page.profiles.own.len(), 2);
    assert!(page.policies.iter().any(|shown| shown.name == HOSTILE), "{:?}", page.policies);
    assert_eq!(page.decisions.len(), Outcome::ALL.len());
    let html = page.to_string();
    assert!(!html.contains('\u{202e}'));
    let of = |name: &str| elements(&html).into_iter().filter(|found| *found == name).count();
    assert_eq!((of("script"), of("i"), of("style"), of("img")), (1, 0, 1, 0), "{html}");
    // Only what is written for it, and no attribute that begins inside a text.
    let escaped = crate::html::escape(HOSTILE).to_string();
    assert!(html.matches(&escaped).count() > 30, "{}", html.matches(&escaped).count());
    assert!(!html.replace(&escaped, "").contains("alert"), "{html}");
}

#[test]
fn what_the_policy_forbids_is_not_in_it() {
    for page in [empty(), hostile()] {
        let html = page.to_string();
        for text in [" style=", " onclick=", " onload=", "javascript:", "http://", "https://"] {
            assert!(!html.contains(text), "{text}");
        }
        assert_eq!(attributes(&html, "src"), [SCRIPT_PATH]);
        let elsewhere = |link: &&str| !link.starts_with(['#', '/']) && **link != *"data:,";
        assert_eq!(attributes(&html, "href").into_iter().find(elsewhere), None);
    }
    let policy = security_policy();
    assert!(
        policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
}

#[test]
fn every_link_leads_somewhere_and_every_id_is_one() {
    for page in [empty(), hostile()] {
        let html = page.to_string();
        let mut ids = attributes(&html, "id");
        for target in attributes(&html, "href").iter().filter_map(|link| link.strip_prefix('#')) {
            assert!(ids.contains(&target), "{target}");
        }
        for label in attributes(&html, "aria-labelledby") {
            assert!(ids.contains(&label), "{label}");
        }
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "{ids:?}");
    }
}

#[test]
fn elements_end_in_the_order_in_which_they_began() {
    for page in [empty(), hostile()] {
        let html = page.to_string();
        let mut open = Vec::new();
        for tag in html.split('<').skip(1) {
            let name =
                |text: &str| text.split(|c: char| !c.is_ascii_alphanumeric()).next().map(str::to_owned);
            let Some(inside) = tag.split('>').next().filter(|inside| !inside.starts_with('!')) else {
                continue;
            };
            match inside.strip_prefix('/') {
                Some(ended) => assert_eq!(open.pop(), name(ended), "{tag}"),
                None if inside.ends_with('/') => {}
                None if ["meta", "link", "br"].iter().any(|void| name(inside).as_deref() == Some(void)) => {}
                None => open.extend(name(inside)),
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }
}

#[test]
fn where_there_is_nothing_that_is_said() {
    let html = empty().to_string();
    for text in [
        "No cluster is watched",
        "No pod was reviewed",
        "Nothing was reviewed",
        "restricted</code> is in force everywhere",
        "waits for an administrator",
        "It ends: not known yet",
    ] {
        assert!(html.contains(text), "{text}");
    }
}

#[test]
fn without_scripts_it_loads_itself_unless_that_is_not_wanted() {
    let refresh = "<noscript><meta http-equiv=\"refresh\" content=\"10\"></noscript>";
    assert!(empty().to_string().contains(refresh));
    assert!(!Page { refreshes: false, ..empty() }.to_string().contains(refresh));
}

#[test]
fn what_wants_a_look_stands_out() {
    let metrics = Metrics::new().expect("metrics");
    metrics.certificate_expires((NOW + Duration::days(3)).unix_timestamp());
    metrics.panicked();
    let page = Page { numbers: metrics.numbers(), ..hostile() };
    let html = page.to_string();
    for text in [
        "<span class=\"badge bad\">not ready</span>",
        "1 review failed inside",
        "in 3 d 0 h. <span class=\"badge warn\">soon</span>",
        "<span class=\"badge bad\">refused</span>",
        "<span class=\"badge bad\">failed-open</span>",
        "<span class=\"badge\">dry run</span>",
        "3 days <span class=\"badge warn\">soon</span>",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
}
