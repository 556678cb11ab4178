//! Reports of a few workloads, in every format.

use serde_json::{Value, json};
use time::macros::datetime;

use super::*;
use crate::facts::{Facts, Space};
use crate::policy::{PolicySet, Preset};
use crate::rules::RuleResult;

const NOW: OffsetDateTime = datetime!(2027-01-10 12:00 UTC);

fn place(name: &str) -> Place {
    Place {
        namespace: "shop".to_owned(),
        kind: "Deployment".to_owned(),
        name: name.to_owned(),
        api_version: "apps/v1".to_owned(),
        ..Place::default()
    }
}

fn plain() -> Value {
    json!({"metadata": {}, "spec": {"containers": [{"name": "web", "image": "shop:1"}]}})
}

/// A report of these pods, each of a workload of that name.
fn report(pods: &[(&str, usize, Value)]) -> Report {
    let policies = PolicySet::from(Preset::Restricted);
    let looker = Looker::new(&policies, NOW);
    let mut gather = Gather::default();
    for (name, count, pod) in pods {
        let looked = looker.look(&pod.to_string(), &Facts::of_namespace("shop")).expect("a pod");
        gather.add(place(name), *count, looked.expect("a spec"));
    }
    Report::new("test", vec!["a <note>".to_owned()], gather, NOW)
}

