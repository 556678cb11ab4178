//! `image-tag`

use super::{Desk, Meta, Mode, ModeOnly, Note, Place, Source};

/// Documentation and presets.
pub const META: Meta = Meta {
    summary: "images that name a tag or a digest",
    mode: Mode::Observe,
    enforced: Mode::Observe,
    safe: false,
    pod_wide: false,
    sets: "–",
    replaces: "nothing: only the author knows which version is meant; it is reported",
    why: "Without a tag what runs changes by itself.",
    live_with: "Name a tag, or better a digest.",
    sources: &[Source::OwaspK01],
};

/// Parameters: none but the mode.
pub type Params = ModeOnly;

pub(super) fn check(desk: &mut Desk<'_, '_>, _: &Params) {
    for (number, slot) in desk.slots() {
        let Some(image) = slot.view.image.as_deref() else { continue };
        let name = image.rsplit('/').next().unwrap_or(image);
        if !name.contains([':', '@']) {
            desk.impossible(Place::Container(number), Note::of("image without tag ", image));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Mode::{Enforce, Observe};
    use crate::rules::RuleId;
    use crate::rules::RuleResult::{Impossible, Observed};
    use crate::rules::testing::{Case, table};

    #[test]
    fn table_of_cases() {
        let spec = json!({"containers": [{"name": "a", "image": "r:5000/nginx"}, {"name": "b", "image": "nginx:1"}]});
        table(RuleId::image_tag, &[
            Case { name: "observe", mode: Observe, spec: spec.clone(), results: &[Observed], expect: &[] },
            Case { name: "enforce", mode: Enforce, spec, results: &[Impossible], expect: &[] },
        ]);
    }
}
