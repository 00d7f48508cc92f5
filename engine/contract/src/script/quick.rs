//! Conditions that need no engine: comparisons of fields with constants, joined by `&&`, `||`, `!`, `??` and `in`.
//!
//! A manifest has a dozen rules for each answer, and nearly all of them are such. Where Rhai could say anything
//! else than what stands here (an error, a conversion, another type), nothing is said, and Rhai is asked.

use std::{borrow::Cow, cmp::Ordering};

use rhai::{AST, ASTFlags, Expr, FnCallExpr, Stmt, Token};
use serde_json::Value;

use super::{Missing, Names, to_value};
use crate::number;

/// An expression of constants, fields and comparisons.
#[derive(Debug)]
pub(super) enum Quick {
    Constant(Value),
    Field { name: String, steps: Vec<Step> },
    Compare(Comparison, Box<[Quick; 2]>),
    In(Box<Quick>, Vec<Value>),
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
            | Expr::DynamicConstant(..) => to_value(&expression.get_literal_value(None)?).ok().map(Self::Constant),
            Expr::Variable(..) | Expr::Dot(..) | Expr::Index(..) => {
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

    fn call(call: &FnCallExpr) -> Option<Self> {
        if call.is_qualified() || call.capture_parent_scope {
            return None;
        }
        let order = |less, equal| Some(Comparison::Order { less, equal });
        let comparison = match call.op_token.as_ref() {
            Some(Token::EqualsTo) => Some(Comparison::Equal),
            Some(Token::NotEqualsTo) => Some(Comparison::Differs),
            Some(Token::LessThan) => order(true, false),
            Some(Token::LessThanEqualsTo) => order(true, true),
            Some(Token::GreaterThan) => order(false, false),
            Some(Token::GreaterThanEqualsTo) => order(false, true),
            Some(Token::Bang) => None,
            // `item in list` is the call of a function.
            None if call.name == "contains" => None,
            _ => return None,
        };
        match (&call.args[..], comparison) {
            ([left, right], Some(comparison)) => {
                Some(Self::Compare(comparison, Box::new([Self::expression(left)?, Self::expression(right)?])))
            }
            ([list, item], None) => {
                let Value::Array(items) = to_value(&list.get_literal_value(None)?).ok()? else { return None };
                Some(Self::In(Box::new(Self::expression(item)?), items))
            }
            ([operand], None) => Self::expression(operand).map(|operand| Self::Not(Box::new(operand))),
            _ => None,
        }
    }

    /// What Rhai would give, where that is certain.
    pub(super) fn value<'a>(&'a self, missing: Missing, names: &'a dyn Names) -> Option<Cow<'a, Value>> {
        let truth = |truth: bool| Some(Cow::Owned(Value::Bool(truth)));
        match self {
            Self::Constant(value) => Some(Cow::Borrowed(value)),
            Self::Field { name, steps } => field(names.value(name), steps, missing).map(Cow::Borrowed),
            Self::Compare(comparison, sides) => {
                let [left, right] = sides.as_ref();
                truth(comparison.holds(&*left.value(missing, names)?, &*right.value(missing, names)?)?)
            }
            Self::In(item, list) => {
                let item = item.value(missing, names)?;
                let equal: Option<Vec<bool>> = list.iter().map(|known| Comparison::Equal.holds(known, &item)).collect();
                truth(equal?.contains(&true))
            }
            Self::Not(operand) => truth(!operand.value(missing, names)?.as_bool()?),
            Self::All(parts) => truth(decided(parts, false, missing, names)?),
            Self::Any(parts) => truth(decided(parts, true, missing, names)?),
            Self::FirstOf(parts) => {
                let mut last = None;
                for part in parts {
                    let value = part.value(missing, names)?;
                    let is_there = !value.is_null();
                    last = Some(value);
                    if is_there {
                        break;
                    }
                }
                last
            }
        }
    }
}

/// The first part that gives `decisive` decides; those after it are not looked at.
fn decided(parts: &[Quick], decisive: bool, missing: Missing, names: &dyn Names) -> Option<bool> {
    for part in parts {
        if part.value(missing, names)?.as_bool()? == decisive {
            return Some(decisive);
        }
    }
    Some(!decisive)
}

impl Comparison {
    fn holds(self, left: &Value, right: &Value) -> Option<bool> {
        let order = match (left, right) {
            (Value::Number(_), Value::Number(_)) | (Value::String(_), Value::String(_)) => {
                number::compare(left, right)?
            }
            (Value::Bool(left), Value::Bool(right)) if !self.is_order() => left.cmp(right),
            (Value::Null, Value::Null) if !self.is_order() => Ordering::Equal,
            (Value::Null, Value::Bool(_) | Value::Number(_) | Value::String(_))
            | (Value::Bool(_) | Value::Number(_) | Value::String(_), Value::Null)
                if !self.is_order() =>
            {
                Ordering::Less
            }
            _ => return None,
        };
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

    fn is_order(self) -> bool {
        matches!(self, Self::Order { .. })
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
mod tests {
    use std::sync::Arc;

    use proptest::{prelude::*, test_runner::Config};
    use serde_json::json;

    use super::*;
    use crate::script::{Form, Named, NoWatch, Rules, Script, ScriptError};

    /// What Rhai says, without the short cut.
    fn rhai(
        script: &Script,
        rules: &Rules,
        names: &Named<'_>,
    ) -> (Result<Value, ScriptError>, Result<bool, ScriptError>) {
        let slow = Script { quick: None, ..script.clone() };
        (slow.run(rules, names), slow.test(rules, names))
    }

    fn leaf() -> impl Strategy<Value = String> {
        const CONSTANTS: [&str; 13] =
            ["()", "true", "0", "1", "-1", "3", "1.0", "1.50", "\"\"", "\"a\"", "\"b\"", "'a'", "[1]"];
        const FIELDS: [&str; 20] = [
            "status",
            "gone",
            "body",
            "body.a",
            "body.b",
            "body.a.c",
            "body.list",
            "body.list[0]",
            "body.list[1].a",
            "body.list[7]",
            "body[0].a",
            "body[0]",
            "body?.a",
            "(body.a).c",
            "body.a[body.n]",
            "body.list[body.n]",
            "body.list[body.n].a",
            "body.s.len",
            "body.list[(0)].a",
            "body[\"a\"]",
        ];
        prop_oneof![2 => prop::sample::select(&CONSTANTS[..]), 5 => prop::sample::select(&FIELDS[..])]
            .prop_map(str::to_owned)
    }

    fn text() -> impl Strategy<Value = String> {
        leaf().prop_recursive(4, 24, 3, |inner| {
            let operator = prop::sample::select(&["==", "!=", "<", "<=", ">", ">=", "&&", "||", "??", "+"][..]);
            prop_oneof![
                8 => (inner.clone(), operator, inner.clone()).prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
                1 => inner.clone().prop_map(|operand| format!("!({operand})")),
                1 => inner.prop_map(|item| format!("({item} in [1, \"a\", ()])")),
            ]
        })
    }

    fn value() -> impl Strategy<Value = Value> {
        let number = |text: &str| serde_json::from_str::<Value>(text).expect("a number");
        let leaf = prop::sample::select(vec![
            Value::Null,
            json!(true),
            json!(1),
            json!(3),
            number("1.50"),
            number("1.5"),
            number("1e0"),
            number("12345678901234567890123456789012"),
            json!(""),
            json!("a"),
            json!("b"),
            json!([]),
            json!({}),
        ]);
        leaf.prop_recursive(3, 12, 4, |inner| {
            let name = prop::sample::select(vec!["a", "b", "c", "list", "n", "s"]);
            prop_oneof![
                1 => prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
                4 => prop::collection::vec((name, inner), 0..5)
                    .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
            ]
        })
    }

    proptest! {
        #![proptest_config(Config { cases: 4_000, ..Config::default() })]

        #[test]
        fn a_quick_condition_says_what_rhai_says(text in text(), body in value(), lenient in any::<bool>()) {
            let rules = Rules::new(if lenient { Missing::IsNothing } else { Missing::Fails }, Arc::new(NoWatch));
            let status = json!(3);
            let names = [("status", &status), ("body", &body)];
            let names = Named(&names);
            if let Ok(script) = Script::compile(&rules, &text, Form::Expression, &["status", "body", "gone"]) {
                let (value, truth) = rhai(&script, &rules, &names);
                // A field that is not asked for is not converted here, and so does no harm.
                let is_too_long = |error: &ScriptError| error.message.contains("has more digits");
                prop_assume!(!value.as_ref().is_err_and(is_too_long));
                prop_assert_eq!(script.run(&rules, &names), value);
                prop_assert_eq!(script.test(&rules, &names), truth);
            }
        }
    }

    /// Without this, the property above would hold of a short cut that is never taken.
    #[test]
    fn rules_of_manifests_are_quick() {
        let rules = Rules::new(Missing::IsNothing, Arc::new(NoWatch));
        let body = json!([{ "errorCode": "UNABLE_TO_LOCK_ROW", "available": 1.5 }]);
        let status = json!(503);
        let names = [("status", &status), ("body", &body)];
        for (text, expected) in [
            ("status == 401 && body.error_details.sub_code == 4016", json!(false)),
            ("status == 503 && body[0].errorCode == \"UNABLE_TO_LOCK_ROW\"", json!(true)),
            ("(status == 200 || status >= 500) && !(body[0].available < 1.5)", json!(true)),
            ("body[0].errorCode in [\"A\", \"UNABLE_TO_LOCK_ROW\"]", json!(true)),
            ("body[0].nothing ?? body[0].errorCode", json!("UNABLE_TO_LOCK_ROW")),
        ] {
            let script = Script::compile(&rules, text, Form::Expression, &["status", "body"]).unwrap();
            let quick =
                script.quick.as_ref().expect(text).value(Missing::IsNothing, &Named(&names)).map(Cow::into_owned);
            assert_eq!(quick, Some(expected), "{text}");
        }
    }
}
