//! Policies and profiles in force, and what is learnt and waits for somebody's word.

use std::fmt;

use super::Page;
use super::table::{nothing, section, table};
use super::words::{Badge, Counted, Look};
use crate::html::escape;
use crate::metrics::{Label as _, PolicySource};
use crate::policy::{Policy, Selector};
use crate::posture::Posture;
use crate::rules::{Mode, RuleId};
use crate::sources::{PolicyShown, ProfileShown};

pub(super) fn write_policies(page: &Page, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    section(f, "policies", "Policies", |f| {
        if page.policies.is_empty() {
            return nothing(f, "None is given: the built-in <code>restricted</code> is in force everywhere.");
        }
        let caption = "In their order: the first whose selector matches decides";
        let head = ["Policy", "From", "State", "For", "Modes of its rules"];
        table(f, "policies", caption, &head, &page.policies, policy_row)
    })
}

fn policy_row(shown: &PolicyShown, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let PolicyShown { name, source, policy, refused } = shown;
    write!(
        f,
        "<th scope=\"row\" class=\"wrap\">{}</th><td>{}</td><td class=\"wrap\">",
        escape(name),
        from(*source)
    )?;
    match (policy, refused) {
        (Some(_), None) => write!(f, "{}", Badge(Look::Ok, "in force"))?,
        (Some(_), Some(why)) => {
            write!(f, "{} {}", Badge(Look::Bad, "older version in force"), escape(why))?;
        }
        (None, Some(why)) => write!(f, "{} {}", Badge(Look::Bad, "refused"), escape(why))?,
        (None, None) => {}
    }
    f.write_str("</td><td class=\"wrap\">")?;
    if let Some(policy) = policy {
        selector(&policy.selector, f)?;
        f.write_str("</td><td class=\"wrap\">")?;
        return modes(policy, f).and_then(|()| f.write_str("</td>"));
    }
    f.write_str("</td><td></td>")
}

const fn from(source: PolicySource) -> &'static str {
    match source {
        PolicySource::Files => "files",
        PolicySource::Objects => "custom resource",
    }
}

fn selector(selector: &Selector, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if *selector == Selector::default() {
        return f.write_str("everything");
    }
    let lists = [
        ("namespaces", &selector.namespaces),
        ("accounts", &selector.service_accounts),
        ("images", &selector.images),
    ];
    for (what, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        write!(f, "{what} {} ", escape(&list.join(", ")))?;
    }
    let maps = [("namespaces with", &selector.namespace_labels), ("pods with", &selector.pod_labels)];
    for (what, map) in maps.into_iter().filter(|(_, map)| !map.is_empty()) {
        let pairs: Vec<String> = map.iter().map(|(key, value)| format!("{key}={value}")).collect();
        write!(f, "{what} {} ", escape(&pairs.join(", ")))?;
    }
    Ok(())
}

/// How many rules there are in each mode, the strictest first.
fn modes(policy: &Policy, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut first = true;
    for mode in [Mode::Enforce, Mode::Default, Mode::Observe, Mode::Off] {
        let count = RuleId::ALL.iter().filter(|rule| policy.mode(**rule) == mode).count();
        if count > 0 {
            write!(f, "{}{count} {}", if first { "" } else { ", " }, mode.as_str())?;
            first = false;
        }
    }
    Ok(())
}

pub(super) fn write_profiles(page: &Page, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    section(f, "profiles", "Image profiles", |f| {
        let profiles = &page.profiles;
        let built_in = Counted(profiles.built_in as u64, "profile is", "profiles are");
        writeln!(f, "<p>{built_in} built in.</p>")?;
        let in_force: Vec<&ProfileShown> = profiles.own.iter().filter(|profile| !profile.waits).collect();
        if in_force.is_empty() {
            return nothing(f, "There are no others in force.");
        }
        let caption = "Beside those that are built in; an administrator's word comes first";
        let head = ["Profile", "Whose word", "From", "Posture", "Images", "State"];
        table(f, "profiles", caption, &head, &in_force, |profile, f| {
            profile_row(profile, f)?;
            f.write_str("<td>")?;
            match (profile.facts.is_some(), profile.refused) {
                (true, false) => write!(f, "{}", Badge(Look::Ok, "in force"))?,
                (true, true) => write!(f, "{}", Badge(Look::Bad, "older version in force"))?,
                (false, _) => write!(f, "{}", Badge(Look::Bad, "refused"))?,
            }
            f.write_str("</td>")
        })
    })
}

pub(super) fn write_suggestions(page: &Page, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    section(f, "suggestions", "Suggestions", |f| {
        let waiting: Vec<&ProfileShown> = page.profiles.own.iter().filter(|profile| profile.waits).collect();
        if waiting.is_empty() {
            return nothing(f, "Nothing that was learnt of an image waits for an administrator.");
        }
        let caption = "Learnt from what pods did, and not in force until an administrator says so";
        let head = ["Profile", "Whose word", "From", "Posture", "Images", "Evidence"];
        table(f, "suggestions", caption, &head, &waiting, |profile, f| {
            profile_row(profile, f)?;
            let evidence = profile.facts.as_ref().map(|facts| facts.evidence.join("; ")).unwrap_or_default();
            write!(f, "<td class=\"wrap\">{}</td>", escape(&evidence))
        })
    })
}

fn profile_row(profile: &ProfileShown, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "<th scope=\"row\" class=\"wrap\">{}</th>", escape(&profile.name))?;
    let Some(facts) = &profile.facts else {
        return write!(f, "<td></td><td>{}</td><td></td><td></td>", profile.source.as_str());
    };
    write!(
        f,
        "<td>{}</td><td>{}</td><td>{}</td><td class=\"wrap\">{}</td>",
        facts.source.as_str(),
        profile.source.as_str(),
        facts.posture.unwrap_or(Posture::Full).as_str(),
        escape(&facts.images.repositories.join(", "))
    )
}
