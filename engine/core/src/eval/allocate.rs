//! Money split into parts that always sum to the whole.
//!
//! Fixed parts first, then those per hundred of the whole, then the shares of what is left, by the method of the
//! largest remainder: no cent is made, and none is lost. The sum is proved again before a result is given.

use ferry_contract::{
    expression::{Compiler, EvalError, Expression, Operator, Scope},
    money::Money,
    schema::{Kind, Schema},
    shape::{Shape, Typing},
    yaml::{self, Node},
};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Map, Value, json};

use super::{
    operators::money,
    rules::{self, PartRule, Size},
};
use crate::{
    language,
    project::{Project, Rows},
};

/// Who gets the minor units that do not divide.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Remainder {
    /// One each to the shares that lost most by rounding down, the earlier first.
    #[default]
    Largest,
    /// The first share.
    First,
    /// The last share.
    Last,
}

/// Why money could not be allocated.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AllocateError {
    /// The rules cannot hold for this amount.
    #[error("{0}")]
    Rules(String),
    /// The parts are not the whole, which is a mistake of ferry.
    #[error("the parts are {parts}, and the whole is {whole}")]
    Unproved {
        /// What the parts sum to.
        parts: Decimal,
        /// What was to be allocated.
        whole: Decimal,
    },
}

/// One part of the whole.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Part {
    /// Where it goes.
    pub to: String,
    /// How much it is.
    pub money: Money,
}

/// A part while it is worked out, in minor units without a sign.
struct Draft<'r> {
    rule: &'r PartRule,
    units: i128,
    least: i128,
    most: i128,
}

/// Allocates money by the rules whose match holds, in their order.
///
/// Units: minor units of the money's currency. Money that goes back (a negative amount) is allocated like what came, with
/// its sign.
///
/// # Errors
/// [`AllocateError::Rules`] where no rule matches, where fixed parts and parts per hundred take more than there is, where
/// nobody gets the rest, or where bounds leave some over.
pub fn allocate(
    whole: Money,
    rules: &[PartRule],
    facts: &Map<String, Value>,
    remainder: Remainder,
) -> Result<Vec<Part>, AllocateError> {
    let units = Units::of(whole);
    let mut drafts = Vec::new();
    for rule in rules.iter().filter(|rule| rule.when.holds(facts)) {
        drafts.push(units.draft(rule)?);
    }
    if drafts.is_empty() {
        return Err(AllocateError::Rules(format!("no rule matches {}", Value::Object(facts.clone()))));
    }
    let taken: i128 = drafts.iter().map(|draft| draft.units).sum();
    let left = units.whole - taken;
    if left < 0 {
        let message =
            format!("the fixed parts and those per hundred take {}, and the whole is {whole}", units.shown(taken));
        return Err(AllocateError::Rules(message));
    }
    let mut shares: Vec<&mut Draft<'_>> =
        drafts.iter_mut().filter(|draft| matches!(draft.rule.size, Size::Share(_))).collect();
    if shares.is_empty() && left > 0 {
        let message = format!("the parts leave {} that go nowhere; add a rule with `share: 1`", units.shown(left));
        return Err(AllocateError::Rules(message));
    }
    share(&mut shares, left, remainder).map_err(|rest| {
        let message = match rest {
            None => format!("{whole} is too large to be shared exactly"),
            Some(rest) if rest > 0 => format!("`at_most` leaves {} that go nowhere", units.shown(rest)),
            Some(rest) => format!("`at_least` asks for {} more than there is", units.shown(-rest)),
        };
        AllocateError::Rules(message)
    })?;
    let parts: Vec<Part> =
        drafts.iter().map(|draft| Part { to: draft.rule.to.clone(), money: units.money(draft.units) }).collect();
    proved(whole, parts)
}

/// The parts as a step's output: the whole, each part, and the sum for each place.
pub fn to_value(whole: Money, parts: &[Part]) -> Value {
    let mut by: Map<String, Value> = Map::new();
    for part in parts {
        let so_far = by.get(&part.to).and_then(|sum| Money::read(&sum["amount"], &sum["currency"]).ok());
        let sum = so_far
            .map_or(Some(part.money), |sum| Money::new(sum.amount() + part.money.amount(), whole.currency()).ok());
        by.insert(part.to.clone(), sum.unwrap_or(part.money).to_value());
    }
    let parts: Vec<Value> = parts
        .iter()
        .map(|part| {
            let money = part.money.to_value();
            json!({ "to": part.to, "amount": money["amount"], "currency": money["currency"] })
        })
        .collect();
    json!({ "total": whole.to_value(), "parts": parts, "by": by })
}

fn proved(whole: Money, parts: Vec<Part>) -> Result<Vec<Part>, AllocateError> {
    let sum: Decimal = parts.iter().map(|part| part.money.amount()).sum();
    if sum == whole.amount() { Ok(parts) } else { Err(AllocateError::Unproved { parts: sum, whole: whole.amount() }) }
}

/// Money as whole minor units.
struct Units {
    whole: i128,
    scale: u32,
    is_negative: bool,
    currency: &'static str,
}

