//! Lists in pages: `pageIndex` from 0, `pageSize`, and what has changed in a stretch of time.
//!
//! Source: vendors.md, section 4; that a list is in the order of its changes, and `updatedBefore`, are our assumptions.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::limits;
use crate::wire::Request;

/// Shows one page of rows with the time of the last change of each.
///
/// # Errors
/// What is wrong with the query.
pub(super) fn page(request: &Request, rows: impl Iterator<Item = (Timestamp, Value)>) -> Result<Value, String> {
    let index = number(request, "pageIndex", 0)?;
    let size = number(request, "pageSize", limits::SHOP_PAGE_ROWS)?;
    if !(1..=limits::SHOP_PAGE_ROWS_MAX).contains(&size) {
        return Err(format!("pageSize must be between 1 and {}", limits::SHOP_PAGE_ROWS_MAX));
    }
    let (after, before) = (time(request, "updatedAfter")?, time(request, "updatedBefore")?);
    let is_wanted = |at: Timestamp| after.is_none_or(|after| at > after) && before.is_none_or(|before| at < before);
    let mut rows: Vec<(Timestamp, Value)> = rows.filter(|(at, _)| is_wanted(*at)).collect();
    rows.sort_by_key(|(at, _)| *at);
    let total = rows.len();
    let items = rows.into_iter().skip(index.saturating_mul(size)).take(size).map(|(_, row)| row);
    Ok(json!({ "items": items.collect::<Vec<_>>(), "total": total, "pageIndex": index, "pageSize": size }))
}

fn number(request: &Request, name: &str, default: usize) -> Result<usize, String> {
    let read = |text: &str| text.parse().map_err(|_| format!("{name} must be a whole number"));
    request.parameter(name).map_or(Ok(default), read)
}

fn time(request: &Request, name: &str) -> Result<Option<Timestamp>, String> {
    let read = |text: &str| text.parse().map_err(|_| format!("{name} must be a time such as 2026-03-01T10:00:00Z"));
    request.parameter(name).map(read).transpose()
}
