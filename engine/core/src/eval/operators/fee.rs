//! `fee`: what a schedule takes of money.

use ferry_contract::{
    expression::{Compiler, EvalError, Expression, Operator, Scope},
    money::Money,
    shape::{Shape, Typing},
    yaml::{Node, read::Fields},
};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{Built, Example, Mapping, Page, lookup, money, refused};
use crate::{
    eval::rules::{self, Bounds, FeeRule},
    project::Rows,
};

pub(super) const PAGE: Page = Page {
    name: "fee",
    text: "Takes the fee of money by a schedule: a table with a list of rules `{ match, percent, fixed, at_least, at_most }`, of \
           which the first that matches counts. `match` compares with the values in `with`, and with `currency`. The fee is \
           rounded half-even to minor units; `fee` and `net` together are exactly `gross`.",
    examples: &[
        Example {
            written: "{ fee: { of: { money: { amount: $.event.x, currency: USD } }, schedule: card-fees } }",
            event: r#"{"x": 100}"#,
            gives: r#"{"gross":{"amount":100.00,"currency":"USD"},"fee":{"amount":3.20,"currency":"USD"},"net":{"amount":96.80,"currency":"USD"}}"#,
        },
        Example {
            written: "{ fee: { of: { money: { amount: $.event.x, currency: CHF } }, schedule: card-fees } }",
            event: r#"{"x": 100}"#,
            gives: "error: no rule of the table `card-fees` matches {\"currency\":\"CHF\"}",
        },
    ],
};

#[derive(Debug)]
struct Fee {
    of: Expression,
    with: Option<Expression>,
    name: String,
    rules: Vec<FeeRule>,
}

pub(super) fn compile(mapping: &Mapping<'_>, node: &Node, compiler: &mut Compiler<'_>) -> Built {
    let fields = Fields::open(node.get("fee")?, "`fee`", &["of", "schedule", "with"], compiler.report)?;
    let of = fields.need("of", "$.payout.amount", compiler.report);
    let schedule = fields.need("schedule", "payoneer-fees", compiler.report)?;
    let of = of.and_then(|node| compiler.expression(node));
    let with = compiler.optional(fields.get("with"));
    let (name, table) = lookup::table(mapping, schedule, "`schedule`", compiler)?;
    let rules = match &table.rows {
        Rows::Rules(rows) => rules::fees(rows),
        Rows::ByKey(_) => Err("it is a map from keys to values, and a schedule is a list of rules".to_owned()),
    };
    match rules {
        Ok(rules) => Some(Box::new(Fee { of: of?, with: with?, name, rules })),
        Err(reason) => {
            let help = "write rules such as `- { match: { currency: USD }, percent: 2.9, fixed: 0.30 }`";
            compiler.report.error(
                "bad-rules",
                schedule.at,
                format!("the table `{name}` is no schedule of fees: {reason}"),
                help,
            );
            None
        }
    }
}

impl Operator for Fee {
    fn eval(&self, scope: Scope<'_>) -> Result<Value, EvalError> {
        let gross = money::read(&self.of.eval(scope)?, "what a fee is taken of")?;
        let facts = super::facts(self.with.as_ref(), gross.currency(), scope)?;
        let Some(rule) = self.rules.iter().find(|rule| rule.when.holds(&facts)) else {
            return refused(format!("no rule of the table `{}` matches {}", self.name, Value::Object(facts)));
        };
        let fee = rule.of(gross.amount()).and_then(|amount| Money::rounded(amount, gross.currency()).ok());
        let fee = fee.ok_or_else(|| EvalError(format!("the fee of {gross} is too large")))?;
        let net = gross.amount().checked_sub(fee.amount()).and_then(|net| Money::new(net, gross.currency()).ok());
        let net = net.ok_or_else(|| EvalError(format!("the fee of {gross} is too large")))?;
        Ok(json!({ "gross": gross.to_value(), "fee": fee.to_value(), "net": net.to_value() }))
    }

    fn parts(&self) -> Vec<&Expression> {
        [&self.of].into_iter().chain(&self.with).collect()
    }

    fn shape(&self, cx: &mut Typing<'_>) -> Shape {
        money::fits_money(&self.of, "fee", cx);
        self.with.iter().for_each(|with| drop(with.shape(cx)));
        Shape::record(vec![("gross", Shape::money()), ("fee", Shape::money()), ("net", Shape::money())])
    }
}

impl FeeRule {
    /// The share and the fixed part, within the bounds; for money that goes back, the same with its sign.
    fn of(&self, gross: Decimal) -> Option<Decimal> {
        let share = gross.abs().checked_mul(self.percent)?.checked_div(Decimal::ONE_HUNDRED)?;
        let fee = Bounds::within(&self.bounds, share.checked_add(self.fixed)?);
        Some(if gross.is_sign_negative() { -fee } else { fee })
    }
}
