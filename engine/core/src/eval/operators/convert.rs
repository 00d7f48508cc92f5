//! `convert`: money in another currency, with the rate beside it.

use std::time::Duration;

use ferry_contract::{
    expression::{Compiler, EvalError, Expression, Operator, Scope},
    money::Money,
    number,
    schema::{Kind, Schema},
    shape::{Shape, Typing},
    yaml::{
        Node,
        read::{Fields, duration},
    },
};
use jiff::{SignedDuration, tz::TimeZone};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{Built, Example, Mapping, Page, date, lookup, money, refused, text_of};
use crate::project::{Rows, Table};

pub(super) const PAGE: Page = Page {
    name: "convert",
    text: "Converts money. `rates` is a table, or the value of a step that has asked for them; it has a row `EUR/USD` (one EUR \
           in USD) or the other way round, which is a rate or a map with `rate`, `date` and `source`. The result is rounded \
           half-even to the minor units of the currency, and keeps rate, date and source beside the amount. `max_age` refuses \
           a rate that is older than that at the time `at`. Money that has the currency already stays as it is, at rate 1.",
    examples: &[
        Example {
            written: "{ convert: { money: { money: { amount: $.event.x, currency: EUR } }, to: USD, rates: rates } }",
            event: r#"{"x": 100}"#,
            gives: r#"{"amount":108.25,"currency":"USD","rate":1.0825,"date":"2026-03-01","source":"ECB","from":{"amount":100.00,"currency":"EUR"}}"#,
        },
        Example {
            written: "{ convert: { money: $.event.x, to: EUR, rates: $.event.rates } }",
            event: r#"{"x": {"amount": 5, "currency": "USD"}, "rates": {"EUR/USD": 1.25}}"#,
            gives: r#"{"amount":4.00,"currency":"EUR","rate":0.8,"date":null,"source":null,"from":{"amount":5.00,"currency":"USD"}}"#,
        },
        Example {
            written: "{ convert: { money: $.event.x, to: EUR, rates: $.event.rates } }",
            event: r#"{"x": {"amount": "600.03", "currency": "USD"}, "rates": {"EUR/USD": 6}}"#,
            gives: r#"{"amount":100.00,"currency":"EUR","rate":0.1666666666666666666666666667,"date":null,"source":null,"from":{"amount":600.03,"currency":"USD"}}"#,
        },
        Example {
            written: "{ convert: { money: { money: { amount: $.event.x, currency: EUR } }, to: USD, rates: rates, max_age: 3d, at: $.event.at } }",
            event: r#"{"x": 10, "at": "2026-03-08T00:00:00Z"}"#,
            gives: "error: the rate EUR/USD is of 2026-03-01, and 3 days are the most",
        },
        Example {
            written: "{ convert: { money: { money: { amount: $.event.x, currency: CHF } }, to: USD, rates: rates } }",
            event: r#"{"x": 10}"#,
            gives: "error: there is no rate CHF/USD",
        },
    ],
};

#[derive(Debug)]
struct Convert {
    money: Expression,
    to: Expression,
    rates: Rates,
    limit: Option<(Duration, Expression)>,
}

#[derive(Debug)]
enum Rates {
    Table(std::sync::Arc<Table>),
    Value(Expression),
}

/// One rate with what is known of it.
struct Rate {
    rate: Decimal,
    /// Whether it is written the other way round; money is divided by it then, because its inverse is not exact.
    is_inverse: bool,
    date: Value,
    source: Value,
}

pub(super) fn compile(mapping: &Mapping<'_>, node: &Node, compiler: &mut Compiler<'_>) -> Built {
    let node = node.get("convert")?;
    let fields = Fields::open(node, "`convert`", &["money", "to", "rates", "max_age", "at"], compiler.report)?;
    let money = fields.need("money", "$.payout.amount", compiler.report);
    let to = fields.need("to", "USD", compiler.report);
    let rates = fields.need("rates", "fx-rates", compiler.report).and_then(|node| rates(mapping, node, compiler));
    if fields.get("max_age").is_none() {
        fields.refuse("at", "only a `max_age` takes `at`", "add `max_age: 3d`, or remove it", compiler.report);
    }
    let age = fields.get("max_age").map(|node| {
        let age = duration(node, "`max_age`", compiler.report);
        let at = fields.need("at", "$.event.CreatedDate", compiler.report).and_then(|node| compiler.expression(node));
        age.zip(at)
    });
    let (money, to) = (compiler.expression(money?), compiler.expression(to?));
    let limit = age.map_or(Some(None), |age| age.map(Some))?;
    Some(Box::new(Convert { money: money?, to: to?, rates: rates?, limit }))
}

fn rates(mapping: &Mapping<'_>, node: &Node, compiler: &mut Compiler<'_>) -> Option<Rates> {
    if node.text().is_none_or(|text| text.starts_with('$')) {
        return compiler.expression(node).map(Rates::Value);
    }
    let (name, table) = lookup::table(mapping, node, "`rates`", compiler)?;
    if !matches!(table.rows, Rows::ByKey(_)) {
        let message = format!("the table `{name}` is a list of rules, and has no rates");
        compiler.report.error("wrong-type", node.at, message, "name a table with rows such as `EUR/USD: 1.0825`");
        return None;
    }
    Some(Rates::Table(table))
}

