//! What the types of a profile cannot say. `docs/profile_checks.rs` says the same to the API server.

use super::{Content, ImageProfile, KIND, Origin};
use crate::nearest::nearest;
use crate::plan::normalize;
use crate::policy::{validate_head, validate_sizes};
use crate::posture::Posture;
use crate::profiles::image::Repository;
use crate::rules::capabilities::GIVEN;
use crate::view::is_quantity;

/// The highest uid and gid that the API server takes.
const HIGHEST_ID: i64 = 2_147_483_647;
/// More steps than anything takes.
const MOST_ROUNDS: u32 = 1000;
/// More directories than an image ever needs.
pub(crate) const MOST_PATHS: usize = 32;

/// Checks a profile as a whole.
pub(super) fn validate(document: &ImageProfile) -> Result<(), String> {
    validate_head(&document.api_version, &document.kind, KIND, &document.metadata.name)?;
    validate_match(document)?;
    validate_user(document)?;
    validate_paths(document)?;
    validate_posture(document)?;
    validate_learnt(document)?;
    if document.spec.memory.as_deref().is_some_and(|memory| !is_quantity(memory)) {
        return Err("spec.memory is no quantity".to_owned());
    }
    for name in &document.spec.capabilities {
        if !GIVEN.contains(&name.as_str()) {
            let hint =
                nearest(name, GIVEN).map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
            return Err(format!(
                "spec.capabilities: `{name}` is none that runtimes give by themselves{hint} (one of: {})",
                GIVEN.join(", ")
            ));
        }
    }
    for name in document.spec.environment.keys() {
        if name.is_empty() || name.contains('=') || !name.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return Err(format!("spec.environment: `{name}` is no name of a variable"));
        }
    }
    if document.spec.date.as_deref().is_some_and(|date| !is_date(date)) {
        return Err("spec.date must be as 2027-01-31".to_owned());
    }
    let spec = serde_json::to_value(&document.spec).map_err(|error| format!("spec: {error}"))?;
    validate_sizes(&spec, "spec")
}

fn validate_match(document: &ImageProfile) -> Result<(), String> {
    let images = &document.spec.images;
    if images.repositories.is_empty() {
        return Err("spec.match.repositories must name one".to_owned());
    }
    for repository in &images.repositories {
        let last = repository.rsplit('/').next().unwrap_or_default();
        if repository.contains('@') || last.contains(':') {
            return Err(format!(
                "spec.match.repositories: `{repository}` has a tag or a digest: write them into tags and digests"
            ));
        }
        let odd = repository.bytes().any(|byte| byte <= b' ' || byte == 0x7f);
        if odd || (!is_pattern(repository) && Repository::parse(repository).is_none()) {
            return Err(format!("spec.match.repositories: `{repository}` is no repository"));
        }
    }
    for digest in &images.digests {
        let whole = digest.split_once(':').is_some_and(|(algorithm, sum)| {
            !algorithm.is_empty() && sum.len() >= 32 && sum.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        if !whole {
            return Err(format!("spec.match.digests: `{digest}` is none such as sha256:…"));
        }
    }
    Ok(())
}

/// Whether it is compared by `*` and `?`.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

fn validate_user(document: &ImageProfile) -> Result<(), String> {
    let spec = &document.spec;
    for (field, id) in [("user", spec.user), ("group", spec.group)] {
        if id.is_some_and(|id| !(1..=HIGHEST_ID).contains(&id)) {
            return Err(format!("spec.{field} must be from 1 to {HIGHEST_ID}"));
        }
    }
    if spec.group.is_some() && spec.user.is_none() {
        return Err("spec.group needs spec.user".to_owned());
    }
    Ok(())
}

fn validate_paths(document: &ImageProfile) -> Result<(), String> {
    let spec = &document.spec;
    let paths = spec.writable_paths.as_deref().unwrap_or_default();
    if paths.len() > MOST_PATHS {
        return Err(format!("spec.writablePaths has more than {MOST_PATHS} entries"));
    }
    for entry in paths {
        check_path(&entry.path, spec.source, entry.content)
            .map_err(|message| format!("spec.writablePaths: {message}"))?;
        if entry.size.as_deref().is_some_and(|size| !is_quantity(size)) {
            return Err(format!("spec.writablePaths: size of {} is no quantity", entry.path));
        }
    }
    Ok(())
}

fn validate_posture(document: &ImageProfile) -> Result<(), String> {
    let spec = &document.spec;
    if spec.allow_privilege_escalation && spec.posture.unwrap_or_default() == Posture::Full {
        return Err(
            "spec.allowPrivilegeEscalation needs posture isolated or safe: in full setuid programs give nothing"
                .to_owned(),
        );
    }
    Ok(())
}

/// What only the guard writes.
fn validate_learnt(document: &ImageProfile) -> Result<(), String> {
    let spec = &document.spec;
    if spec.round > MOST_ROUNDS {
        return Err(format!("spec.round must be at most {MOST_ROUNDS}"));
    }
    for (field, given) in [("approved", spec.approved.is_some()), ("round", spec.round != 0)] {
        if given && spec.source != Origin::Learnt {
            return Err(format!("spec.{field} needs source `learnt`"));
        }
    }
    Ok(())
}

/// Whether a directory may be named as one that the image writes.
///
/// What was learnt was said by a program: it may name no more than an annotation. Others may name a program's own
/// folder below /usr, and one that no empty directory is ever put on.
fn check_path(path: &str, source: Origin, content: Content) -> Result<(), String> {
    let checked = crate::tuning::check_path(path);
    let odd = path.contains(|c: char| c == ':' || c.is_control()) || path.len() > 255;
    let written_out = path.starts_with('/') && path.len() > 1 && *normalize(path) == *path && !odd;
    let its_own = written_out && (content == Content::Needed || is_own_folder(path));
    if source != Origin::Learnt && its_own { Ok(()) } else { checked }
}

/// A folder in a folder of a program: `/usr/local/apache2/logs`, not `/usr/local/bin` nor what is in it.
fn is_own_folder(path: &str) -> bool {
    let own = path.strip_prefix("/usr/local/").or_else(|| path.strip_prefix("/usr/share/"));
    own.and_then(|own| own.split_once('/'))
        .is_some_and(|(program, _)| !["bin", "sbin", "etc"].contains(&program) && !program.starts_with("lib"))
}

fn is_date(date: &str) -> bool {
    time::Date::parse(date, time::macros::format_description!("[year]-[month]-[day]")).is_ok()
}
