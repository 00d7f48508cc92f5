//! To the last page, never round in circles.

use std::collections::HashSet;

use ferry_contract::{
    failure::{ErrorClass, Failure},
    path::{Document, Path},
    template::percent_encoded,
};
use serde_json::Value;

use crate::{
    limits::{ITEMS_MAX, PAGES_MAX},
    manifest::{Next, Paginate},
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

    /// Takes the body of the page at `target`; gives where the next page is.
    ///
    /// # Errors
    /// [`ErrorClass::Bug`] for a page that was read already, and for more than [`PAGES_MAX`] pages
    /// or [`ITEMS_MAX`] items: nothing is cut silently.
    pub fn take(&mut self, target: &str, mut body: Value) -> Result<Option<String>, Failure> {
        let total = count(self.rule.total.as_ref(), &body);
        let next = next(self.rule, target, &body);
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
        // Where pages are counted, nobody says which is the last one; the total does.
        let is_counted = matches!(self.rule.next, Next::Offset { .. } | Next::Page { .. });
        let next = next.filter(|_| !is_counted || total.is_none_or(|total| (self.items.len() as u64) < total));
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
        let found = self.items.len();
        self.rule.items.slot(&mut body).into_iter().for_each(|slot| *slot = Value::Array(Vec::new()));
        let total = count(self.rule.total.as_ref(), &body);
        if let Some(total) = total.filter(|total| *total != found as u64) {
            let message = format!("the target counts {total} items and sent {found}");
            return Err(Failure::new(ErrorClass::Unavailable, message));
        }
        self.rule.items.slot(&mut body).into_iter().for_each(|slot| *slot = Value::Array(self.items.clone()));
        Ok(body)
    }
}

/// Where the page after the one at `target` is: a URL, or a path with its query.
pub fn next(rule: &Paginate, target: &str, body: &Value) -> Option<String> {
    let found = || rule.items.one(Document::Value(body)).ok()?.as_array().map(Vec::len);
    match &rule.next {
        Next::Url(path) => Some(path.one(Document::Value(body)).ok()?.as_str()?.to_owned()),
        Next::Cursor { at, parameter } => {
            let cursor = match at.one(Document::Value(body)).ok()? {
                Value::String(text) if !text.is_empty() => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => return None,
            };
            Some(with(target, parameter, &cursor))
        }
        // An empty page is behind the last one.
        Next::Offset { parameter } => {
            let found = found().filter(|found| *found > 0)?;
            let offset = number(target, parameter).unwrap_or(0);
            Some(with(target, parameter, &offset.checked_add(found as u64)?.to_string()))
        }
        Next::Page { parameter, first } => {
            found().filter(|found| *found > 0)?;
            let page = number(target, parameter).unwrap_or(*first);
            Some(with(target, parameter, &page.checked_add(1)?.to_string()))
        }
    }
}

fn count(path: Option<&Path>, body: &Value) -> Option<u64> {
    path?.one(Document::Value(body)).ok()?.as_u64()
}

/// The number that a query has for a parameter.
fn number(target: &str, parameter: &str) -> Option<u64> {
    let (_, query) = target.split_once('?')?;
    let value = query.split('&').find_map(|pair| pair.strip_prefix(parameter)?.strip_prefix('='));
    value?.parse().ok()
}

/// The same target with another value of a parameter of its query.
pub(crate) fn with(target: &str, parameter: &str, value: &str) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let is_own = |pair: &&str| pair.strip_prefix(parameter).is_some_and(|rest| rest.starts_with('='));
    let others = query.split('&').filter(|pair| !pair.is_empty() && !is_own(pair));
    let own = format!("{parameter}={}", percent_encoded(value));
    let pairs: Vec<&str> = others.chain([own.as_str()]).collect();
    format!("{path}?{}", pairs.join("&"))
}
