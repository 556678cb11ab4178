//! Names for the volumes and containers that are added.

use std::borrow::Cow;

/// The longest name of a volume: a DNS label (RFC 1123).
const LONGEST: usize = 63;

/// The name of the emptyDir for one path of one container: readable, within 63 characters, and not taken.
///
/// The same input gives the same name, so a second pass would choose it again.
#[must_use]
pub fn volume_name<'v>(container: &str, path: &str, taken: impl Fn(&str) -> bool) -> Cow<'v, str> {
    let mut base = String::with_capacity(LONGEST);
    for c in path.chars().skip(1) {
        base.push(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
    }
    base.push('-');
    base.push_str(container);
    let plain = is_label(&base) && !base.as_bytes().windows(2).any(|two| two == b"--");
    if plain && !taken(&base) {
        return Cow::Owned(base);
    }
    // A sum over container and path keeps apart what shortening or replacing made equal.
    let sum = fnv1a(container.bytes().chain([0]).chain(path.bytes()));
    base.retain(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    base.truncate(LONGEST - 11);
    let stem = base.trim_matches('-');
    let stem = if stem.is_empty() { "tmp" } else { stem };
    let mut name = format!("{stem}-{sum:08x}");
    let mut further = 0_u8;
    while taken(&name) && further < u8::MAX {
        further += 1;
        name = format!("{stem}-{:08x}", sum.wrapping_add(u32::from(further)));
    }
    Cow::Owned(name)
}

/// The name of the init container that copies for a container; made as that of a volume on `/copy-up` is.
#[must_use]
pub fn copier_name<'v>(container: &str, taken: impl Fn(&str) -> bool) -> Cow<'v, str> {
    volume_name(container, "/copy-up", taken)
}

fn is_label(name: &str) -> bool {
    name.len() <= LONGEST
        && !name.starts_with('-')
        && !name.ends_with('-')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// FNV-1a: stable across builds and platforms, which the standard library's hasher is not.
fn fnv1a(bytes: impl Iterator<Item = u8>) -> u32 {
    bytes.fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_readable_where_they_can_be() {
        assert_eq!(volume_name("web", "/tmp", |_| false), "tmp-web");
        assert_eq!(volume_name("web", "/var/cache/nginx", |_| false), "var-cache-nginx-web");
    }

    #[test]
    fn taken_long_and_odd_names_stay_labels_and_apart() {
        let long = "c".repeat(63);
        let names = [
            volume_name("web", "/tmp", |name| name == "tmp-web"),
            volume_name(&long, "/tmp", |_| false),
            volume_name(&long, "/var/tmp", |_| false),
            volume_name("web", "/a_b", |_| false),
            volume_name("web", "/a.b/", |_| false),
            volume_name("web", "/ä", |_| false),
        ];
        for (i, name) in names.iter().enumerate() {
            assert!(is_label(name), "{name}");
            assert!(names.iter().skip(i + 1).all(|other| other != name), "{name}");
        }
    }

    #[test]
    fn copiers_are_known_by_how_their_names_begin() {
        assert_eq!(copier_name("web", |_| false), "copy-up-web");
        for name in
            [copier_name(&"c".repeat(63), |_| false), copier_name("web", |name| name == "copy-up-web")]
        {
            assert!(is_label(&name) && name.starts_with("copy-up-"), "{name}");
        }
    }

    #[test]
    fn a_taken_name_with_a_sum_gives_way_too() {
        let first = volume_name("web", "/tmp", |name| name == "tmp-web");
        let second = volume_name("web", "/tmp", |name| name == "tmp-web" || name == first);
        assert_ne!(first, second);
    }
}
