//! Lists, page by page, of which only what is needed is read.

use anyhow::Context as _;
use k8s_openapi::NamespaceResourceScope;
use kube::api::{ListParams, Request};
use kube::core::Selector;
use kube::{Client, Resource};
use serde::Deserialize;
use serde_json::value::RawValue;

/// So many objects are listed at once.
const PAGE: u32 = 500;

/// Whose objects: of one namespace, or of all.
pub(super) struct Scope<'s> {
    pub(super) client: &'s Client,
    pub(super) namespace: Option<&'s str>,
}

/// What is asked for of each object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Whole,
    /// Nothing but `metadata`.
    Metadata,
}

/// A list as the API server gives it: each item as its text.
#[derive(Deserialize)]
struct List<'a> {
    #[serde(default)]
    metadata: ListMeta,
    #[serde(borrow, default)]
    items: Vec<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMeta {
    #[serde(default, rename = "continue")]
    next: Option<String>,
    #[serde(default)]
    remaining_item_count: Option<usize>,
}

impl Scope<'_> {
    /// Hands over every object of a kind as its text; after each page, how many are still to come.
    pub(super) async fn each<K>(
        &self,
        what: What,
        selector: Option<&Selector>,
        mut object: impl FnMut(&str) -> anyhow::Result<()>,
        mut page_done: impl FnMut(usize),
    ) -> anyhow::Result<()>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let request = Request::new(K::url_path(&(), self.namespace));
        let mut page = ListParams::default().limit(PAGE);
        if let Some(selector) = selector {
            page = page.labels(&selector.to_string());
        }
        loop {
            let ask = match what {
                What::Whole => request.list(&page),
                What::Metadata => request.list_metadata(&page),
            };
            let text = self.client.request_text(ask?).await?;
            let list: List<'_> = serde_json::from_str(&text).context("a list that cannot be read")?;
            for item in &list.items {
                object(item.get())?;
            }
            page_done(list.metadata.remaining_item_count.unwrap_or_default());
            match list.metadata.next.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => return Ok(()),
            }
        }
    }
}
