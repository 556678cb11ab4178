//! The controller that made a pod, as its owner references say.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use super::Text;

/// One of `metadata.ownerReferences`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner<'a> {
    /// `apps/v1`
    #[serde(borrow, default)]
    pub api_version: Text<'a>,
    /// `ReplicaSet`
    #[serde(borrow, default)]
    pub kind: Text<'a>,
    /// Its name.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// Which one.
    #[serde(borrow, default)]
    pub uid: Text<'a>,
    /// Whether it is the one that manages the pod.
    pub controller: Option<bool>,
}

/// The one owner that manages the pod, if there is one; of the others nothing is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Controller<'a>(pub Option<Owner<'a>>);

struct ControllerVisitor;

impl<'de> Visitor<'de> for ControllerVisitor {
    type Value = Controller<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of owner references")
    }

    fn visit_unit<E>(self) -> Result<Controller<'de>, E> {
        Ok(Controller::default())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Controller<'de>, S::Error> {
        let mut found = None;
        while let Some(owner) = list.next_element::<Owner<'de>>()? {
            if found.is_none() && owner.controller == Some(true) {
                found = Some(owner);
            }
        }
        Ok(Controller(found))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Controller<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ControllerVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_controller_is_kept() {
        let of = |json: &'static str| serde_json::from_str::<Controller<'_>>(json).expect("valid").0;
        assert_eq!(of("null"), None);
        assert_eq!(of("[]"), None);
        assert_eq!(of(r#"[{"kind":"Node","uid":"u","controller":false},{"kind":"X"}]"#), None);
        let owner = of(r#"[{"kind":"X"},{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"n","uid":"u",
            "controller":true,"blockOwnerDeletion":true}]"#)
        .expect("a controller");
        assert_eq!((owner.kind.as_str(), owner.uid.as_str()), ("ReplicaSet", "u"));
    }
}
