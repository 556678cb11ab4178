//! Lists: which item became which, what is new, what is gone.

use serde_json::Value;

use super::{Editor, Node, Style};
use crate::manifest::emit;

impl Editor<'_> {
    pub(super) fn change_list(
        &mut self,
        style: Style,
        items: &[Node],
        before: &[Value],
        after: &[Value],
    ) -> Option<()> {
        let pairs = align(before, after);
        let last = pairs.iter().rposition(Option::is_some)?;
        let mut kept = 0;
        for (index, item) in items.iter().enumerate() {
            match pairs.get(index).copied().flatten() {
                None => self.remove_item(style, items, index)?,
                Some(partner) => {
                    kept += 1;
                    self.change_item(item, before.get(index)?, after.get(partner)?)?;
                }
            }
        }
        self.append_items(style, items.get(last)?, after.get(kept..)?)
    }

    fn change_item(&mut self, item: &Node, before: &Value, after: &Value) -> Option<()> {
        if before == after {
            return Some(());
        }
        let mark = self.splices.len();
        if self.change(item, before, after).is_some() {
            return Some(());
        }
        self.splices.truncate(mark);
        let text = self.in_line(after);
        self.splice(item.span.start..item.end(self.text), text);
        Some(())
    }

    fn append_items(&mut self, style: Style, last: &Node, new: &[Value]) -> Option<()> {
        if new.is_empty() {
            return Some(());
        }
        let mut text = String::new();
        if style == Style::Flow {
            for value in new {
                text.push_str(", ");
                text.push_str(&self.in_line(value));
            }
            self.splice(last.span.end..last.span.end, text);
            return Some(());
        }
        let indent = self.column(last.dash(self.text)?)?;
        for value in new {
            self.new_line(&mut text, indent);
            text.push_str("- ");
            emit::block(&mut text, value, indent + 2, self.layout);
        }
        let end = self.line_end(last.end(self.text));
        self.splice(end..end, text);
        Some(())
    }

    fn remove_item(&mut self, style: Style, items: &[Node], index: usize) -> Option<()> {
        let item = &items[index];
        let end = item.end(self.text);
        if style == Style::Flow {
            let before = index.checked_sub(1).map(|before| items[before].span.end);
            let next = items.get(index + 1).map(|next| next.span.start);
            return self.remove_flow(item.span.start..end, before, next);
        }
        let dash = item.dash(self.text)?;
        if !self.is_line_start(dash) {
            return None;
        }
        self.remove_lines(dash, end);
        Some(())
    }
}

/// For each item where it is in the new list. What is not gone keeps its order, what is new stands behind it.
fn align(before: &[Value], after: &[Value]) -> Vec<Option<usize>> {
    let as_long = before.len() == after.len();
    let mut next = 0;
    let mut partner = |item: &Value| {
        let found = after.get(next).is_some_and(|after| is_same(item, after, as_long));
        next += usize::from(found);
        found.then(|| next - 1)
    };
    before.iter().map(&mut partner).collect()
}

/// Whether it is the same thing, perhaps changed: equal, or of the same name at the same path.
/// What has no name is known by its position, as long as nothing came or went.
fn is_same(before: &Value, after: &Value, as_long: bool) -> bool {
    match (identity(before), identity(after)) {
        _ if before == after => true,
        (Some(before), Some(after)) => before == after,
        (None, None) => as_long && before.is_object() && after.is_object(),
        _ => false,
    }
}

fn identity(value: &Value) -> Option<(&str, Option<&str>)> {
    let name = value.get("name").and_then(Value::as_str)?;
    Some((name, value.get("mountPath").and_then(Value::as_str)))
}