impl Units {
    fn of(money: Money) -> Self {
        let amount = money.amount();
        Self {
            whole: amount.mantissa().abs(),
            scale: amount.scale(),
            is_negative: amount.is_sign_negative(),
            currency: money.currency(),
        }
    }

    fn draft<'r>(&self, rule: &'r PartRule) -> Result<Draft<'r>, AllocateError> {
        let least = rule.bounds.at_least.map_or(Ok(0), |least| self.exact(least))?;
        let most = rule.bounds.at_most.map_or(Ok(i128::MAX), |most| self.exact(most))?;
        let units = match rule.size {
            Size::Fixed(fixed) => self.exact(fixed)?,
            Size::Percent(percent) => self.percent(percent)?.clamp(least, most),
            Size::Share(_) => 0,
        };
        Ok(Draft { rule, units, least, most })
    }

    fn exact(&self, amount: Decimal) -> Result<i128, AllocateError> {
        Money::new(amount, self.currency)
            .map(|money| money.amount().mantissa())
            .map_err(|error| AllocateError::Rules(error.to_string()))
    }

    fn percent(&self, percent: Decimal) -> Result<i128, AllocateError> {
        let too_large =
            || AllocateError::Rules(format!("{percent} percent of {} is too large", self.shown(self.whole)));
        let whole = Decimal::try_from_i128_with_scale(self.whole, 0).map_err(|_| too_large())?;
        let part = whole.checked_mul(percent).and_then(|part| part.checked_div(Decimal::ONE_HUNDRED));
        let part = part.ok_or_else(too_large)?.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven);
        Ok(part.trunc().mantissa())
    }

    fn money(&self, units: i128) -> Money {
        let units = if self.is_negative { -units } else { units };
        let amount = Decimal::from_i128_with_scale(units, self.scale);
        Money::new(amount, self.currency).expect("whole minor units of a currency are money of it")
    }

    fn shown(&self, units: i128) -> String {
        match Decimal::try_from_i128_with_scale(units, self.scale) {
            Ok(amount) => format!("{amount} {}", self.currency),
            Err(_) => format!("more {} than can be written", self.currency),
        }
    }
}

