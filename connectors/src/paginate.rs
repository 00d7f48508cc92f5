//! To the last page, never round in circles.

use std::collections::HashSet;

use ferry_contract::{
    failure::{ErrorClass, Failure},
    path::Document,
};
use serde_json::Value;

use crate::{
    limits::{ITEMS_MAX, PAGES_MAX},
    manifest::Paginate,
};

/// Collects the items of page after page.
#[derive(Debug)]
pub struct Pages<'m> {
    rule: &'m Paginate,
    items: Vec<Value>,
    seen: HashSet<String>,
    first: Option<Value>,
}

impl<'m> Pages<'m> {
    /// Nothing read yet.
    pub fn new(rule: &'m Paginate) -> Self {
        Self { rule, items: Vec::new(), seen: HashSet::new(), first: None }
    }

    /// Takes a page's body; gives where the next page is.
    ///
    /// # Errors
    /// [`ErrorClass::Bug`] for a page that was read already, and for more than [`PAGES_MAX`] pages
    /// or [`ITEMS_MAX`] items: nothing is cut silently.
    pub fn take(&mut self, mut body: Value) -> Result<Option<String>, Failure> {
        let next = next(self.rule, &body);
        let items = self.rule.items.slot(&mut body).map(Value::take);
        let Some(Value::Array(items)) = items else {
            return Err(Failure::new(ErrorClass::Bug, format!("the page has no list at `{}`", self.rule.items.text())));
        };
        self.items.extend(items);
        self.first.get_or_insert(body);
        if self.items.len() > ITEMS_MAX {
            let message = format!("more than {ITEMS_MAX} items; narrow the condition, or poll them as events");
            return Err(Failure::new(ErrorClass::Bug, message));
        }
        if let Some(next) = &next
            && (self.seen.len() == PAGES_MAX || !self.seen.insert(next.clone()))
        {
            return Err(Failure::new(ErrorClass::Bug, "the pages lead round in a circle"));
        }
        Ok(next)
    }

    /// The first page's body with the items of all pages.
    ///
    /// # Errors
    /// [`ErrorClass::Unavailable`] where the target said another number of items than came: a page
    /// changed while it was read, and reading again is free.
    pub fn finish(self) -> Result<Value, Failure> {
        let mut body = self.first.unwrap_or(Value::Null);
        let count = self.items.len();
        self.rule.items.slot(&mut body).into_iter().for_each(|slot| *slot = Value::Array(Vec::new()));
        let total = self.rule.total.as_ref().and_then(|path| path.one(Document::Value(&body)).ok()?.as_u64());
        if let Some(total) = total.filter(|total| *total != count as u64) {
            let message = format!("the target counts {total} items and sent {count}");
            return Err(Failure::new(ErrorClass::Unavailable, message));
        }
        self.rule.items.slot(&mut body).into_iter().for_each(|slot| *slot = Value::Array(self.items.clone()));
        Ok(body)
    }
}

/// Where the next page is.
pub fn next(rule: &Paginate, body: &Value) -> Option<String> {
    Some(rule.next.one(Document::Value(body)).ok()?.as_str()?.to_owned())
}
