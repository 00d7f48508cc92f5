//! What each call of a bundle got.

use ferry_contract::{
    failure::{ErrorClass, Failure},
    path::Document,
};
use serde_json::Value;

use crate::{manifest::Refused, response::Answer, response::clipped};

/// Splits the refusal of a whole bundle: the named items fail, the others were not done and may go
/// again. Nothing where the answer names no item.
pub fn refused(rule: &Refused, answer: &Answer, calls: usize) -> Option<Vec<Failure>> {
    let errors = rule.errors.one(Document::Value(&answer.body)).ok()?.as_array()?;
    let named: Vec<(usize, Failure)> = errors.iter().filter_map(|error| named(rule, error)).collect();
    if named.is_empty() || named.iter().any(|(index, _)| *index >= calls) {
        return None;
    }
    let others = "another item of the same request was refused, so nothing of it was done";
    let failure = |index| {
        let own = named.iter().find(|(named, _)| *named == index).map(|(_, failure)| failure.clone());
        own.unwrap_or_else(|| Failure::new(ErrorClass::Unavailable, others))
    };
    Some((0..calls).map(failure).collect())
}

fn named(rule: &Refused, error: &Value) -> Option<(usize, Failure)> {
    let read = |path: &ferry_contract::path::Path| path.one(Document::Value(error)).ok();
    let index = index(read(&rule.index)?)?;
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let code = read(&rule.code).filter(|code| !code.is_null()).map(text);
    let class = rule.classes.iter().find(|(known, _)| Some(known) == code.as_ref()).map(|(_, class)| *class);
    let message = read(&rule.message).map_or_else(|| "no reason given".to_owned(), text);
    let mut failure = Failure::new(class.unwrap_or(ErrorClass::Rejected), clipped(&message));
    failure.code = code;
    Some((index, failure))
}

/// `3`, or the number in brackets of `Payments[3].payee_id`.
fn index(value: &Value) -> Option<usize> {
    match value {
        Value::Number(number) => number.as_u64().and_then(|index| usize::try_from(index).ok()),
        Value::String(text) => text.split_once('[')?.1.split_once(']')?.0.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
