//! What each call of a bundle got.

use ferry_contract::{
    expression::Scope,
    failure::{ErrorClass, Failure},
    number,
    path::Document,
    script::{Named, Rules},
};
use serde_json::Value;

use crate::{
    manifest::{Bundle, By, Refused, Results},
    request::Prepared,
    response::{Answer, clipped},
};

/// What each call of a refused request came to: those that the answer names are refused. Of the others, an atomic
/// target did nothing; any other may have done them.
pub fn settled(bundle: &Bundle, answer: &Answer, failure: &Failure, calls: usize) -> Vec<Failure> {
    let says_nothing_was_done = matches!(
        failure.class,
        // Before the target looked at any item.
        ErrorClass::Throttled | ErrorClass::Unavailable | ErrorClass::Auth
    );
    if calls < 2 && bundle.refused.is_none() || says_nothing_was_done || failure.class == ErrorClass::Unknown {
        return vec![failure.clone(); calls];
    }
    let named = bundle.refused.as_ref().and_then(|rule| all_named(rule, answer, calls));
    let unnamed = match (&named, bundle.is_atomic) {
        (Some(_), true) => {
            let others = "another item of the same request was refused, so nothing of it was done";
            Failure::new(ErrorClass::Unavailable, others).untried()
        }
        (None, true) => failure.clone(),
        (None, false) if calls < 2 => failure.clone(),
        (_, false) => {
            let message = format!("the request was refused, and others of it may have been done: {}", failure.message);
            Failure { class: ErrorClass::Unknown, message, ..failure.clone() }
        }
    };
    let named = named.unwrap_or_default();
    let own = |index| named.iter().find(|(named, _)| *named == index).map(|(_, failure)| failure.clone());
    (0..calls).map(|index| own(index).unwrap_or_else(|| unnamed.clone())).collect()
}

/// The places of calls in their request.
pub(crate) fn order(bundle: &Bundle, calls: &[&Prepared], (rules, connection): (&Rules, &Value)) -> Vec<usize> {
    let mut order: Vec<usize> = (0..calls.len()).collect();
    if let Some(by) = &bundle.order {
        let key = |index: &usize| {
            let input = &calls[*index].input;
            let names = [("input", input), ("connection", connection)];
            let scope = Scope { rules, document: Document::Value(input), names: &Named(&names) };
            // What has no place goes first: the order is a favour to the target, and no promise.
            by.eval(scope).map(|key| key.to_string()).unwrap_or_default()
        };
        order.sort_by_cached_key(key);
    }
    order
}

/// The result of each call in an answer that has one for each; nothing for a call of which it says nothing, or says two
/// things. Where results are in the order of the calls, and not as many as these, none is known to be anybody's.
pub fn results<'a>(rule: &Results, answer: &'a Answer, inputs: &[&Value]) -> Vec<Option<&'a Value>> {
    let items = rule.items.one(Document::Value(&answer.body)).ok().and_then(Value::as_array);
    let items = items.map_or(&[][..], Vec::as_slice);
    match &rule.by {
        By::Index if items.len() == inputs.len() => items.iter().map(Some).collect(),
        By::Index => vec![None; inputs.len()],
        By::Key { theirs, ours } => {
            let own = |input: &&Value| {
                let key = ours.one(Document::Value(input)).ok()?;
                let is_own =
                    |item: &&Value| theirs.one(Document::Value(item)).is_ok_and(|theirs| number::equal(theirs, key));
                let mut found = items.iter().filter(is_own);
                found.next().filter(|_| found.next().is_none())
            };
            inputs.iter().map(own).collect()
        }
    }
}

/// The items that an answer names; nothing where it names none, or one that was not sent.
fn all_named(rule: &Refused, answer: &Answer, calls: usize) -> Option<Vec<(usize, Failure)>> {
    let errors = rule.errors.one(Document::Value(&answer.body)).ok()?.as_array()?;
    let named: Vec<(usize, Failure)> = errors.iter().filter_map(|error| self::named(rule, error)).collect();
    (!named.is_empty() && named.iter().all(|(index, _)| *index < calls)).then_some(named)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ferry_contract::path::Path;
    use serde_json::json;

    use super::*;
    use crate::response::Asked;

    fn bundle(is_atomic: bool, names: bool) -> Bundle {
        let path = |text: &str| Path::parse(text).unwrap();
        let refused = || Refused {
            errors: path("$.errors"),
            index: path("$.at"),
            message: path("$.why"),
            code: path("$.code"),
            classes: vec![("7".to_owned(), ErrorClass::Conflict)],
        };
        Bundle {
            max: 9,
            within: Duration::ZERO,
            items: path("$.items"),
            order: None,
            is_atomic,
            refused: names.then(refused),
            results: None,
        }
    }

    /// What a refusal says of items that it does not name is what the manifest says of the target, and not a guess.
    #[test]
    fn what_a_refusal_does_not_name_may_have_been_done_unless_the_target_is_atomic() {
        let body = json!({ "errors": [ { "at": "Items[1].x", "why": "no", "code": 7 } ] });
        let nobody = json!({ "message": "no" });
        for (is_atomic, names, body, class, calls, expected) in [
            (true, true, &body, ErrorClass::Rejected, 3, "unavailable conflict unavailable"),
            (false, true, &body, ErrorClass::Rejected, 3, "unknown conflict unknown"),
            (true, true, &nobody, ErrorClass::Rejected, 2, "rejected rejected"),
            (false, true, &nobody, ErrorClass::Rejected, 2, "unknown unknown"),
            (false, false, &body, ErrorClass::Declined, 2, "unknown unknown"),
            // An item that was not sent: the answer is not understood.
            (true, true, &body, ErrorClass::Rejected, 1, "rejected"),
            (false, true, &body, ErrorClass::Rejected, 1, "rejected"),
            (false, false, &nobody, ErrorClass::Throttled, 2, "throttled throttled"),
            (true, true, &body, ErrorClass::Unknown, 2, "unknown unknown"),
        ] {
            let answer = Answer { status: 400, headers: json!({}), body: body.clone(), asked: Asked::default() };
            let failure = Failure::new(class, "no");
            let settled = settled(&bundle(is_atomic, names), &answer, &failure, calls);
            let classes: Vec<&str> = settled.iter().map(|failure| failure.class.name()).collect();
            assert_eq!(classes.join(" "), expected, "{is_atomic} {names} {body} {class:?}");
        }
    }
}