impl Operator for Convert {
    fn eval(&self, scope: Scope<'_>) -> Result<Value, EvalError> {
        let from = money::read(&self.money.eval(scope)?, "what is converted")?;
        let to = text_of(&self.to.eval(scope)?, "`to`")?;
        let rate = self.rate(from.currency(), &to, scope)?;
        self.is_young(&rate, (from.currency(), &to), scope)?;
        let (amount, shown) = if rate.is_inverse {
            (from.amount().checked_div(rate.rate), Decimal::ONE.checked_div(rate.rate))
        } else {
            (from.amount().checked_mul(rate.rate), Some(rate.rate))
        };
        let (amount, shown) =
            amount.zip(shown).ok_or_else(|| EvalError(format!("{from} at {} is too large", rate.rate)))?;
        let money = Money::rounded(amount, &to).map_err(|error| EvalError(error.to_string()))?.to_value();
        Ok(json!({
            "amount": money["amount"],
            "currency": money["currency"],
            "rate": number::from_decimal(shown.normalize()),
            "date": rate.date,
            "source": rate.source,
            "from": from.to_value(),
        }))
    }

    fn parts(&self) -> Vec<&Expression> {
        let rates = match &self.rates {
            Rates::Table(_) => None,
            Rates::Value(rates) => Some(rates),
        };
        let at = self.limit.as_ref().map(|(_, at)| at);
        [&self.money, &self.to].into_iter().chain(rates).chain(at).collect()
    }

    fn shape(&self, cx: &mut Typing<'_>) -> Shape {
        money::fits_money(&self.money, "convert", cx);
        self.parts()[1..].iter().for_each(|part| drop(part.shape(cx)));
        let any = Shape::default;
        let Schema { properties, .. } = Shape::money().schema;
        let money = properties.into_iter().map(|(name, schema)| (name, Shape::from(schema)));
        let mut fields: Vec<(String, Shape)> = money.collect();
        fields.push(("rate".to_owned(), Shape::of_kind(Kind::Number)));
        fields.extend(["date", "source"].map(|name| (name.to_owned(), any())));
        fields.push(("from".to_owned(), Shape::money()));
        Shape::record(fields.iter().map(|(name, shape)| (name.as_str(), shape.clone())).collect())
    }
}

impl Convert {
    fn rate(&self, from: &str, to: &str, scope: Scope<'_>) -> Result<Rate, EvalError> {
        if from == to {
            return Ok(Rate { rate: Decimal::ONE, is_inverse: false, date: Value::Null, source: Value::Null });
        }
        let asked = match &self.rates {
            Rates::Table(_) => Value::Null,
            Rates::Value(rates) => rates.eval(scope)?,
        };
        let row = |key: &str| match &self.rates {
            Rates::Table(table) => table.value(key),
            Rates::Value(_) => asked.get(key),
        };
        let (pair, inverse) = (format!("{from}/{to}"), format!("{to}/{from}"));
        if let Some(row) = row(&pair) {
            return read(row, &pair);
        }
        match row(&inverse) {
            Some(row) => read(row, &inverse).map(|rate| Rate { is_inverse: true, ..rate }),
            None => refused(format!("there is no rate {pair}")),
        }
    }

    fn is_young(&self, rate: &Rate, (from, to): (&str, &str), scope: Scope<'_>) -> Result<(), EvalError> {
        let Some((age_max, at)) = self.limit.as_ref().filter(|_| from != to) else { return Ok(()) };
        let at = date::instant(&at.eval(scope)?, None)?;
        let dated = match &rate.date {
            Value::Null => return refused(format!("the rate {from}/{to} has no date, and `max_age` needs one")),
            date => date::instant(date, Some(&TimeZone::UTC))?,
        };
        let age = at.duration_since(dated);
        if age > SignedDuration::try_from(*age_max).unwrap_or(SignedDuration::MAX) {
            let seconds = age_max.as_secs();
            let most = match (seconds / 86_400, seconds % 86_400) {
                (days, 0) => format!("{days} days"),
                _ => format!("{} hours", seconds.div_ceil(3_600)),
            };
            let date = rate.date.as_str().unwrap_or_default();
            return refused(format!("the rate {from}/{to} is of {date}, and {most} are the most"));
        }
        Ok(())
    }
}

/// A row is the rate itself, or a map with what is known of it.
fn read(row: &Value, pair: &str) -> Result<Rate, EvalError> {
    let of = |name: &str| row.get(name).cloned().unwrap_or(Value::Null);
    let rate = if row.is_object() { of("rate") } else { row.clone() };
    let exact = text_of(&rate, "a rate").ok().and_then(|text| number::text_to_decimal(&text));
    match exact.filter(|rate| *rate > Decimal::ZERO) {
        Some(rate) => Ok(Rate { rate, is_inverse: false, date: of("date"), source: of("source") }),
        None => refused(format!("the rate {pair} is {rate}, and must be a number above 0")),
    }
}
