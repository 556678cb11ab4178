//! A tale as an Event.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use time::OffsetDateTime;

use super::{Reason, Tale};

/// The longest note that the API server takes, in bytes.
const LONGEST_NOTE: usize = 1024;

/// The Event; its name follows from what it tells and when, so that replicas tell the same but once.
pub(super) fn of(tale: &Tale, now: OffsetDateTime, instance: &str) -> Event {
    let about = &tale.about;
    let mut hasher = DefaultHasher::new();
    (tale, now.unix_timestamp() / tale.reason.interval()).hash(&mut hasher);
    let microseconds = now.unix_timestamp() * 1_000_000 + i64::from(now.microsecond());
    let kind = if tale.reason == Reason::ExemptionExpiring { "Normal" } else { "Warning" };
    Event {
        metadata: ObjectMeta {
            name: Some(format!("pod-hardener.{:016x}", hasher.finish())),
            namespace: Some(if about.namespace.is_empty() {
                "default".to_owned()
            } else {
                about.namespace.clone()
            }),
            ..ObjectMeta::default()
        },
        event_time: Timestamp::from_microsecond(microseconds).ok().map(MicroTime),
        type_: Some(kind.to_owned()),
        reason: Some(tale.reason.as_str().to_owned()),
        action: Some("Hardening".to_owned()),
        note: Some(head(&tale.note).to_owned()),
        regarding: Some(ObjectReference {
            api_version: Some(about.api_version.clone()),
            kind: Some(about.kind.clone()),
            namespace: Some(about.namespace.clone()).filter(|namespace| !namespace.is_empty()),
            name: Some(about.name.clone()),
            uid: Some(about.uid.clone()).filter(|uid| !uid.is_empty()),
            ..ObjectReference::default()
        }),
        reporting_controller: Some("pod-hardener.dev/webhook".to_owned()),
        reporting_instance: Some(instance.to_owned()),
        ..Event::default()
    }
}

/// As much of a note as an Event may hold, cut between characters.
fn head(note: &str) -> &str {
    let mut end = note.len().min(LONGEST_NOTE);
    while !note.is_char_boundary(end) {
        end -= 1;
    }
    &note[..end]
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use time::macros::datetime;

    use super::*;
    use crate::telling::About;

    #[test]
    fn the_name_changes_with_what_is_told_and_with_the_hour() {
        let about = About {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
            uid: "u".to_owned(),
        };
        let tale = Tale { about, reason: Reason::NotHardened, note: "ä".repeat(600) };
        let now = datetime!(2027-01-01 10:00 UTC);
        let name = |tale: &Tale, now| of(tale, now, "a").metadata.name;
        assert_eq!(name(&tale, now), name(&tale, now + Duration::minutes(59)));
        assert_ne!(name(&tale, now), name(&tale, now + Duration::minutes(60)));
        assert_ne!(name(&tale, now), name(&Tale { note: String::new(), ..tale.clone() }, now));
        assert_eq!(of(&tale, now, "a").note.expect("a note").len(), LONGEST_NOTE);
    }
}
