//! Small strategies: fields that are there, null or absent, odd quantities, odd texts.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// A document that a failing test prints as JSON.
#[derive(Clone)]
pub(crate) struct Document(pub(crate) Value);

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl std::ops::Deref for Document {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

/// A strategy for a JSON value.
pub(crate) type Json = BoxedStrategy<Value>;
/// A strategy for a field: `None` is absent.
pub(crate) type Field = BoxedStrategy<(&'static str, Option<Value>)>;

/// A field that is often absent and sometimes null.
pub(crate) fn maybe(name: &'static str, value: impl Strategy<Value = Value> + 'static) -> Field {
    prop_oneof![
        10 => Just(None),
        1 => Just(Some(Value::Null)),
        9 => value.prop_map(Some),
    ]
    .prop_map(move |value| (name, value))
    .boxed()
}

/// A field that is there now and then.
pub(crate) fn sometimes(name: &'static str, value: impl Strategy<Value = Value> + 'static) -> Field {
    prop_oneof![4 => Just(None), 1 => value.prop_map(Some)].prop_map(move |value| (name, value)).boxed()
}

/// A field that is seldom there.
pub(crate) fn seldom(name: &'static str, value: impl Strategy<Value = Value> + 'static) -> Field {
    prop_oneof![14 => Just(None), 1 => value.prop_map(Some)].prop_map(move |value| (name, value)).boxed()
}

/// An object of fields, with one that nobody knows now and then.
pub(crate) fn object(fields: Vec<Field>) -> Json {
    let unknown = seldom("x-unknown/~field", unknown());
    (fields, unknown)
        .prop_map(|(fields, unknown)| {
            let fields = fields.into_iter().chain([unknown]);
            let fields = fields.filter_map(|(name, value)| Some((name.to_owned(), value?)));
            Value::Object(fields.collect())
        })
        .boxed()
}

/// What future fields may hold, with all that JSON can escape.
pub(crate) fn unknown() -> Json {
    select(vec![
        json!({"deep": [1, {"ä\n\"\\/": "\u{1}\u{7f}😀"}], "null": null}),
        json!([[], {}, 0.5, -1, true]),
        json!("text"),
    ])
    .boxed()
}

/// One of some values.
pub(crate) fn one_of<T: Into<Value> + Clone + std::fmt::Debug + 'static>(values: &[T]) -> Json {
    select(values.to_vec()).prop_map(Into::into).boxed()
}

pub(crate) fn flag() -> Json {
    any::<bool>().prop_map(Value::from).boxed()
}

pub(crate) fn uid() -> Json {
    one_of(&[0_i64, 0, 1, 1000, 65532, 2_147_483_647])
}

pub(crate) fn cpu() -> Json {
    one_of(&["0", "1m", "10m", "0.05", ".5", "1", "1500m", "2.5", "1e0", "3", "1k"])
}

pub(crate) fn bytes() -> Json {
    one_of(&["0", "1", "32Mi", "1.5Gi", "129e6", "128974848", "5G", "1Ti", "0.1Gi", "900M", "64Mi"])
}

/// Requests or limits.
pub(crate) fn resource_list() -> Json {
    object(vec![
        maybe("cpu", cpu()),
        maybe("memory", bytes()),
        maybe("ephemeral-storage", bytes()),
        seldom("example.com/gpu", one_of(&["1"])),
    ])
}

pub(crate) fn some_of(values: &[&'static str], most: usize) -> Json {
    let most = most.min(values.len());
    proptest::sample::subsequence(values.to_vec(), 0..=most).prop_map(|some| json!(some)).boxed()
}
