//! The results of queries that are longer than a page, until all is read or others have come.
//!
//! A cursor keeps the records as they stood when the query ran, and shares them with the store: what a page
//! shows is made when it is asked for. A client that polls a long queue never reads most results to their end.

use std::collections::VecDeque;

use serde_json::Value;

use super::query::Found;
use super::records::Store;
use super::{Problem, ids};
use crate::limits;

/// The open cursors, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    open: VecDeque<(String, Found)>,
    opened: u64,
}

/// A part of a result.
#[derive(Debug)]
pub(super) struct Page {
    /// How many records the whole result has.
    pub(super) total: usize,
    /// The records of this part, as they are shown.
    pub(super) records: Vec<Value>,
    /// The locator of the next part.
    pub(super) next: Option<String>,
}

impl Cursors {
    /// Shows the first page, and keeps the result where there are more.
    ///
    /// Source: a user has at most 10 open query cursors, and the oldest is released for the next; Salesforce's
    /// SOAP API Developer Guide, `query()`.
    pub(super) fn first(&mut self, store: &Store, found: Found) -> Page {
        self.opened += 1;
        let locator = ids::make("01g", self.opened);
        let page = page(store, &locator, &found, 0);
        if page.next.is_some() {
            self.open.push_back((locator, found));
            if self.open.len() > limits::CURSORS_MAX {
                self.open.pop_front();
            }
        }
        page
    }

    /// Shows the page of a locator.
    ///
    /// # Errors
    /// `INVALID_QUERY_LOCATOR` where its cursor was never opened or is released.
    pub(super) fn next(&self, store: &Store, locator: &str) -> Result<Page, Problem> {
        let unknown = || Problem::bad("INVALID_QUERY_LOCATOR", "invalid query locator");
        let (name, offset) = locator.rsplit_once('-').ok_or_else(unknown)?;
        let (_, found) = self.open.iter().find(|(known, _)| known == name).ok_or_else(unknown)?;
        let offset = offset.parse().ok().filter(|offset| *offset <= found.total()).ok_or_else(unknown)?;
        Ok(page(store, name, found, offset))
    }
}

fn page(store: &Store, name: &str, found: &Found, offset: usize) -> Page {
    let end = offset.saturating_add(limits::PAGE_RECORDS);
    let next = (end < found.records().len()).then(|| format!("{name}-{end}"));
    Page { total: found.total(), records: found.show(store, offset..end), next }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use serde_json::json;

    use super::super::objects::PAYMENT_REQUEST;
    use super::super::org::Org;
    use super::super::query;
    use super::super::query::Deleted;
    use super::super::records::Record;
    use super::*;

    const RECORDS: usize = limits::PAGE_RECORDS * 3;

    fn org() -> Org {
        let mut store = Store::default();
        for number in 0..RECORDS {
            let name = Value::from(format!("PR-{number:04}"));
            store.seed(
                &PAYMENT_REQUEST,
                Record::from([("Name", name), ("Status__c", json!("New"))]),
                Timestamp::UNIX_EPOCH,
            );
        }
        Org::new(1, store)
    }

    fn found(org: &Org) -> Found {
        let text = "SELECT Id, Name, Status__c FROM Payment_Request__c ORDER BY Name";
        query::run(org, text, Deleted::Left).expect("it is well formed")
    }

    #[test]
    fn polls_that_are_never_read_to_their_end_keep_ten_cursors() {
        let (org, mut cursors) = (org(), Cursors::default());
        let polls = limits::CURSORS_MAX * 20;
        let nexts: Vec<String> = (0..polls).filter_map(|_| cursors.first(&org.store, found(&org)).next).collect();
        assert_eq!((nexts.len(), cursors.open.len()), (polls, 10));
        let are_open: Vec<bool> = nexts.iter().map(|next| cursors.next(&org.store, next).is_ok()).collect();
        assert_eq!(are_open.iter().position(|is_open| *is_open), Some(polls - 10), "the oldest are released");
        let problem = cursors.next(&org.store, &nexts[0]).expect_err("it is released");
        assert_eq!((problem.status.as_u16(), problem.code), (400, "INVALID_QUERY_LOCATOR"));
    }

    #[test]
    fn a_cursor_shares_its_records_and_shows_them_as_they_stood() {
        let (mut org, mut cursors) = (org(), Cursors::default());
        let first = cursors.first(&org.store, found(&org));
        let (_, kept) = &cursors.open[0];
        let shared = org.store.all(&PAYMENT_REQUEST).zip(kept.records()).filter(|(one, other)| Arc::ptr_eq(one, other));
        assert_eq!(shared.count(), RECORDS, "no record is kept twice");
        let id = first.records[0]["Id"].as_str().expect("it is a text").to_owned();
        let last = kept.show(&org.store, RECORDS - 1..RECORDS)[0]["Id"].as_str().expect("it is a text").to_owned();
        let mut by = org.by(Timestamp::UNIX_EPOCH, None);
        for id in [id, last] {
            org.delete(&PAYMENT_REQUEST, &id, &mut by).expect("it is there");
        }
        let (mut next, mut names) = (first.next, first.records);
        while let Some(locator) = next {
            let page = cursors.next(&org.store, &locator).expect("it is open");
            assert_eq!(page.total, RECORDS);
            names.extend(page.records);
            next = page.next;
        }
        let expected: Vec<Value> = (0..RECORDS).map(|number| json!(format!("PR-{number:04}"))).collect();
        assert_eq!(names.iter().map(|record| record["Name"].clone()).collect::<Vec<_>>(), expected);
    }
}
