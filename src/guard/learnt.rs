//! What is learnt, as an ImageProfile: for one image in one namespace.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::remedy::Remedy;
use crate::policy::{API_VERSION, Metadata};
use crate::profiles::{ImageMatch, ImageProfile, KIND, Origin, ProfileSpec, Reference};

/// So many lines of evidence are kept …
const MOST_EVIDENCE: usize = 20;
/// … of so many characters.
const LONGEST_EVIDENCE: usize = 400;
/// So much of a namespace's name and of an image's is in a profile's name.
const PART: usize = 18;

/// The images that a profile is about which is learnt from this image in this namespace: those that are written the
/// same. `None` for one that would mean others too.
#[must_use]
pub fn about(image: &str, namespace: &str) -> Option<ImageMatch> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"./_-:@".contains(&byte);
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let reference = Reference::parse(image).filter(|_| image.bytes().all(plain))?;
    if namespace.is_empty() || namespace.len() > 63 || !namespace.bytes().all(is_name) {
        return None;
    }
    let list = |text: Option<&str>| text.map(str::to_owned).into_iter().collect();
    Some(ImageMatch {
        repositories: vec![reference.repository()],
        tags: list(reference.tag),
        digests: list(reference.digest),
        namespaces: vec![namespace.to_owned()],
    })
}

/// The name of the profile: the same for the same image, and one for each suggestion beside what is in force.
#[must_use]
pub fn name(images: &ImageMatch, suggestion: Option<u32>) -> String {
    let mut hasher = DefaultHasher::new();
    for list in [&images.repositories, &images.tags, &images.digests, &images.namespaces] {
        list.hash(&mut hasher);
    }
    let first = |list: &[String]| list.first().cloned().unwrap_or_default();
    let repository = first(&images.repositories);
    let last = repository.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let part = |text: &str| {
        let known = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
        text.chars().map(known).take(PART).collect::<String>().trim_matches('-').to_owned()
    };
    let round = suggestion.map_or_else(String::new, |round| format!("-{round}"));
    let parts = [part(&first(&images.namespaces)), part(&last)].join("-");
    format!("learnt-{}-{:012x}{round}", parts.trim_matches('-'), hasher.finish() >> 16)
}

/// The profile after a step: what was known before, and this. `why` is a line of evidence, `date` is `YYYY-MM-DD`.
#[must_use]
pub fn profile(
    known: &ProfileSpec,
    images: ImageMatch,
    remedy: &Remedy,
    why: &str,
    date: &str,
    approved: bool,
) -> ProfileSpec {
    let mut facts = ProfileSpec {
        images,
        source: Origin::Learnt,
        approved: Some(approved),
        round: known.round.saturating_add(1),
        date: Some(date.to_owned()),
        ..known.clone()
    };
    remedy.take(&mut facts);
    let line = format!("{date}, {why}; {remedy}");
    facts.evidence.push(line.chars().filter(|c| !c.is_control()).take(LONGEST_EVIDENCE).collect());
    let over = facts.evidence.len().saturating_sub(MOST_EVIDENCE);
    facts.evidence.drain(..over);
    facts
}

/// A profile as an object.
#[must_use]
pub fn document(name: &str, spec: ProfileSpec) -> ImageProfile {
    ImageProfile {
        api_version: API_VERSION.to_owned(),
        kind: KIND.to_owned(),
        metadata: Metadata { name: name.to_owned() },
        spec,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::MOST_ITEMS;
    use crate::profiles::{Profile, ProfileSet, parse_object};

    #[test]
    fn it_is_about_this_image_in_this_namespace_alone() {
        let sum = "0123456789abcdef".repeat(4);
        let by_digest = format!("reg.example:5000/a/b@sha256:{sum}");
        for image in ["nginx", "nginx:1.29", "reg.example:5000/team/App_x:v1.2", &by_digest] {
            let images = about(image, "shop").expect(image);
            let name = name(&images, Some(1000));
            assert!(name.len() <= 63, "{name}");
            let remedy = Remedy::Path("/data".to_owned());
            let why = format!("Deployment/web, container web, {image}@sha256:{sum}");
            let spec = profile(&ProfileSpec::default(), images, &remedy, &why, "2027-01-31", true);
            let value = serde_json::to_value(&spec).expect("JSON");
            let parsed = parse_object(&name, Some(&value)).expect("valid");
            let set = ProfileSet::new([Profile::from(parsed)]);
            assert!(set.find(image, "shop").is_some(), "{image}");
            assert!(set.find(image, "shop-2").is_none(), "{image}");
            assert!(set.find(&image.replacen(['n', 'r'], "x", 1), "shop").is_none(), "{image}");
        }
        let images = |image| about(image, "shop").expect("one");
        assert_ne!(name(&images("a:1"), None), name(&images("a:2"), None));
        assert_eq!(name(&images("a:1"), None), name(&images("docker.io/library/a:1"), None));
    }

    #[test]
    fn what_would_mean_more_is_refused() {
        for (image, namespace) in [
            ("*", "shop"),
            ("nginx:*", "shop"),
            ("a/?", "shop"),
            ("", "shop"),
            ("a b", "shop"),
            ("nginx\n", "shop"),
            ("nginx", ""),
            ("nginx", "*"),
            ("nginx", "shop,other"),
            ("nginx", "Shop"),
        ] {
            assert_eq!(about(image, namespace), None, "{image:?} {namespace:?}");
        }
    }

    #[test]
    fn evidence_is_bounded() {
        let mut known = ProfileSpec::default();
        let images = about("a", "shop").expect("one");
        for number in 0..40 {
            let remedy = Remedy::Memory(format!("{number}Mi"));
            let why = format!("w\n{}", "x".repeat(500));
            known = profile(&known, images.clone(), &remedy, &why, "2027-01-31", false);
        }
        assert_eq!((known.evidence.len(), known.round), (MOST_EVIDENCE, 40));
        assert!(known.evidence.len() < MOST_ITEMS);
        assert!(parse_object("x", Some(&serde_json::to_value(&known).expect("JSON"))).is_ok());
    }
}
