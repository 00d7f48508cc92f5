//! Expressions that need no engine: fields, constants, comparisons, exact arithmetic, and `&&`, `||`, `!`, `??` and `in`.
//!
//! A manifest has a dozen rules for each answer, a mapping has sums, and nearly all of them are such. Where Rhai could
//! say anything else than what stands here (an error, a conversion, another type), nothing is said, and Rhai is asked.

mod exact;

use std::cmp::Ordering;

use rhai::{AST, ASTFlags, Expr, FnCallExpr, Stmt, Token};
use serde_json::Value;

use super::{Missing, Names, to_value};
pub(super) use exact::quotient;
use exact::{Arithmetic, Change, Exact};

/// An expression that needs no engine.
#[derive(Debug)]
pub(super) enum Quick {
    Constant(Value),
    Number(Exact),
    Field { name: String, steps: Vec<Step> },
    Compare(Comparison, Box<[Quick; 2]>),
    Calculate(Arithmetic, Box<[Quick; 2]>),
    Change(Change, Box<Quick>),
    In(Box<Quick>, Vec<Quick>),
    Not(Box<Quick>),
    All(Vec<Quick>),
    Any(Vec<Quick>),
    FirstOf(Vec<Quick>),
}

#[derive(Debug)]
pub(super) enum Step {
    Field(String),
    Item(usize),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Comparison {
    Equal,
    Differs,
    Order { less: bool, equal: bool },
}

/// What an expression gives.
#[derive(Clone, Copy, Debug)]
pub(super) enum Given<'a> {
    /// JSON as it stands somewhere; its numbers are written as there.
    Is(&'a Value),
    /// A boolean that was found out.
    Truth(bool),
    /// A number that was calculated.
    Number(Exact),
}

/// What a call of two operands does.
enum Pair {
    Compare(Comparison),
    Calculate(Arithmetic),
}

impl Quick {
    /// The same as the script, where the script is such an expression.
    pub(super) fn of(ast: &AST) -> Option<Self> {
        if ast.has_functions() {
            return None;
        }
        match ast.statements() {
            [Stmt::Expr(expression)] => Self::expression(expression),
            [Stmt::FnCall(call, _)] => Self::call(call),
            _ => None,
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all else is for Rhai")]
    fn expression(expression: &Expr) -> Option<Self> {
        let all = |parts: &[Expr]| parts.iter().map(Self::expression).collect::<Option<Vec<_>>>();
        match expression {
            Expr::BoolConstant(..)
            | Expr::IntegerConstant(..)
            | Expr::StringConstant(..)
            | Expr::Unit(..)
            | Expr::DynamicConstant(..) => Some(Self::constant(to_value(&expression.get_literal_value(None)?).ok()?)),
            Expr::Variable(..) | Expr::Dot(..) | Expr::Index(..) => {
                if let Some(rounded) = Self::rounded(expression) {
                    return Some(rounded);
                }
                let mut steps = Vec::new();
                let name = chain(expression, &mut steps)?;
                Some(Self::Field { name, steps })
            }
            Expr::And(parts, _) => all(parts).map(Self::All),
            Expr::Or(parts, _) => all(parts).map(Self::Any),
            Expr::Coalesce(parts, _) => all(parts).map(Self::FirstOf),
            Expr::FnCall(call, _) => Self::call(call),
            _ => None,
        }
    }

    fn constant(value: Value) -> Self {
        match &value {
            Value::Number(number) => Exact::of(number).map_or_else(|| Self::Constant(value.clone()), Self::Number),
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                Self::Constant(value)
            }
        }
    }

    fn call(call: &FnCallExpr) -> Option<Self> {
        if call.is_qualified() || call.capture_parent_scope {
            return None;
        }
        let one = |operand: &Expr| Self::expression(operand).map(Box::new);
        match (&call.args[..], call.op_token.as_ref()) {
            ([left, right], token) if let Some(pair) = pair(token, &call.name) => {
                let sides = Box::new([Self::expression(left)?, Self::expression(right)?]);
                Some(match pair {
                    Pair::Compare(comparison) => Self::Compare(comparison, sides),
                    Pair::Calculate(arithmetic) => Self::Calculate(arithmetic, sides),
                })
            }
            // `item in list` is the call of a function.
            ([list, item], None) if call.name == "contains" => {
                let Value::Array(items) = to_value(&list.get_literal_value(None)?).ok()? else { return None };
                Some(Self::In(one(item)?, items.into_iter().map(Self::constant).collect()))
            }
            ([operand], Some(Token::Bang)) => one(operand).map(Self::Not),
            ([operand], Some(Token::Minus | Token::UnaryMinus)) => Some(Self::Change(Change::Negate, one(operand)?)),
            ([operand], None) if call.name == "abs" => Some(Self::Change(Change::Absolute, one(operand)?)),
            _ => None,
        }
    }

    /// `(…).round(2)`.
    fn rounded(expression: &Expr) -> Option<Self> {
        let Expr::Dot(sides, flags, _) = expression else { return None };
        let Expr::MethodCall(call, _) = &sides.rhs else { return None };
        let [Expr::IntegerConstant(places, _)] = &call.args[..] else { return None };
        if call.name != "round" || call.is_qualified() || !(flags.is_empty() || *flags == ASTFlags::BREAK) {
            return None;
        }
        let operand = Self::expression(&sides.lhs)?;
        Some(Self::Change(Change::Round(u32::try_from(*places).ok()?), Box::new(operand)))
    }

    /// What Rhai would give, where that is certain.
    pub(super) fn value<'a>(&'a self, missing: Missing, names: &'a dyn Names) -> Option<Given<'a>> {
        match self {
            Self::Constant(value) => Some(Given::Is(value)),
            Self::Number(number) => Some(Given::Number(*number)),
            Self::Field { name, steps } => field(names.value(name), steps, missing).map(Given::Is),
            Self::Compare(comparison, sides) => {
                let [left, right] = sides.as_ref();
                comparison.holds(left.value(missing, names)?, right.value(missing, names)?).map(Given::Truth)
            }
            Self::Calculate(arithmetic, sides) => {
                let [left, right] = sides.as_ref();
                let left = left.value(missing, names)?.number()?;
                arithmetic.of(left, right.value(missing, names)?.number()?).map(Given::Number)
            }
            Self::Change(change, operand) => {
                operand.value(missing, names)?.number()?.changed(*change).map(Given::Number)
            }
            Self::In(item, list) => {
                let item = item.value(missing, names)?;
                let equal = list.iter().map(|known| Comparison::Equal.holds(known.value(missing, names)?, item));
                let equal: Option<Vec<bool>> = equal.collect();
                Some(Given::Truth(equal?.contains(&true)))
            }
            Self::Not(operand) => Some(Given::Truth(!operand.value(missing, names)?.truth()?)),
            Self::All(parts) => decided(parts, false, missing, names).map(Given::Truth),
            Self::Any(parts) => decided(parts, true, missing, names).map(Given::Truth),
            Self::FirstOf(parts) => {
                let mut last = None;
                for part in parts {
                    let value = part.value(missing, names)?;
                    last = Some(value);
                    if !matches!(value, Given::Is(Value::Null)) {
                        break;
                    }
                }
                last
            }
        }
    }
}

fn pair(token: Option<&Token>, name: &str) -> Option<Pair> {
    let order = |less, equal| Pair::Compare(Comparison::Order { less, equal });
    Some(match (token, name) {
        (Some(Token::EqualsTo), _) => Pair::Compare(Comparison::Equal),
        (Some(Token::NotEqualsTo), _) => Pair::Compare(Comparison::Differs),
        (Some(Token::LessThan), _) => order(true, false),
        (Some(Token::LessThanEqualsTo), _) => order(true, true),
        (Some(Token::GreaterThan), _) => order(false, false),
        (Some(Token::GreaterThanEqualsTo), _) => order(false, true),
        (Some(Token::Plus), _) => Pair::Calculate(Arithmetic::Add),
        (Some(Token::Minus), _) => Pair::Calculate(Arithmetic::Subtract),
        (Some(Token::Multiply), _) => Pair::Calculate(Arithmetic::Multiply),
        (Some(Token::Divide), _) => Pair::Calculate(Arithmetic::Divide),
        (Some(Token::Modulo), _) => Pair::Calculate(Arithmetic::Remainder),
        (None, "min") => Pair::Calculate(Arithmetic::Smaller),
        (None, "max") => Pair::Calculate(Arithmetic::Larger),
        _ => return None,
    })
}

/// The first part that gives `decisive` decides; those after it are not looked at.
fn decided(parts: &[Quick], decisive: bool, missing: Missing, names: &dyn Names) -> Option<bool> {
    for part in parts {
        if part.value(missing, names)?.truth()? == decisive {
            return Some(decisive);
        }
    }
    Some(!decisive)
}

impl Given<'_> {
    /// The value as Rhai would give it; nothing for lists and maps, which Rhai copies in its own way.
    pub(super) fn into_value(self) -> Option<Value> {
        match self {
            Self::Truth(truth) => Some(Value::Bool(truth)),
            Self::Is(Value::Number(_)) | Self::Number(_) => self.number().map(Exact::to_value),
            Self::Is(scalar @ (Value::Null | Value::Bool(_) | Value::String(_))) => Some(scalar.clone()),
            Self::Is(Value::Array(_) | Value::Object(_)) => None,
        }
    }