/// Shares what is left by weight, within the bounds: those that would break one are set to it, the worse side first, and
/// the others share the rest. The error is what cannot be placed, negative where more is asked for than there is; nothing
/// where the numbers are too large for an exact answer.
fn share(shares: &mut [&mut Draft<'_>], left: i128, remainder: Remainder) -> Result<(), Option<i128>> {
    let weights = weights(shares);
    is_exact(shares, left, &weights)?;
    let mut open: Vec<usize> = (0..shares.len()).collect();
    let mut left = left;
    loop {
        let sum: i128 = open.iter().map(|index| weights[*index]).sum();
        // A quota is `left * weight / sum`; it is compared without being divided.
        let below = |index: &usize| left * weights[*index] < shares[*index].least.saturating_mul(sum);
        let above = |index: &usize| left * weights[*index] > shares[*index].most.saturating_mul(sum);
        let lack: i128 = open.iter().filter(|i| below(i)).map(|i| shares[*i].least * sum - left * weights[*i]).sum();
        let excess: i128 = open.iter().filter(|i| above(i)).map(|i| left * weights[*i] - shares[*i].most * sum).sum();
        let (fixed, kept): (Vec<usize>, Vec<usize>) = match (lack, excess) {
            (0, 0) => break,
            (lack, excess) if lack >= excess => open.iter().partition(|index| below(index)),
            _ => open.iter().partition(|index| above(index)),
        };
        for index in fixed {
            let draft = &mut *shares[index];
            draft.units = if lack >= excess { draft.least } else { draft.most };
            left -= draft.units;
        }
        open = kept;
        if open.is_empty() {
            break;
        }
    }
    if open.is_empty() || left < 0 {
        return if left == 0 { Ok(()) } else { Err(Some(left)) };
    }
    divide(shares, &open, &weights, left, remainder);
    Ok(())
}

/// Whether everything below can be reckoned with: each product is one of a sum of weights and of units, and so many of them
/// are added.
fn is_exact(shares: &[&mut Draft<'_>], left: i128, weights: &[i128]) -> Result<(), Option<i128>> {
    let bounds = shares.iter().flat_map(|draft| [draft.least, if draft.most == i128::MAX { 0 } else { draft.most }]);
    let largest = bounds.chain([left]).max().unwrap_or(left);
    let sum = weights.iter().try_fold(0_i128, |sum, weight| sum.checked_add(*weight));
    let product = sum.and_then(|sum| sum.checked_mul(largest));
    let count = i128::try_from(2 * shares.len() + 2).ok();
    product.zip(count).and_then(|(product, count)| product.checked_mul(count)).map(|_| ()).ok_or(None)
}

/// Rounds each quota down, and gives the units left over one by one.
fn divide(shares: &mut [&mut Draft<'_>], open: &[usize], weights: &[i128], left: i128, remainder: Remainder) {
    let sum: i128 = open.iter().map(|index| weights[*index]).sum();
    let mut rest = left;
    for index in open {
        shares[*index].units = left * weights[*index] / sum;
        rest -= shares[*index].units;
    }
    let mut order = open.to_vec();
    match remainder {
        Remainder::Largest => order.sort_by_key(|index| (-(left * weights[*index] % sum), *index)),
        Remainder::First => {}
        Remainder::Last => order.reverse(),
    }
    let one_each = remainder == Remainder::Largest;
    for index in order {
        let room = shares[index].most - shares[index].units;
        let more = rest.min(room).min(if one_each { 1 } else { i128::MAX });
        shares[index].units += more;
        rest -= more;
    }
}

/// Weights as whole numbers.
fn weights(shares: &[&mut Draft<'_>]) -> Vec<i128> {
    let weight = |draft: &&mut Draft<'_>| match draft.rule.size {
        Size::Share(weight) => weight,
        Size::Fixed(_) | Size::Percent(_) => Decimal::ZERO,
    };
    let scale = shares.iter().map(|draft| weight(draft).normalize().scale()).max().unwrap_or(0);
    let whole = |draft: &&mut Draft<'_>| {
        let mut weight = weight(draft).normalize();
        // The digits of a rule's numbers are bounded, so that none is lost here.
        weight.rescale(scale);
        weight.mantissa()
    };
    shares.iter().map(whole).collect()
}

#[derive(Debug)]
struct Step {
    amount: Expression,
    with: Option<Expression>,
    rules: Vec<PartRule>,
    remainder: Remainder,
}

/// Compiles an `allocate` step.
pub(crate) fn compile(
    written: &language::Allocate,
    project: &Project,
    compiler: &mut Compiler<'_>,
) -> Option<Box<dyn Operator>> {
    let amount = compiler.expression(&written.amount);
    let with = compiler.optional(written.with.as_ref());
    let rules = rules_of(&written.by, project, compiler);
    Some(Box::new(Step { amount: amount?, with: with?, rules: rules?, remainder: written.remainder }))
}

/// The rules that stand here, or those of a table.
fn rules_of(by: &Node, project: &Project, compiler: &mut Compiler<'_>) -> Option<Vec<PartRule>> {
    let Project { tables, broken, .. } = project;
    let rules = match &by.kind {
        yaml::Kind::List(rows) => rules::parts(&rows.iter().map(Node::to_value).collect::<Vec<_>>()),
        yaml::Kind::Null | yaml::Kind::Bool(_) | yaml::Kind::Number(_) | yaml::Kind::Text(_) | yaml::Kind::Map(_) => {
            let name = yaml::read::text(by, "`by`", compiler.report)?.value;
            match tables.get(&name).map(|table| &table.rows) {
                Some(Rows::Rules(rows)) => {
                    rules::parts(rows).map_err(|reason| format!("in the table `{name}`, {reason}"))
                }
                Some(Rows::ByKey(_)) => Err(format!("the table `{name}` is a map from keys to values")),
                None if broken.contains(&name) => return None,
                None => {
                    let known: Vec<&str> = tables.keys().map(String::as_str).collect();
                    let message = format!("there is no table `{name}` in `tables/`");
                    compiler.report.unknown("unknown-table", by.at, message, (&name, &known));
                    return None;
                }
            }
        }
    };
    rules
        .map_err(|reason| {
            let help = "write rules such as `- { match: { type: fee }, to: \"6010\", share: 1 }`";
            compiler.report.error("bad-rules", by.at, format!("money cannot be allocated by this: {reason}"), help);
        })
        .ok()
}

impl Operator for Step {
    fn eval(&self, scope: Scope<'_>) -> Result<Value, EvalError> {
        let whole = money::read(&self.amount.eval(scope)?, "what is allocated")?;
        let facts = super::operators::facts(self.with.as_ref(), whole.currency(), scope)?;
        let parts = allocate(whole, &self.rules, &facts, self.remainder);
        parts.map(|parts| to_value(whole, &parts)).map_err(|error| EvalError(error.to_string()))
    }

    fn parts(&self) -> Vec<&Expression> {
        [&self.amount].into_iter().chain(&self.with).collect()
    }

    fn shape(&self, cx: &mut Typing<'_>) -> Shape {
        money::fits_money(&self.amount, "allocate", cx);
        self.with.iter().for_each(|with| drop(with.shape(cx)));
        let Schema { properties, .. } = Shape::money().schema;
        let mut part: Vec<(&str, Shape)> = vec![("to", Shape::of_kind(Kind::String))];
        part.extend(properties.iter().map(|(name, schema)| (name.as_str(), schema.clone().into())));
        let by = self.rules.iter().map(|rule| (rule.to.as_str(), Shape::money())).collect();
        let by = Shape::from(Schema { required: Vec::new(), ..Shape::record(by).schema });
        Shape::record(vec![("total", Shape::money()), ("parts", Shape::list(Shape::record(part))), ("by", by)])
    }
}

#[cfg(test)]
mod tests;