fn written(write: impl Fn(&Report, &mut Vec<u8>) -> std::io::Result<()>, report: &Report) -> String {
    let mut out = Vec::new();
    write(report, &mut out).expect("written");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn a_plain_pod_meets_restricted_afterwards() {
    let report = report(&[("web", 3, plain())]);
    let Summary { workloads, pods, changing, open, .. } = report.summary;
    assert_eq!((workloads, pods, changing, open), (1, 3, 1, 0));
    let web = &report.workloads[0];
    assert_eq!((web.before.pod_security, web.after.pod_security), (Level::Baseline, Level::Restricted));
    assert!(web.before.unmet.contains(&Control { standard: Standard::Owasp, id: "K01" }));
    assert_eq!(web.after.unmet, [].into(), "nothing is left");
    assert!(report.changes());
}

#[test]
fn what_is_hardened_already_does_not_change_and_meets_as_much() {
    let policies = PolicySet::from(Preset::Restricted);
    let looker = Looker::new(&policies, NOW);
    let facts = Facts::of_namespace("shop");
    let pod: Value = plain();
    let view = serde_json::from_value::<Value>(pod.clone()).expect("a pod").to_string();
    let view: crate::view::Pod<'_> = serde_json::from_str(&view).expect("a pod");
    let subject = crate::subject::Subject::new(&view, crate::subject::Reach::Pod).expect("a spec");
    let hardened = crate::harden::harden(&subject, &policies, &facts, NOW);
    let patch: json_patch::Patch = serde_json::from_slice(&hardened.patch.to_json()).expect("a patch");
    let mut after = pod.clone();
    json_patch::patch(&mut after, &patch).expect("applies");
    let look = |pod: &Value| looker.look(&pod.to_string(), &facts).expect("a pod").expect("a spec");
    let (first, second) = (look(&pod), look(&after));
    assert!(first.changes && !second.changes);
    assert_eq!(first.after, second.before);
    assert!(second.risks.is_empty());
}

#[test]
fn what_stays_insecure_is_said_with_its_reason() {
    let mut pod = plain();
    pod["spec"]["hostPID"] = json!(true);
    pod["spec"]["volumes"] = json!([{"name": "n", "hostPath": {"path": "/"}}]);
    let report = report(&[("agent", 1, pod.clone()), ("agent2", 1, pod)]);
    assert_eq!((report.summary.open, report.workloads[0].after.pod_security), (2, Level::Privileged));
    let open = report.summary.stays_open.iter().find(|open| open.rule == RuleId::host_namespaces);
    let open = open.expect("host-namespaces");
    assert_eq!((open.result, open.note.as_str(), open.workloads), (RuleResult::Observed, "hostPID: true", 2));
    assert_eq!(open.examples, ["shop/Deployment/agent", "shop/Deployment/agent2"]);
    let controls: Vec<_> = report.summary.controls.iter().filter(|count| count.after > 0).collect();
    let ids: Vec<&str> = controls.iter().map(|count| count.control.id).collect();
    assert_eq!(ids, ["Host Namespaces", "HostPath Volumes", "Volume Types", "5.2.3", "5.2.12", "K01"]);
}

#[test]
fn pods_of_one_workload_are_one_row() {
    let mut exempted = plain();
    exempted["metadata"]["annotations"] = json!({"pod-hardener.dev/exempt": "seccomp",
        "pod-hardener.dev/exempt-reason": "why", "pod-hardener.dev/exempt-until": "2027-01-12"});
    let report = report(&[("web", 2, plain()), ("web", 3, exempted.clone()), ("web", 4, exempted)]);
    assert_eq!((report.workloads.len(), report.workloads[0].pods), (1, 9));
    let web = &report.workloads[0];
    assert!(web.of(RuleResult::Exempted).contains(RuleId::seccomp));
    assert!(web.of(RuleResult::Injected).contains(RuleId::seccomp));
    assert_eq!(web.after.pod_security, Level::Baseline, "as far as all of them get");
    let [exemption] = report.exemptions.as_slice() else { panic!("{:?}", report.exemptions) };
    assert_eq!((exemption.pods, exemption.honoured, exemption.days_left), (7, true, Some(2)));
    assert_eq!(report.summary.exempted, 1);
}

#[test]
fn what_is_not_honoured_is_listed_as_such() {
    let mut pod = plain();
    pod["metadata"]["annotations"] = json!({"pod-hardener.dev/exempt": "seccomp"});
    let report = report(&[("web", 1, pod)]);
    assert!(!report.exemptions[0].honoured);
    let remark = &report.workloads[0].remarks[0];
    assert!(remark.contains("pod-hardener.dev/exempt is not honoured: needs a reason"), "{remark}");
}

#[test]
fn exemptions_of_namespaces_count_where_policy_says_so() {
    let annotations = [("pod-hardener.dev/exempt", "privileged"), ("pod-hardener.dev/exempt-reason", "CNI")];
    let annotations = annotations.map(|(key, value)| (key.into(), value.into())).into();
    let space = Space { annotations, ..Space::default() };
    let facts = Facts { space: Some(space.into()), ..Facts::of_namespace("net") };
    for honoured in [false, true] {
        let mut policy = crate::policy::Policy::from(Preset::Restricted);
        policy.exemptions.namespaces = honoured;
        let policies = PolicySet::new(vec![policy]);
        let found = Looker::new(&policies, NOW).of_namespace(&facts);
        assert_eq!((found.len(), found[0].honoured), (1, honoured));
        assert_eq!(found[0].place.label(), "Namespace/net");
    }
}

#[test]
fn policy_and_annotations_do_not_bend_the_standards() {
    let exempt = json!({"pod-hardener.dev/exempt": "all", "pod-hardener.dev/exempt-reason": "x"});
    let mut pod = plain();
    pod["metadata"]["annotations"] = exempt;
    let policies = PolicySet::from(Preset::Safe);
    let looker = Looker::new(&policies, NOW);
    let labels = [(crate::policy::POLICY_LABEL.into(), "observe".into())].into();
    let space = Space { labels, ..Space::default() };
    let facts = Facts { space: Some(space.into()), ..Facts::of_namespace("shop") };
    let looked = looker.look(&pod.to_string(), &facts).expect("a pod").expect("a spec");
    assert_eq!(looked.policy, "observe");
    let plain = report(&[("web", 1, plain())]);
    assert_eq!(looked.before.unmet, plain.workloads[0].before.unmet);
}

/// Names that try to be markup, in everything that an author can name.
fn hostile() -> Report {
    const EVIL: &str = "</td><script>alert(1)</script>\"'&|`\u{1b}[31m\u{202e}";
    let pod = json!({"metadata": {"annotations": {"pod-hardener.dev/exempt": "seccomp",
        "pod-hardener.dev/exempt-reason": EVIL, format!("{EVIL}.pod-hardener.dev/exempt"): "all"}},
        "spec": {"hostPID": true, "volumes": [{"name": EVIL, EVIL: {}}],
            "securityContext": {"sysctls": [{"name": EVIL}]},
            "containers": [{"name": EVIL, "image": EVIL, "ports": [{"containerPort": 80}]}]}});
    let policies = PolicySet::from(Preset::Restricted);
    let looked = Looker::new(&policies, NOW).look(&pod.to_string(), &Facts::of_namespace(EVIL));
    let mut gather = Gather::default();
    let place = Place {
        namespace: EVIL.to_owned(),
        kind: EVIL.to_owned(),
        name: EVIL.to_owned(),
        api_version: EVIL.to_owned(),
        uid: None,
        file: Some(EVIL.to_owned()),
        line: Some(1),
    };
    let looked = looked.expect("a pod").expect("a spec");
    gather.add(place, 1, looked.clone());
    gather.add(super::tests::place("web"), 1, looked);
    Report::new(EVIL, vec![EVIL.to_owned()], gather, NOW)
}

#[test]
fn hostile_names_stay_text() {
    let report = hostile();
    for (format, text) in [
        ("html", written(write::html, &report)),
        ("junit", written(write::junit, &report)),
        ("markdown", written(write::markdown, &report)),
    ] {
        assert!(!text.contains("<script"), "{format}");
        assert!(text.contains("&lt;script&gt;"), "{format}");
        assert!(!text.contains('\u{1b}'), "{format}");
    }
    let html = written(write::html, &report);
    assert!(!html.contains('\u{202e}'));
    for attribute in [" style=", " onload", " onclick", "javascript:", "<script", " src=", "url("] {
        assert!(!html.contains(attribute), "{attribute}");
    }
    let table = written(write::table, &report);
    assert!(!table.contains("\u{1b}[31m\u{202e}"), "the author's colours are not the terminal's");
    for text in [written(write::json, &report), written(write::sarif, &report)] {
        serde_json::from_str::<Value>(&text).expect("JSON");
    }
}

#[test]
fn html_is_well_formed_and_links_to_what_is_there() {
    for report in [hostile(), report(&[]), report(&[("web", 0, plain())])] {
        let html = written(write::html, &report);
        let mut open: Vec<&str> = Vec::new();
        let body = html.split_once("</style>").expect("a style").1;
        for tag in body.split('<').skip(1) {
            let tag = tag.split_once('>').expect("a whole tag").0;
            let name = tag.trim_start_matches('/').split(' ').next().unwrap_or_default();
            match tag.strip_prefix('/') {
                Some(name) if name == "head" || name == "html" => {}
                Some(name) => assert_eq!(open.pop(), Some(name)),
                None if tag.ends_with('/') || name == "br" => {}
                None => open.push(name),
            }
        }
        assert_eq!(open, [] as [&str; 0]);
        for link in html.split("href=\"#").skip(1) {
            let anchor = link.split('"').next().unwrap_or_default();
            assert!(html.contains(&format!("id=\"{anchor}\"")), "{anchor}");
        }
    }
}

#[test]
fn sarif_has_what_the_schema_asks_for() {
    let mut exempted = plain();
    exempted["metadata"]["annotations"] =
        json!({"pod-hardener.dev/exempt": "seccomp", "pod-hardener.dev/exempt-reason": "why"});
    let mut report = report(&[("web", 0, exempted)]);
    report.workloads[0].place.file = Some("a b.yaml".to_owned());
    report.workloads[0].place.line = Some(7);
    report.exemptions[0].place = report.workloads[0].place.clone();
    let sarif: Value = serde_json::from_str(&written(write::sarif, &report)).expect("JSON");
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    let results = run["results"].as_array().expect("results");
    assert!(results.len() > 5);
    for result in results {
        let index =
            result["ruleIndex"].as_u64().and_then(|index| usize::try_from(index).ok()).expect("a number");
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(["note", "warning", "error"].contains(&result["level"].as_str().expect("a level")));
        assert!(result["message"]["text"].is_string());
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b.yaml");
        assert_eq!(place["region"]["startLine"], 7);
    }
    let suppressed: Vec<&Value> = results.iter().filter(|result| result["suppressions"].is_array()).collect();
    assert_eq!(suppressed.len(), 1);
    assert_eq!(suppressed[0]["ruleId"], "seccomp");
    assert_eq!(suppressed[0]["suppressions"][0], json!({"kind": "inSource", "justification": "why"}));
}

#[test]
fn junit_counts_what_it_holds() {
    let mut pod = plain();
    pod["spec"]["hostPID"] = json!(true);
    let text = written(write::junit, &report(&[("web", 1, pod)]));
    let number = |name: &str| -> usize {
        let text = text.split_once(&format!(" {name}=\"")).expect(name).1;
        text.split('"').next().and_then(|number| number.parse().ok()).expect("a number")
    };
    assert_eq!(text.matches("<testcase ").count(), number("tests"));
    assert_eq!(text.matches("<failure ").count(), number("failures"));
    assert_eq!(text.matches("<skipped ").count(), number("skipped"));
    assert!(
        text.contains(
            "classname=\"shop/Deployment/web\" name=\"host-namespaces\"><failure type=\"observed\""
        )
    );
}

#[test]
fn policy_reports_count_their_results() {
    let mut pod = plain();
    pod["spec"]["hostPID"] = json!(true);
    let report = report(&[("web", 1, pod)]);
    for (api, version, kind) in [
        (write::Api::PolicyReport, "wgpolicyk8s.io/v1alpha2", "PolicyReport"),
        (write::Api::OpenReports, "openreports.io/v1alpha1", "Report"),
    ] {
        let text = written(|report, out| write::policy_reports(report, api, out), &report);
        let object: Value = serde_saphyr::from_str(&text).expect("YAML");
        assert_eq!((&object["apiVersion"], &object["kind"]), (&json!(version), &json!(kind)));
        assert_eq!(object["scope"]["name"], "web");
        let results = object["results"].as_array().expect("results");
        for outcome in ["pass", "fail", "warn", "error", "skip"] {
            let count = results.iter().filter(|result| result["result"] == outcome).count();
            assert_eq!(object["summary"][outcome], json!(count), "{outcome}");
        }
        assert_eq!((&object["summary"]["fail"], &object["summary"]["error"]), (&json!(1), &json!(0)));
    }
}

#[test]
fn json_says_its_version_and_names_what_is_counted() {
    let report = report(&[("web", 1, plain())]);
    let json: Value = serde_json::from_str(&written(write::json, &report)).expect("JSON");
    assert_eq!((&json["version"], &json["made"]), (&json!(1), &json!("2027-01-10T12:00:00Z")));
    let web = &json["workloads"][0];
    assert_eq!((&web["namespace"], &web["before"]["podSecurity"]), (&json!("shop"), &json!("baseline")));
    assert_eq!(web["findings"][0]["rule"], "run-as-non-root");
    assert_eq!(json["summary"]["rules"][0]["rule"], "privileged");
    assert_eq!(json["summary"]["likelyToBreak"]["high"], 1);
}