    pub(super) fn truth(self) -> Option<bool> {
        match self {
            Self::Truth(truth) => Some(truth),
            Self::Is(value) => value.as_bool(),
            Self::Number(_) => None,
        }
    }

    fn number(self) -> Option<Exact> {
        match self {
            Self::Number(number) => Some(number),
            Self::Is(Value::Number(number)) => Exact::of(number),
            Self::Is(_) | Self::Truth(_) => None,
        }
    }

    fn is_number(self) -> bool {
        matches!(self, Self::Number(_) | Self::Is(Value::Number(_)))
    }

    fn is_nothing(self) -> bool {
        matches!(self, Self::Is(Value::Null))
    }

    fn is_scalar(self) -> bool {
        !matches!(self, Self::Is(Value::Array(_) | Value::Object(_)))
    }
}

impl Comparison {
    fn holds(self, left: Given<'_>, right: Given<'_>) -> Option<bool> {
        let order = self.order(left, right)?;
        Some(match self {
            Self::Equal => order.is_eq(),
            Self::Differs => order.is_ne(),
            Self::Order { less, equal } => {
                if order.is_eq() {
                    equal
                } else {
                    order.is_lt() == less
                }
            }
        })
    }

    /// The order of two values of one kind; of a value and nothing only that they differ.
    fn order(self, left: Given<'_>, right: Given<'_>) -> Option<Ordering> {
        if left.is_number() && right.is_number() {
            return Some(left.number()?.compare(right.number()?));
        }
        if let (Given::Is(Value::String(left)), Given::Is(Value::String(right))) = (left, right) {
            return Some(left.cmp(right));
        }
        if matches!(self, Self::Order { .. }) {
            return None;
        }
        match (left.is_nothing(), right.is_nothing()) {
            (true, true) => Some(Ordering::Equal),
            (true, false) => right.is_scalar().then_some(Ordering::Less),
            (false, true) => left.is_scalar().then_some(Ordering::Less),
            (false, false) => Some(left.truth()?.cmp(&right.truth()?)),
        }
    }
}

/// Reads a chain such as `body[0].code` into the name it begins with, and steps. Rhai nests it to the right.
fn chain(expression: &Expr, steps: &mut Vec<Step>) -> Option<String> {
    match expression {
        Expr::Variable(variable, index, _) if variable.0.is_none() && index.is_none() && variable.2.is_empty() => {
            Some(variable.1.to_string())
        }
        Expr::Dot(sides, flags, _) | Expr::Index(sides, flags, _) => {
            let name = chain(&sides.lhs, steps)?;
            rest(&sides.rhs, *flags, matches!(expression, Expr::Index(..)), steps)?;
            Some(name)
        }
        _ => None,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all else is for Rhai")]
fn rest(expression: &Expr, flags: ASTFlags, is_item: bool, steps: &mut Vec<Step>) -> Option<()> {
    let mut step = |part: &Expr| {
        steps.push(match part {
            Expr::Property(names, _) if !is_item => Step::Field(names.2.to_string()),
            Expr::IntegerConstant(index, _) if is_item => Step::Item(usize::try_from(*index).ok()?),
            _ => return None,
        });
        Some(())
    };
    match expression {
        // A chain inside the brackets is no chain after them.
        Expr::Dot(sides, inner, _) | Expr::Index(sides, inner, _) if flags.is_empty() => {
            step(&sides.lhs)?;
            rest(&sides.rhs, *inner, matches!(expression, Expr::Index(..)), steps)
        }
        _ if flags.is_empty() || flags == ASTFlags::BREAK => step(expression),
        _ => None,
    }
}

fn field<'a>(value: Option<&'a Value>, steps: &[Step], missing: Missing) -> Option<&'a Value> {
    const NOTHING: &Value = &Value::Null;
    let mut value = value.unwrap_or(NOTHING);
    for step in steps {
        value = match (value, step, missing) {
            (Value::Object(map), Step::Field(name), _) => match (map.get(name), missing) {
                (Some(value), _) => value,
                (None, Missing::IsNothing) => NOTHING,
                (None, Missing::Fails) => return None,
            },
            (Value::Array(items), Step::Item(index), _) => items.get(*index)?,
            (Value::Null, _, Missing::IsNothing) => NOTHING,
            _ => return None,
        };
    }
    Some(value)
}

#[cfg(test)]
mod tests;
