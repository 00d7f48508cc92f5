//! Rule tables: lists of rows that match facts, for fees and allocations.

use ferry_contract::{number, suggest};
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use crate::limits::{RULE_DECIMALS_MAX, RULE_NUMBER_MAX};

/// When a rule counts: each of its fields has one of the values.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Match(Vec<(String, Vec<Value>)>);

/// What a part or a fee is at least and at most, in major units.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Bounds {
    /// The least.
    pub at_least: Option<Decimal>,
    /// The most.
    pub at_most: Option<Decimal>,
}

/// One rule of a schedule of fees.
#[derive(Clone, Debug)]
pub struct FeeRule {
    /// When it counts.
    pub when: Match,
    /// Per hundred of the amount.
    pub percent: Decimal,
    /// On top of it, in major units.
    pub fixed: Decimal,
    /// What the fee is at least and at most.
    pub bounds: Bounds,
}

/// One rule of an allocation.
#[derive(Clone, Debug)]
pub struct PartRule {
    /// When it counts.
    pub when: Match,
    /// Where its part goes: an account, a vendor, a cost centre.
    pub to: String,
    /// How large it is.
    pub size: Size,
    /// What the part is at least and at most.
    pub bounds: Bounds,
}

/// How large a part is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Size {
    /// This much, in major units, before all others.
    Fixed(Decimal),
    /// Per hundred of the whole, before the shares.
    Percent(Decimal),
    /// A weight in what the others leave.
    Share(Decimal),
}

const FEE_KEYS: [&str; 5] = ["match", "percent", "fixed", "at_least", "at_most"];
const PART_KEYS: [&str; 7] = ["match", "to", "fixed", "percent", "share", "at_least", "at_most"];

/// Reads a schedule of fees.
///
/// # Errors
/// The number of the row (from 1) and what is wrong with it.
pub fn fees(rows: &[Value]) -> Result<Vec<FeeRule>, String> {
    each_row(rows, fee)
}

/// Reads the rules of an allocation.
///
/// # Errors
/// The number of the row (from 1) and what is wrong with it.
pub fn parts(rows: &[Value]) -> Result<Vec<PartRule>, String> {
    each_row(rows, part)
}

fn each_row<T>(rows: &[Value], read: fn(&Map<String, Value>) -> Result<T, String>) -> Result<Vec<T>, String> {
    let read = |(index, row): (usize, &Value)| {
        let map = row.as_object().ok_or_else(|| format!("is {row}, and must be a map"));
        map.and_then(read).map_err(|reason| format!("rule {} {reason}", index + 1))
    };
    if rows.is_empty() {
        return Err("it has no rule".to_owned());
    }
    rows.iter().enumerate().map(read).collect()
}

fn fee(row: &Map<String, Value>) -> Result<FeeRule, String> {
    known_keys(row, &FEE_KEYS)?;
    let (percent, fixed) = (decimal(row, "percent")?, decimal(row, "fixed")?);
    if percent.is_none() && fixed.is_none() {
        return Err("takes nothing; write `percent`, `fixed` or both".to_owned());
    }
    Ok(FeeRule {
        when: Match::read(row.get("match"))?,
        percent: percent.unwrap_or_default(),
        fixed: fixed.unwrap_or_default(),
        bounds: bounds(row)?,
    })
}

fn part(row: &Map<String, Value>) -> Result<PartRule, String> {
    known_keys(row, &PART_KEYS)?;
    let to = match row.get("to") {
        Some(Value::String(to)) if !to.is_empty() => to.clone(),
        Some(Value::Number(to)) => to.to_string(),
        _ => return Err("says not where its part goes; write `to: \"6010\"`".to_owned()),
    };
    let size = match (decimal(row, "fixed")?, decimal(row, "percent")?, decimal(row, "share")?) {
        (Some(fixed), None, None) => Size::Fixed(fixed),
        (None, Some(percent), None) => Size::Percent(percent),
        (None, None, Some(share)) if share.is_zero() => return Err("has a share of 0, which gets nothing".to_owned()),
        (None, None, Some(share)) => Size::Share(share),
        _ => return Err("must have one of `fixed`, `percent` and `share`".to_owned()),
    };
    Ok(PartRule { when: Match::read(row.get("match"))?, to, size, bounds: bounds(row)? })
}

fn known_keys(row: &Map<String, Value>, known: &[&str]) -> Result<(), String> {
    match row.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("has no key `{key}`: {}", suggest::help(key, known))),
        None => Ok(()),
    }
}

/// A number that is not negative; what money does with its sign is the rule's, not the table's.
fn decimal(row: &Map<String, Value>, key: &str) -> Result<Option<Decimal>, String> {
    let text = match row.get(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => return Ok(None),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(other) => other.to_string(),
    };
    match number::text_to_decimal(&text).map(|decimal| decimal.normalize()) {
        Some(decimal) if decimal.scale() > RULE_DECIMALS_MAX || decimal > Decimal::from(RULE_NUMBER_MAX) => {
            Err(format!(
                "has `{key}: {text}`, and a number of a rule is at most {RULE_NUMBER_MAX} with {RULE_DECIMALS_MAX} decimals"
            ))
        }
        Some(decimal) if !decimal.is_sign_negative() => Ok(Some(decimal)),
        Some(_) | None => Err(format!("has `{key}: {text}`, which is no exact number from 0 on")),
    }
}

fn bounds(row: &Map<String, Value>) -> Result<Bounds, String> {
    let bounds = Bounds { at_least: decimal(row, "at_least")?, at_most: decimal(row, "at_most")? };
    match (bounds.at_least, bounds.at_most) {
        (Some(least), Some(most)) if least > most => Err(format!("is at least {least} and at most {most}")),
        _ => Ok(bounds),
    }
}

impl Bounds {
    /// The nearest amount within them.
    #[must_use]
    pub fn within(&self, amount: Decimal) -> Decimal {
        let amount = self.at_most.map_or(amount, |most| amount.min(most));
        self.at_least.map_or(amount, |least| amount.max(least))
    }
}

impl Match {
    fn read(value: Option<&Value>) -> Result<Self, String> {
        let fields = match value {
            None | Some(Value::Null) => return Ok(Self::default()),
            Some(Value::Object(fields)) => fields,
            Some(other) => return Err(format!("has `match: {other}`, and it must be a map of fields")),
        };
        let values = |value: &Value| match value {
            Value::Array(values) => values.clone(),
            one => vec![one.clone()],
        };
        Ok(Self(fields.iter().map(|(name, value)| (name.clone(), values(value))).collect()))
    }

    /// Whether the facts have one of the values in each field.
    pub fn holds(&self, facts: &Map<String, Value>) -> bool {
        self.0
            .iter()
            .all(|(name, values)| facts.get(name).is_some_and(|fact| values.iter().any(|value| same(value, fact))))
    }
}

/// A cell of a CSV file is a text, and stands for a number too.
fn same(value: &Value, fact: &Value) -> bool {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    number::equal(value, fact) || text(value) == text(fact)
}
